"""Metrics of scores from counts in bins, with what the bins leave open.

Legend: C cells; l and h the least and the greatest score of a cell. Where l = h in every cell, as
for scores with few different values, nothing is left open.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof._core.errors import InputError
from backproof.risk.losses import summary_within
from backproof.risk.mean import mean_interval
from backproof.risk.methods.method import Side
from backproof.risk.metrics.measurement import Measurement, measurement_of
from backproof.risk.metrics.scores import OF_AUC, bounded_differences, losses_of_scores

SUMMED = "empirical-bernstein"
"""The method for means of losses that are known by their sums alone."""

_Array = NDArray[np.float64]
_Counts = NDArray[np.int64]


def measure_binned(
    metric: str,
    bins: _Counts,
    positive: NDArray[np.bool_],
    examples: _Counts,
    ends: tuple[_Array, _Array],
    confidence: float,
    side: Side,
) -> Measurement:
    """Return a metric of scores that were counted in bins.

    The interval holds the one that the scores themselves would give by the same method.

    Parameters
    ----------
    metric
        ``auc``, ``brier`` or ``log-loss``.
    bins
        The bin of each cell, shape (C,); scores in different bins differ.
    positive
        Whether the true class is the positive one, shape (C,).
    examples
        Number of examples, shape (C,).
    ends
        l and h, shape (C,) each.
    confidence, side
        As for `measure_scores`.

    Raises
    ------
    InputError
        If scores are no probabilities where these are needed.
    """
    if metric == "auc":
        return _area(bins, positive, examples, ends, confidence, side)
    least, greatest = float(ends[0].min()), float(ends[1].max())
    if not 0 <= least <= greatest <= 1:
        raise InputError(
            f"{metric} needs probabilities in [0, 1] as scores, got {least:g} to {greatest:g}: "
            "turn scores into probabilities"
        )
    at_ends = [losses_of_scores(metric, positive, end) for end in ends]
    losses = np.sort([losses for losses, _, _ in at_ends], axis=0)
    return _mean(metric, losses, examples, at_ends[0][1:], confidence, side)


def _mean(
    metric: str,
    losses: _Array,
    examples: _Counts,
    high_and_remark: tuple[float, str],
    confidence: float,
    side: Side,
) -> Measurement:
    """Return the mean of losses that lie between losses[0] and losses[1], shape (2, C)."""
    high, remark = high_and_remark
    n = int(examples.sum())
    middle, half = losses.mean(axis=0), np.diff(losses, axis=0)[0] / 2
    mean = float(examples @ middle) / n
    # A root of a sum of squares is a norm, and deviations from the mean are never longer than
    # those from any other number: so this is the most that the squares may be.
    squares = (_norm(middle - mean, examples) + _norm(half, examples)) ** 2
    lower, upper = (
        mean_interval(
            summary_within(n, float(examples @ end), squares, (0.0, high)),
            confidence,
            SUMMED,
            low=0.0,
            high=high,
            side=side,
        )
        for end in losses
    )
    open_left = float(examples @ half) / n
    return measurement_of(
        lower,
        metric=metric,
        estimate=mean,
        upper=upper.upper,
        examples=n,
        assumptions=lower.assumptions + remark + _remark(open_left),
    )


def _norm(values: _Array, weights: _Counts) -> float:
    return float(np.sqrt(weights @ values**2))


def _area(
    bins: _Counts,
    positive: NDArray[np.bool_],
    examples: _Counts,
    ends: tuple[_Array, _Array],
    confidence: float,
    side: Side,
) -> Measurement:
    least, greatest = area_ends(bins, positive, examples, ends)
    classes = [int(examples[~positive].sum()), int(examples[positive].sum())]
    found: dict[str, Any] = bounded_differences(classes, (least, greatest), confidence, side)
    found["assumptions"] += _remark((greatest - least) / 2)
    return Measurement(
        metric="auc",
        estimate=None if np.isnan(least) else (least + greatest) / 2,
        confidence=confidence,
        side=side,
        method=OF_AUC,
        examples=int(examples.sum()),
        **found,
    )


def area_ends(
    bins: _Counts,
    positive: NDArray[np.bool_],
    examples: _Counts,
    ends: tuple[_Array, _Array],
) -> tuple[float, float]:
    """Return the least and the greatest area under the ROC curve that binned scores may have.

    NaN where a class has no examples. Pairs in different bins are decided, and those in one bin
    where the scores of one class lie beyond those of the other or all are equal.
    """
    _, place = np.unique(bins, return_inverse=True)
    size = int(place.max()) + 1
    number, low, high = np.zeros((2, size)), np.full((2, size), np.inf), np.full((2, size), -np.inf)
    for at, chosen in enumerate((~positive, positive)):
        np.add.at(number[at], place[chosen], examples[chosen])
        np.minimum.at(low[at], place[chosen], ends[0][chosen])
        np.maximum.at(high[at], place[chosen], ends[1][chosen])
    order = np.argsort(low.min(axis=0))
    number, low, high = number[:, order], low[:, order], high[:, order]
    pairs = number[0].sum() * number[1].sum()
    if pairs == 0:
        return float("nan"), float("nan")
    within = number[0] * number[1]
    below = np.cumsum(number[0]) - number[0]
    won = float(number[1] @ below + within[low[1] > high[0]].sum())
    tied = (low[0] == high[0]) & (low[1] == high[1]) & (low[0] == low[1])
    won += float(within[tied].sum()) / 2
    unknown = ~tied & (low[1] <= high[0]) & (high[1] >= low[0])
    return won / pairs, min((won + float(within[unknown].sum())) / pairs, 1.0)


def _remark(half: float) -> str:
    return f"; scores in bins, which leaves ±{half:.1e} open, included" if half > 0 else ""
