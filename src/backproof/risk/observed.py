"""How often intervals covered the true error, beside how often they should."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backproof._core.checks import rates
from backproof._core.errors import InputError
from backproof._core.results import Result
from backproof.risk.coverage import coverage, covers
from backproof.risk.interval import Interval, interval, interval_bounds
from backproof.risk.law import SamplingLaw


@dataclass(frozen=True, kw_only=True)
class Coverage(Result):
    """The share of test sets whose interval covers the true error."""

    method: str
    """The interval method, a key of `METHODS`."""
    confidence: float
    """The intervals' nominal confidence."""
    examples: int
    """Size of each test set."""
    covered: int
    """Test sets whose interval covers the true error."""
    sets: int
    """Test sets."""
    exact: float
    """Probability of covering, summed over the law of the number of errors."""
    uncertainty: Interval
    """95 % Clopper-Pearson interval for that probability, from the test sets."""

    @property
    def observed(self) -> float:
        """Share of test sets that are covered."""
        return self.covered / self.sets

    def __str__(self) -> str:
        return (
            f"{self.method}: {self.covered} of {self.sets} covered ({self.observed:.2%}), "
            f"exactly {self.exact:.2%}, nominal {self.confidence:g}"
        )


def observed_coverage(
    method: str, errors: ArrayLike, confidence: float, *, error: float, law: SamplingLaw
) -> Coverage:
    """Count the test sets whose interval covers the true error, beside the exact probability.

    Parameters
    ----------
    method
        A key of `METHODS`.
    errors
        Number of errors in each test set, shape (sets,).
    confidence
        The intervals' nominal confidence.
    error
        The true error rate.
    law
        The law of the number of errors on a test set of that size.

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    which = covered_sets(method, errors, law.examples, confidence, error=error)
    covered = int(which.sum())
    return Coverage(
        method=method,
        confidence=confidence,
        examples=law.examples,
        covered=covered,
        sets=len(which),
        exact=coverage(method, law.examples, error, confidence, law=law),
        uncertainty=interval(covered, len(which)),
    )


def covered_sets(
    method: str, errors: ArrayLike, examples: int, confidence: float = 0.95, *, error: float
) -> NDArray[np.bool_]:
    """Return which test sets have an interval that covers the true error, shape (sets,).

    Parameters
    ----------
    method
        A key of `METHODS`.
    errors
        Number of errors in each test set, shape (sets,).
    examples
        Size of each test set, at least 1.
    confidence
        The intervals' nominal confidence, in (0, 1).
    error
        The true error rate, in [0, 1].

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    counts = np.asarray(errors)
    counted = counts.ndim == 1 and counts.size > 0 and (counts == np.floor(counts)).all()
    if not counted or counts.min() < 0 or counts.max() > examples:
        raise InputError(
            f"errors must be a list of counts from 0 to {examples}, the size of a test set, and at "
            "least one of them"
        )
    distinct, places = np.unique(counts, return_inverse=True)
    lower, upper = interval_bounds(distinct, examples, confidence, method)
    return covers(lower, upper, float(rates("error", error)))[places]
