"""The statements of a certificate: every metric of all examples, then of each group."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from backproof.risk.bootstrap import bootstrap
from backproof.risk.certificate import Statement
from backproof.risk.confusion import Confusion, Confusions, confusions_by
from backproof.risk.mean import mean_interval
from backproof.risk.methods.method import Side
from backproof.risk.metrics.labels import Coded, Label, position_of
from backproof.risk.metrics.measure import measure
from backproof.risk.metrics.measurement import Measurement, measurement_of
from backproof.risk.metrics.scores import SCORE_METRICS, measure_scores
from backproof.risk.metrics.table import METRICS
from backproof.risk.metrics.values import one_against_rest
from backproof.risk.priors import SHIFTED, measure_shifted


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of every group of examples; all of it checked."""

    metrics: tuple[str, ...]
    """Keys of `METRICS` and of `SCORE_METRICS`."""
    each: float
    """Confidence of each statement."""
    side: Side
    """Which ends the intervals have."""
    labels: tuple[Label, ...]
    """Every label."""
    positive: Label | None
    """The positive class, where one is needed."""
    priors: Mapping[Any, float] | None
    """Shares of the classes, where they are not those of the examples."""
    replicates: SupportsIndex
    """Of the bootstrap."""
    seed: int
    """Seed of every random draw."""


@dataclass(frozen=True, kw_only=True)
class Examples:
    """The arrays, of all examples or of one group."""

    y_true: NDArray[Any]
    """True labels, shape (n,)."""
    y_pred: NDArray[Any]
    """Predicted labels, shape (n,)."""
    scores: NDArray[Any] | None
    """Scores of the positive class, shape (n,)."""
    clusters: NDArray[Any] | None
    """Keys of the clusters, shape (n,)."""

    def of(self, at: NDArray[np.intp]) -> "Examples":
        """Return the examples at these positions."""
        return Examples(
            y_true=self.y_true[at],
            y_pred=self.y_pred[at],
            scores=None if self.scores is None else self.scores[at],
            clusters=None if self.clusters is None else self.clusters[at],
        )


def statements(
    request: Request, every: Examples, table: Confusion, keys: Coded | None
) -> Iterator[Statement]:
    """Yield the statements about all examples, and about each group where there are keys of such.

    Parameters
    ----------
    request
        What is asked.
    every
        All examples.
    table
        Their confusion matrix.
    keys
        The group of each example.
    """
    yield from _of_group(request, None, every, table)
    if keys is None:
        return
    by_group = confusions_by(every.y_true, every.y_pred, keys.codes, labels=request.labels)
    order = np.argsort(keys.codes, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(keys.codes))[:-1])
    for number, (key, at) in enumerate(zip(keys.labels, parts, strict=True)):
        yield from _of_group(request, str(key), every.of(at), by_group[number])


def _of_group(
    request: Request, group: str | None, examples: Examples, table: Confusion
) -> Iterator[Statement]:
    by_cluster = None
    if examples.clusters is not None:
        by_cluster = confusions_by(
            examples.y_true, examples.y_pred, examples.clusters, labels=request.labels
        )
    for metric in request.metrics:
        yield Statement(
            group=group, measurement=_measured(request, metric, examples, table, by_cluster)
        )


def _measured(
    request: Request,
    metric: str,
    examples: Examples,
    table: Confusion,
    by_cluster: Confusions | None,
) -> Measurement:
    drawn: dict[str, Any] = {"replicates": request.replicates, "seed": request.seed}
    if metric in SCORE_METRICS:
        return measure_scores(
            examples.y_true,
            examples.scores,  # type: ignore[arg-type] # there are scores where these are asked for
            metric,
            request.each,
            side=request.side,
            labels=request.labels,
            positive=request.positive,
            **drawn,
        )
    if by_cluster is not None:
        return _measured_on_clusters(request, metric, by_cluster)
    if request.priors is not None and metric in SHIFTED:
        return measure_shifted(
            table,
            metric,
            request.priors,
            request.each,
            side=request.side,
            positive=request.positive,
        )
    return measure(
        table, metric, request.each, side=request.side, positive=request.positive, **drawn
    )


def _measured_on_clusters(request: Request, metric: str, clusters: Confusions) -> Measurement:
    row = METRICS[metric]
    if row.errors_suffice:
        # A mean of cluster means: each cluster is one draw, whatever its size.
        mean = mean_interval(
            row.value(clusters.counts), request.each, side=request.side, seed=request.seed
        )
        return measurement_of(
            mean,
            metric=metric,
            examples=len(clusters),
            assumptions=(
                "independent clusters of one distribution, their number fixed beforehand; each "
                "cluster counts once"
            ),
        )
    counts = clusters.counts
    if row.binary:
        counts = one_against_rest(counts, position_of(request.positive, clusters.labels))
    drawn = bootstrap(
        counts, metric, replicates=request.replicates, seed=request.seed, clustered=True
    )
    found = drawn.interval(request.each, "bca", request.side)
    known = drawn.varies
    return measurement_of(
        found,
        metric=metric,
        examples=len(clusters),
        lower=found.lower if known and found.lower is not None else row.low,
        upper=found.upper if known and found.upper is not None else row.high,
    )
