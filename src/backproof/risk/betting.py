"""Bounds on a mean from the capital of a gambler who bets against it.

Legend: x losses in [0, 1], in an order independent of their values; t 1, …, n; m a value that the
mean might have; λ the bets.

If the mean is m, the capital ∏ (1 + λ_t (x_t - m)) of one who chooses each bet λ_t >= 0 before
seeing x_t is a martingale that starts at 1. So with probability at least 1 - tail it never reaches
1 / tail (Ville's inequality), and every m at which it does is too small. With the bet
min(λ_t, c/m), λ_t free of m, every factor falls as m grows; hence the largest capital over time
does too, and the means that are not refuted are an interval, whose end is a root.
"""

import numpy as np
from numpy.typing import NDArray

from backproof._core.seeds import generator

Array = NDArray[np.float64]

# No bet may lose more than this share of the capital. One half is common; three quarters gives
# intervals up to a quarter narrower for few or small losses, a few per cent wider ones for rare
# large losses, and the same for many losses.
_MOST_AT_STAKE = 0.75
# The plug-in bet is the best one for the capital at the end. What counts is the largest capital on
# the way, and bolder bets raise that: half-widths mostly fall by 1 to 3 %.
_BOLDNESS = 1.2
# Ends are found to a rounding error of themselves, or of 1 for ends that small.
_ABSOLUTE, _RELATIVE = 1e-18, 1e-15


def betting_order(losses: Array, low: float, high: float, seed: int) -> Array:
    """Return losses in [low, high], shape (n,), scaled to [0, 1] and in a random order.

    They are sorted first, so that the order in which they came changes nothing.
    """
    ordered = (np.sort(losses) - low) / (high - low)
    return generator(seed, "risk.betting").permutation(ordered)


def betting_bounds(losses: Array, tail: float) -> tuple[float, float]:
    """Return a lower and an upper bound for the mean, each missing with probability `tail`.

    Waudby-Smith and Ramdas (2024), J. R. Statist. Soc. B 86, 1-27: their capital process with
    predictable plug-in bets for a number of losses that is known beforehand. The time taken is
    proportional to it, and so is the memory.

    Parameters
    ----------
    losses
        Losses in [0, 1], shape (n,), in an order that does not depend on their values.
    tail
        In (0, 1).

    Returns
    -------
    lower, upper : float
        With the mean of the losses between them, in [0, 1].
    """
    stakes = bets(losses, tail)
    mean = min(max(float(losses.mean()), 0.0), 1.0)
    return _end(losses, stakes, tail, mean, 0.0), _end(losses, stakes, tail, mean, 1.0)


def bets(x: Array, tail: float) -> Array:
    """Return λ_t = b √(2 ln(1/tail) / (n v)), b the boldness, v the variance of those before t.

    Mean and variance are estimated with one loss before the first: 1/2, of variance 1/4.
    """
    n = len(x)
    seen = np.arange(2.0, n + 2.0)
    means = (0.5 + np.cumsum(x)) / seen
    variances = np.empty(n)
    variances[0] = 0.25
    variances[1:] = (0.25 + np.cumsum((x - means) ** 2)[:-1]) / seen[:-1]
    return np.asarray(_BOLDNESS * np.sqrt(-2 * np.log(tail) / (n * variances)))


def log_capital(m: float, x: Array, stakes: Array, open_end: float) -> float:
    """Return the log of the largest capital over time against the mean m.

    Parameters
    ----------
    m
        In [0, 1].
    x, stakes
        Shape (n,).
    open_end
        0 where the gambler bets that the mean is above m, 1 where that it is below.
    """
    most = _MOST_AT_STAKE / max(abs(m - open_end), np.finfo(float).tiny)
    gains = x - m if open_end == 0.0 else m - x
    return float(np.cumsum(np.log1p(np.minimum(stakes, most) * gains)).max())


def _end(x: Array, stakes: Array, tail: float, mean: float, open_end: float) -> float:
    """Return the m between the sample mean and the open end at which the capital is 1 / tail.

    Where the capital stays below everywhere, that is the open end itself; where it reaches 1 / tail
    at the sample mean already, the mean, since a wider interval is valid too.
    """
    from scipy.optimize import brentq  # costs a tenth of a second to import

    def excess(m: float) -> float:
        return log_capital(m, x, stakes, open_end) + float(np.log(tail))

    if excess(open_end) < 0:
        return open_end
    if excess(mean) >= 0:
        return mean
    return float(brentq(excess, mean, open_end, xtol=_ABSOLUTE, rtol=_RELATIVE, maxiter=500))
