"""How often an interval method covers the true error: exactly, by summation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backproof._core.checks import rate, whole_number
from backproof._core.errors import InputError
from backproof._core.results import Result
from backproof.risk.binomial import at_least, at_most, probabilities
from backproof.risk.interval import Interval, interval, interval_bounds
from backproof.risk.law import SamplingLaw
from backproof.risk.methods.method import Side

_MOST_EXAMPLES = 10_000_000  # an interval for every count is held in memory
_Bools = NDArray[np.bool_]


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


@dataclass(frozen=True, kw_only=True)
class WorstCoverage(Result):
    """The least probability of covering over all true error rates."""

    method: str
    """The interval method, a key of `METHODS`."""
    confidence: float
    """The intervals' nominal confidence."""
    side: Side
    """Which ends the intervals have."""
    examples: int
    """Size of the test set."""
    coverage: float
    """The greatest lower bound of the coverage over all true error rates."""
    error: float
    """An end of an interval; the bound is attained there, or approached from one side of it."""

    def __str__(self) -> str:
        return (
            f"{self.method} ({self.confidence:g}, {self.side}) with {self.examples} examples "
            f"covers with probability {self.coverage:.6f} at worst, beside error {self.error:.6g}"
        )


def coverage(
    method: str,
    examples: int,
    error: float,
    confidence: float = 0.95,
    *,
    side: Side = "two-sided",
    law: SamplingLaw | None = None,
) -> float:
    """Return the probability that an interval covers the true error, by summation.

    Parameters
    ----------
    method
        A key of `METHODS`.
    examples
        Size of the test set, at most 10 million.
    error
        The true error rate, in [0, 1].
    confidence
        The intervals' nominal confidence, in (0, 1).
    side
        ``two-sided``, or the bound that the intervals have: ``upper`` or ``lower``.
    law
        Law of the number of errors; ``None``: binomial in `error`, for independent examples.

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    examples = _checked_examples(examples)
    error = rate("error", error)
    if law is not None and law.examples != examples:
        raise InputError(f"the law is about {law.examples} examples, not {examples}")
    law_of_errors = probabilities(examples, error) if law is None else law.probabilities
    lower, upper = interval_bounds(np.arange(examples + 1), examples, confidence, method, side)
    return float(np.asarray(law_of_errors)[_covers(lower, upper, error)].sum())


def worst_coverage(
    method: str, examples: int, confidence: float = 0.95, *, side: Side = "two-sided"
) -> WorstCoverage:
    """Return the least probability of covering over all true error rates, exactly.

    Between two neighbouring ends of intervals the counts whose intervals cover stay the same.
    They are a run, and the probability of a run of counts has no inner minimum in the error rate,
    so the infimum lies at an end or is approached from one side of it.

    Parameters
    ----------
    method
        A key of `METHODS`.
    examples
        Size of the test set, at most 10 million.
    confidence
        The intervals' nominal confidence, in (0, 1).
    side
        ``two-sided``, or the bound that the intervals have: ``upper`` or ``lower``.

    Raises
    ------
    InputError
        If an argument is out of range, or the method's ends do not grow with the errors.
    """
    examples = _checked_examples(examples)
    lower, upper = interval_bounds(np.arange(examples + 1), examples, confidence, method, side)
    if (np.diff(lower) < 0).any() or (np.diff(upper) < 0).any():
        raise InputError(
            f"the ends of {method} intervals at confidence {confidence:g} do not all grow with the "
            "number of errors, so their worst case is not known exactly: use coverage on a grid"
        )
    ends = np.unique(np.concatenate((lower, upper, (0.0, 1.0))))
    # At an end, just above it and just below it, the first and the last count that cover.
    first_at = np.searchsorted(upper, ends, "left")
    last_at = np.searchsorted(lower, ends, "right") - 1
    first_above = np.searchsorted(upper, ends, "right")
    last_below = np.searchsorted(lower, ends, "left") - 1
    above = np.where(ends < 1, _within(first_above, last_at, examples, ends), 1.0)
    below = np.where(ends > 0, _within(first_at, last_below, examples, ends), 1.0)
    least = np.minimum(np.minimum(above, below), _within(first_at, last_at, examples, ends))
    at = int(np.argmin(least))
    return WorstCoverage(
        method=method,
        confidence=float(confidence),
        side=side,
        examples=examples,
        coverage=float(least[at]),
        error=float(ends[at]),
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
    counts = np.asarray(errors)
    if counts.size == 0 or counts.min() < 0 or counts.max() > law.examples:
        raise InputError(
            f"errors must be counts from 0 to {law.examples}, the size of a test set, and at least "
            "one of them"
        )
    distinct, times = np.unique(counts, return_counts=True)
    lower, upper = interval_bounds(distinct, law.examples, confidence, method)
    covered = int(times[_covers(lower, upper, error)].sum())
    return Coverage(
        method=method,
        confidence=confidence,
        examples=law.examples,
        covered=covered,
        sets=len(counts),
        exact=coverage(method, law.examples, error, confidence, law=law),
        uncertainty=interval(covered, len(counts)),
    )


def _checked_examples(examples: int) -> int:
    number = whole_number("examples", examples, at_least=1)
    if number > _MOST_EXAMPLES:
        raise InputError(f"examples must be at most {_MOST_EXAMPLES} to sum over, got {number}")
    return number


def _covers(lower: NDArray[np.float64], upper: NDArray[np.float64], error: float) -> _Bools:
    return (lower <= error) & (error <= upper)


def _within(
    first: NDArray[np.intp], last: NDArray[np.intp], m: int, p: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return P(first <= K <= last) for K ~ Binomial(m, p); 0 where there is no such count."""
    inside = 1 - at_most(first - 1, m, p) - at_least(last + 1, m, p)
    return np.where(first <= last, np.maximum(inside, 0.0), 0.0)
