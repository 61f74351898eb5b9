"""Pictures of a computation graph: tree, DOT, Mermaid, SVG, HTML; all from one `Drawing`."""
