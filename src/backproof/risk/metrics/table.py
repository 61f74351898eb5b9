"""The table of metrics on counts: what each is worth and what can be said about it."""

from collections.abc import Callable
from dataclasses import dataclass

from backproof.risk.metrics import guaranteed, values
from backproof.risk.metrics.guaranteed import Guaranteed
from backproof.risk.metrics.values import Array, Counts, Parts, ratio


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One row of the table of metrics."""

    value: Callable[[Counts], Array]
    """From counts of shape (..., K, K), true classes in rows, to shape (...); NaN for 0/0. Of a
    binary metric K is 2, the positive class second."""
    denominator: Callable[[Counts], Counts]
    """From the same counts to the number of examples that the metric is about, shape (...)."""
    binary: bool = False
    """Whether it is about one class, the positive one, against the rest."""
    errors_suffice: bool = False
    """Whether it follows from the number of errors and of examples."""
    low: float = 0.0
    """Its least value."""
    high: float = 1.0
    """Its greatest value."""
    guaranteed: Guaranteed | None = None
    """Its guaranteed interval, where there is one; otherwise the BCa bootstrap is used."""


def _examples(counts: Counts) -> Counts:
    return values.errors_of_all(counts)[1]


def _rate(parts: Parts, given: str) -> Metric:
    return Metric(
        value=lambda counts: ratio(*parts(counts)),
        denominator=lambda counts: parts(counts)[1],
        binary=bool(given),
        errors_suffice=not given,
        guaranteed=guaranteed.of_rate(parts, given),
    )


METRICS: dict[str, Metric] = {
    "error": _rate(values.errors_of_all, ""),
    "accuracy": _rate(values.right_of_all, ""),
    "precision": _rate(values.hits_of_predicted, "given how many are predicted positive"),
    "recall": _rate(values.hits_of_positives, "given how many are positive"),
    "specificity": _rate(values.rejected_of_negatives, "given how many are negative"),
    "f1": Metric(
        value=values.f1,
        denominator=lambda counts: values.hits_of_touched(counts)[1],
        binary=True,
        guaranteed=guaranteed.F1,
    ),
    "balanced-accuracy": Metric(
        value=values.balanced_accuracy,
        denominator=_examples,
        guaranteed=guaranteed.BALANCED_ACCURACY,
    ),
    "macro-f1": Metric(
        value=values.macro_f1, denominator=_examples, guaranteed=guaranteed.MACRO_F1
    ),
    # With one label an example every false positive is another class's false negative.
    "micro-f1": _rate(values.right_of_all, ""),
    "kappa": Metric(value=values.kappa, denominator=_examples, low=-1.0),
    "mcc": Metric(value=values.mcc, denominator=_examples, low=-1.0),
}
"""Every metric on counts by its name."""
