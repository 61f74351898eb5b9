"""The area under the ROC curve, from counts by score and class.

Legend: S different scores, ascending; columns: examples of the negative and of the positive class.
"""

import numpy as np
from numpy.typing import NDArray

from backproof.risk.metrics.values import Array, Counts, ratio

SOURCE = (
    "McDiarmid (1989), On the method of bounded differences; Agarwal, Graepel, Herbrich, "
    "Har-Peled and Roth (2005), J. Mach. Learn. Res. 6, 393-425"
)


def counts_by_score(positive: NDArray[np.bool_], scores: Array) -> NDArray[np.int64]:
    """Return the numbers of examples by score and class, shape (S, 2), scores ascending."""
    different = np.unique(scores)
    cells = 2 * np.searchsorted(different, scores) + positive
    return np.bincount(cells, minlength=2 * len(different)).reshape(-1, 2)


def auc(counts: Counts) -> Array:
    """Return the probability that a positive scores above a negative, ties counted half.

    Parameters
    ----------
    counts
        Numbers of examples, shape (..., S, 2).

    Returns
    -------
    numpy.ndarray
        Shape (...); NaN where a class has no example.
    """
    negative, positive = (counts[..., i].astype(np.float64) for i in (0, 1))
    below = np.cumsum(negative, axis=-1) - negative / 2
    pairs = negative.sum(axis=-1) * positive.sum(axis=-1)
    return ratio((positive * below).sum(axis=-1), pairs)


def auc_left_out(counts: Counts) -> Array:
    """Return the area without one example of each cell, shape (S, 2), from counts (S, 2)."""
    negative, positive = counts[:, 0].astype(np.float64), counts[:, 1].astype(np.float64)
    below = np.cumsum(negative) - negative / 2
    above = positive.sum() - np.cumsum(positive) + positive / 2
    won = (positive * below).sum()
    without_negative = ratio(won - above, (negative.sum() - 1) * positive.sum())
    without_positive = ratio(won - below, negative.sum() * (positive.sum() - 1))
    return np.stack((without_negative, without_positive), axis=-1)


def bounded_differences_margin(negatives: int, positives: int, tail: float) -> float:
    """Return ε with P(AUC estimated too high by ε or more) <= tail, and too low likewise.

    One positive changes the area by at most 1/n₊, one negative by at most 1/n₋, so
    ε² = (n₊ + n₋) ln(1/tail) / (2 n₊ n₋). Infinite where a class has no example.
    """
    if negatives == 0 or positives == 0:
        return float("inf")
    inverse = 1 / negatives + 1 / positives
    return float(np.sqrt(-np.log(tail) * inverse / 2))
