"""Files as DuckDB sees them."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_NOT_IN_A_CELL = "\x1f"
_DELIMITERS = ",;\t|"

PARQUET_SUFFIXES = (".parquet", ".pq")
"""What names of Parquet files end in."""


def literal(file: Path) -> str:
    """Return the path of a file as a pattern that matches nothing else.

    DuckDB takes a name for a pattern, or for an address; a bracketed character is itself.
    """
    return "".join(f"[{c}]" if c in "*?[" else c for c in str(file.absolute()))


def text_rows(
    columns: dict[str, str],
    *,
    header: bool = False,
    file: bool = False,
    mark: str = "",
    in_order: bool = False,
) -> str:
    """Return the SQL for the lines of text files with these columns, from names to types.

    Its parameters are the path or the paths, the delimiter, the quote and the escape, ``$path``,
    ``$delim``, ``$quote`` and ``$escape``.

    Parameters
    ----------
    columns
        From names that need no quotes to types of DuckDB.
    header
        Whether the first line of each file is one of names, to be left out.
    file
        Whether to add a column ``filename``.
    mark
        What the names of the parameters end in, so that those of several queries differ.
    in_order
        Whether the lines come one after the other, and not from several places at once.
    """
    kinds = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    return (
        f"read_csv($path{mark}, auto_detect = false, header = {header}, skip = 0, comment = '', "
        f"hive_partitioning = false, filename = {file}, parallel = {not in_order}, "
        f"delim = $delim{mark}, quote = $quote{mark}, escape = $escape{mark}, "
        f"columns = {{{kinds}}})"
    )


def first_line(connection: "DuckDBPyConnection", path: str) -> str:
    """Return the first line of a text file, compressed or not; empty where there is none."""
    whole = {"path": path, "delim": _NOT_IN_A_CELL, "quote": "", "escape": ""}
    rows = text_rows({"line": "VARCHAR"}, in_order=True)
    lines = connection.execute(f"SELECT line FROM {rows} LIMIT 1", whole).fetchall()
    return ((lines[0][0] if lines else None) or "").removeprefix("\ufeff")


def split_line(line: str, delimiter: str | None = None) -> tuple[str, list[str]]:
    """Return the delimiter of a line, by default the most frequent usual one, and its cells.

    No cells where they cannot be told apart, such as in a cell that is too long.
    """
    delim = delimiter or max(_DELIMITERS, key=line.count)
    try:
        return delim, next(csv.reader([line], delimiter=delim), [])
    except csv.Error:
        return delim, []
