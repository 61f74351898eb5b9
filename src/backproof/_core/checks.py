"""Checks of arguments that several jobs share."""

import operator
from collections.abc import Callable, Iterable
from typing import SupportsIndex

from backproof._core.errors import InputError


def whole_number(name: str, value: SupportsIndex, *, at_least: int) -> int:
    """Return `value` as an ``int``.

    Raises
    ------
    InputError
        If `value` is not a whole number, or is smaller than `at_least`.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise InputError(
            f"{name} must be a whole number of at least {at_least}, got {value!r}"
        ) from None
    if number < at_least:
        raise InputError(f"{name} must be at least {at_least}, got {number}")
    return number


def open_unit(name: str, value: float) -> float:
    """Return `value` as a ``float`` strictly between 0 and 1; `InputError` if it is not."""
    return _number(name, value, lambda x: 0.0 < x < 1.0, "lie strictly between 0 and 1")


def rate(name: str, value: float) -> float:
    """Return `value` as a ``float`` from 0 to 1; `InputError` if it is not."""
    return _number(name, value, lambda x: 0.0 <= x <= 1.0, "lie in [0, 1]")


def positive(name: str, value: float) -> float:
    """Return `value` as a finite ``float`` above 0; `InputError` if it is not."""
    return _number(name, value, lambda x: 0.0 < x < float("inf"), "be finite and above 0")


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
