"""The table of methods behind `backproof.risk.mean_interval`.

Legend: n losses scaled to [0, 1]; tail, the probability of missing on one side.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backproof.risk.betting import betting_bounds
from backproof.risk.methods import concentration, exact
from backproof.risk.methods.method import Array, Bounds, Guarantee

# Scaling to the unit range may leave a whole sum off by a rounding of every loss. A bound between
# those of the two whole sums beside it holds (Bentkus, Theorem 1.2), so that much is no matter.
_WHOLE = 1e-12


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Losses scaled to [0, 1], as a method sees them."""

    examples: int
    """Number n of losses."""
    total: float
    """Sum of the scaled losses, in [0, n]."""
    squared_deviations: float
    """Sum of the squares of their deviations from their mean."""
    shuffled: NDArray[np.float64]
    """The scaled losses in random order, shape (n,); empty for a method that needs none."""


@dataclass(frozen=True, kw_only=True)
class MeanMethod:
    """One row of the table of methods."""

    bounds: Callable[[Sample, float], tuple[float, float]]
    """From a sample and the probability of missing on one side to the lower and the upper bound,
    each for itself; a two-sided interval has both at half the miss."""
    needs_losses: bool
    """Whether it needs the losses themselves, not only their sums."""
    guarantee: Guarantee
    """``finite-sample``: covers at least with the nominal probability, whatever the law of the
    losses and their number."""
    assumptions: str
    """What the examples must be for that."""
    source: str
    """Where the method comes from."""


def _betting(sample: Sample, tail: float) -> tuple[float, float]:
    return betting_bounds(sample.shuffled, tail)


def _empirical_bernstein(sample: Sample, tail: float) -> tuple[float, float]:
    # mean ± √(2 V ln(2/tail) / n) + 7 ln(2/tail) / (3 (n - 1)), V the sample variance
    n, log = sample.examples, np.log(2 / tail)
    if n == 1:  # without a sample variance nothing is known
        return 0.0, 1.0
    mean, variance = sample.total / n, sample.squared_deviations / (n - 1)
    margin = float(np.sqrt(2 * variance * log / n) + 7 * log / (3 * (n - 1)))
    return mean - margin, mean + margin


def _bentkus(sample: Sample, tail: float) -> tuple[float, float]:
    # P(sum <= s) <= e P(K <= s) for whole s, and K binomial; sums are rounded away from the bound.
    n, total = sample.examples, sample.total
    whole = round(total)
    near = abs(total - whole) <= _WHOLE * n
    below, above = (whole, whole) if near else (np.floor(total), np.ceil(total))
    lower = exact.BENTKUS.one_sided(np.asarray(below, float), np.asarray(n, float), tail)[0]
    upper = exact.BENTKUS.one_sided(np.asarray(above, float), np.asarray(n, float), tail)[1]
    return float(lower), float(upper)


def _from_total(
    bounds: Callable[[Array, Array, float], Bounds],
) -> Callable[[Sample, float], tuple[float, float]]:
    def of_sample(sample: Sample, tail: float) -> tuple[float, float]:
        n = np.asarray(sample.examples, float)
        lower, upper = bounds(np.asarray(sample.total, float), n, tail)
        return float(lower), float(upper)

    return of_sample


_INDEPENDENT = "independent examples; losses in the given range"

MEAN_METHODS: dict[str, MeanMethod] = {
    "betting": MeanMethod(
        bounds=_betting,
        needs_losses=True,
        guarantee="finite-sample",
        assumptions=(
            "independent examples of one distribution, their number fixed beforehand; losses in "
            "the given range"
        ),
        source="Waudby-Smith and Ramdas (2024), J. R. Statist. Soc. B 86, 1-27",
    ),
    "empirical-bernstein": MeanMethod(
        bounds=_empirical_bernstein,
        needs_losses=False,
        guarantee="finite-sample",
        assumptions=_INDEPENDENT,
        source="Maurer and Pontil (2009), COLT 2009, Theorems 4 and 11",
    ),
    "hoeffding": MeanMethod(
        bounds=_from_total(concentration.hoeffding),
        needs_losses=False,
        guarantee="finite-sample",
        assumptions=_INDEPENDENT,
        source=concentration.HOEFFDING.source,
    ),
    "bentkus": MeanMethod(
        bounds=_bentkus,
        needs_losses=False,
        guarantee="finite-sample",
        assumptions=_INDEPENDENT,
        source=exact.BENTKUS.source,
    ),
    "chernoff-kl": MeanMethod(
        bounds=_from_total(concentration.chernoff_kl),
        needs_losses=False,
        guarantee="finite-sample",
        assumptions=_INDEPENDENT,
        source=concentration.CHERNOFF_KL.source,
    ),
}
"""Every method for the mean of losses by its name."""
