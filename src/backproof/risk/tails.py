"""Intervals for differences of error rates, from two tail probabilities combined into one.

Legend: P, Q tail probabilities of two parts of the data; x, y their exponents; t the probability
of missing on one side; c the threshold with P(P^x Q^y <= c) <= t.

A point of the two rates is refuted if P^x Q^y <= c, and the interval for the difference spans the
points that are not. A box of two separate intervals is refuted by either part alone, so it has room
for corners where both are unlikely; the product cuts them off.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import exprel

from backproof.risk.binomial import Numbers, at_most, beta_quantile, beta_upper_quantile

Array = NDArray[np.float64]

# The share of discordant pairs hardly matters where the difference is near 0, their split always
# does. The larger the least exponents, the larger the loss at the other end; both were chosen by
# mean widths for 100 to 10000 examples.
_LEAST_FOR_SHARE, _LEAST_FOR_SPLIT = 0.05, 0.5
_BISECTIONS = 60
_POINTS, _ZOOMS = 33, 6


def log_threshold(least: Numbers, tail: float) -> Array:
    """Return log c such that P(P^x Q^y <= c) <= tail where max(x, y) = 1 and min(x, y) = least.

    If P exceeds its exponent's share, Q <= (c / P^x)^(1/y); integrating over a uniform P gives
    (c - w c^(1/w)) / (1 - w) for w = least, or c (1 - log c) for w = 1 (Fisher's method). It
    holds as well where Q is only superuniform given P, and P superuniform, since min(1, c / P^x)
    falls in P.

    Parameters
    ----------
    least
        In (0, 1].
    tail
        In (0, 1).
    """
    w = np.asarray(least, dtype=float)
    high = np.full(w.shape, np.log(tail))
    # At the low end c (1 - log c), the most it can be, is 2/e tail² (1 - log tail), below the tail.
    low = 2 * high - 1
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        above = np.exp(middle) * (1 - middle * exprel((1 / w - 1) * middle)) > tail
        high, low = np.where(above, middle, high), np.where(above, low, middle)
    return low


def rate_difference_bounds(
    errors_a: int, examples_a: int, errors_b: int, examples_b: int, tail: float
) -> tuple[float, float]:
    """Return bounds for the difference of two rates that were seen on independent examples.

    Each end misses with probability at most `tail`. For the upper one, P is the probability of
    no more errors of a, Q that of no fewer errors of b; independent, with equal exponents.

    Parameters
    ----------
    errors_a, examples_a, errors_b, examples_b
        Checked counts.
    tail
        In (0, 1/2).
    """
    a, b = (float(errors_a), float(examples_a)), (float(errors_b), float(examples_b))
    return -_rate_difference_upper(b, a, tail), _rate_difference_upper(a, b, tail)


def _rate_difference_upper(a: tuple[float, float], b: tuple[float, float], tail: float) -> float:
    """Return the largest p - q with P(K_a <= k_a; p) P(K_b >= k_b; q) >= c.

    Both tail probabilities are log-concave in the rate, so p - q is concave in log P along the
    boundary and has a single peak.
    """
    log_c = float(log_threshold(1.0, tail))

    def difference(log_p: Array) -> Array:
        p = _largest_rate(*a, np.exp(log_p))
        q = _smallest_rate(*b, np.exp(log_c - log_p))
        return np.asarray(p - q)

    return min(_peak(difference, np.linspace(log_c, 0.0, _POINTS)), 1.0)


def paired_difference_bounds(
    only_a: int, only_b: int, examples: int, tail: float
) -> tuple[float, float]:
    """Return bounds for the difference of two error rates that were seen on the same examples.

    The difference is ψ (2θ - 1), ψ the share of discordant pairs, θ the share of them in which a
    alone is wrong. Each end misses with probability at most `tail`: for the upper one, Q is the
    probability of no more such pairs given the number n of discordant ones, at most uniform for
    every n, and P that of no more discordant pairs (where θ < 1/2, no fewer), a function of n
    alone. The exponents may depend on θ, since each point is tested for itself: near θ = 1/2,
    where ψ does not matter, almost all of the miss is spent on θ.

    Parameters
    ----------
    only_a, only_b, examples
        Checked counts.
    tail
        In (0, 1/2).
    """
    upper = _paired_upper(only_a, only_b, examples, tail)
    return -_paired_upper(only_b, only_a, examples, tail), upper


def _paired_upper(b: int, c: int, m: int, tail: float) -> float:
    """Return the largest ψ (2θ - 1) that is not refuted; b pairs in which a alone is wrong."""

    def difference(theta: Array) -> Array:
        return _largest_difference(theta, float(b), float(b + c), float(m), tail)

    return min(_peak(difference, _splits(b, c)), 1.0)


def _splits(b: int, c: int) -> Array:
    """Return a grid of θ, dense wherever its tail probability is neither 0 nor 1."""
    even = np.linspace(0.0, 1.0, 4 * _POINTS)
    if c == 0:  # its tail probability is 1 everywhere
        return even
    tails = np.concatenate(
        (np.logspace(-14, -2, _POINTS), np.linspace(0.01, 0.99, 3 * _POINTS), [1 - 1e-4, 1 - 1e-8])
    )
    return np.unique(np.concatenate((even, beta_upper_quantile(tails, b + 1.0, float(c)))))


def _largest_difference(theta: Array, b: float, n: float, m: float, tail: float) -> Array:
    """Return for each θ the largest ψ (2θ - 1) that is not refuted, -1 where every ψ is."""
    balance = 2 * theta - 1
    # Where θ is close to 1/2, the errors of θ and ψ enter the difference as 1 to this slope.
    slope = np.abs(balance) / np.maximum(2 * np.sqrt(theta * (1 - theta)), np.finfo(float).tiny)
    x = np.clip(slope, _LEAST_FOR_SHARE, 1.0)
    y = np.clip(1 / np.maximum(slope, 1.0), _LEAST_FOR_SPLIT, 1.0)
    split = at_most(b, n, theta) if n else np.ones_like(theta)
    with np.errstate(divide="ignore", under="ignore"):
        log_tail = (log_threshold(np.minimum(x, y), tail) - y * np.log(split)) / x
        tails = np.exp(np.minimum(log_tail, 0.0))
    above = balance >= 0
    discordant = np.where(above, _largest_rate(n, m, tails), _smallest_rate(n, m, tails))
    difference = balance * discordant
    return np.asarray(np.where(log_tail <= 0, difference, -1.0))


def _largest_rate(k: float, m: float, tails: Array) -> Array:
    """Return for each tail the largest rate with P(K <= k) >= tail."""
    if k == m:
        return np.ones_like(tails)
    # SciPy gives up far out in the tail; a rate that is too large is on the safe side.
    return np.nan_to_num(beta_upper_quantile(tails, k + 1, m - k), nan=1.0)


def _smallest_rate(k: float, m: float, tails: Array) -> Array:
    """Return for each tail the smallest rate with P(K >= k) >= tail."""
    if k == 0:
        return np.zeros_like(tails)
    return np.nan_to_num(beta_quantile(tails, k, m - k + 1), nan=0.0)


def _peak(function: Callable[[Array], Array], grid: Array) -> float:
    """Return the largest value of a smooth function, found on a grid that zooms in on it."""
    best = -np.inf
    for _ in range(_ZOOMS):
        values = function(grid)
        at = int(np.argmax(values))
        best = max(best, float(values[at]))
        grid = np.linspace(grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)], _POINTS)
    return best
