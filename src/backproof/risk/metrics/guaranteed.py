"""Guaranteed intervals for metrics, from the counts of one confusion matrix.

Each takes counts of shape (K, K) and a tail, and returns a lower and an upper bound, each of which
misses with at most that probability.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from backproof.risk.methods.exact import clopper_pearson_lower, clopper_pearson_upper
from backproof.risk.metrics.values import (
    Array,
    Counts,
    Parts,
    hits_of_touched,
    occurring,
    recalls_of_classes,
    touched_of_classes,
)

_SOURCE = "Clopper and Pearson (1934), Biometrika 26, 404-413"
_INDEPENDENT = "independent examples of the distribution that the metric is about"
_FIXED_CLASSES = "the set of classes fixed beforehand, of which those that occur are averaged over"


@dataclass(frozen=True, kw_only=True)
class Guaranteed:
    """An interval that covers at least with the nominal probability."""

    name: str
    """What the method is called."""
    bounds: Callable[[Counts, float], tuple[float, float]]
    """From counts (K, K) and the probability of missing on one side to both bounds."""
    assumptions: str
    """What the examples must be for that."""
    source: str
    """Where the method comes from."""


def of_rate(parts: Parts, given: str) -> Guaranteed:
    """Return the interval for a share of `parts`: Clopper and Pearson's, given the whole."""

    def bounds(counts: Counts, tail: float) -> tuple[float, float]:
        lower, upper = _clopper_pearson(*parts(counts), tail)
        return float(lower), float(upper)

    assumptions = f"{_INDEPENDENT}; {given}" if given else _INDEPENDENT
    return Guaranteed(
        name="clopper-pearson", bounds=bounds, assumptions=assumptions, source=_SOURCE
    )


def _clopper_pearson(k: Counts, m: Counts, tail: float) -> tuple[Array, Array]:
    # Where nothing was seen, k = m = 0, this is 0 to 1.
    k, m = np.asarray(k, dtype=float), np.asarray(m, dtype=float)
    return clopper_pearson_lower(k, m, tail), clopper_pearson_upper(k, m, tail)


def _f1_of_jaccard(rates: tuple[Array, Array]) -> tuple[Array, Array]:
    lower, upper = rates
    return 2 * lower / (1 + lower), 2 * upper / (1 + upper)


def _f1(counts: Counts, tail: float) -> tuple[float, float]:
    lower, upper = _f1_of_jaccard(_clopper_pearson(*hits_of_touched(counts), tail))
    return float(lower), float(upper)


def _balanced_accuracy(counts: Counts, tail: float) -> tuple[float, float]:
    each = _clopper_pearson(*recalls_of_classes(counts), tail / len(counts))
    return _mean(counts, each)


def _macro_f1(counts: Counts, tail: float) -> tuple[float, float]:
    each = _clopper_pearson(*touched_of_classes(counts), tail / len(counts))
    return _mean(counts, _f1_of_jaccard(each))


def _mean(counts: Counts, bounds: tuple[Array, Array]) -> tuple[float, float]:
    # The tail is shared out among all classes, not among those that happen to occur, so that the
    # union bound holds whichever these are.
    among = occurring(counts)
    if not among.any():
        return 0.0, 1.0
    lower, upper = bounds
    return float(lower[among].mean()), float(upper[among].mean())


# Of the N examples that are positive in truth or in prediction each is a true positive with
# probability J, Jaccard's index, and F1 = 2 J / (1 + J) grows with J.
F1 = Guaranteed(
    name="exact-f1",
    bounds=_f1,
    assumptions=f"{_INDEPENDENT}; given how many are positive in truth or in prediction",
    source=f"{_SOURCE}, for TP among TP + FP + FN; F1 = 2 J / (1 + J) of Jaccard's index J",
)
BALANCED_ACCURACY = Guaranteed(
    name="clopper-pearson-by-class",
    bounds=_balanced_accuracy,
    assumptions=f"{_INDEPENDENT}, drawn at random or with fixed class counts; {_FIXED_CLASSES}",
    source=f"{_SOURCE}, for each class with its share of the miss (Bonferroni)",
)
MACRO_F1 = Guaranteed(
    name="exact-f1-by-class",
    bounds=_macro_f1,
    assumptions=f"{_INDEPENDENT}; {_FIXED_CLASSES}",
    source=f"{F1.source}; for each class with its share of the miss (Bonferroni)",
)
