"""The mergeable summary of predictions: how many rows there are of each kind.

Legend: C cells, the different combinations of keys that occur.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof._core.errors import InputError
from backproof._core.numbers import counted
from backproof._core.results import ArrayResult
from backproof.risk.counts import MOST_EXAMPLES, whole_numbers
from backproof.risk.metrics.labels import Label
from backproof.risk.tables.columns import Columns
from backproof.risk.tables.sources import Source, in_both

FORMAT = 1
"""Version of the JSON form."""

KEYS = ("by", "cluster", "label", "bin")
GROUP, CLUSTER, TRUE, PREDICTED, BIN, EXAMPLES = range(6)
LOW, HIGH, TOTAL, SQUARES = range(4)


@dataclass(frozen=True, kw_only=True, eq=False)
class Counts(ArrayResult):
    """Numbers of examples, by everything that a certificate can be asked about.

    Those of two shards add up, in any order, to those of both: integers exactly, sums of losses up
    to rounding. A cluster may lie in several shards.
    """

    counts_format: int
    """Version of this form, now 1."""
    columns: Columns
    """The columns that were counted."""
    labels: tuple[Label, ...]
    """The different labels, true or predicted, sorted."""
    groups: tuple[Label, ...]
    """The different groups, sorted; empty without."""
    clusters: tuple[Label, ...]
    """The different clusters, sorted; empty without."""
    cells: NDArray[np.int64]
    """Shape (C, 6): positions of the group, the cluster, the true and the predicted label, 0 where
    there are none; the bin of the score; and the number of examples."""
    numbers: NDArray[np.float64]
    """Shape (C, 4): the least and the greatest score, or loss, in the cell, and of losses their
    sum and their sum of squares, both about the middle of their range. 0 without."""
    missing: dict[str, int]
    """For each column in use, rows in which it is missing."""
    incomplete: int
    """Rows in which any is missing; they are in no cell."""
    sources: tuple[Source, ...]
    """The tables that were counted."""

    def __post_init__(self) -> None:
        if self.counts_format != FORMAT:
            raise InputError(
                f"counts of format {self.counts_format} cannot be read, expected {FORMAT}: count "
                "again with this version"
            )
        cells = whole_numbers("cells", self.cells).reshape(-1, 6)
        numbers = np.asarray(self.numbers, dtype=np.float64).reshape(-1, 4)
        object.__setattr__(self, "cells", cells)  # lists become arrays, once
        object.__setattr__(self, "numbers", numbers)
        self._check()

    def _check(self) -> None:
        if len(self.cells) != len(self.numbers):
            raise InputError(
                f"cells and numbers must have one length, got {len(self.cells)} and "
                f"{len(self.numbers)}"
            )
        for name in ("labels", "groups", "clusters"):
            values = getattr(self, name)
            if len({isinstance(one, str) for one in values}) > 1 or len(set(values)) < len(values):
                raise InputError(f"{name} must be different values of one kind")
        if min((self.incomplete, *self.missing.values())) < 0:
            raise InputError("numbers of missing values must be at least 0")
        sizes = (len(self.groups), len(self.clusters), len(self.labels), len(self.labels))
        for place, size in enumerate(sizes):
            codes = self.cells[:, place]
            if len(codes) and not (codes.min() >= 0 and codes.max() < max(size, 1)):
                raise InputError(f"cells must hold positions below {size} in place {place}")
        examples = self.cells[:, EXAMPLES]
        # In floats the sum cannot overflow, in whole numbers it is exact.
        too_many = examples.sum(dtype=float) > 2 * MOST_EXAMPLES or examples.sum() > MOST_EXAMPLES
        if len(examples) and (examples.min() < 0 or too_many):
            raise InputError(
                f"numbers of examples must be at least 0, and {MOST_EXAMPLES} together at most"
            )

    @cached_property
    def examples(self) -> int:
        """Number of examples in complete rows."""
        return int(self.cells[:, EXAMPLES].sum())

    @property
    def rows(self) -> int:
        """Number of rows, incomplete ones included."""
        return sum(source.rows for source in self.sources)

    def __add__(self, other: "Counts") -> "Counts":
        """Return the counts of both shards.

        Raises
        ------
        InputError
            If they are of other columns, if labels are text here and numbers there, or if both
            cover the same file.
        """
        if not isinstance(other, Counts):
            return NotImplemented
        if self.columns != other.columns:
            raise InputError(
                "counts of the same columns can be added, got "
                f"{self.columns} and {other.columns}: count both shards alike"
            )
        _refuse_twice(self.sources, other.sources)
        labels = union("labels", self.labels, other.labels)
        groups = union("groups", self.groups, other.groups)
        clusters = union("clusters", self.clusters, other.clusters)
        cells = np.concatenate([_moved(shard, groups, clusters, labels) for shard in (self, other)])
        merged = merged_cells(cells, np.concatenate([self.numbers, other.numbers]))
        return replace(
            self,
            labels=labels,
            groups=groups,
            clusters=clusters,
            cells=merged[0],
            numbers=merged[1],
            missing={name: self.missing[name] + other.missing[name] for name in self.missing},
            incomplete=self.incomplete + other.incomplete,
            sources=(*self.sources, *other.sources),
        )

    def __radd__(self, other: Any) -> "Counts":
        """Let `sum` begin with 0."""
        return self if other == 0 else NotImplemented

    def __str__(self) -> str:
        lines = [str(source) for source in self.sources]
        what = f"{counted(self.examples, 'example')} in {counted(len(self.cells), 'cell')}"
        lines.append(f"{what}: {self.columns}")
        if self.incomplete:
            lines.append(self.told_missing())
        return "\n".join(lines)

    def told_missing(self) -> str:
        """Return in words how many rows are incomplete, and where."""
        each = ", ".join(f"{number} in {name!r}" for name, number in self.missing.items() if number)
        rows = counted(self.incomplete, "row")
        return f"{rows} of {self.rows} with a missing value ({each})"


def merged_cells(
    cells: NDArray[np.int64], numbers: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return cells with the same keys as one, sorted by their keys."""
    keys, place = np.unique(cells[:, :EXAMPLES], axis=0, return_inverse=True)
    place = place.reshape(-1)
    out = np.column_stack([keys, np.zeros(len(keys), dtype=np.int64)])
    np.add.at(out[:, EXAMPLES], place, cells[:, EXAMPLES])
    sums = np.zeros((len(keys), 4))
    sums[:, LOW], sums[:, HIGH] = np.inf, -np.inf
    np.minimum.at(sums[:, LOW], place, numbers[:, LOW])
    np.maximum.at(sums[:, HIGH], place, numbers[:, HIGH])
    for column in (TOTAL, SQUARES):
        np.add.at(sums[:, column], place, numbers[:, column])
    return out, sums


