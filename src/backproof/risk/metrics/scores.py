"""Metrics of scores and probabilities, measured: the value with an interval."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backproof._core.checks import one_of, open_unit
from backproof._core.errors import InputError
from backproof.risk.mean import mean_interval
from backproof.risk.methods.method import SIDES, Side
from backproof.risk.metrics.auc import SOURCE, auc, bounded_differences_margin, counts_by_score
from backproof.risk.metrics.labels import (
    Coded,
    Label,
    checked_labels,
    coded,
    position_of,
    refuse_other_kind,
    same_length,
)
from backproof.risk.metrics.measure import BOOTSTRAPS, resampled
from backproof.risk.metrics.measurement import Measurement, measurement_of

ScoreMetric = Literal["auc", "log-loss", "brier"]

SCORE_METRICS: tuple[ScoreMetric, ...] = ("auc", "log-loss", "brier")
"""Every metric on scores."""

CLIP = 1e-3
"""How far from 0 and 1 the probabilities of the log loss are kept."""

_Scores = NDArray[np.float64]
_Bools = NDArray[np.bool_]


def measure_scores(
    y_true: ArrayLike,
    scores: ArrayLike,
    metric: str,
    confidence: float = 0.95,
    *,
    side: Side = "two-sided",
    labels: Iterable[Label] | None = None,
    positive: Label | None = None,
    clip: float = CLIP,
    method: str | None = None,
    replicates: SupportsIndex = 10_000,
    seed: SupportsIndex = 0,
) -> Measurement:
    """Return a metric of scores with an interval for its true value.

    Parameters
    ----------
    y_true
        True labels, shape (n,).
    scores
        Shape (n,). For ``auc`` any numbers, larger ones speaking for the positive class; for
        ``brier`` and ``log-loss`` its probability, in [0, 1].
    metric
        ``auc``, ties counted half; ``brier``, the mean of (probability - truth)², in [0, 1]; or
        ``log-loss``, of probabilities clipped to [clip, 1 - clip], in [0, -ln clip].
    confidence
        Probability of covering, in (0, 1).
    side
        ``two-sided`` with equal tails, or one bound: ``upper`` or ``lower``.
    labels
        Every label that may occur; ``None``: those that do.
    positive
        The positive class, against all others; ``None``: the larger label of two, or 1 where
        labels are 0 and 1.
    clip
        Probabilities of the log loss are kept this far from 0 and 1, in (0, ½): without it the
        loss is unbounded and nothing can be guaranteed. The interval is for the clipped loss.
    method
        For ``auc`` ``bounded-differences``, the default, or ``bootstrap-percentile``,
        ``bootstrap-basic``, ``bootstrap-bca``; for the others as for `mean_interval`, by default
        ``betting``.
    replicates, seed
        Of the bootstrap; the seed also of the order in which ``betting`` takes the losses.

    Returns
    -------
    Measurement
        Where a class has no examples, the area is undefined: ``None``, from 0 to 1.

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    one_of("metric", metric, SCORE_METRICS)
    open_unit("confidence", confidence)
    one_of("side", side, SIDES)
    truth = coded("y_true", y_true)
    numbers = _checked_scores(scores, probabilities=metric != "auc")
    same_length("y_true", len(truth.codes), "scores", len(numbers))
    is_positive = _is_positive(truth, labels, positive)
    common: dict[str, Any] = {
        "metric": metric,
        "confidence": float(confidence),
        "side": side,
        "examples": len(numbers),
    }
    if metric == "auc":
        table = counts_by_score(is_positive, numbers)
        name = one_of("method", method or OF_AUC, (OF_AUC, *BOOTSTRAPS))
        value = float(auc(table))
        classes = table.sum(axis=0).tolist()
        return Measurement(
            **common,
            estimate=None if np.isnan(value) else value,
            method=name,
            **bounded_differences(classes, (value, value), confidence, side)
            if name == OF_AUC
            else resampled(table, "auc", confidence, name, side, replicates, seed, (0.0, 1.0)),
        )
    losses, high, remark = losses_of_scores(metric, is_positive, numbers, clip)
    found = mean_interval(
        losses, confidence, method or "betting", low=0.0, high=high, side=side, seed=seed
    )
    return measurement_of(
        found, metric=metric, examples=len(numbers), assumptions=found.assumptions + remark
    )


