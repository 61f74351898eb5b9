"""The statistics that the bootstrap knows by name, and the tables they are computed from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backproof._core.checks import one_of
from backproof._core.errors import InputError
from backproof.risk.confusion import Confusion, Confusions
from backproof.risk.counts import Counts, whole_numbers
from backproof.risk.metrics.auc import auc, auc_left_out
from backproof.risk.metrics.labels import position_of
from backproof.risk.metrics.table import METRICS, Metric
from backproof.risk.metrics.values import Array, one_against_rest, ratio, right_and_wrong


@dataclass(frozen=True, kw_only=True)
class Statistic:
    """What is computed from each table."""

    name: str
    """What it is called."""
    value: Callable[..., Any]
    """From tables of shape (B, *cells) to B values."""
    low: float | None = None
    """Its least value; ``None`` where it is not known."""
    high: float | None = None
    """Its greatest value; ``None`` where it is not known."""
    left_out: Callable[[Counts], Array] | None = None
    """From one table to the values without one example of each cell, in its shape, where there is
    a faster way than one table a cell."""


def _difference(counts: Counts) -> Array:
    return ratio(counts[..., 1, 0] - counts[..., 0, 1], counts.sum(axis=(-2, -1)))


_OTHERS = {
    "difference": Statistic(name="difference", value=_difference, low=-1.0, high=1.0),
    "auc": Statistic(name="auc", value=auc, low=0.0, high=1.0, left_out=auc_left_out),
}


def prepared(
    counts: ArrayLike | Confusion | Confusions, statistic: str | Callable[..., Any], clustered: bool
) -> tuple[Statistic, Counts]:
    """Return the statistic, and counts in the shape that it takes.

    Raises
    ------
    InputError
        If the statistic is unknown, or counts are none or of another shape.
    """
    table = _checked(counts, clustered)
    cells = table.shape[1:] if clustered else table.shape
    if callable(statistic):
        name = getattr(statistic, "__name__", type(statistic).__name__)
        return Statistic(name=name, value=statistic), table
    one_of("statistic", statistic, (*METRICS, *_OTHERS))
    if statistic in METRICS:
        row = METRICS[statistic]
        found = Statistic(name=statistic, value=row.value, low=row.low, high=row.high)
        return found, _matrices(statistic, row, table, cells, getattr(counts, "labels", None))
    pairs = cells == (2, 2) if statistic == "difference" else len(cells) == 2 and cells[1] == 2
    _refuse_shape(statistic, "(2, 2)" if statistic == "difference" else "(S, 2)", cells, pairs)
    return _OTHERS[statistic], table


def checked_values(function: Callable[..., Any], tables: Counts) -> Array:
    """Return the B values of a statistic; `InputError` unless there is one a table."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.asarray(function(tables), dtype=np.float64)
    if values.shape != tables.shape[:1]:
        raise InputError(
            f"a statistic must return one value a table, shape {tables.shape[:1]} for tables of "
            f"shape {tables.shape}, got shape {values.shape}: let it work on the last axes"
        )
    return values


def _checked(counts: ArrayLike | Confusion | Confusions, clustered: bool) -> Counts:
    if isinstance(counts, Confusions) and not clustered:
        raise InputError(
            "matrices of several groups: give clustered=True if the groups are clusters to be "
            "drawn whole, else their total"
        )
    table = whole_numbers(
        "counts", counts.counts if isinstance(counts, Confusion | Confusions) else counts
    )
    least = 2 if clustered else 1
    if table.ndim < least:
        raise InputError(f"counts must have at least {least} dimensions, got shape {table.shape}")
    if table.size and table.min() < 0:
        raise InputError(f"counts must be at least 0, got {int(table.min())}")
    if not table.any():
        raise InputError("counts must hold at least one example, got none")
    return table


def _matrices(
    name: str,
    row: Metric,
    table: NDArray[np.int64],
    cells: tuple[int, ...],
    labels: tuple[Any, ...] | None,
) -> Counts:
    """Return binary matrices for a binary metric, and the smallest ones that suffice for others."""
    if row.errors_suffice and cells == (2,):
        right = np.stack((table[..., 1], table[..., 0]), axis=-1)
        return np.stack((right, np.zeros_like(right)), axis=-2)
    square = len(cells) == 2 and cells[0] == cells[1]
    if row.binary:
        if labels is not None:
            return one_against_rest(table, position_of(None, labels))
        _refuse_shape(name, "(2, 2), the positive class second", cells, cells == (2, 2))
        return table
    _refuse_shape(name, "(K, K)" + " or (2,)" * row.errors_suffice, cells, square)
    return right_and_wrong(table) if row.errors_suffice else table


def _refuse_shape(name: str, expected: str, cells: tuple[int, ...], fits: bool) -> None:
    if not fits:
        raise InputError(f"the cells of {name} must have shape {expected}, got {cells}")
