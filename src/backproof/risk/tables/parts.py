"""Counts, of all examples or of one group, as what statements are made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backproof.risk.confusion import Confusion, Confusions, refuse_too_many
from backproof.risk.metrics.labels import Label
from backproof.risk.metrics.measurement import Measurement
from backproof.risk.metrics.scores import positives_among
from backproof.risk.parts import Request
from backproof.risk.tables.counts import (
    BIN,
    CLUSTER,
    EXAMPLES,
    GROUP,
    HIGH,
    LOW,
    PREDICTED,
    TRUE,
    Counts,
)
from backproof.risk.tables.scores import measure_binned


@dataclass(frozen=True, kw_only=True)
class CountsPart:
    """Cells of counts."""

    group: str | None
    """The group; ``None``: all examples."""
    labels: tuple[Label, ...]
    """Every label, by position."""
    cells: NDArray[np.int64]
    """As in `Counts`, with positions among `labels`."""
    numbers: NDArray[np.float64]
    """As in `Counts`."""
    clustered: bool
    """Whether the clusters are what is independent."""

    @cached_property
    def table(self) -> Confusion:
        """The confusion matrix."""
        size = len(self.labels)
        return Confusion(
            labels=self.labels, counts=self._summed(np.zeros_like(self._cell), 1, size)[0]
        )

    @property
    def clusters(self) -> Confusions | None:
        """The matrix of each cluster."""
        if not self.clustered:
            return None
        keys, place = np.unique(self.cells[:, CLUSTER], return_inverse=True)
        size = len(self.labels)
        refuse_too_many(len(keys) * size**2, f"{len(keys)} clusters of {size} labels")
        return Confusions(
            labels=self.labels,
            groups=tuple(keys.tolist()),
            counts=self._summed(place.reshape(-1), len(keys), size),
        )

    @property
    def _cell(self) -> NDArray[np.int64]:
        return self.cells[:, TRUE] * len(self.labels) + self.cells[:, PREDICTED]

    def _summed(self, place: NDArray[np.int64], parts: int, size: int) -> NDArray[np.int64]:
        counts = np.zeros(parts * size**2, dtype=np.int64)
        np.add.at(counts, place * size**2 + self._cell, self.cells[:, EXAMPLES])
        return counts.reshape(parts, size, size)

    def scored(self, metric: str, request: Request) -> Measurement:
        """Return a metric of the binned scores."""
        positive = positives_among(self.labels, request.positive)[self.cells[:, TRUE]]
        return measure_binned(
            metric,
            self.cells[:, BIN],
            positive,
            self.cells[:, EXAMPLES],
            (self.numbers[:, LOW], self.numbers[:, HIGH]),
            request.each,
            request.side,
        )


def parts_of(counts: Counts, labels: Sequence[Label]) -> list[CountsPart]:
    """Return all examples, then each group, as parts with these labels."""
    position = {label: at for at, label in enumerate(labels)}
    move = np.array([position[label] for label in counts.labels], dtype=np.int64)
    filled = counts.cells[:, EXAMPLES] > 0  # weights may be 0
    cells, numbers = counts.cells[filled], counts.numbers[filled]
    cells[:, (TRUE, PREDICTED)] = move[cells[:, (TRUE, PREDICTED)]]
    chosen: list[tuple[str | None, NDArray[np.bool_]]] = [(None, np.ones(len(cells), bool))]
    chosen += [(str(key), cells[:, GROUP] == number) for number, key in enumerate(counts.groups)]
    return [
        CountsPart(
            group=group,
            labels=tuple(labels),
            cells=cells[of_group],
            numbers=numbers[of_group],
            clustered=counts.columns.cluster is not None,
        )
        for group, of_group in chosen
    ]


def filled_clusters(counts: Counts) -> int | None:
    """Return the number of clusters that have examples; ``None`` where nothing is clustered."""
    if not counts.clusters:
        return None
    return len(np.unique(counts.cells[counts.cells[:, EXAMPLES] > 0, CLUSTER]))
