"""Resampling with replacement in the space of counts.

Legend: D kinds of units (cells of a table for examples, tables for clusters), B replicates,
C cells.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backproof.risk.counts import Counts

# Numbers in one array of a chunk: 8 MB; a statistic makes a handful of such arrays.
_CHUNK = 2**20


@dataclass(frozen=True, kw_only=True, eq=False)
class Units(ABC):
    """What is drawn."""

    weights: Counts
    """How many units there are of each kind, shape (D,), all at least 1."""
    total: Counts
    """Table of all units together, shape (C,)."""

    @abstractmethod
    def sums(self, draws: Counts) -> Counts:
        """Return the tables, shape (B, C), of replicates drawn as numbers of units (B, D)."""

    @abstractmethod
    def singles(self, start: int, stop: int) -> Counts:
        """Return the tables, shape (stop - start, C), of one unit of each of these kinds."""

    def each_left_out(self) -> Iterator[Counts]:
        """Yield chunks, shape (·, C), of the D tables that lack one unit of a kind."""
        size, kinds = _rows(len(self.total)), len(self.weights)
        for start in range(0, kinds, size):
            yield self.total - self.singles(start, min(start + size, kinds))

    def replicates(self, generator: np.random.Generator, count: int) -> Iterator[Counts]:
        """Yield chunks, shape (·, C), of `count` tables drawn with replacement."""
        size = _rows(len(self.weights) + len(self.total))
        for start in range(0, count, size):
            yield self.sums(_drawn(generator, self.weights, min(size, count - start)))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Examples(Units):
    """Single examples, each a one in its cell."""

    cells: NDArray[np.intp]
    """Cell of each kind, shape (D,)."""

    def sums(self, draws: Counts) -> Counts:
        out = np.zeros((len(draws), len(self.total)), dtype=np.int64)
        out[:, self.cells] = draws
        return out

    def singles(self, start: int, stop: int) -> Counts:
        out = np.zeros((stop - start, len(self.total)), dtype=np.int64)
        out[np.arange(stop - start), self.cells[start:stop]] = 1
        return out


@dataclass(frozen=True, kw_only=True, eq=False)
class _Clusters(Units):
    """Whole clusters."""

    tables: NDArray[np.float64]
    """Table of each kind, shape (D, C); exact below 2**53, and their product is far faster."""

    def sums(self, draws: Counts) -> Counts:
        sums: Counts = np.rint(draws.astype(float) @ self.tables).astype(np.int64)
        return sums

    def singles(self, start: int, stop: int) -> Counts:
        return self.tables[start:stop].astype(np.int64)


def examples_of(table: Counts) -> Units:
    """Return the examples that a table of any shape counts."""
    flat = table.reshape(-1)
    cells = np.flatnonzero(flat)
    return _Examples(weights=flat[cells], cells=cells, total=flat)


def clusters_of(tables: Counts) -> Units:
    """Return the clusters whose tables are given along the first axis; equal ones are one kind."""
    flat = tables.reshape(len(tables), -1)
    kinds, times = np.unique(flat, axis=0, return_counts=True)
    return _Clusters(weights=times, tables=kinds.astype(float), total=flat.sum(axis=0))


def _rows(width: int) -> int:
    return max(1, _CHUNK // width)


def _drawn(generator: np.random.Generator, weights: Counts, count: int) -> Counts:
    """Return how often each kind is among as many units as there are, shape (count, D)."""
    units = int(weights.sum())
    shares = weights / units
    if len(weights) != 2:
        return generator.multinomial(units, shares, size=count)
    second = generator.binomial(units, shares[1], size=count)
    return np.stack((units - second, second), axis=1)
