"""Checks of arguments that several jobs share."""

import operator
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
    """Return `value` as a ``float`` strictly between 0 and 1.

    Raises
    ------
    InputError
        If it is not, NaN included.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number between 0 and 1, got {value!r}") from None
    if not 0.0 < number < 1.0:
        raise InputError(f"{name} must lie strictly between 0 and 1, got {number:g}")
    return number


def rate(name: str, value: float) -> float:
    """Return `value` as a ``float`` from 0 to 1.

    Raises
    ------
    InputError
        If it is not, NaN included.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number from 0 to 1, got {value!r}") from None
    if not 0.0 <= number <= 1.0:
        raise InputError(f"{name} must lie in [0, 1], got {number:g}")
    return number


def positive(name: str, value: float) -> float:
    """Return `value` as a finite ``float`` above 0.

    Raises
    ------
    InputError
        If it is not, NaN and infinity included.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number above 0, got {value!r}") from None
    if not 0.0 < number < float("inf"):
        raise InputError(f"{name} must be finite and above 0, got {number:g}")
    return number
