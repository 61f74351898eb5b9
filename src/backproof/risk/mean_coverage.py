"""How often an interval for a mean covers it, counted on sets of losses drawn from a known law."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import SupportsIndex

from numpy.typing import ArrayLike

from backproof._core.checks import open_unit, whole_number
from backproof._core.errors import InputError
from backproof._core.results import Result
from backproof._core.seeds import check_seed, derive
from backproof.risk.interval import Interval, interval
from backproof.risk.losses import checked_range
from backproof.risk.mean import MeanInterval, mean_interval
from backproof.risk.methods.method import Side


@dataclass(frozen=True, kw_only=True)
class MeanCoverage(Result):
    """The share of sets of losses whose interval covers the true mean."""

    method: str
    """The interval method, a key of `MEAN_METHODS`."""
    confidence: float
    """The intervals' nominal confidence."""
    side: Side
    """Which ends the intervals have."""
    examples: int
    """Number of losses in each set."""
    mean: float
    """The true mean."""
    low: float
    """Smallest loss that is possible."""
    high: float
    """Largest loss that is possible."""
    covered: int
    """Sets whose interval covers the true mean."""
    sets: int
    """Sets drawn."""
    half_width: float
    """Mean half-width of the intervals; mean distance from the sample mean where there is only one
    bound."""
    uncertainty: Interval
    """95 % Clopper-Pearson interval for the probability of covering."""
    seed: int
    """Seed of all draws."""

    @property
    def observed(self) -> float:
        """Share of sets that are covered."""
        return self.covered / self.sets

    def __str__(self) -> str:
        return (
            f"{self.method}: {self.covered} of {self.sets} covered ({self.observed:.2%}, "
            f"{self.uncertainty.lower:.2%} to {self.uncertainty.upper:.2%}), nominal "
            f"{self.confidence:g}, half-width {self.half_width:.6g}"
        )


def mean_coverage(
    method: str,
    sample: Callable[[int, int], ArrayLike],
    examples: SupportsIndex,
    mean: float,
    confidence: float = 0.95,
    *,
    sets: SupportsIndex = 1000,
    low: float = 0.0,
    high: float = 1.0,
    side: Side = "two-sided",
    seed: SupportsIndex = 0,
) -> MeanCoverage:
    """Count the sets of losses whose interval covers their true mean.

    Parameters
    ----------
    method
        A key of `MEAN_METHODS`.
    sample
        ``sample(n, seed)`` returns n losses in [low, high], shape (n,); it is called once for each
        set, with another seed each time.
    examples
        Number of losses in each set, at least 1.
    mean
        The true mean of the losses that `sample` draws, in [low, high].
    confidence
        The intervals' nominal confidence, in (0, 1).
    sets
        Sets to draw, at least 1.
    low, high
        The smallest and the largest loss that are possible.
    side
        ``two-sided``, or the bound that the intervals have: ``upper`` or ``lower``.
    seed
        Seed of all draws.

    Raises
    ------
    InputError
        If an argument is out of range, or `sample` returns something else than asked for.
    """
    n = whole_number("examples", examples, at_least=1)
    count = whole_number("sets", sets, at_least=1)
    seed = check_seed(seed)
    confidence = open_unit("confidence", confidence)
    low, high = checked_range(low, high)
    mean = float(mean)
    if not low <= mean <= high:
        raise InputError(f"mean must lie in [{low:g}, {high:g}], got {mean:g}")
    covered, widths = 0, 0.0
    for index in range(count):
        each = derive(seed, "risk.mean_coverage", index)
        found = mean_interval(
            sample(n, each), confidence, method, low=low, high=high, side=side, seed=each
        )
        if found.examples != n:
            raise InputError(f"sample must return {n} losses, got {found.examples}")
        covered += found.lower <= mean <= found.upper
        widths += _half_width(found)
    return MeanCoverage(
        method=method,
        confidence=confidence,
        side=side,
        examples=n,
        mean=mean,
        low=low,
        high=high,
        covered=covered,
        sets=count,
        half_width=widths / count,
        uncertainty=interval(covered, count),
        seed=seed,
    )


def _half_width(found: MeanInterval) -> float:
    if found.side == "upper":
        return found.upper - found.estimate
    if found.side == "lower":
        return found.estimate - found.lower
    return (found.upper - found.lower) / 2
