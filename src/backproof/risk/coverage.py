"""How often an interval method covers the true error."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from backproof._core.checks import rate, whole_number
from backproof._core.errors import InputError
from backproof._core.results import Result
from backproof.risk.interval import Interval, interval, interval_bounds
from backproof.risk.law import SamplingLaw, binomial_probabilities


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


def coverage(
    method: str,
    examples: int,
    error: float,
    confidence: float = 0.95,
    *,
    law: SamplingLaw | None = None,
) -> float:
    """Return the probability that an interval covers the true error, by summation.

    Parameters
    ----------
    method
        A key of `METHODS`.
    examples
        Size of the test set.
    error
        The true error rate, in [0, 1].
    confidence
        The intervals' nominal confidence, in (0, 1).
    law
        Law of the number of errors; ``None``: binomial in `error`, for independent examples.

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    examples = whole_number("examples", examples, at_least=1)
    error = rate("error", error)
    if law is not None and law.examples != examples:
        raise InputError(f"the law is about {law.examples} examples, not {examples}")
    probabilities = binomial_probabilities(examples, error) if law is None else law.probabilities
    inside = _covers(np.arange(examples + 1), examples, error, confidence, method)
    return float(np.asarray(probabilities)[inside].sum())


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
    counts = np.asarray(errors)
    if counts.size == 0 or counts.min() < 0 or counts.max() > law.examples:
        raise InputError(
            f"errors must be counts from 0 to {law.examples}, the size of a test set, and at least "
            "one of them"
        )
    covered = int(_covers(counts, law.examples, error, confidence, method).sum())
    return Coverage(
        method=method,
        confidence=confidence,
        examples=law.examples,
        covered=covered,
        sets=len(counts),
        exact=coverage(method, law.examples, error, confidence, law=law),
        uncertainty=interval(covered, len(counts)),
    )


def _covers(
    errors: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    examples: int,
    error: float,
    confidence: float,
    method: str,
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    lower, upper = interval_bounds(errors, examples, confidence, method)
    return (lower <= error) & (error <= upper)
