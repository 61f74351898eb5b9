"""What users have as Narwhals frames, and the result of a query as arrays."""

from collections.abc import Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from backproof._core.errors import EngineError, InputError
from backproof.risk.tables.expression import Frame, wrapped
from backproof.risk.tables.values import is_missing

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

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
# Kinds of NumPy arrays that DuckDB takes as they are; anything else is looked at first.
_PLAIN = "biufU"


def framed(native: Any) -> Frame:
    """Return a user's table as a Narwhals frame; `InputError` where it is none."""
    try:
        return wrapped(native)
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


def fetched(result: Frame) -> dict[str, list[Any]]:
    """Return the columns of a query's result, computed now, as lists of Python's own values.

    Raises
    ------
    EngineError
        If the engine cannot finish.
    """
    try:
        return _columns(result)
    except Exception as error:
        name, version = engine_of(result)
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


def from_arrays(connection: "DuckDBPyConnection", arrays: Mapping[str, Any]) -> Frame:
    """Return arrays of one length, by the name of their column, as a table of DuckDB.

    Raises
    ------
    InputError
        If they are of other shapes, or hold what has no order.
    """
    columns = {name: _array(name, values) for name, values in arrays.items()}
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{length} in {name}" for name, length in lengths.items())
        raise InputError(f"arrays must be of one length, an entry an example, got {listed}")
    if not columns:
        raise InputError("predictions must have a column, got an empty mapping")
    name = f"arrays{id(columns)}"  # two tables may be open at once
    connection.register(name, columns)
    return nw.from_native(connection.table(name))


def _array(name: str, values: Any) -> NDArray[Any]:
    listed = isinstance(values, list | tuple)
    array = np.asanyarray(values, dtype=object if listed else None)  # a mask stays
    if array.ndim != 1:
        raise InputError(f"the column {name!r} must have one dimension, got shape {array.shape}")
    if array.dtype.kind in _PLAIN:
        return array
    kinds = {kind for value in array.tolist() if (kind := _kind(value))}
    if len(kinds) > 1:
        raise InputError(
            f"the column {name!r} must hold values of one kind, got both "
            f"{' and '.join(sorted(kinds))}: convert them"
        )
    return array


def _kind(value: Any) -> str | None:
    if is_missing(value):
        return None
    if isinstance(value, str):
        return "text"
    return "numbers" if isinstance(value, bool | int | float | np.generic) else "other objects"
