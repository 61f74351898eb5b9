"""Confidence intervals for an error rate from the number of errors among the examples."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backproof._core.checks import one_of, open_unit
from backproof._core.results import ArrayResult, Result
from backproof.risk.counts import checked_count_arrays
from backproof.risk.methods import anytime, approximate, concentration, exact
from backproof.risk.methods.method import SIDES, Bounds, Guarantee, Method, Side

_Count = int | np.integer[Any]
_Counts = NDArray[np.integer[Any]] | Sequence[int]

METHODS: dict[str, Method] = {
    "clopper-pearson": exact.CLOPPER_PEARSON,
    "blaker": exact.BLAKER,
    "hoeffding": concentration.HOEFFDING,
    "chernoff-kl": concentration.CHERNOFF_KL,
    "bentkus": exact.BENTKUS,
    "beta-binomial": anytime.BETA_BINOMIAL,
    "wilson": approximate.WILSON,
    "jeffreys": approximate.JEFFREYS,
    "agresti-coull": approximate.AGRESTI_COULL,
    "normal": approximate.NORMAL,
    "bootstrap-percentile": approximate.BOOTSTRAP_PERCENTILE,
    "bootstrap-bca": approximate.BOOTSTRAP_BCA,
}
"""Every method by its name."""


@dataclass(frozen=True, kw_only=True)
class Interval(Result):
    """An interval for the true error rate."""

    estimate: float
    """Errors over examples."""
    lower: float
    """Lower end; 0 for side ``upper``."""
    upper: float
    """Upper end; 1 for side ``lower``."""
    confidence: float
    """Nominal probability of covering the true error rate."""
    side: Side
    """``two-sided``, or the side that is bounded: ``upper`` or ``lower``."""
    method: str
    """Name of the method; that of `interval` is a key of `METHODS`."""
    guarantee: Guarantee
    """``finite-sample``: covers at least with the nominal probability, whatever the true error
    rate and the number of examples; ``anytime``: even where the number of examples depends on what
    was seen; ``asymptotic``: only in the limit of many examples."""
    assumptions: str
    """What the examples must be for that."""
    source: str
    """Where the method comes from."""

    def __str__(self) -> str:
        return (
            f"{self.estimate:.4%} ({self.confidence:.6g} {self.side} {self.lower:.4%} to "
            f"{self.upper:.4%}, {self.method}, {self.guarantee})"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Intervals(ArrayResult):
    """Intervals for many error rates, made in one way; ``intervals[i]`` is an `Interval`."""

    estimate: NDArray[np.float64]
    """Errors over examples, in the common shape of both arguments."""
    lower: NDArray[np.float64]
    """Lower ends, in the same shape."""
    upper: NDArray[np.float64]
    """Upper ends, in the same shape."""
    confidence: float
    """Nominal probability of each interval, for itself, of covering its true error rate."""
    side: Side
    """As for `Interval`, like all that follows."""
    method: str
    """Name of the method, a key of `METHODS`."""
    guarantee: Guarantee
    """What the method guarantees."""
    assumptions: str
    """What the examples must be for that."""
    source: str
    """Where the method comes from."""

    def __len__(self) -> int:
        return len(self.estimate)

    def __getitem__(self, index: Any) -> "Interval | Intervals":
        """Return one interval, or those of a slice."""
        return _made(
            self.estimate[index],
            (self.lower[index], self.upper[index]),
            self.confidence,
            self.method,
            self.side,
        )

    def __iter__(self) -> "Iterator[Interval | Intervals]":
        return (self[index] for index in range(len(self)))

    def __str__(self) -> str:
        return (
            f"{self.estimate.size} intervals ({self.confidence:.6g} {self.side}, {self.method}, "
            f"{self.guarantee})"
        )


@overload
def interval(
    errors: _Count,
    examples: _Count,
    confidence: float = ...,
    method: str = ...,
    side: Side = ...,
) -> Interval: ...
@overload
def interval(
    errors: _Count | _Counts,
    examples: _Counts,
    confidence: float = ...,
    method: str = ...,
    side: Side = ...,
) -> Intervals: ...
@overload
def interval(
    errors: _Counts,
    examples: _Count | _Counts,
    confidence: float = ...,
    method: str = ...,
    side: Side = ...,
) -> Intervals: ...
def interval(
    errors: _Count | _Counts,
    examples: _Count | _Counts,
    confidence: float = 0.95,
    method: str = "clopper-pearson",
    side: Side = "two-sided",
) -> Interval | Intervals:
    """Return an interval for the true error rate.

    Parameters
    ----------
    errors
        Number of examples that were classified wrongly, 0 to `examples`; or an array of them.
    examples
        Number of independent test examples, 1 to 2**53; or an array of them, broadcast against
        `errors`.
    confidence
        Probability of covering, in (0, 1).
    method
        A key of `METHODS`. Where no example is dropped and none was looked at before, the default
        is the safe choice; ``beta-binomial`` allows to look at any time.
    side
        ``two-sided`` with equal tails, or one bound: ``upper`` or ``lower``.

    Returns
    -------
    Interval or Intervals
        The latter where an argument is an array.

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    k, m = checked_count_arrays(errors, examples)
    bounds = interval_bounds(k, m, confidence, method, side)
    return _made(k / m, bounds, float(confidence), method, side)


def _made(
    estimate: Any, bounds: tuple[Any, Any], confidence: float, method: str, side: Side
) -> Interval | Intervals:
    row = METHODS[method]
    rest: dict[str, Any] = {
        "confidence": confidence,
        "side": side,
        "method": method,
        "guarantee": row.guarantee,
        "assumptions": row.assumptions,
        "source": row.source,
    }
    lower, upper = bounds
    if np.ndim(estimate) == 0:
        return Interval(estimate=float(estimate), lower=float(lower), upper=float(upper), **rest)
    return Intervals(estimate=estimate, lower=lower, upper=upper, **rest)


def interval_bounds(
    errors: ArrayLike,
    examples: ArrayLike,
    confidence: float,
    method: str,
    side: Side = "two-sided",
) -> Bounds:
    """Return the lower and upper bounds for counts that are known to be counts.

    Parameters
    ----------
    errors, examples
        Error counts from 0 to the number of examples, broadcast against each other. Fractions are
        meant for planning, where the count is an expected one.
    confidence, method, side
        As for `interval`.

    Returns
    -------
    lower, upper : numpy.ndarray
        In the common shape, rates in [0, 1].

    Raises
    ------
    InputError
        If confidence, method or side is none.
    """
    miss = 1 - open_unit("confidence", confidence)
    row = METHODS[one_of("method", method, METHODS)]
    one_of("side", side, SIDES)
    k, m = np.broadcast_arrays(np.asarray(errors, dtype=float), np.asarray(examples, dtype=float))
    if side == "two-sided":
        return row.two_sided(k, m, miss)
    lower, upper = row.one_sided(k, m, miss)
    return (np.zeros_like(lower), upper) if side == "upper" else (lower, np.ones_like(upper))
