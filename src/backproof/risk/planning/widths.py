"""Sizes for which an interval comes out narrow enough."""

from math import ceil

import numpy as np
from numpy.typing import NDArray

from backproof.risk.binomial import Numbers
from backproof.risk.interval import interval_bounds
from backproof.risk.methods.anytime import log_wealth, log_wealth_from_below
from backproof.risk.methods.method import Side
from backproof.risk.planning.search import after_last_failure, first_size, normal_size, summit


def worst_size(method: str, margin: float, confidence: float, side: Side) -> int:
    """Return the smallest m for which the interval is narrow enough whatever comes out."""
    guess = normal_size(margin, _tail(confidence, side))
    return first_size(lambda m: worst_width(method, m, confidence, side) <= margin, guess)


def worst_width(method: str, m: int, confidence: float, side: Side) -> float:
    """Return the largest half-width, or distance of a bound from the estimate, over all counts.

    Both have a single summit in the number of errors, as an exhaustive search has shown for every
    method that is planned with.
    """

    def width(k: NDArray[np.int64]) -> NDArray[np.float64]:
        lower, upper = interval_bounds(k, m, confidence, method, side)
        if side == "two-sided":
            return (upper - lower) / 2
        return np.asarray(upper - k / m if side == "upper" else k / m - lower)

    if side == "two-sided":  # the summit is in the middle, where an estimate varies most
        return float(width(np.array([m // 2])).max())
    return summit(width, 0, m)


def anytime_size(margin: float, miss: float, side: Side) -> int:
    """Return what `worst_size` does for ``beta-binomial``, or one more, without solving for ends.

    An end lies within the margin where the wealth against the rate there has reached 1/δ.
    """
    if side == "two-sided" and margin >= 0.5:  # wider than any interval is
        return 1
    wealth = log_wealth if side == "two-sided" else log_wealth_from_below

    def least(m: int) -> float:
        if side == "two-sided":
            return float(wealth(0.5 + margin, m / 2, m))
        last = max(0, ceil(m * (1 - margin)) - 1)  # beyond, the bound cannot be further away
        return -summit(lambda k: -wealth(k / m + margin, k, m), 0, last)

    return first_size(lambda m: least(m) >= -np.log(miss))


def expected_size(
    method: str, margin: float, confidence: float, side: Side, expected: float
) -> int:
    """Return the smallest m for which the bounds lie within the margin of the expected error.

    For it and for every larger m, where the number of errors is m times the expected error, rounded
    away from it on each side.
    """

    def holds(sizes: NDArray[np.int64]) -> NDArray[np.bool_]:
        return expected_width(method, sizes, confidence, side, expected) <= margin

    def holds_with_one_more(m: int) -> bool:
        # Whatever the rounding does; and without a saw-tooth in m.
        counts = max(m * expected - 1, 0.0), min(m * expected + 1, m)
        return bool(_reach(method, np.array(m), counts, confidence, side, expected) <= margin)

    guess = normal_size(margin, _tail(confidence, side), expected)
    return after_last_failure(holds, first_size(holds_with_one_more, guess))


def _tail(confidence: float, side: Side) -> float:
    return (1 - confidence) / (2 if side == "two-sided" else 1)


def expected_width(
    method: str, sizes: NDArray[np.int64], confidence: float, side: Side, expected: float
) -> NDArray[np.float64]:
    """Return how far the bounds lie from the expected error, for each of the sizes."""
    counts = sizes * expected
    nearest = np.rint(counts)
    # What is whole on paper is whole here.
    counts = np.where(np.isclose(counts, nearest, rtol=1e-12, atol=1e-9), nearest, counts)
    around = np.floor(counts), np.ceil(counts)
    return _reach(method, sizes, around, confidence, side, expected)


def _reach(
    method: str,
    sizes: NDArray[np.int64],
    counts: tuple[Numbers, Numbers],
    confidence: float,
    side: Side,
    expected: float,
) -> NDArray[np.float64]:
    """Return how far from the expected error the bounds of fewer and of more errors reach."""
    fewer, more = counts
    below = expected - interval_bounds(fewer, sizes, confidence, method, side)[0]
    above = interval_bounds(more, sizes, confidence, method, side)[1] - expected
    if side == "two-sided":
        return np.maximum(below, above)
    return above if side == "upper" else below
