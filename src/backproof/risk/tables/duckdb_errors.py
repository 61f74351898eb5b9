"""Errors of DuckDB in words that name the file, and the line where DuckDB knows it."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from backproof._core.errors import EngineError, InputError
from backproof.risk.tables.json_files import first_bad_line
from backproof.risk.tables.sources import first_failure

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation

_JSON_LINE = re.compile(r" in (line|record/value) \d+")
_ADVICE = re.compile(r"Possible |LINE \d|Column .* is being converted|\* |file = ")


def explained_by_file(
    error: Exception, names: dict[str, str], alone: Callable[[str], "DuckDBPyRelation"]
) -> Exception:
    """Return an error that names the file, and the line where DuckDB knows it.

    Parameters
    ----------
    error
        What was raised.
    names
        From absolute paths to the paths that people know.
    alone
        Returns the table of one file.
    """
    import duckdb

    if isinstance(error, duckdb.OutOfMemoryException):
        return EngineError(
            f"DuckDB {duckdb.__version__} ran out of memory: {first_line_of(error)}; nothing was "
            "certified: raise memory_limit, or group by a column with fewer values"
        )
    if not isinstance(error, duckdb.Error):
        return error
    culprit = max((path for path in names if path in str(error)), key=len, default=None)
    if culprit is None:
        culprit, error = first_failure(names, lambda path: _failure(alone, path), error)
    where = "the files" if culprit is None else names[culprit]
    told = "; ".join(without_advice(error))
    if culprit is not None and _JSON_LINE.search(told):
        # DuckDB 2.0 counts one line too many, and with several threads may tell of a later one.
        line = first_bad_line(Path(culprit))
        told = _JSON_LINE.sub("" if line is None else f" in line {line}", told)
    return InputError(f"cannot read {where}: {told}; nothing was certified")


def _failure(alone: Callable[[str], "DuckDBPyRelation"], path: str) -> Exception | None:
    """Return the error that reading one file to its end raises, if it does."""
    import duckdb

    try:
        alone(path).aggregate("count(COLUMNS(*))").fetchall()
    except duckdb.Error as error:
        return error
    return None


def without_advice(error: Exception) -> Iterator[str]:
    """Yield the lines of an error of DuckDB up to its advice, which is about its own options."""
    for line in str(error).splitlines():
        if _ADVICE.match(line.strip()):
            return
        if line.strip():
            yield line.strip().rstrip(".")


def first_line_of(error: Exception) -> str:
    """Return the first line of an error, or its name where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
