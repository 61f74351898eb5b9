"""Certificates of mean losses, from their sums."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from backproof import __version__
from backproof.risk.certificate import Certificate, Statement
from backproof.risk.losses import summary_within
from backproof.risk.mean import MeanInterval, mean_interval
from backproof.risk.methods.method import Side
from backproof.risk.metrics.measurement import measurement_of
from backproof.risk.statements import CLUSTERS_COUNT_ONCE
from backproof.risk.tables.counts import CLUSTER, EXAMPLES, GROUP, SQUARES, TOTAL, Counts
from backproof.risk.tables.parts import filled_clusters
from backproof.risk.tables.scores import SUMMED

MEAN_LOSS = "mean loss"
"""What the metric is called."""


def certify_losses(
    counts: Counts, *, confidence: float, each: float, side: Side, seed: int, **origin: Any
) -> Certificate:
    """Return the certificate of the mean loss, of all examples and of each group.

    Of examples it is Maurer and Pontil's empirical Bernstein interval, which needs sums alone; of
    clusters the betting interval of their means, each cluster counting once.
    """
    return Certificate(
        statements=tuple(_statements(counts, each, side, seed)),
        confidence=confidence,
        each=each,
        examples=counts.examples,
        labels=(),
        sampling="i.i.d." if counts.columns.cluster is None else "independent clusters",
        positive=None,
        priors=None,
        clusters=filled_clusters(counts),
        seed=seed,
        backproof=__version__,
        **origin,
    )


def _statements(counts: Counts, each: float, side: Side, seed: int) -> Iterator[Statement]:
    everyone = np.ones(len(counts.cells), dtype=bool)
    found = _mean(counts, everyone, each, side, seed)
    assumed = found.assumptions if counts.columns.cluster is None else CLUSTERS_COUNT_ONCE
    every = measurement_of(found, metric=MEAN_LOSS, assumptions=assumed)
    yield Statement(group=None, measurement=every)
    nothing = replace(
        every, estimate=None, lower=counts.columns.low, upper=counts.columns.high, examples=0
    )
    for at, key in enumerate(counts.groups):
        chosen = counts.cells[:, GROUP] == at
        found_there = nothing
        if counts.cells[chosen, EXAMPLES].any():  # rows may be incomplete, and weights 0
            of_group = _mean(counts, chosen, each, side, seed)
            found_there = measurement_of(of_group, metric=MEAN_LOSS, assumptions=assumed)
        yield Statement(group=str(key), measurement=found_there)


def _mean(counts: Counts, chosen: Any, each: float, side: Side, seed: int) -> MeanInterval:
    low, high = counts.columns.low, counts.columns.high
    examples, sums = counts.cells[chosen, EXAMPLES], counts.numbers[chosen]
    middle = low + (high - low) / 2
    common: dict[str, Any] = {"low": low, "high": high, "side": side}
    if counts.columns.cluster is not None:
        _, place = np.unique(counts.cells[chosen, CLUSTER], return_inverse=True)
        sizes = np.bincount(place, weights=examples)
        filled = sizes > 0  # weights may all be 0
        means = np.bincount(place, weights=sums[:, TOTAL])[filled] / sizes[filled]
        # Rounding must not lead a mean out of the range of its losses.
        return mean_interval(np.clip(middle + means, low, high), each, seed=seed, **common)
    n = int(examples.sum())
    about_middle = float(sums[:, TOTAL].sum())
    squares = float(sums[:, SQUARES].sum()) - about_middle**2 / n
    total = min(max(about_middle + n * middle, n * low), n * high)
    return mean_interval(
        summary_within(n, total, squares, (low, high)), each, SUMMED, seed=seed, **common
    )
