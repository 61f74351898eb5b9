"""Data sets in CSV, TSV and Parquet files, read through DuckDB.

A column is called ``c0``, ``c1``, … in every query, by its place. Names as people write them are
kept in Python alone, so that none of them can break a query.
"""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backproof._core.errors import InputError
from backproof.datasets.dataset import Dataset, Labels, suggestion

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# DuckDB's names of types.
_INTEGERS = frozenset(
    f"{sign}{size}int" for sign in ("", "u") for size in ("tiny", "small", "big", "huge")
) | {"integer", "uinteger"}
_FRACTIONS = frozenset({"float", "double", "decimal"})
_TEXT = frozenset({"varchar", "enum"})
_WORDS = _TEXT | {"boolean"}  # what labels are taken from as text

_FEW_COLUMNS = 12  # that a message lists
_LONGEST_VALUE = 60  # characters of a cell that a message shows
_NOT_IN_A_CELL = "\x1f"
_SNIFFING = "sample_size = -1, skip = 0, comment = '', hive_partitioning = false"


def read_table(
    path: str | Path, *, label: str | None = None, features: Sequence[str] | None = None
) -> Dataset:
    """Return the data set that a CSV, TSV or Parquet file holds, a point in each row.

    Parameters
    ----------
    path
        The file. Parquet where the name ends in ``.parquet`` or ``.pq``; otherwise text in UTF-8,
        whose delimiter is found (a tab where the name ends in ``.tsv``), also compressed as
        ``.gz`` or ``.zst``. The first line names the columns, unless it looks like the data: then
        they are ``column0``, ``column1``, …
    label
        The column with the labels: whole numbers, booleans or text. Booleans become text as they
        are written, ``true`` and ``false`` in Parquet. ``None``: the points have no labels.
    features
        The columns with the features, in the order wanted: numbers; booleans, which become 0 and
        1 (``yes`` and ``no`` in a text file too); or text that reads as a number in every row.
        ``None``: all columns but that of the labels.

    Returns
    -------
    Dataset
        In the order of the file, named like it.

    Raises
    ------
    InputError
        If there is no such file or column, the file cannot be read or has no rows, a feature is
        missing, not finite or no number, or the labels do not name classes. The message gives the
        column and the first bad row, counted from 1 without the line of names.
    """
    import duckdb

    file = _existing(path)
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        try:
            table = _opened(connection, file)
            names = _feature_names(table, label, features)
            x = _points(table, names)
            t, classes = (None, ()) if label is None else _labels(table, label)
        except duckdb.Error as error:
            raise InputError(
                f"{file} cannot be read as a table: {_reason(error)}; expected Parquet, or CSV "
                "or TSV in UTF-8 with the same columns in every row"
            ) from None
    return Dataset(name=file.name, x=x, t=t, features=names, classes=classes)


@dataclass(frozen=True, kw_only=True)
class _Table:
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
                    f"{self.file} has {number} columns named {_shown(name)}: rename them, so that "
                    "each name stands for one column"
                )

    def place(self, name: str) -> int:
        """Return the place of a column; `InputError` if there is none of this name."""
        if name not in self.names:
            known = (
                f"its columns are {', '.join(map(_shown, self.names))}"
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
        return None if row is None else (row[0], _shown(row[1]))

    def refuse(self, place: int, faults: dict[str, str]) -> None:
        """Raise `InputError` for the first fault, a condition and its wording, that a row has."""
        for condition, wording in faults.items():
            if found := self.first(place, condition):
                row, cell = found
                fault = wording.format(row=row, cell=cell)
                raise InputError(f"column {_shown(self.names[place])} {fault}")


def _existing(path: str | Path) -> Path:
    file = Path(path)
    if file.is_dir():
        raise InputError(f"{file} is a folder: give the file with the table")
    if not file.is_file():
        raise InputError(f"there is no file {file}: give the path of a CSV or Parquet file")
    return file


def _opened(connection: "DuckDBPyConnection", file: Path) -> _Table:
    # DuckDB takes a name for a pattern, or for an address; a bracketed character is itself.
    literal = "".join(f"[{c}]" if c in "*?[" else c for c in str(file.absolute()))
    is_parquet = file.suffix.lower() in (".parquet", ".pq")
    return (_opened_parquet if is_parquet else _opened_text)(connection, file, literal)


def _opened_parquet(connection: "DuckDBPyConnection", file: Path, literal: str) -> _Table:
    # DuckDB renames a second column of the same name; only the schema tells.
    names, nested = [], 0
    schema = "SELECT name, coalesce(num_children, 0) FROM parquet_schema($path) OFFSET 1"
    for name, children in connection.execute(schema, {"path": literal}).fetchall():
        if not nested:
            names.append(name)
        nested += children - (1 if nested else 0)
    columns = ", ".join(f"c{place}" for place in range(len(names)))
    rows = f"read_parquet($path, hive_partitioning = false) AS t({columns})"
    relation = connection.sql(f"SELECT * FROM {rows}", params={"path": literal})
    return _Table(
        connection=connection,
        file=file,
        rows=rows,
        parameters={"path": literal},
        names=tuple(names),
        types=tuple(kind.id for kind in relation.types),
    )


def _opened_text(connection: "DuckDBPyConnection", file: Path, literal: str) -> _Table:
    """Return the table in a text file.

    The types of its columns are found on the whole file. The cells are still read as text, so that
    what a message shows is what the file holds.
    """
    tabs = ".tsv" in (suffix.lower() for suffix in file.suffixes)
    delim, quote, escape, has_header, columns = _sniffed(
        connection, literal, "\t" if tabs else None
    )
    parameters = {"path": literal, "delim": delim, "quote": quote or "", "escape": escape or ""}
    rows = _text_rows(len(columns))
    names = [column["name"] for column in columns]
    if has_header:
        header = connection.execute(f"SELECT * FROM {rows} LIMIT 1", parameters).fetchall()
        # DuckDB renames a second column of the same name; only the line itself tells.
        cells = header[0] if header else [None] * len(names)
        names = [(cell or "").strip() or name for cell, name in zip(cells, names, strict=True)]
        rows = f"(SELECT * FROM {rows} OFFSET 1)"
    return _Table(
        connection=connection,
        file=file,
        rows=rows,
        parameters=parameters,
        names=tuple(names),
        types=tuple(column["type"].lower() for column in columns),
    )


def _sniffed(connection: "DuckDBPyConnection", literal: str, delimiter: str | None) -> Any:
    """Return delimiter, quote, escape, whether there is a line of names, and the columns."""
    import duckdb

    sniff = (
        "SELECT Delimiter, nullif(Quote, '(empty)'), nullif(Escape, '(empty)'), HasHeader, Columns "
        f"FROM sniff_csv($path, {_SNIFFING}{', delim = $delim' if delimiter else ''})"
    )
    parameters = {"path": literal} | ({"delim": delimiter} if delimiter else {})
    try:
        found = connection.execute(sniff, parameters).fetchall()[0]
    except duckdb.Error:
        _refuse_ragged(connection, literal, delimiter)
        raise
    columns = found[-1]
    if len(columns) == 1 and columns[0]["type"] == "VARCHAR":
        # Where lines differ in length every delimiter fails, and a line seems to be one cell.
        _refuse_ragged(connection, literal, delimiter)
    return found


def _text_rows(columns: int) -> str:
    """Return the SQL for all lines of a text file with so many columns, as text."""
    kinds = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(columns))
    return (
        "read_csv($path, auto_detect = false, header = false, skip = 0, comment = '', "
        "hive_partitioning = false, delim = $delim, quote = $quote, escape = $escape, "
        f"columns = {{{kinds}}})"
    )


