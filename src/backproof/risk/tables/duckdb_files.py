"""Files as tables of DuckDB, the embedded default."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, SupportsIndex

import narwhals as nw

from backproof._core.checks import whole_number
from backproof._core.errors import InputError
from backproof._tables.duck import first_line, literal, split_line, text_rows
from backproof.risk.tables.columns import NUMBERS, PARTS, Columns
from backproof.risk.tables.duckdb_errors import explained_by_file, first_line_of
from backproof.risk.tables.duckdb_json import json_relation
from backproof.risk.tables.duckdb_sql import FILE_COLUMN, identifier, new_mark, united
from backproof.risk.tables.json_files import lists_in
from backproof.risk.tables.parquet_types import has_several_types
from backproof.risk.tables.paths import Format
from backproof.risk.tables.scan import Scan, Wording
from backproof.risk.tables.sources import SourceFile, paths_by_place

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

_WORDINGS: dict[Format, Wording] = {"parquet": "typed", "json": "json", "text": "text"}
_MOST_THREADS = 1024  # DuckDB starts as many as it is told to


@contextmanager
def connected(
    memory_limit: str | None = None, threads: SupportsIndex | None = None
) -> Iterator["DuckDBPyConnection"]:
    """Yield a connection to a database in memory, which spills to a temporary folder of its own.

    Parameters
    ----------
    memory_limit
        Such as ``500MB``; ``None``: DuckDB's own, four fifths of the machine's memory.
    threads
        From 1 to 1024; ``None``: one a core.

    Raises
    ------
    InputError
        If a limit is none.
    """
    import duckdb

    with tempfile.TemporaryDirectory(prefix="backproof-") as spill:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "temp_directory": spill,
            "preserve_insertion_order": "false",  # nothing here depends on it, and it takes memory
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        if threads is not None:
            settings["threads"] = whole_number(
                "threads", threads, at_least=1, at_most=_MOST_THREADS
            )
        if memory_limit is not None:
            settings["memory_limit"] = memory_limit
        try:
            connection = duckdb.connect(config=settings)
        except (duckdb.Error, TypeError) as error:
            raise InputError(
                f"memory_limit must be a size such as 500MB, got {memory_limit!r}: "
                f"{first_line_of(error)}"
            ) from None
        try:
            yield connection
        finally:
            connection.close()


def scan(
    connection: "DuckDBPyConnection",
    places: tuple[Path, ...],
    files: tuple[SourceFile, ...],
    kind: Format,
    columns: Columns,
) -> Scan:
    """Return files of one format as one table; `InputError` where they cannot be that."""
    import duckdb

    known = paths_by_place(files, places)

    def explained(error: Exception) -> Exception:
        return explained_by_file(
            error, known, lambda path: _RELATIONS[kind](connection, [Path(path)], columns)
        )

    try:
        relation = _RELATIONS[kind](connection, places, columns)
    except duckdb.Error as error:
        raise explained(error) from error
    parquet = kind == "parquet"
    return Scan(
        frame=nw.from_native(relation),
        wording=_WORDINGS[kind],
        files=files,
        places=places,
        by_file=not parquet,
        rows_of_files=(lambda: _rows_of_parquet(connection, places)) if parquet else None,
        named_by_engine=known.__getitem__,
        explained=explained,
    )


def names(connection: "DuckDBPyConnection", place: Path, kind: Format) -> list[str]:
    """Return the names of the columns of a file."""
    path = literal(place)
    if kind == "text":
        return list(_header(connection, place)[1])
    if kind == "json" and (lists := lists_in(place)):
        return list(lists)
    reader = "read_parquet($path)" if kind == "parquet" else "read_json($path)"
    rows = connection.execute(f"DESCRIBE SELECT * FROM {reader}", {"path": path}).fetchall()
    return [row[0] for row in rows]


def _parquet(
    connection: "DuckDBPyConnection", places: Sequence[Path], columns: Columns
) -> "DuckDBPyRelation":
    paths = [literal(place) for place in places]
    names = list(dict.fromkeys(columns.named().values()))
    several = has_several_types(connection, paths, names)
    path = f"path{new_mark()}"
    # What a folder is called, such as y=1, is no column, and must not replace one.
    return connection.sql(
        f"SELECT * FROM read_parquet(${path}, hive_partitioning = false, "
        f"union_by_name = {several})",
        params={path: paths},
    )


def _rows_of_parquet(connection: "DuckDBPyConnection", places: Sequence[Path]) -> dict[str, int]:
    query = "SELECT file_name, num_rows FROM parquet_file_metadata($path)"
    rows = connection.execute(query, {"path": [literal(place) for place in places]}).fetchall()
    return {str(Path(name).absolute()): number for name, number in rows}


def _text(
    connection: "DuckDBPyConnection", places: Sequence[Path], columns: Columns
) -> "DuckDBPyRelation":
    """Return the lines of text files; those with other columns, or in another order, by name."""
    headers: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for place in places:
        path = literal(place)
        delim, names = _header(connection, place)
        _check_header(place, names, columns)
        headers.setdefault((delim, names), []).append(path)
    parts = []
    for (delim, names), same in headers.items():
        mark = new_mark()
        given = {"path": same, "delim": delim, "quote": '"', "escape": '"'}
        parts.append(
            connection.sql(
                _text_query(names, columns, mark),
                params={name + mark: value for name, value in given.items()},
            )
        )
    return united(parts)


def _header(connection: "DuckDBPyConnection", place: Path) -> tuple[str, tuple[str, ...]]:
    """Return the delimiter of a text file, and the names in its first line."""
    tabs = ".tsv" in [suffix.lower() for suffix in place.suffixes]
    delim, cells = split_line(first_line(connection, literal(place)), "\t" if tabs else None)
    return delim, tuple(cell.strip() for cell in cells)


def _text_query(names: tuple[str, ...], columns: Columns, mark: str) -> str:
    named = columns.named()
    numbers = {named[part] for part in NUMBERS if part in named}
    kinds = {
        f"c{place}": "DOUBLE" if name in numbers else "VARCHAR" for place, name in enumerate(names)
    }
    chosen = [
        f"c{names.index(name)} AS {identifier(name)}" for name in dict.fromkeys(named.values())
    ]
    rows = text_rows(kinds, header=True, file=True, mark=mark)
    return f"SELECT {', '.join(chosen)}, filename AS {FILE_COLUMN} FROM {rows}"


def _check_header(path: Path, names: tuple[str, ...], columns: Columns) -> None:
    if not any(names):
        raise InputError(f"{path} is empty: expected a first line with the names of columns")
    for part, name in columns.named().items():
        if names.count(name) != 1:
            found = "has no column" if name not in names else "has several columns"
            listed = ", ".join(map(repr, names[:12])) + (", …" if len(names) > 12 else "")
            raise InputError(
                f"{path} {found} named {name!r}, which is to be the {PARTS[part]}; its first line "
                f"names {listed}"
            )


_RELATIONS = {"parquet": _parquet, "text": _text, "json": json_relation}
