"""The panel of training: data, networks, their boundaries and losses as they go."""
