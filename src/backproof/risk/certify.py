"""Certificates: several metrics, of all examples and by group, with one joint confidence."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backproof import __version__
from backproof._core.checks import one_of, open_unit, whole_number
from backproof._core.errors import InputError
from backproof._core.seeds import check_seed
from backproof.risk.certificate import Certificate
from backproof.risk.comparison import Comparison
from backproof.risk.confusion import confusion
from backproof.risk.methods.method import SIDES, Side
from backproof.risk.metrics.labels import Coded, Label, coded, position_of, same_length
from backproof.risk.metrics.scores import SCORE_METRICS
from backproof.risk.metrics.table import METRICS
from backproof.risk.parts import ArrayPart, Part, Request
from backproof.risk.priors import SHIFTED, checked_priors
from backproof.risk.statements import statements

_WITHIN_CLASSES = ("recall", "balanced-accuracy")  # no prior changes them


def certify(
    y_true: ArrayLike | None = None,
    y_pred: ArrayLike | None = None,
    *,
    references: ArrayLike | None = None,
    predictions: ArrayLike | None = None,
    metrics: str | Iterable[str] = ("error",),
    confidence: float = 0.95,
    side: Side = "two-sided",
    groups: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    priors: Mapping[Any, float] | None = None,
    scores: ArrayLike | None = None,
    labels: Iterable[Label] | None = None,
    positive: Label | None = None,
    replicates: SupportsIndex = 10_000,
    seed: SupportsIndex = 0,
) -> Certificate:
    """Say what predictions on a test set say of a classifier, in statements that hold together.

    Each metric has the best guaranteed interval that there is, or a bootstrap that is labelled
    asymptotic; see `measure` and `measure_scores`. The miss is shared among all statements
    (Bonferroni).

    Parameters
    ----------
    y_true, y_pred
        True and predicted labels, shape (n,).
    references, predictions
        The same by other names, those of Hugging Face's `evaluate`.
    metrics
        Keys of `METRICS`; with `scores` also ``auc``, ``log-loss`` and ``brier``.
    confidence
        Probability that all statements hold, in (0, 1).
    side
        ``two-sided``, or one bound: ``upper`` or ``lower``.
    groups
        Key of each example's group, shape (n,): every metric is told of all examples and of each
        group. Which groups there are must not depend on the predictions, nor on chance.
    clusters
        Key of each example's cluster, shape (n,), where only the clusters are independent. Errors
        are then averaged within each cluster, and each cluster counts once; the other metrics are
        bootstrapped by whole clusters.
    priors
        Share of each class where the classifier will be used, of every group too, by label, if it
        is not the test set's: for ``error``, ``accuracy``, ``precision``, ``specificity`` and
        ``f1``; ``recall`` and ``balanced-accuracy`` stay as they are.
    scores
        Score, or probability, of the positive class for each example, shape (n,).
    labels
        Every label that may occur; see `confusion`.
    positive
        The positive class of binary metrics; ``None``: the larger label of two.
    replicates, seed
        Of the bootstrap; the seed also of the order in which losses are taken.

    Raises
    ------
    InputError
        If an argument is out of range, or a metric does not go with clusters or priors.
    """
    y_true = _one_of("y_true", y_true, "references", references)
    y_pred = _one_of("y_pred", y_pred, "predictions", predictions)
    names = checked_metrics(metrics, with_scores=scores is not None)
    check_together(names, clustered=clusters is not None, shifted=priors is not None)
    table = confusion(y_true, y_pred, labels=labels)
    keys = _coded_keys("groups", groups, table.examples)
    within = _coded_keys("clusters", clusters, table.examples)
    every = ArrayPart(
        group=None,
        table=table,
        y_true=np.asarray(y_true),
        y_pred=np.asarray(y_pred),
        scores=_aligned("scores", scores, table.examples),
        cluster_codes=None if within is None else within.codes,
    )
    return certificate_of(
        [every, *([] if keys is None else every.split(keys))],
        names,
        confidence=confidence,
        side=side,
        priors=priors,
        positive=positive,
        replicates=replicates,
        seed=seed,
        clusters=None if within is None else len(within.labels),
    )


def _one_of(
    name: str, value: ArrayLike | None, other_name: str, other: ArrayLike | None
) -> ArrayLike:
    """Return the one that is given."""
    if value is not None and other is None:
        return value
    if other is not None and value is None:
        return other
    raise InputError(f"expected {name}, or {other_name} in its place")


def certificate_of(
    parts: Sequence[Part],
    metrics: tuple[str, ...],
    *,
    confidence: float,
    side: Side,
    priors: Mapping[Any, float] | None,
    positive: Label | None,
    replicates: SupportsIndex,
    seed: SupportsIndex,
    clusters: int | None,
    compared: Callable[[float, int], Comparison] | None = None,
    **origin: Any,
) -> Certificate:
    """Return the certificate about parts, the first of which is all examples.

    Parameters
    ----------
    parts
        All examples, and each group.
    metrics
        Checked by `checked_metrics` and `check_together`.
    confidence, side, priors, positive, replicates, seed
        As for `certify`.
    clusters
        Number of clusters, where only these are independent.
    compared
        Returns the comparison with another model, which is one more statement, at a confidence and
        with a seed.
    **origin
        Fields of the certificate that say where the examples come from.

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    table = parts[0].table
    one_of("side", side, SIDES)
    shares = None if priors is None else checked_priors(priors, table.labels)
    request = Request(
        metrics=metrics,
        each=shared(
            open_unit("confidence", confidence), len(metrics) * len(parts) + (compared is not None)
        ),
        side=side,
        labels=table.labels,
        positive=_checked_positive(positive, metrics, table.labels),
        priors=None if priors is None else dict(priors),
        replicates=whole_number("replicates", replicates, at_least=1),
        seed=check_seed(seed),
    )
    return Certificate(
        statements=tuple(statements(request, parts)),
        confidence=float(confidence),
        each=request.each,
        examples=table.examples,
        labels=table.labels,
        sampling=_sampling(clusters is not None, shares is not None),
        positive=request.positive,
        priors=None
        if shares is None
        else dict(zip(map(str, table.labels), shares.tolist(), strict=True)),
        clusters=clusters,
        seed=request.seed,
        backproof=__version__,
        comparison=None if compared is None else compared(request.each, request.seed),
        **origin,
    )


