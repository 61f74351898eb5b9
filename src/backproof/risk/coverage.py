"""How often an interval method covers the true error: exactly, by summation over the counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from backproof._core.checks import rates, whole_number
from backproof._core.errors import InputError
from backproof._core.results import Result
from backproof.risk.binomial import Array, at_least, at_most, probability
from backproof.risk.interval import interval_bounds
from backproof.risk.law import SamplingLaw
from backproof.risk.methods.method import Side

_MOST_EXAMPLES = 10_000_000  # an interval for every count is held in memory


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


@overload
def coverage(
    method: str,
    examples: int,
    error: float,
    confidence: float = ...,
    *,
    side: Side = ...,
    law: SamplingLaw | None = ...,
) -> float: ...
@overload
def coverage(
    method: str,
    examples: int,
    error: NDArray[np.float64] | Sequence[float],
    confidence: float = ...,
    *,
    side: Side = ...,
    law: SamplingLaw | None = ...,
) -> NDArray[np.float64]: ...
def coverage(
    method: str,
    examples: int,
    error: float | NDArray[np.float64] | Sequence[float],
    confidence: float = 0.95,
    *,
    side: Side = "two-sided",
    law: SamplingLaw | None = None,
) -> float | NDArray[np.float64]:
    """Return the probability that an interval covers the true error, by summation.

    Parameters
    ----------
    method
        A key of `METHODS`.
    examples
        Size of the test set, at most 10 million.
    error
        The true error rate, in [0, 1], or an array of such.
    confidence
        The intervals' nominal confidence, in (0, 1).
    side
        ``two-sided``, or the bound that the intervals have: ``upper`` or ``lower``.
    law
        Law of the number of errors; ``None``: binomial in `error`, for independent examples.

    Returns
    -------
    float or numpy.ndarray
        In the shape of `error`.

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    examples = _checked_examples(examples)
    errors = rates("error", error)
    if law is not None and law.examples != examples:
        raise InputError(f"the law is about {law.examples} examples, not {examples}")
    lower, upper = _every_interval(method, examples, confidence, side)
    found = np.empty(errors.shape)
    for at, p in np.ndenumerate(errors):
        inside = np.flatnonzero(covers(lower, upper, float(p)))
        if law is None:
            found[at] = probability(inside, examples, float(p)).sum()
        else:
            found[at] = np.asarray(law.probabilities)[inside].sum()
    return float(found) if errors.ndim == 0 else found


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
    found = worst_if_known(method, examples, confidence, side)
    if found is None:
        raise InputError(
            f"the ends of {method} intervals at confidence {confidence:g} do not all grow with the "
            "number of errors, so their worst case is not known exactly: use coverage on a grid"
        )
    return found


def worst_if_known(
    method: str, examples: int, confidence: float, side: Side
) -> WorstCoverage | None:
    """Return what `worst_coverage` does, or nothing where the ends do not grow with the errors."""
    examples = _checked_examples(examples)
    lower, upper = _every_interval(method, examples, confidence, side)
    if (np.diff(lower) < 0).any() or (np.diff(upper) < 0).any():
        return None
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


def _every_interval(
    method: str, examples: int, confidence: float, side: Side
) -> tuple[Array, Array]:
    return interval_bounds(np.arange(examples + 1), examples, confidence, method, side)


def _checked_examples(examples: int) -> int:
    number = whole_number("examples", examples, at_least=1)
    if number > _MOST_EXAMPLES:
        raise InputError(f"examples must be at most {_MOST_EXAMPLES} to sum over, got {number}")
    return number


def covers(lower: Array, upper: Array, error: float) -> NDArray[np.bool_]:
    """Return which of the intervals hold the error rate."""
    return (lower <= error) & (error <= upper)


def _within(first: NDArray[np.intp], last: NDArray[np.intp], m: int, p: Array) -> Array:
    """Return P(first <= K <= last) for K ~ Binomial(m, p); 0 where there is no such count."""
    inside = 1 - at_most(first - 1, m, p) - at_least(last + 1, m, p)
    return np.where(first <= last, np.maximum(inside, 0.0), 0.0)
