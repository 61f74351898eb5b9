"""Pieces of the SQL with which DuckDB is asked for files."""

from collections.abc import Sequence
from functools import reduce
from itertools import count
from typing import TYPE_CHECKING

from backproof.risk.tables.expression import FILE

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation

_MARKS = count()

FILE_COLUMN = f'"{FILE}"'
"""The column with the name of a row's file, as an identifier."""


def new_mark() -> str:
    """Return a new ending for names of parameters: relations that share one cannot be joined."""
    return f"_{next(_MARKS)}"


def identifier(name: str) -> str:
    """Return the name of a column as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(text: str) -> str:
    """Return text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"


def united(parts: Sequence["DuckDBPyRelation"]) -> "DuckDBPyRelation":
    """Return the rows of several relations with the same columns."""
    return reduce(lambda whole, part: whole.union(part), parts)
