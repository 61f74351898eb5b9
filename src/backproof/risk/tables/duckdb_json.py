"""Files of JSON as tables of DuckDB: lines, an array of rows, or one object of lists."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from backproof._core.errors import InputError
from backproof._tables.duck import first_line, literal
from backproof.risk.tables.columns import NUMBERS, PARTS, Columns
from backproof.risk.tables.duckdb_sql import (
    FILE_COLUMN,
    identifier,
    new_mark,
    text_literal,
    united,
)
from backproof.risk.tables.json_files import lists_in, start_of, unpacked_size

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation


def json_relation(
    connection: "DuckDBPyConnection", places: Sequence[Path], columns: Columns
) -> "DuckDBPyRelation":
    """Return the rows of files of JSON as one table."""
    forms: dict[str, list[str]] = {}
    parts = []
    for place in places:
        if lists := lists_in(place):
            parts.append(_of_lists(connection, place, lists, columns))
        else:
            forms.setdefault(_form(connection, place), []).append(literal(place))
    kinds = _kinds(columns)
    chosen = ", ".join(map(identifier, kinds))
    parts += [
        _read(connection, chosen, paths, kinds, f"format = '{form}'")
        for form, paths in forms.items()
    ]
    return united(parts)


def _kinds(columns: Columns) -> dict[str, str]:
    """Return the type that each column is read as."""
    return {n: "DOUBLE" if part in NUMBERS else "JSON" for part, n in columns.named().items()}


def _form(connection: "DuckDBPyConnection", place: Path) -> str:
    """Return whether a file holds lines or one array.

    DuckDB 2.0 can tell by itself, but then passes over an object that is cut off at the end of one
    of several files, now and then.
    """
    start = start_of(place)
    if start is None:
        start = first_line(connection, literal(place)).encode()
    return "array" if start.lstrip().startswith(b"[") else "newline_delimited"


def _of_lists(
    connection: "DuckDBPyConnection", place: Path, lists: dict[str, int], columns: Columns
) -> "DuckDBPyRelation":
    """Return a file with one list a column, such as ``predictions`` and ``references``."""
    kinds = {name: f"{kind}[]" for name, kind in _kinds(columns).items()}
    for part, name in columns.named().items():
        if name not in lists:
            listed = ", ".join(map(repr, lists))
            raise InputError(
                f"{place} has no list {name!r}, which is to be the {PARTS[part]}; it has {listed}"
            )
    lengths = {name: lists[name] for name in kinds}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{number} in {name!r}" for name, number in lengths.items())
        raise InputError(f"the lists of {place} must be equally long, got {listed}")
    chosen = ", ".join(
        f"unnest(CAST({identifier(name)} AS {kind})) AS {identifier(name)}"
        for name, kind in kinds.items()
    )
    # JSON of unnamed depth is one value to DuckDB, of which it allows 16 MiB unless told.
    size = f"format = 'unstructured', maximum_object_size = {unpacked_size(place) + 1}"
    whole = dict.fromkeys(kinds, "JSON")
    return _read(connection, chosen, [literal(place)], whole, size)


def _read(
    connection: "DuckDBPyConnection",
    chosen: str,
    paths: list[str],
    kinds: dict[str, str],
    options: str,
) -> "DuckDBPyRelation":
    path = f"path{new_mark()}"
    listed = ", ".join(f"{text_literal(name)}: '{kind}'" for name, kind in kinds.items())
    query = (
        f"SELECT {chosen}, filename AS {FILE_COLUMN} FROM read_json(${path}, {options}, "
        f"filename = true, hive_partitioning = false, columns = {{{listed}}})"
    )
    return connection.sql(query, params={path: paths})
