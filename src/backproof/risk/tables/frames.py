"""What users have as Narwhals frames, and the result of a query as arrays."""

from collections.abc import Callable
from importlib import metadata
from typing import Any

import narwhals as nw

from backproof._core.errors import EngineError, InputError
from backproof.risk.tables.expression import Frame, wrapped

_ENGINES = {
    nw.Implementation.DUCKDB: ("DuckDB", "duckdb"),
    nw.Implementation.POLARS: ("Polars", "polars"),
    nw.Implementation.PANDAS: ("pandas", "pandas"),
    nw.Implementation.PYARROW: ("PyArrow", "pyarrow"),
    nw.Implementation.PYSPARK: ("Spark", "pyspark"),
    nw.Implementation.PYSPARK_CONNECT: ("Spark Connect", "pyspark"),
    nw.Implementation.DASK: ("Dask", "dask"),
    nw.Implementation.IBIS: ("Ibis", "ibis-framework"),
}
_JAVA = "An error occurred while calling"
_CAUSE = "Caused by: "


def framed(native: Any) -> Frame:
    """Return a user's table as a Narwhals frame; `InputError` where it is none."""
    try:
        return wrapped(native)
    except nw.exceptions.NarwhalsError as error:
        raise InputError(f"the table cannot be read: {told(error)}") from error
    except TypeError:
        raise InputError(
            "predictions must be a path, paths, a mapping of arrays, or a table of DuckDB, "
            "pandas, Polars, PyArrow, PySpark, Dask or Ibis, got "
            f"{type(native).__module__}.{type(native).__qualname__}"
        ) from None


def engine_of(frame: Frame) -> tuple[str, str]:
    """Return the name and the version of the engine that holds a frame."""
    implementation = frame.implementation
    name, package = _ENGINES.get(implementation, (str(implementation), None))
    return name, metadata.version(package) if package else "unknown"


def fetched(query: Callable[[], Frame], frame: Frame) -> dict[str, list[Any]]:
    """Return the columns of a query's result, computed now, as lists of Python's own values.

    Parameters
    ----------
    query
        Returns the result, which some engines compute then and others when it is read.
    frame
        A table of the engine.

    Raises
    ------
    InputError
        If the query cannot be made.
    EngineError
        If the engine cannot finish.
    """
    try:
        return _columns(query())
    except InputError:
        raise
    except Exception as error:
        name, version = engine_of(frame)
        raise EngineError(
            f"{name} {version} could not count the table: {told(error)}; nothing was certified"
        ) from error


def _columns(result: Frame) -> dict[str, list[Any]]:
    names = result.collect_schema().names()
    native, kind = result.to_native(), result.implementation
    if kind.is_duckdb():
        return _by_name(names, native.fetchall())
    if kind.is_pyspark() or kind.is_pyspark_connect():
        return _by_name(names, native.collect())
    if kind.is_polars() and isinstance(result, nw.LazyFrame):
        native = native.collect(engine="streaming")  # the default one loads whole columns
        return {name: native[name].to_list() for name in names}
    eager = result.collect() if isinstance(result, nw.LazyFrame) else result
    return {name: eager.get_column(name).to_list() for name in names}


def _by_name(names: list[str], rows: list[Any]) -> dict[str, list[Any]]:
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}


def told(error: Exception) -> str:
    """Return the lines that say something of an engine's error: its first, and the first cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # A Java exception begins on the second line, and its causes stand in the trace.
    if lines and lines[0].startswith(_JAVA) and len(lines) > 1:
        lines = [lines[1].removeprefix(": "), *lines[2:]]
    causes = [line for line in lines if line.startswith(_CAUSE)]
    said = [*lines[:1], *causes[-1:]]
    return "; ".join([type(error).__name__, *said]) if said else type(error).__name__
