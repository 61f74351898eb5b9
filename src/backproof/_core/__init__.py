"""What every layer shares: errors, the results' base, seeds, provenance, progress, safe output."""
