"""p-values for means of bounded losses, from the capital of a gambler who bets against equality.

If a hypothesis holds, the largest capital over time exceeds 1/p with probability at most p
(Ville's inequality). The bets are tuned to one confidence and stay as they are whatever comes out,
so that 1 / capital is a p-value at every level; it is the intervals of several confidences, whose
bets differ, that must not be searched for the first that excludes 0.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backproof.risk.betting import bets, betting_order, log_capital

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class _Gambler:
    """Losses in [0, 1] in the order in which they are bet on, and the bets."""

    losses: Array
    bets: Array

    def p_above(self, mean: float) -> float:
        """Return the p-value of the true mean being at most `mean`."""
        return self._p_value(mean, 0.0)

    def p_below(self, mean: float) -> float:
        """Return the p-value of the true mean being at least `mean`."""
        return self._p_value(mean, 1.0)

    def _p_value(self, mean: float, open_end: float) -> float:
        capital = log_capital(mean, self.losses, self.bets, open_end)
        return float(np.exp(-max(capital, 0.0)))


def _gambler(losses: Array, low: float, high: float, tail: float, seed: int) -> _Gambler:
    # The order and the bets of `mean_interval`, so that its interval and the p-value agree.
    order = betting_order(losses, low, high, seed)
    return _Gambler(losses=order, bets=bets(order, tail))


def zero_mean_p_value(differences: Array, width: float, tail: float, seed: int) -> float:
    """Return the two-sided p-value of differences of losses having the true mean 0.

    It is at most 2 `tail` where the two-sided betting interval with that probability of missing on
    each side excludes 0. Like the interval, it heeds the bets on the side of the sample mean alone,
    which cannot make it smaller.

    Parameters
    ----------
    differences
        In [-width, width], shape (n,). Exchanging the models changes nothing: they are taken with
        the sign that makes their mean positive.
    width
        The width of the range of the losses.
    tail
        The probability that the bets are tuned to, in (0, 1).
    seed
        Seed of the order of the bets.
    """
    estimate = float(differences.mean())
    if estimate == 0.0:
        return 1.0
    sign = -1.0 if estimate < 0 else 1.0
    return min(1.0, 2 * _gambler(sign * differences, -width, width, tail, seed).p_above(0.5))


def equal_means_p_value(
    a: Array, b: Array, low: float, high: float, tail: float, seed: int
) -> float:
    """Return the two-sided p-value of two independent sets of losses having one true mean.

    Against a common mean m speak the capitals of those who bet that it is above m for the set of
    the larger mean, and below m for the other; the smaller of the two p-values, u, is one in
    1 - (1 - u)². The p-value of any common mean is the largest over m. Since one capital falls
    in m and the other rises, that is where they meet.

    Parameters
    ----------
    a, b
        In [low, high], shapes (n,) and (k,).
    low, high
        The range of the losses.
    tail, seed
        As for `zero_mean_p_value`.
    """
    if a.mean() == b.mean():
        return 1.0
    if a.mean() < b.mean():
        a, b = b, a
    larger = _gambler(a, low, high, tail, seed)
    smaller = _gambler(b, low, high, tail, seed)
    u = _largest_smaller_p_value(larger, smaller)
    return min(1.0, 2 * (1 - (1 - u) ** 2))


def _largest_smaller_p_value(larger: _Gambler, smaller: _Gambler) -> float:
    """Return the largest over m of min(p_above(m), p_below(m)): they rise and fall in m."""
    below, above = 0.0, 1.0
    while above - below > 1e-12:
        middle = (below + above) / 2
        if larger.p_above(middle) < smaller.p_below(middle):
            below = middle
        else:
            above = middle
    # Between the two points p_above is at most its value at the upper one, and p_below at most its
    # value at the lower one, so the p-value is not understated.
    return min(larger.p_above(above), smaller.p_below(below))
