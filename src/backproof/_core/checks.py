"""Checks of arguments that several jobs share."""

import operator
from collections.abc import Callable, Iterable
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backproof._core.errors import InputError


def whole_number(
    name: str, value: SupportsIndex, *, at_least: int, at_most: int | None = None
) -> int:
    """Return `value` as an ``int``.

    Raises
    ------
    InputError
        If `value` is not a whole number, smaller than `at_least` or larger than `at_most`.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise InputError(
            f"{name} must be a whole number of at least {at_least}, got {value!r}"
        ) from None
    if number < at_least:
        raise InputError(f"{name} must be at least {at_least}, got {number}")
    if at_most is not None and number > at_most:
        raise InputError(f"{name} must be at most {at_most}, got {number}")
    return number


def open_unit(name: str, value: float) -> float:
    """Return `value` as a ``float`` strictly between 0 and 1; `InputError` if it is not."""
    return _number(name, value, lambda x: 0.0 < x < 1.0, "lie strictly between 0 and 1")


def rate(name: str, value: float) -> float:
    """Return `value` as a ``float`` from 0 to 1; `InputError` if it is not."""
    return _number(name, value, lambda x: 0.0 <= x <= 1.0, "lie in [0, 1]")


def rates(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return `values` as an array of ``float`` from 0 to 1; `InputError` if any is not."""
    if np.ndim(values) == 0:
        return np.asarray(rate(name, values))  # type: ignore[arg-type]
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be numbers in [0, 1], got {values!r}") from None
    wrong = ~((array >= 0) & (array <= 1))  # NaN is neither
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise InputError(
            f"{name} must lie in [0, 1], got {int(wrong.sum())} that do not, the first at index "
            f"{first}: {array[first]:g}"
        )
    return array


def positive(name: str, value: float) -> float:
    """Return `value` as a finite ``float`` above 0; `InputError` if it is not."""
    return _number(name, value, lambda x: 0.0 < x < float("inf"), "be finite and above 0")


def not_negative(name: str, value: float) -> float:
    """Return `value` as a finite ``float`` of at least 0; `InputError` if it is not."""
    return _number(name, value, lambda x: 0.0 <= x < float("inf"), "be finite and at least 0")


def one_of(name: str, value: str, known: Iterable[str]) -> str:
    """Return `value`; `InputError`, naming the known ones, if it is none of them."""
    names = list(known)
    if value not in names:
        raise InputError(f"{name} must be one of {', '.join(names)}, got {value!r}")
    return value


def _number(name: str, value: float, fits: Callable[[float], bool], condition: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name} must be a number and {condition}, got {value!r}") from None
    if not fits(number):  # NaN fits nothing
        raise InputError(f"{name} must {condition}, got {number:g}")
    return number
