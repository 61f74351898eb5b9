"""The statements of a certificate: every metric of all examples, then of each group."""

from collections.abc import Iterable, Iterator
from typing import Any

from backproof.risk.bootstrap import bootstrap
from backproof.risk.certificate import Statement
from backproof.risk.confusion import Confusions
from backproof.risk.mean import mean_interval
from backproof.risk.metrics.labels import position_of
from backproof.risk.metrics.measure import measure
from backproof.risk.metrics.measurement import Measurement, measurement_of
from backproof.risk.metrics.scores import SCORE_METRICS
from backproof.risk.metrics.table import METRICS
from backproof.risk.metrics.values import one_against_rest
from backproof.risk.parts import Part, Request
from backproof.risk.priors import SHIFTED, measure_shifted

CLUSTERS_COUNT_ONCE = (
    "independent clusters of one distribution, their number fixed beforehand; each cluster counts "
    "once"
)
"""What a mean over clusters assumes."""


def statements(request: Request, parts: Iterable[Part]) -> Iterator[Statement]:
    """Yield a statement for each part and each metric."""
    for part in parts:
        # Shared by all metrics: making it may be most of the work.
        clusters = part.clusters
        for metric in request.metrics:
            yield Statement(
                group=part.group, measurement=_measured(request, metric, part, clusters)
            )


def _measured(
    request: Request, metric: str, part: Part, clusters: Confusions | None
) -> Measurement:
    if metric in SCORE_METRICS:
        return part.scored(metric, request)
    if clusters is not None:
        return _measured_on_clusters(request, metric, clusters)
    common: dict[str, Any] = {"side": request.side, "positive": request.positive}
    if request.priors is not None and metric in SHIFTED:
        return measure_shifted(part.table, metric, request.priors, request.each, **common)
    return measure(
        part.table,
        metric,
        request.each,
        **common,
        replicates=request.replicates,
        seed=request.seed,
    )


def _measured_on_clusters(request: Request, metric: str, clusters: Confusions) -> Measurement:
    row = METRICS[metric]
    if row.errors_suffice:
        # A mean of cluster means: each cluster is one draw, whatever its size.
        mean = mean_interval(
            row.value(clusters.counts), request.each, side=request.side, seed=request.seed
        )
        return measurement_of(
            mean, metric=metric, examples=len(clusters), assumptions=CLUSTERS_COUNT_ONCE
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
