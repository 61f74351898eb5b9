"""Smallest sizes from which on something holds."""

from collections.abc import Callable
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from backproof._core.errors import InputError
from backproof.risk.counts import MOST_EXAMPLES

_FIRST_CHUNK, _LARGEST_CHUNK = 8, 256


def first_size(holds: Callable[[int], bool], guess: int = 1) -> int:
    """Return the smallest m >= 1 for which `holds`, where it holds for every larger one too.

    The search strides away from a guess and then closes in; a good guess saves most of it.

    Raises
    ------
    InputError
        If it is larger than the largest number of examples that can be counted exactly.
    """
    low, high, stride = 0, guess, 1
    if holds(guess):
        while high - stride > 0 and holds(high - stride):
            high, stride = high - stride, 2 * stride
        low = max(0, high - stride)
    else:
        low, high = guess, guess + 1
        while not holds(high):
            low, stride = high, 2 * stride
            high = low + stride
            if high > MOST_EXAMPLES:
                raise InputError(
                    f"more than {MOST_EXAMPLES} examples would be needed: choose a larger margin "
                    "or a lower confidence"
                )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def normal_size(margin: float, tail: float, error: float = 0.5) -> int:
    """Return the size that the normal approximation needs: a guess at that of other methods."""
    z = max(0.0, float(-ndtri(tail)))
    return min(max(1, ceil(z * z * error * (1 - error) / margin**2)), MOST_EXAMPLES)


def after_last_failure(holds: Callable[[NDArray[np.int64]], NDArray[np.bool_]], safe: int) -> int:
    """Return the smallest m down to which `holds` without a gap, going down from `safe`.

    `holds` takes an array of sizes; it is known to hold at `safe` and above.
    """
    high, chunk = safe, _FIRST_CHUNK
    while high > 1:
        sizes = np.arange(max(1, high - chunk), high)
        failed = np.flatnonzero(~holds(sizes))
        if failed.size:
            return int(sizes[failed[-1]]) + 1
        high, chunk = int(sizes[0]), min(2 * chunk, _LARGEST_CHUNK)
    return high


def summit(
    function: Callable[[NDArray[np.int64]], NDArray[np.float64]], low: int, high: int
) -> float:
    """Return the largest value of a function of whole numbers from `low` to `high`.

    The function has a single summit; a search on ever finer grids climbs it.
    """
    while True:
        stride = max(1, (high - low) // 64)
        grid = np.append(np.arange(low, high, stride), high)
        value = function(grid)
        if stride == 1:
            return float(value.max())
        best = int(grid[np.argmax(value)])
        low, high = max(low, best - stride), min(high, best + stride)


def smallest_margin(holds: Callable[[float], bool]) -> float:
    """Return the smallest margin in (0, 1] for which `holds`, as it does for every larger one.

    To a relative 1e-12, by bisection; it is taken to hold at 1.
    """
    low, high = 0.0, 1.0
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
