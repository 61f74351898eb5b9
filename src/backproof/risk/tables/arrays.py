"""Arrays and lists as a table of DuckDB, which guesses at the types of objects by some of them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from backproof._core.errors import InputError
from backproof.risk.tables.expression import Frame
from backproof.risk.tables.values import is_missing, plain_decimal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_EXACT = 2**53  # whole numbers up to it are floats, too


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
    kind = array.dtype.kind
    if kind in "cSV":
        raise InputError(
            f"the column {name!r} must hold text, numbers or booleans, got the type {array.dtype}: "
            "convert it"
        )
    if kind == "M":
        return _times(name, array)
    if array.dtype == np.longdouble and array.dtype != np.float64:
        return array.astype(np.float64)
    if kind in "biuf":
        return array.astype(array.dtype.newbyteorder("="))
    return _of_objects(name, array) if kind == "O" else array


def _times(name: str, array: NDArray[Any]) -> NDArray[Any]:
    found = array.astype("datetime64[us]")
    if not np.array_equal(found.astype(array.dtype)[~np.isnat(array)], array[~np.isnat(array)]):
        raise InputError(f"the column {name!r} holds times finer than microseconds: round them")
    return found


def _of_objects(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return objects as numbers, where they are, of a type that holds each as it is."""
    values = [
        plain_decimal(one) if isinstance(one, Decimal) and not is_missing(one) else one
        for one in array.tolist()
    ]
    missing = np.ma.getmaskarray(array) | np.array([is_missing(one) for one in values], dtype=bool)
    known = [one for one, gap in zip(values, missing, strict=True) if not gap]
    kinds = {_kind(one) for one in known}
    if len(kinds) > 1:
        raise InputError(
            f"the column {name!r} must hold values of one kind, got both "
            f"{' and '.join(sorted(kinds))}: convert them"
        )
    filled = [None if gap else one for one, gap in zip(values, missing, strict=True)]
    if kinds != {"numbers"}:
        out = np.empty(len(filled), dtype=object)
        out[:] = filled
        return out
    whole = [int(one) for one in known if not isinstance(one, float | np.floating)]
    if len(whole) == len(known):
        return np.ma.MaskedArray([one or 0 for one in filled], missing, dtype=_type_of(known))
    if any(abs(one) > _EXACT for one in whole):
        raise InputError(
            f"the column {name!r} holds fractions, and whole numbers beyond 2**53, which no one "
            "type holds: convert them to text"
        )
    return np.array([np.nan if one is None else one for one in filled], dtype=np.float64)


def _type_of(whole: Sequence[Any]) -> Any:
    """Return the type of NumPy for whole numbers or truth values."""
    if all(isinstance(one, bool | np.bool_) for one in whole):
        return np.bool_
    for kind in (np.int64, np.uint64):
        limits = np.iinfo(kind)
        if all(limits.min <= int(one) <= limits.max for one in whole):
            return kind
    return object


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    is_number = isinstance(value, bool | int | float | np.bool_ | np.integer | np.floating)
    return "numbers" if is_number else "other objects"
