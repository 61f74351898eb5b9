"""Metrics on counts, measured: the value with an interval."""

from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from backproof._core.checks import one_of, open_unit
from backproof._core.errors import InputError
from backproof.risk.bootstrap import SOURCES, bootstrap
from backproof.risk.confusion import Confusion
from backproof.risk.methods.method import SIDES, Side
from backproof.risk.metrics.guaranteed import Guaranteed
from backproof.risk.metrics.labels import Label, position_of
from backproof.risk.metrics.measurement import Measurement
from backproof.risk.metrics.table import METRICS, Metric
from backproof.risk.metrics.values import one_against_rest

BOOTSTRAPS = {f"bootstrap-{kind}": kind for kind in SOURCES}
"""Names of the bootstrap methods here, and what they are called there."""


def measure(
    confusion: Confusion,
    metric: str,
    confidence: float = 0.95,
    *,
    side: Side = "two-sided",
    positive: Label | None = None,
    method: str | None = None,
    replicates: SupportsIndex = 10_000,
    seed: SupportsIndex = 0,
) -> Measurement:
    """Return a metric with an interval for its true value.

    A class that occurs neither in truth nor in prediction is left out of the averages
    ``balanced-accuracy`` and ``macro-f1``; one without true examples that was predicted has an
    unknown recall, from 0 to 1, so that the estimate of ``balanced-accuracy`` is undefined.

    Parameters
    ----------
    confusion
        The confusion matrix.
    metric
        A key of `METRICS`.
    confidence
        Probability of covering, in (0, 1).
    side
        ``two-sided`` with equal tails, or one bound: ``upper`` or ``lower``.
    positive
        The positive class of a binary metric, against all others; the other metrics do not look at
        it. ``None``: the larger label of two.
    method
        ``None``: the metric's guaranteed interval where it has one, otherwise ``bootstrap-bca``;
        or the name of one of these, ``bootstrap-percentile`` or ``bootstrap-basic``.
    replicates, seed
        Of the bootstrap.

    Returns
    -------
    Measurement
        Where the metric is 0/0 the estimate is ``None``. Where it is, or every resample has one
        value, a bootstrap's interval is the metric's whole range.

    Raises
    ------
    InputError
        If an argument is out of range, or a binary metric needs `positive`.
    """
    row, counts = METRICS[_checked_metric(metric)], _checked_counts(confusion)
    open_unit("confidence", confidence)
    one_of("side", side, SIDES)
    if row.binary:
        counts = one_against_rest(counts, position_of(positive, confusion.labels))
    name = _checked_method(row, method)
    value = float(row.value(counts))
    common: dict[str, Any] = {
        "metric": metric,
        "estimate": None if np.isnan(value) else value,
        "confidence": float(confidence),
        "side": side,
        "method": name,
        "examples": int(row.denominator(counts)),
    }
    if row.guaranteed is not None and name == row.guaranteed.name:
        return Measurement(**common, **_guaranteed(row, row.guaranteed, counts, confidence, side))
    return Measurement(
        **common,
        **resampled(counts, metric, confidence, name, side, replicates, seed, (row.low, row.high)),
    )


def resampled(
    counts: NDArray[np.int64],
    metric: str,
    confidence: float,
    method: str,
    side: Side,
    replicates: SupportsIndex,
    seed: SupportsIndex,
    whole: tuple[float, float],
) -> dict[str, Any]:
    """Return what a `Measurement` says of a bootstrap interval, `whole` being the range."""
    # Of no examples nothing can be drawn; any others check the arguments and name the source.
    drawn = bootstrap(
        counts if counts.any() else np.ones_like(counts), metric, replicates=replicates, seed=seed
    )
    found = drawn.interval(confidence, BOOTSTRAPS[method], side)  # type: ignore[arg-type]
    known = counts.any() and drawn.varies and found.lower is not None and found.upper is not None
    return {
        "lower": found.lower if known else whole[0],
        "upper": found.upper if known else whole[1],
        "guarantee": found.guarantee,
        "assumptions": found.assumptions,
        "source": found.source,
        "seed": found.seed,
    }


def _guaranteed(
    row: Metric, exact: Guaranteed, counts: NDArray[np.int64], confidence: float, side: Side
) -> dict[str, Any]:
    miss = 1 - confidence
    lower, upper = exact.bounds(counts, miss / 2 if side == "two-sided" else miss)
    return {
        "lower": row.low if side == "upper" else lower,
        "upper": row.high if side == "lower" else upper,
        "guarantee": "finite-sample",
        "assumptions": exact.assumptions,
        "source": exact.source,
        "seed": None,
    }


def _checked_metric(metric: str) -> str:
    if metric in ("auc", "log-loss", "brier"):
        raise InputError(f"{metric} needs scores, not predicted labels: use measure_scores")
    return one_of("metric", metric, METRICS)


def _checked_counts(confusion: Confusion) -> NDArray[np.int64]:
    if not isinstance(confusion, Confusion):
        raise InputError(
            f"expected a confusion matrix, got {type(confusion).__name__}: make one with "
            "confusion(y_true, y_pred), or with Confusion(labels=…, counts=…)"
        )
    return confusion.counts


def _checked_method(row: Metric, method: str | None) -> str:
    own = () if row.guaranteed is None else (row.guaranteed.name,)
    known = (*own, *BOOTSTRAPS)
    return one_of("method", (*own, "bootstrap-bca")[0] if method is None else method, known)
