"""Certificates of predictions that were counted."""

from collections.abc import Iterable, Mapping
from typing import Any, SupportsIndex

import numpy as np

from backproof._core.checks import one_of, open_unit
from backproof._core.errors import InputError
from backproof._core.numbers import counted
from backproof._core.seeds import check_seed
from backproof.risk.certificate import Certificate
from backproof.risk.certify import certificate_of, check_together, checked_metrics, shared
from backproof.risk.confusion import refuse_too_many, refuse_unknown_predictions
from backproof.risk.methods.method import SIDES, Side
from backproof.risk.metrics.labels import Label, checked_labels, refuse_other_kind
from backproof.risk.metrics.scores import SCORE_METRICS
from backproof.risk.tables.certify_losses import certify_losses
from backproof.risk.tables.counts import EXAMPLES, PREDICTED, TRUE, Counts
from backproof.risk.tables.pairs import Pairs
from backproof.risk.tables.parts import filled_clusters, parts_of

DEFAULT_METRICS = ("error",)
"""What is certified where nothing is asked."""


def certify_counts(
    counts: Counts,
    *,
    metrics: str | Iterable[str] = DEFAULT_METRICS,
    confidence: float = 0.95,
    side: Side = "two-sided",
    priors: Mapping[Any, float] | None = None,
    labels: Iterable[Label] | None = None,
    positive: Label | None = None,
    drop_missing: bool = False,
    replicates: SupportsIndex = 10_000,
    seed: SupportsIndex = 0,
) -> Certificate:
    """Say what counted predictions say of a classifier, in statements that hold together.

    Parameters
    ----------
    counts
        From `count_table`, or a sum of several.
    metrics
        Keys of `METRICS`; where scores were counted also ``auc``, ``log-loss`` and ``brier``. What
        the bins of the scores leave open is added to their intervals. Left alone where losses were
        counted: the certificate is about their mean.
    confidence
        Probability that all statements hold, in (0, 1).
    side
        ``two-sided``, or one bound: ``upper`` or ``lower``.
    priors, labels, positive, replicates, seed
        As for `certify`.
    drop_missing
        Whether rows with a missing value are left out; without it they are an error. That the
        others are then a fair sample is for you to know.

    Raises
    ------
    InputError
        If rows are incomplete, or an argument is out of range.
    """
    return certificate_of_counts(
        counts,
        metrics=metrics,
        confidence=confidence,
        side=side,
        priors=priors,
        labels=labels,
        positive=positive,
        drop_missing=drop_missing,
        replicates=replicates,
        seed=seed,
    )


def certificate_of_counts(
    counts: Counts,
    *,
    metrics: str | Iterable[str],
    confidence: float,
    side: Side,
    priors: Mapping[Any, float] | None,
    labels: Iterable[Label] | None,
    positive: Label | None,
    drop_missing: bool,
    replicates: SupportsIndex,
    seed: SupportsIndex,
    pairs: Pairs | None = None,
) -> Certificate:
    """Return the certificate of `certify_counts`, with that of pairs where there are some."""
    if not isinstance(counts, Counts):
        raise InputError(
            f"expected counts, got {type(counts).__name__}: make them with count_table"
        )
    _check_missing(counts, drop_missing=drop_missing)
    origin = {
        "columns": counts.columns,
        "sources": counts.sources,
        "dropped": counts.incomplete,
    }
    if counts.columns.loss is not None:
        _check_alone(metrics, priors, labels, positive)
        return certify_losses(
            counts,
            confidence=float(confidence),
            each=shared(open_unit("confidence", confidence), 1 + len(counts.groups)),
            side=one_of("side", side, SIDES),  # type: ignore[arg-type]
            seed=check_seed(seed),
            **origin,
        )
    names = checked_metrics(metrics, with_scores=counts.columns.score is not None)
    check_together(names, clustered=bool(counts.clusters), shifted=priors is not None)
    _check_predicted(names, counts)
    return certificate_of(
        parts_of(counts, _every_label(counts, labels)),
        names,
        confidence=confidence,
        side=side,
        priors=priors,
        positive=positive,
        replicates=replicates,
        seed=seed,
        clusters=filled_clusters(counts),
        compared=None if pairs is None else pairs.comparison,
        **origin,
    )


def _check_predicted(names: tuple[str, ...], counts: Counts) -> None:
    """Refuse metrics of predicted labels where none were counted."""
    unscored = [name for name in names if name not in SCORE_METRICS]
    if unscored and counts.columns.prediction is None:
        raise InputError(
            f"{unscored[0]} needs predicted labels, but no column of them was counted: give "
            f"prediction=, or one of {', '.join(SCORE_METRICS)} as metrics"
        )


def _check_missing(counts: Counts, *, drop_missing: bool) -> None:
    if counts.incomplete and not drop_missing:
        raise InputError(
            f"the tables have {counts.told_missing()}: fill them in, or leave these rows out with "
            "drop_missing=True (--drop-missing) if that has nothing to do with being right"
        )
    if not counts.examples:
        raise InputError("no complete row has an example: expected at least one")


def _check_alone(metrics: Any, priors: Any, labels: Any, positive: Any) -> None:
    """Refuse what is about labels where only losses were counted."""
    asked = tuple(metrics) if not isinstance(metrics, str) else (metrics,)
    given = {
        "metrics": asked != DEFAULT_METRICS,
        "priors": priors,
        "labels": labels,
        "positive": positive,
    }
    for name, value in given.items():
        if value is not None and value is not False:
            raise InputError(
                f"{name} is about labels, but losses were counted: leave it out, or count labels "
                "and predictions"
            )


def _every_label(counts: Counts, labels: Iterable[Label] | None) -> tuple[Label, ...]:
    """Return the labels of the matrices; `InputError` where they cannot be right."""
    refuse_too_many(len(counts.labels) ** 2, f"{len(counts.labels)} different labels")
    if labels is None:
        _refuse_unknown(counts)
        return counts.labels
    names = checked_labels(labels)
    refuse_other_kind("labels", names, str(counts.columns.label), counts.labels)
    unknown = [label for label in counts.labels if label not in set(names)]
    if unknown:
        raise InputError(
            f"the table has {counted(len(unknown), 'label')} that labels= has not, the first "
            f"{unknown[0]!r}: give every label that may occur"
        )
    return names


def _refuse_unknown(counts: Counts) -> None:
    if counts.columns.prediction is None:
        return
    occurring = counts.cells[counts.cells[:, EXAMPLES] > 0]
    true, predicted = (
        [counts.labels[at] for at in np.unique(occurring[:, place])] for place in (TRUE, PREDICTED)
    )
    refuse_unknown_predictions(
        true, predicted, (str(counts.columns.label), counts.columns.prediction)
    )
