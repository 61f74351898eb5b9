"""A table that DuckDB can query.

A column is called ``c0``, ``c1``, … in every query, by its place. Names as people write them are
kept in Python alone, so that none of them can break a query.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof._core.errors import InputError
from backproof.datasets.dataset import suggestion

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_FEW_COLUMNS = 12  # that a message lists
_LONGEST_VALUE = 60  # characters of a cell that a message shows


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table that can be queried."""

    connection: "DuckDBPyConnection"
    file: Path
    rows: str
    """The SQL that stands after FROM; its columns are c0, c1, …"""
    parameters: dict[str, Any]
    """What the parameters in `rows` stand for."""
    names: tuple[str, ...]
    """Name of each column."""
    types: tuple[str, ...]
    """DuckDB's name of the type of each column, in lower case and without arguments."""

    def __post_init__(self) -> None:
        for name, number in Counter(self.names).items():
            if number > 1:
                raise InputError(
                    f"{self.file} has {number} columns named {shown(name)}: rename them, so that "
                    "each name stands for one column"
                )

    def place(self, name: str) -> int:
        """Return the place of a column; `InputError` if there is none of this name."""
        if name not in self.names:
            known = (
                f"its columns are {', '.join(map(shown, self.names))}"
                if len(self.names) <= _FEW_COLUMNS
                else f"it has {len(self.names)} columns"
            )
            hint = suggestion(str(name), self.names)
            raise InputError(f"{self.file} has no column {name!r}: {known}{hint}")
        return self.names.index(name)

    def values(self, expressions: Sequence[str]) -> list[np.ma.MaskedArray[Any, Any]]:
        """Return an array of the values of each expression, in the order of the rows."""
        named = ", ".join(f"{sql} AS v{number}" for number, sql in enumerate(expressions))
        found = self.connection.execute(f"SELECT {named} FROM {self.rows}", self.parameters)
        return [np.ma.asarray(column) for column in found.fetchnumpy().values()]

    def first(self, place: int, condition: str) -> tuple[int, str] | None:
        """Return the number and the cell of the first row on which `condition` holds."""
        row: tuple[int, str | None] | None = self.connection.execute(
            f"SELECT number, cell FROM (SELECT row_number() OVER () AS number, "
            f"CAST(c{place} AS VARCHAR) AS cell, ({condition}) AS bad FROM {self.rows}) "
            "WHERE bad ORDER BY number LIMIT 1",
            self.parameters,
        ).fetchone()
        return None if row is None else (row[0], shown(row[1]))

    def refuse(self, place: int, faults: dict[str, str]) -> None:
        """Raise `InputError` for the first fault, a condition and its wording, that a row has."""
        for condition, wording in faults.items():
            if found := self.first(place, condition):
                row, cell = found
                fault = wording.format(row=row, cell=cell)
                raise InputError(f"column {shown(self.names[place])} {fault}")


def shown(value: Any) -> str:
    """Return a value as a message shows it."""
    if isinstance(value, str) and len(value) > _LONGEST_VALUE:
        return f"{value[:_LONGEST_VALUE]!r}…"
    return repr(value)
