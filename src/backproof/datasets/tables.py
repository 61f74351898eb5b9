"""Data sets in CSV, TSV and Parquet files, read through DuckDB."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from backproof._core.errors import InputError
from backproof.datasets.dataset import Dataset
from backproof.datasets.table import Table
from backproof.datasets.table_columns import labels_of, points_of
from backproof.datasets.table_files import opened


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
    with _opened(path) as table:
        names = _feature_names(table, label, features)
        x = points_of(table, names)
        t, classes = (None, ()) if label is None else labels_of(table, label)
    return Dataset(name=table.file.name, x=x, t=t, features=names, classes=classes)


def column_names(path: str | Path) -> tuple[str, ...]:
    """Return the names of the columns of a CSV, TSV or Parquet file, as `read_table` knows them.

    Raises
    ------
    InputError
        If there is no such file, or it cannot be read.
    """
    with _opened(path) as table:
        return table.names


@contextmanager
def _opened(path: str | Path) -> Iterator[Table]:
    import duckdb

    file = _existing(path)
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        try:
            yield opened(connection, file)
        except duckdb.Error as error:
            raise InputError(
                f"{file} cannot be read as a table: {_reason(error)}; expected Parquet, or CSV "
                "or TSV in UTF-8 with the same columns in every row"
            ) from None


def _existing(path: str | Path) -> Path:
    file = Path(path)
    if file.is_dir():
        raise InputError(f"{file} is a folder: give the file with the table")
    if not file.is_file():
        raise InputError(f"there is no file {file}: give the path of a CSV or Parquet file")
    return file


def _feature_names(
    table: Table, label: str | None, features: Sequence[str] | None
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


def _reason(error: Exception) -> str:
    """Return what DuckDB says before it goes into the options of its reader."""
    first, *more = str(error).splitlines() or [type(error).__name__]
    if "CSV Error" not in first:
        return first
    rest = (line for line in more if line and not line.startswith("Original Line"))
    return f"{first}: {next(rest, '')}"
