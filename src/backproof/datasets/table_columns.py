"""Columns of a table as points and labels, and what is said of cells that are neither."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof._core.errors import InputError
from backproof.datasets.dataset import Labels
from backproof.datasets.table import Table, shown

# DuckDB's names of types.
_INTEGERS = frozenset(
    f"{sign}{size}int" for sign in ("", "u") for size in ("tiny", "small", "big", "huge")
) | {"integer", "uinteger"}
_FRACTIONS = frozenset({"float", "double", "decimal"})
_TEXT = frozenset({"varchar", "enum"})
_WORDS = _TEXT | {"boolean"}  # what labels are taken from as text


def points_of(table: Table, names: Sequence[str]) -> NDArray[np.float64]:
    """Return columns as points, shape (rows, columns); `InputError` for a cell without number."""
    places = [table.place(name) for name in names]
    columns = table.values([_as_number(place, table.types[place]) for place in places])
    x = np.empty((len(columns[0]), len(columns)))
    if not len(x):
        raise InputError(f"{table.file} has no rows: expected a point in each")
    for number, (place, column) in enumerate(zip(places, columns, strict=True)):
        x[:, number] = column.filled(np.nan)
        if not np.isfinite(x[:, number]).all():
            _refuse_bad_numbers(table, place)
    return x


def _as_number(place: int, kind: str) -> str:
    """Return the SQL for a cell as DOUBLE: NULL where it is none, also where the cell is text."""
    cell = f"c{place}"
    if kind == "boolean":
        return f"CAST(TRY_CAST({cell} AS BOOLEAN) AS DOUBLE)"
    if kind in _INTEGERS | _FRACTIONS:
        return f"TRY_CAST({cell} AS DOUBLE)"
    if kind in _TEXT:
        return f"TRY_CAST(CAST({cell} AS VARCHAR) AS DOUBLE)"
    return "CAST(NULL AS DOUBLE)"


def _refuse_bad_numbers(table: Table, place: int) -> None:
    cell, number = f"c{place}", _as_number(place, table.types[place])
    table.refuse(
        place,
        {
            f"{cell} IS NOT NULL AND {number} IS NULL": (
                "is not numeric: row {row} holds {cell}; features must be numbers or booleans: "
                "correct the cell, or leave the column out of features"
            ),
            f"{cell} IS NULL": (
                "is empty in row {row}: fill in a number, or leave out the row or the column"
            ),
            f"NOT isfinite({number})": (
                "is not finite: row {row} holds {cell}; fill in a number, or leave out the row or "
                "the column"
            ),
        },
    )


def labels_of(table: Table, name: str) -> tuple[Labels, tuple[int, ...] | tuple[str, ...]]:
    """Return a column as labels, and the different ones; `InputError` if it names no classes."""
    place = table.place(name)
    kind = table.types[place]
    if kind not in _WORDS | _INTEGERS:
        raise _not_labels(table, place)
    (values,) = table.values([_as_label(place, kind)])
    if np.ma.getmaskarray(values).any():
        _refuse_bad_labels(table, place)
    different = sorted(set(values.tolist()))
    _refuse_no_classes(name, different, len(values))
    t: Labels = values.data.astype(np.str_) if kind in _WORDS else values.data.astype(np.int64)
    return t, tuple(different)


def _as_label(place: int, kind: str) -> str:
    """Return the SQL for a cell as a label, text or BIGINT: NULL where it is blank or too large."""
    if kind in _INTEGERS:
        return f"TRY_CAST(c{place} AS BIGINT)"
    text = f"CAST(c{place} AS VARCHAR)"
    return f"CASE WHEN trim({text}) <> '' THEN {text} END"


def _refuse_bad_labels(table: Table, place: int) -> None:
    cell = f"c{place}"
    table.refuse(
        place,
        {
            f"{cell} IS NULL OR trim(CAST({cell} AS VARCHAR)) = ''": (
                "has no label in row {row}: give one to every row, or leave the row out"
            ),
            f"TRY_CAST({cell} AS BIGINT) IS NULL": (
                "has the label {cell} in row {row}, which does not fit 64 bits: store the labels "
                "as text"
            ),
        },
    )


def _not_labels(table: Table, place: int) -> InputError:
    kind = table.types[place]
    found = table.first(place, f"c{place} IS NOT NULL")
    example = f", and row {found[0]} holds {found[1]}" if found else ""
    remedy = (
        "a column of floats such as 0.5 is a regression target; if these are classes, store them "
        "as whole numbers, for example as 1 instead of 1.0"
        if kind in _FRACTIONS
        else "store the class of each row as text"
    )
    return InputError(
        f"labels must be whole numbers, booleans or text, but column {table.names[place]!r} is of "
        f"the type {kind.upper()}{example}: {remedy}"
    )


def _refuse_no_classes(name: str, different: Sequence[Any], rows: int) -> None:
    if len(different) == 1:
        raise InputError(
            f"column {name!r} holds the label {shown(different[0])} in every row: expected at "
            "least two classes"
        )
    if len(different) == rows:
        raise InputError(
            f"column {name!r} holds another label in each of its {rows} rows, like a column of "
            "identifiers: expected classes that come again; name another column as the label"
        )
