"""The coverage of several methods side by side, and of one method for many error rates."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from backproof._core.checks import one_of, whole_number
from backproof._core.results import Result
from backproof.risk.coverage import WorstCoverage, coverage, worst_if_known
from backproof.risk.interval import METHODS
from backproof.risk.methods.method import Guarantee, Side


@dataclass(frozen=True, kw_only=True)
class MethodCoverage(Result):
    """How well one method keeps its word."""

    method: str
    """The interval method, a key of `METHODS`."""
    guarantee: Guarantee
    """What the method guarantees."""
    confidence: float
    """The intervals' nominal confidence."""
    side: Side
    """Which ends the intervals have."""
    examples: int
    """Size of the test set."""
    error: float
    """The true error rate."""
    coverage: float
    """Probability of covering that rate."""
    worst: WorstCoverage | None
    """The least such probability over all rates; ``None`` where it is not known exactly."""

    def __str__(self) -> str:
        return f"{self.method}: {self.coverage:.4%} at error {self.error:g}; {self.worst}"


@dataclass(frozen=True, kw_only=True)
class CoverageCurve(Result):
    """The coverage of one method for many true error rates."""

    of: MethodCoverage
    """The method, its confidence, and the size of the test set."""
    errors: tuple[float, ...]
    """True error rates, growing."""
    coverages: tuple[float, ...]
    """Probability of covering each of them."""

    def __str__(self) -> str:
        return f"{self.of.method}: coverage at {len(self.errors)} error rates"


def coverages(
    examples: int,
    error: float,
    confidence: float = 0.95,
    *,
    side: Side = "two-sided",
    methods: Iterable[str] = tuple(METHODS),
) -> tuple[MethodCoverage, ...]:
    """Return the coverage of several methods side by side, with each one's worst.

    Parameters
    ----------
    examples, error, confidence, side
        As for `coverage`.
    methods
        Keys of `METHODS`.

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    return tuple(
        MethodCoverage(
            method=method,
            guarantee=METHODS[one_of("method", method, METHODS)].guarantee,
            confidence=float(confidence),
            side=side,
            examples=examples,
            error=float(error),
            coverage=coverage(method, examples, error, confidence, side=side),
            worst=worst_if_known(method, examples, confidence, side),
        )
        for method in methods
    )


def coverage_curve(of: MethodCoverage, points: int = 600) -> CoverageCurve:
    """Return a method's coverage for error rates from almost none to one half.

    Parameters
    ----------
    of
        The method, its confidence, and the size of the test set.
    points
        Number of error rates, evenly spaced on a logarithmic scale, at least 2.

    Raises
    ------
    InputError
        If `points` is out of range.
    """
    count = whole_number("points", points, at_least=2)
    errors = np.geomspace(min(0.05, 0.05 / of.examples), 0.5, count)
    found = coverage(of.method, of.examples, errors, of.confidence, side=of.side)
    return CoverageCurve(of=of, errors=tuple(errors.tolist()), coverages=tuple(found.tolist()))
