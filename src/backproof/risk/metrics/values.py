"""Values of metrics on confusion matrices, many at once.

Each function takes counts of shape (..., K, K), true classes in rows and predicted ones in columns,
and returns shape (...), with NaN for 0/0. In binary matrices the positive class is the second.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Counts = NDArray[Any]
Parts = Callable[[Counts], tuple[Counts, Counts]]


def ratio(top: Counts, bottom: Counts) -> Array:
    """Return top / bottom elementwise, NaN where the bottom is 0."""
    out = np.full(np.broadcast_shapes(np.shape(top), np.shape(bottom)), np.nan)
    np.divide(top, bottom, out=out, where=np.asarray(bottom) != 0)
    return out


def one_against_rest(counts: Counts, positive: int) -> Counts:
    """Return the binary matrices, shape (..., 2, 2), of class `positive` against all others."""
    hits = counts[..., positive, positive]
    missed = counts[..., positive, :].sum(axis=-1) - hits
    false = counts[..., :, positive].sum(axis=-1) - hits
    rest = counts.sum(axis=(-2, -1)) - hits - missed - false
    rows = (np.stack((rest, false), axis=-1), np.stack((missed, hits), axis=-1))
    return np.stack(rows, axis=-2)


def right_and_wrong(counts: Counts) -> Counts:
    """Return the matrices [[right, wrong], [0, 0]], which have the same error rate."""
    right = _diagonal(counts).sum(axis=-1)
    wrong = counts.sum(axis=(-2, -1)) - right
    none = np.zeros_like(right)
    return np.stack((np.stack((right, wrong), axis=-1), np.stack((none, none), axis=-1)), axis=-2)


def errors_of_all(counts: Counts) -> tuple[Counts, Counts]:
    """Return the number of errors, and of examples."""
    examples = counts.sum(axis=(-2, -1))
    return examples - _diagonal(counts).sum(axis=-1), examples


def right_of_all(counts: Counts) -> tuple[Counts, Counts]:
    """Return the number of right predictions, and of examples."""
    return _diagonal(counts).sum(axis=-1), counts.sum(axis=(-2, -1))


def hits_of_predicted(counts: Counts) -> tuple[Counts, Counts]:
    """Return the number of true positives, and of predicted ones."""
    return counts[..., 1, 1], counts[..., :, 1].sum(axis=-1)


def hits_of_positives(counts: Counts) -> tuple[Counts, Counts]:
    """Return the number of true positives, and of positives."""
    return counts[..., 1, 1], counts[..., 1, :].sum(axis=-1)


def rejected_of_negatives(counts: Counts) -> tuple[Counts, Counts]:
    """Return the number of true negatives, and of negatives."""
    return counts[..., 0, 0], counts[..., 0, :].sum(axis=-1)


def hits_of_touched(counts: Counts) -> tuple[Counts, Counts]:
    """Return TP, and TP + FP + FN: what is positive in truth or in prediction."""
    return counts[..., 1, 1], counts.sum(axis=(-2, -1)) - counts[..., 0, 0]


def f1(counts: Counts) -> Array:
    """Return 2 TP / (2 TP + FP + FN) of binary matrices."""
    hits, touched = hits_of_touched(counts)
    return ratio(2 * hits, hits + touched)


def recalls_of_classes(counts: Counts) -> tuple[Counts, Counts]:
    """Return for each class, shape (..., K), its right predictions and its examples."""
    return _diagonal(counts), counts.sum(axis=-1)


def touched_of_classes(counts: Counts) -> tuple[Counts, Counts]:
    """Return for each class, shape (..., K), TP and TP + FP + FN."""
    hits = _diagonal(counts)
    return hits, counts.sum(axis=-1) + counts.sum(axis=-2) - hits


def occurring(counts: Counts) -> NDArray[np.bool_]:
    """Return which classes, shape (..., K), occur in truth or in prediction."""
    return np.asarray((counts.sum(axis=-1) > 0) | (counts.sum(axis=-2) > 0))


def balanced_accuracy(counts: Counts) -> Array:
    """Return the mean recall of the classes that occur; NaN if one has no true example."""
    return _mean_over(occurring(counts), ratio(*recalls_of_classes(counts)))


def macro_f1(counts: Counts) -> Array:
    """Return the mean F1 of the classes that occur."""
    hits, touched = touched_of_classes(counts)
    return _mean_over(touched > 0, ratio(2 * hits, hits + touched))


def kappa(counts: Counts) -> Array:
    """Return Cohen's kappa (1960): 1 - disagreement / disagreement by chance."""
    disagreement, by_chance, _, _ = _shares(counts)
    return np.asarray(1 - ratio(disagreement, by_chance))


def mcc(counts: Counts) -> Array:
    """Return the correlation of truth and prediction: Matthews (1975), Gorodkin (2004)."""
    disagreement, by_chance, true_spread, predicted_spread = _shares(counts)
    correlation = ratio(by_chance - disagreement, np.sqrt(true_spread * predicted_spread))
    return np.clip(correlation, -1.0, 1.0)  # rounding may lead beyond


def _shares(counts: Counts) -> tuple[Array, Array, Array, Array]:
    """Return 1 - Σ p_kk, and with r and c the margins Σ r (1-c), Σ r (1-r) and Σ c (1-c)."""
    # Sums of products with complements taken from counts: 1 - Σ r c would cancel, and would not
    # be exactly 0 where all lies in one class.
    n = counts.sum(axis=(-2, -1))
    errors, _ = errors_of_all(counts)
    every = n[..., None]
    row, column = counts.sum(axis=-1), counts.sum(axis=-2)
    r, c = ratio(row, every), ratio(column, every)
    not_r, not_c = ratio(every - row, every), ratio(every - column, every)
    return (
        ratio(errors, n),
        np.asarray((r * not_c).sum(axis=-1)),
        np.asarray((r * not_r).sum(axis=-1)),
        np.asarray((c * not_c).sum(axis=-1)),
    )


def _mean_over(included: NDArray[np.bool_], values: Array) -> Array:
    return ratio(np.where(included, values, 0.0).sum(axis=-1), included.sum(axis=-1))


def _diagonal(counts: Counts) -> Counts:
    return np.diagonal(counts, axis1=-2, axis2=-1)