OF_AUC = "bounded-differences"
"""The guaranteed method for the area."""


def bounded_differences(
    classes: Sequence[int], area: tuple[float, float], confidence: float, side: Side
) -> dict[str, Any]:
    """Return what a `Measurement` says of the guaranteed interval for the area.

    Parameters
    ----------
    classes
        Numbers of negatives and of positives.
    area
        The least and the greatest value that the area on the examples may have.
    confidence, side
        As for `measure_scores`.
    """
    tail = (1 - confidence) / 2 if side == "two-sided" else 1 - confidence
    negatives, positives = classes
    margin = bounded_differences_margin(negatives, positives, tail)
    least, greatest = np.nan_to_num(area, nan=0.5).tolist()  # the margin is infinite there
    return {
        "lower": 0.0 if side == "upper" else max(0.0, least - margin),
        "upper": 1.0 if side == "lower" else min(1.0, greatest + margin),
        "guarantee": "finite-sample",
        "assumptions": "independent examples; given how many are positive",
        "source": SOURCE,
        "seed": None,
    }


def losses_of_scores(
    metric: str, is_positive: _Bools, probabilities: _Scores, clip: float = CLIP
) -> tuple[_Scores, float, str]:
    """Return the losses, the greatest one possible, and what to say of their range."""
    of_truth = np.where(is_positive, probabilities, 1 - probabilities)
    if metric == "brier":
        return (1 - of_truth) ** 2, 1.0, ""
    if not 0 < clip < 0.5:
        raise InputError(f"clip must lie strictly between 0 and 0.5, got {clip}")
    high = float(-np.log(clip))
    # Rounding of 1 - clip may lead out of the range by an ulp.
    losses = np.clip(-np.log(np.clip(of_truth, clip, 1 - clip)), 0.0, high)
    return losses, high, f"; probabilities clipped to [{clip:g}, {1 - clip:g}]"


def _is_positive(truth: Coded, labels: Iterable[Label] | None, positive: Label | None) -> _Bools:
    names = truth.labels if labels is None else checked_labels(labels)
    refuse_other_kind("labels", names, "y_true", truth.labels)
    return positives_among(names, positive)[truth.among("y_true", names)]


def positives_among(names: Sequence[Label], positive: Label | None) -> _Bools:
    """Return for each of all labels whether it is the positive class."""
    if positive is None and set(names) <= {0, 1}:
        positive = 1
    if positive is not None and len(names) == 1:  # all of one class, perhaps of the other one
        refuse_other_kind("positive", (positive,), "y_true", names)
        return np.array([names[0] == positive])
    return np.asarray(np.arange(len(names)) == position_of(positive, names))


def _checked_scores(scores: ArrayLike, *, probabilities: bool) -> _Scores:
    try:
        numbers = np.ma.filled(np.ma.asarray(scores, dtype=np.float64), np.nan)
    except (TypeError, ValueError):
        raise InputError("scores must be numbers, got something else: convert them") from None
    if numbers.ndim != 1:
        raise InputError(
            f"scores must have one dimension, one of the positive class an example; got shape "
            f"{numbers.shape}: take its column, for example scores[:, 1]"
        )
    fits = (numbers >= 0) & (numbers <= 1) if probabilities else ~np.isnan(numbers)
    if not fits.all():
        first = int(np.argmin(fits))
        expected = "probabilities in [0, 1]" if probabilities else "numbers"
        raise InputError(
            f"scores must be {expected}, got {int((~fits).sum())} that are not, the first at index "
            f"{first}: {numbers[first]:g}; turn scores into probabilities, drop missing ones"
        )
    return numbers
