"""Data with known truth, and the usual toy and real sets."""

from backproof.datasets.mixture import ClassErrors, TwoClassMixture, lab_mixture

__all__ = ["ClassErrors", "TwoClassMixture", "lab_mixture"]