def checked_metrics(metrics: str | Iterable[str], *, with_scores: bool) -> tuple[str, ...]:
    """Return names of metrics as a tuple; `InputError` unless each is one and comes once."""
    if not isinstance(metrics, Iterable):
        raise InputError(f"metrics must be names of metrics, got {metrics!r}: give one or several")
    names = (metrics,) if isinstance(metrics, str) else tuple(metrics)
    for name in names:
        one_of("a metric", name, (*METRICS, *SCORE_METRICS))
        if name in SCORE_METRICS and not with_scores:
            raise InputError(f"{name} needs a score for each example: give scores")
    if not names or len(set(names)) < len(names):
        raise InputError(
            f"metrics must be at least one, each named once, got {', '.join(names) or 'none'}"
        )
    return names


def shared(confidence: float, count: int) -> float:
    """Return 1 - (1 - confidence) / count, the same float where there is one statement."""
    each = confidence + (1 - confidence) * (1 - 1 / count)
    if each == 1:
        raise InputError(
            f"confidence must leave a miss that {count} statements can share, got {confidence!r}: "
            "take a lower one, or fewer metrics or groups"
        )
    return each


def _checked_positive(
    positive: Label | None, names: tuple[str, ...], labels: tuple[Label, ...]
) -> Label | None:
    """Return the positive class, one for all groups whatever classes they have."""
    if isinstance(positive, np.generic):
        positive = positive.item()
    binary = any(name in METRICS and METRICS[name].binary for name in names)
    scored = any(name in SCORE_METRICS for name in names)
    # Scores of examples of one class are those of the positive class, or of the other one.
    if binary or (len(labels) > 1 and (scored or positive is not None)):
        return labels[position_of(positive, labels)]
    return positive


def _sampling(clustered: bool, shifted: bool) -> str:
    if clustered:
        return "independent clusters"
    return "i.i.d. within each class" if shifted else "i.i.d."


def check_together(names: tuple[str, ...], *, clustered: bool, shifted: bool) -> None:
    """Refuse metrics for which nothing is known under clusters or other class shares."""
    if clustered and shifted:
        raise InputError("clusters and priors do not go together: give one of them")
    for name in names:
        if clustered and name in SCORE_METRICS:
            raise InputError(f"{name} does not go with clusters: leave one of them out")
        if shifted and name not in (*SHIFTED, *_WITHIN_CLASSES):
            known = ", ".join((*SHIFTED, *_WITHIN_CLASSES))
            raise InputError(f"{name} does not go with priors; those that do are {known}")


def _coded_keys(name: str, keys: ArrayLike | None, examples: int) -> Coded | None:
    if keys is None:
        return None
    found = coded(name, keys)
    same_length("y_true", examples, name, len(found.codes))
    return found


def _aligned(name: str, values: ArrayLike | None, examples: int) -> NDArray[Any] | None:
    if values is None:
        return None
    array = np.asanyarray(values)  # a mask, of missing scores, stays
    same_length("y_true", examples, name, len(array) if array.ndim else 0)
    return array
