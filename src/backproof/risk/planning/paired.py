"""Sizes for which McNemar's test tells two models apart with a given power.

Legend: of m examples n are discordant, n ~ Binomial(m, ψ); of these the worse model alone is wrong
on b, b ~ Binomial(n, θ) with θ = (1 + D/ψ) / 2, D the difference of the error rates.
"""

from math import ceil, exp, pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from backproof.risk.binomial import Array, at_least, at_most, first_count, probability
from backproof.risk.planning.search import after_last_failure, first_size

_REACH = 9.0  # standard deviations of n beyond which nothing is left to add


def paired_size(difference: float, miss: float, power: float, disagreement: float) -> int:
    """Return the smallest m whose power is enough, as is that of every larger m.

    The critical count grows with every other n, so the power has teeth of period 2 in n, up to as
    high as what 4/D more examples bring. A spread σ of n smooths them by exp(-2π²σ² / 2²).
    """

    def holds(sizes: NDArray[np.int64]) -> NDArray[np.bool_]:
        return paired_power(sizes, difference, miss, disagreement) >= power

    guess = _normal_size(difference, miss, power, disagreement)
    crossing = first_size(lambda m: bool(holds(np.array([m]))[0]), guess)
    variance = crossing * disagreement * (1 - disagreement)
    teeth = 4 / difference * exp(-(pi**2) * variance / 2)
    return after_last_failure(holds, crossing + ceil(teeth) + 2)


def paired_power(
    sizes: NDArray[np.int64], difference: float, miss: float, disagreement: float
) -> Array:
    """Return the probability that the two-sided exact test rejects, for each number of examples."""
    theta = min(1.0, (1 + difference / disagreement) / 2)
    spread = _REACH * np.sqrt(sizes * disagreement * (1 - disagreement)) + 1
    first = np.maximum(np.floor(sizes * disagreement - spread).astype(np.int64), 0)
    n = first[:, None] + np.arange(int(2 * spread.max()) + 3)
    possible = n <= sizes[:, None]
    law = probability(np.where(possible, n, 0), sizes[:, None], disagreement)
    every = np.arange(n.min(), n.max() + 1)
    rejects = _rejection(every, theta, miss)[n - every[0]]
    return np.asarray((np.where(possible, law, 0.0) * rejects).sum(axis=1))


def _normal_size(difference: float, miss: float, power: float, disagreement: float) -> int:
    """Return the size by the formula of Connor (1987), Biometrics 43, 207-211."""
    level, enough = float(-ndtri(miss / 2)), float(ndtri(power))
    spread = sqrt(max(disagreement - difference**2, 0.0))
    return max(1, ceil(((level * sqrt(disagreement) + enough * spread) / difference) ** 2))


def _rejection(n: NDArray[np.int64], theta: float, miss: float) -> Array:
    """Return P(2 P(Bin(n, ½) <= min(b, n-b)) <= δ) for each n."""
    critical = first_count(lambda b, n: 2 * at_most(b, n, 0.5) > miss, n) - 1
    return np.asarray(at_most(critical, n, theta) + at_least(n - critical, n, theta))
