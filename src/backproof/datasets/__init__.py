"""Data whose distribution is known, so that error rates are exact."""

from backproof.datasets.mixture import ClassErrors, TwoClassMixture, lab_mixture

__all__ = ["ClassErrors", "TwoClassMixture", "lab_mixture"]
