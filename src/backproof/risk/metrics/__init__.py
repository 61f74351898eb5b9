"""Metrics of classifiers: their values, and intervals for them, from counts."""
