"""Whether the initial parameters of a user's model are uniform in [-1, 1], and independent."""

from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from backproof.grading.implementation import FailedError, Implementation

Array = NDArray[np.float64]

MANY = 500
"""Hidden units of the networks whose initial parameters are looked at."""
_NETWORKS = 40
_FALSE_ALARM = 1e-6


def uniform(build: Callable[[int], Implementation]) -> str:
    """Return in words what was looked at; `FailedError` where they are not as they should be.

    Parameters
    ----------
    build
        Makes a network with a number of hidden units.
    """
    first, second = (build(MANY).values for _ in range(2))
    drawn = {name: one for parameter in first.items() for name, one in _vectors(*parameter)}
    anew = any(not np.array_equal(value, second[name]) for name, value in first.items())
    single = [name for name, one in drawn.items() if one.size == 1]
    for name in single:
        del drawn[name]
    pairs = list(combinations(drawn.items(), 2))
    if anew:  # of a network that is always the same, one number says nothing
        several = [build(2).values for _ in range(_NETWORKS)]
        drawn |= {name: np.array([one[name].item() for one in several]) for name in single}
    alarm = _FALSE_ALARM / (len(drawn) + len(pairs))
    for name, values in drawn.items():
        _check_law(name, values, alarm)
    for (name, one), (other_name, other) in pairs:
        found = stats.pearsonr(one, other)
        if found.pvalue < alarm:
            raise FailedError(
                f"initial parameters are not independent: {name} and {other_name} are correlated, "
                f"r = {found.statistic:.2f}"
            )
    how = "drawn anew for every network" if anew else "the same in every network"
    return f"within [-1, 1], {how}, uniform and independent as far as can be told"


def _vectors(name: str, value: Array) -> Iterator[tuple[str, Array]]:
    """Yield a parameter, or of a matrix each weight of the units."""
    if value.size != 2 * MANY:
        yield name, value.reshape(-1)
        return
    weights = value.reshape(-1, 2).T if value.shape == (MANY, 2) else value.reshape(2, -1)
    yield f"the weights {name} of x[0]", weights[0]
    yield f"the weights {name} of x[1]", weights[1]


def _check_law(name: str, values: Array, alarm: float) -> None:
    if not (np.abs(values) <= 1).all():
        raise FailedError(
            f"initial values of {name} reach from {values.min():.3g} to {values.max():.3g}: "
            "expected them within [-1, 1]"
        )
    found = stats.kstest(values, stats.uniform(-1, 2).cdf)
    if found.pvalue < alarm:
        raise FailedError(
            f"initial values of {name} are not uniform in [-1, 1]: the largest difference from "
            f"that law is {found.statistic:.2g}, with probability {found.pvalue:.1g}"
        )
