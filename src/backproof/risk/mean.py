"""Confidence intervals for the mean of losses in a known range."""

from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from backproof._core.checks import one_of, open_unit
from backproof._core.errors import InputError
from backproof._core.seeds import check_seed
from backproof.risk.betting import betting_order
from backproof.risk.interval import Interval
from backproof.risk.losses import LossSummary, checked_losses, checked_range, summary_of
from backproof.risk.mean_methods import MEAN_METHODS, Sample
from backproof.risk.methods.method import SIDES, Array, Side

_UNIT = (0.0, 1.0)
# Sums below are taken for 0: no end moves by as much, and their inverses would overflow.
_NOTHING = 1e-290


@dataclass(frozen=True, kw_only=True)
class MeanInterval(Interval):
    """An interval for the mean loss over the whole distribution."""

    estimate: float
    """Mean of the losses."""
    lower: float
    """Lower end; `low` for side ``upper``."""
    upper: float
    """Upper end; `high` for side ``lower``."""
    confidence: float
    """Nominal probability of covering the mean over the distribution."""
    method: str
    """Name of the method, a key of `MEAN_METHODS`."""
    examples: int
    """Number of losses."""
    low: float
    """Smallest loss that is possible."""
    high: float
    """Largest loss that is possible."""
    seed: int | None
    """Seed of the order in which the losses were taken; ``None`` where the order is no matter."""

    def __str__(self) -> str:
        return (
            f"{self.estimate:.6g} ({self.confidence:.6g} {self.side} {self.lower:.6g} to "
            f"{self.upper:.6g}, {self.method}, {self.guarantee})"
        )


def mean_interval(
    losses: ArrayLike | LossSummary,
    confidence: float = 0.95,
    method: str = "betting",
    *,
    low: float = 0.0,
    high: float = 1.0,
    side: Side = "two-sided",
    seed: SupportsIndex = 0,
) -> MeanInterval:
    """Return an interval for the mean loss.

    It always holds the mean of the losses and never leaves the range. It does not depend on the
    order of the losses: where a method needs an order, they are sorted and then shuffled.

    Parameters
    ----------
    losses
        Losses of independent examples, shape (n,), each in [low, high]; or their `LossSummary`,
        whose own range then counts, for the methods that need only sums.
    confidence
        Probability of covering, in (0, 1).
    method
        A key of `MEAN_METHODS`. The default is mostly the narrowest from some tens of losses on;
        where every loss is 0 or 1, `backproof.risk.interval` is narrower than any.
    low, high
        The smallest and the largest loss that are possible, whether or not they occur. They must
        be known without looking at the losses.
    side
        ``two-sided`` with equal tails, or one bound, with the whole miss: ``upper`` or ``lower``.
    seed
        Seed of the shuffle. Choose it before looking at the interval.

    Raises
    ------
    InputError
        If an argument is out of range, or the method needs more than a summary.
    """
    miss = 1 - open_unit("confidence", confidence)
    row = MEAN_METHODS[one_of("method", method, MEAN_METHODS)]
    one_of("side", side, SIDES)
    seed = check_seed(seed)
    low, high = checked_range(low, high)
    if isinstance(losses, LossSummary):
        _check_summary_use(losses, method, low, high)
        summary, values = losses, np.empty(0)
    else:
        values = checked_losses(losses, low, high)
        summary = summary_of(values, low, high)
    sample = _scaled(summary, values, row.needs_losses, seed)
    lower, upper = row.bounds(sample, miss / 2 if side == "two-sided" else miss)
    lower, upper = _unscaled(lower, upper, summary)
    return MeanInterval(
        estimate=summary.mean,
        lower=summary.low if side == "upper" else lower,
        upper=summary.high if side == "lower" else upper,
        confidence=float(confidence),
        side=side,
        method=method,
        guarantee=row.guarantee,
        assumptions=row.assumptions,
        source=row.source,
        examples=summary.examples,
        low=summary.low,
        high=summary.high,
        seed=seed if row.needs_losses else None,
    )


def _check_summary_use(summary: LossSummary, method: str, low: float, high: float) -> None:
    if MEAN_METHODS[method].needs_losses:
        able = [name for name, row in MEAN_METHODS.items() if not row.needs_losses]
        raise InputError(
            f"{method} needs the losses themselves, got their summary: give the array of losses, "
            f"or choose one of {', '.join(able)}"
        )
    own = summary.low, summary.high
    if (low, high) not in (_UNIT, own):
        raise InputError(
            f"a summary has its own range, here [{own[0]:g}, {own[1]:g}], got low {low:g} and high "
            f"{high:g}: leave them out, or summarise the losses with that range"
        )


def _scaled(summary: LossSummary, values: Array, shuffle: bool, seed: int) -> Sample:
    n, width = summary.examples, summary.high - summary.low
    total = (summary.total - n * summary.low) / width
    order = betting_order(values, summary.low, summary.high, seed) if shuffle else np.empty(0)
    return Sample(
        examples=n,
        total=min(total, float(n)) if total > _NOTHING else 0.0,
        squared_deviations=summary.squared_deviations / width**2,
        shuffled=order,
    )


def _unscaled(lower: float, upper: float, summary: LossSummary) -> tuple[float, float]:
    """Return the ends in the range of the losses, widened to hold their mean."""
    low, high, mean = summary.low, summary.high, summary.mean
    width = high - low
    return (
        min(max(low + width * lower, low), mean),
        max(min(low + width * upper, high), mean),
    )