def _refuse_ragged(connection: "DuckDBPyConnection", literal: str, delimiter: str | None) -> None:
    """Let DuckDB's error through that names the line whose length differs from the first one's.

    Does nothing where the first line has no delimiter, or all lines are of one length.
    """
    whole = {"path": literal, "delim": _NOT_IN_A_CELL, "quote": "", "escape": ""}
    lines = connection.execute(f"SELECT c0 FROM {_text_rows(1)} LIMIT 1", whole).fetchall()
    first = (lines[0][0] if lines else None) or ""
    delim = delimiter or max(",;\t|", key=first.count)
    try:
        cells = len(next(csv.reader([first], delimiter=delim), []))
    except csv.Error:  # such as a cell that is too long for it: then nothing can be compared
        return
    if cells > 1:
        parameters = {"path": literal, "delim": delim, "quote": '"', "escape": '"'}
        connection.execute(f"SELECT count(c0) FROM {_text_rows(cells)}", parameters)


def _feature_names(
    table: _Table, label: str | None, features: Sequence[str] | None
) -> tuple[str, ...]:
    if label is not None:
        table.place(label)
    if isinstance(features, str):
        raise InputError(f"features must be a list of column names, got the text {features!r}")
    names = table.names if features is None else tuple(features)
    for name in names:
        table.place(name)
    if features is None:
        names = tuple(name for name in names if name != label)
    elif label in names:
        raise InputError(f"column {label!r} holds the labels: leave it out of features")
    twice = [name for name, number in Counter(names).items() if number > 1]
    if twice:
        raise InputError(f"features must differ from each other, got {twice[0]!r} twice")
    if not names:
        raise InputError(f"expected at least one column with a feature in {table.file}, got none")
    return names


def _points(table: _Table, names: Sequence[str]) -> NDArray[np.float64]:
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


def _refuse_bad_numbers(table: _Table, place: int) -> None:
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


def _labels(table: _Table, name: str) -> tuple[Labels, tuple[int, ...] | tuple[str, ...]]:
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


def _refuse_bad_labels(table: _Table, place: int) -> None:
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


def _not_labels(table: _Table, place: int) -> InputError:
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
            f"column {name!r} holds the label {_shown(different[0])} in every row: expected at "
            "least two classes"
        )
    if len(different) == rows:
        raise InputError(
            f"column {name!r} holds another label in each of its {rows} rows, like a column of "
            "identifiers: expected classes that come again; name another column as the label"
        )


def _shown(value: Any) -> str:
    if isinstance(value, str) and len(value) > _LONGEST_VALUE:
        return f"{value[:_LONGEST_VALUE]!r}…"
    return repr(value)


def _reason(error: Exception) -> str:
    """Return what DuckDB says before it goes into the options of its reader."""
    first, *more = str(error).splitlines() or [type(error).__name__]
    if "CSV Error" not in first:
        return first
    rest = (line for line in more if line and not line.startswith("Original Line"))
    return f"{first}: {next(rest, '')}"