def _moved(
    shard: Counts,
    groups: tuple[Label, ...],
    clusters: tuple[Label, ...],
    labels: tuple[Label, ...],
) -> NDArray[np.int64]:
    """Return the cells of a shard with positions among the labels of all shards."""
    cells = shard.cells.copy()
    for places, own, every in (
        ((GROUP,), shard.groups, groups),
        ((CLUSTER,), shard.clusters, clusters),
        ((TRUE, PREDICTED), shard.labels, labels),
    ):
        if own:
            position = {label: at for at, label in enumerate(every)}
            move = np.array([position[label] for label in own], dtype=np.int64)
            cells[:, places] = move[cells[:, places]]
    return cells


def union(what: str, first: tuple[Label, ...], second: tuple[Label, ...]) -> tuple[Label, ...]:
    """Return the different labels of both, sorted; `InputError` where text meets numbers."""
    every = dict.fromkeys((*first, *second))
    texts = [label for label in every if isinstance(label, str)]
    if 0 < len(texts) < len(every):
        number = next(label for label in every if not isinstance(label, str))
        raise InputError(
            f"{what} are text in one table, such as {texts[0]!r}, and numbers in another, such as "
            f"{number!r}: write them in one type, or count all files in one call"
        )
    return tuple(sorted(every))


def _refuse_twice(first: tuple[Source, ...], second: tuple[Source, ...]) -> None:
    twice = in_both(first, second)
    if twice is not None:
        raise InputError(
            f"both counts cover {twice.path}, whose rows would count twice: give each file once"
        )
