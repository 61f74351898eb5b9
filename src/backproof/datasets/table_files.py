"""CSV, TSV and Parquet files as tables."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from backproof._tables.duck import PARQUET_SUFFIXES, first_line, literal, split_line, text_rows
from backproof.datasets.table import Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SNIFFING = "sample_size = -1, skip = 0, comment = '', hive_partitioning = false"


def opened(connection: "DuckDBPyConnection", file: Path) -> Table:
    """Return the table that a file holds; DuckDB's error where it holds none."""
    is_parquet = file.suffix.lower() in PARQUET_SUFFIXES
    return (_opened_parquet if is_parquet else _opened_text)(connection, file, literal(file))


def _opened_parquet(connection: "DuckDBPyConnection", file: Path, path: str) -> Table:
    # DuckDB renames a second column of the same name; only the schema tells.
    names, nested = [], 0
    schema = "SELECT name, coalesce(num_children, 0) FROM parquet_schema($path) OFFSET 1"
    for name, children in connection.execute(schema, {"path": path}).fetchall():
        if not nested:
            names.append(name)
        nested += children - (1 if nested else 0)
    columns = ", ".join(f"c{place}" for place in range(len(names)))
    rows = f"read_parquet($path, hive_partitioning = false) AS t({columns})"
    relation = connection.sql(f"SELECT * FROM {rows}", params={"path": path})
    return Table(
        connection=connection,
        file=file,
        rows=rows,
        parameters={"path": path},
        names=tuple(names),
        types=tuple(kind.id for kind in relation.types),
    )


def _opened_text(connection: "DuckDBPyConnection", file: Path, path: str) -> Table:
    """Return the table in a text file.

    The types of its columns are found on the whole file. The cells are still read as text, so that
    what a message shows is what the file holds.
    """
    tabs = ".tsv" in (suffix.lower() for suffix in file.suffixes)
    delim, quote, escape, has_header, columns = _sniffed(connection, path, "\t" if tabs else None)
    parameters = {"path": path, "delim": delim, "quote": quote or "", "escape": escape or ""}
    rows = _text_rows(len(columns))
    names = [column["name"] for column in columns]
    if has_header:
        header = connection.execute(f"SELECT * FROM {rows} LIMIT 1", parameters).fetchall()
        # DuckDB renames a second column of the same name; only the line itself tells.
        cells = header[0] if header else [None] * len(names)
        names = [(cell or "").strip() or name for cell, name in zip(cells, names, strict=True)]
        rows = f"(SELECT * FROM {rows} OFFSET 1)"
    return Table(
        connection=connection,
        file=file,
        rows=rows,
        parameters=parameters,
        names=tuple(names),
        types=tuple(column["type"].lower() for column in columns),
    )


def _sniffed(connection: "DuckDBPyConnection", path: str, delimiter: str | None) -> Any:
    """Return delimiter, quote, escape, whether there is a line of names, and the columns."""
    import duckdb

    sniff = (
        "SELECT Delimiter, nullif(Quote, '(empty)'), nullif(Escape, '(empty)'), HasHeader, Columns "
        f"FROM sniff_csv($path, {_SNIFFING}{', delim = $delim' if delimiter else ''})"
    )
    parameters = {"path": path} | ({"delim": delimiter} if delimiter else {})
    try:
        found = connection.execute(sniff, parameters).fetchall()[0]
    except duckdb.Error:
        _refuse_ragged(connection, path, delimiter)
        raise
    columns = found[-1]
    if len(columns) == 1 and columns[0]["type"] == "VARCHAR":
        # Where lines differ in length every delimiter fails, and a line seems to be one cell.
        _refuse_ragged(connection, path, delimiter)
    return found


def _text_rows(columns: int) -> str:
    """Return the SQL for all lines of a text file with so many columns, as text."""
    return text_rows({f"c{place}": "VARCHAR" for place in range(columns)})


def _refuse_ragged(connection: "DuckDBPyConnection", path: str, delimiter: str | None) -> None:
    """Let DuckDB's error through that names the line whose length differs from the first one's.

    Does nothing where the first line has no delimiter, or all lines are of one length.
    """
    delim, cells = split_line(first_line(connection, path), delimiter)
    if len(cells) > 1:
        parameters = {"path": path, "delim": delim, "quote": '"', "escape": '"'}
        connection.execute(f"SELECT count(c0) FROM {_text_rows(len(cells))}", parameters)
