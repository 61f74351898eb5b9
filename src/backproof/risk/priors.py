"""Metrics where the classes come in other shares than in the test set (prior shift).

What happens within each class is measured; how often the classes come is given. Every metric here
grows, or falls, with the rate of right decisions in each class, so its bounds are its values at
the bounds of all these rates.

Legend: K classes; r (K,) rates of right decisions, where "right" of a binary metric is to take the
positive class for positive and the others for not; q (K,) shares.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import fsum, isclose, isnan
from typing import Any

import numpy as np

from backproof._core.checks import one_of, open_unit, rate
from backproof._core.errors import InputError
from backproof.risk.confusion import Confusion
from backproof.risk.counts import Counts
from backproof.risk.methods.exact import clopper_pearson_lower, clopper_pearson_upper
from backproof.risk.methods.method import SIDES, Array, Side
from backproof.risk.metrics.labels import Label, position_of
from backproof.risk.metrics.measurement import Measurement


@dataclass(frozen=True, kw_only=True)
class _Shifted:
    """One metric of rates and shares."""

    value: Callable[[Array, Array, int], float]
    """From r, q and the position of the positive class to the metric; NaN for 0/0."""
    falls: bool = False
    """Whether it falls with the rates instead of growing."""
    binary: bool = False
    """Whether it is about a positive class."""
    negatives: bool = False
    """Whether it is about the examples of the other classes only."""


def _error(r: Array, q: Array, positive: int) -> float:  # noqa: ARG001 - as the others
    return fsum(q * (1 - r)) / fsum(q)  # exactly 1 where no rate is above 0


def _accuracy(r: Array, q: Array, positive: int) -> float:  # noqa: ARG001
    return fsum(q * r) / fsum(q)


def _precision(r: Array, q: Array, positive: int) -> float:
    hits, alarms = _hits_and_alarms(r, q, positive)
    return hits / alarms if alarms > 0 else float("nan")


def _specificity(r: Array, q: Array, positive: int) -> float:
    rates, shares = np.delete(r, positive), np.delete(q, positive)
    whole = fsum(shares)
    return fsum(shares * rates) / whole if whole > 0 else float("nan")


def _f1(r: Array, q: Array, positive: int) -> float:
    hits, alarms = _hits_and_alarms(r, q, positive)
    whole = float(q[positive]) + alarms
    return 2 * hits / whole if whole > 0 else float("nan")


def _hits_and_alarms(r: Array, q: Array, positive: int) -> tuple[float, float]:
    """Return the shares of true positives and of all that is taken for positive."""
    hits = float(q[positive] * r[positive])
    return hits, hits + float(np.delete(q, positive) @ (1 - np.delete(r, positive)))


SHIFTED: dict[str, _Shifted] = {
    "error": _Shifted(value=_error, falls=True),
    "accuracy": _Shifted(value=_accuracy),
    "precision": _Shifted(value=_precision, binary=True),
    "specificity": _Shifted(value=_specificity, binary=True, negatives=True),
    "f1": _Shifted(value=_f1, binary=True),
}
"""The metrics that other shares of the classes change, and that have an interval then."""


def checked_priors(priors: Any, labels: tuple[Label, ...]) -> Array:
    """Return the shares, a mapping from labels to numbers, in the order of the labels.

    Raises
    ------
    InputError
        Unless there is a share of at least 0 for each label, and they add up to 1.
    """
    if not isinstance(priors, Mapping):
        raise InputError(
            f"priors must be a mapping from labels to shares, got {type(priors).__name__}: give "
            f"{{{labels[0]!r}: …}}"
        )
    if set(priors) != set(labels):
        raise InputError(
            f"priors must have a share for each label {', '.join(map(repr, labels))}, got them for "
            f"{', '.join(map(repr, priors))}"
        )
    shares = [rate(f"the prior of {label!r}", priors[label]) for label in labels]
    if not isclose(fsum(shares), 1, abs_tol=1e-9):
        raise InputError(
            f"priors must add up to 1, got {shares}, which add up to {fsum(shares):.6g}: divide "
            "them by their sum if that is what they are shares of"
        )
    return np.array(shares)


def measure_shifted(
    confusion: Confusion,
    metric: str,
    priors: Mapping[Any, float],
    confidence: float,
    *,
    side: Side = "two-sided",
    positive: Label | None = None,
) -> Measurement:
    """Return a metric for a distribution with other shares of the classes.

    Parameters
    ----------
    confusion
        The confusion matrix of the test set.
    metric
        ``error``, ``accuracy``, ``precision``, ``specificity`` or ``f1``.
    priors
        The share of each class, by its label.
    confidence
        Probability of covering, in (0, 1).
    side
        ``two-sided`` with equal tails, or one bound: ``upper`` or ``lower``.
    positive
        The positive class of a binary metric; ``None``: the larger label of two.

    Raises
    ------
    InputError
        If an argument is out of range, or the metric has no interval then.
    """
    row = SHIFTED[one_of("a metric with priors", metric, SHIFTED)]
    miss = 1 - open_unit("confidence", confidence)
    one_of("side", side, SIDES)
    shares = checked_priors(priors, confusion.labels)
    at = position_of(positive, confusion.labels) if row.binary else 0
    right, examples = _decisions(confusion.counts, at if row.binary else None)
    needed = shares > 0  # a class that never comes needs no bound; the others share the miss
    if row.negatives:
        needed[at] = False
    tail = miss / (2 if side == "two-sided" else 1) / max(1, int(needed.sum()))
    least = row.value(np.where(needed, clopper_pearson_lower(right, examples, tail), 1), shares, at)
    most = row.value(np.where(needed, clopper_pearson_upper(right, examples, tail), 1), shares, at)
    lower, upper = (most, least) if row.falls else (least, most)
    seen = bool((examples[needed] > 0).all())
    value = row.value(right / np.maximum(examples, 1), shares, at) if seen else float("nan")
    return Measurement(
        metric=metric,
        estimate=None if isnan(value) else value,
        lower=0.0 if side == "upper" or isnan(lower) else lower,
        upper=1.0 if side == "lower" or isnan(upper) else upper,
        confidence=float(confidence),
        side=side,
        method="clopper-pearson-by-class",
        guarantee="finite-sample",
        assumptions=(
            "independent examples, within each class distributed as those that the metric is "
            "about; the classes come in the given shares"
        ),
        source="Clopper and Pearson (1934) for each class with its share of the miss (Bonferroni)",
        examples=int(examples[needed].sum()),
        seed=None,
    )


def _decisions(counts: Counts, positive: int | None) -> tuple[Array, Array]:
    """Return for each class, shape (K,), the right decisions and the examples."""
    examples = counts.sum(axis=1)
    right = np.diagonal(counts)
    if positive is not None:
        right = np.where(np.arange(len(counts)) == positive, right, examples - counts[:, positive])
    return right.astype(float), examples.astype(float)
