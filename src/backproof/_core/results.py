"""The base of every result: frozen values that go to JSON and come back unchanged."""

import html
from typing import Any, Self, get_origin

import msgspec
import numpy as np

from backproof._core.errors import InputError


class ShownAsText:
    """Base class of what a notebook shows as its text."""

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


class Result(ShownAsText):
    """Base class of results.

    A result is a frozen, keyword-only dataclass whose fields are numbers, strings, booleans,
    ``None``, tuples, dictionaries with string keys, and other results; those of an `ArrayResult`
    may be arrays too. A quantity that could not be determined is ``None``, never NaN, because JSON
    has no NaN.
    """

    def to_dict(self) -> dict[str, Any]:
        """Return the result as nested built-in containers, ready for any serialiser."""
        data: dict[str, Any] = msgspec.to_builtins(self, enc_hook=_encoded)
        return data

    def to_json(self, indent: int = 0) -> str:
        """Return the result as JSON; with `indent` > 0 spread over lines."""
        text = to_json(self)
        return (msgspec.json.format(text, indent=indent) if indent else text).decode()

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Rebuild a result from what `to_dict` returned.

        Raises
        ------
        InputError
            If a field is missing or has the wrong type; the message names it.
        """
        try:
            # strict=False would accept "1" for 1; the tuples of a result arrive as JSON arrays.
            return msgspec.convert(data, cls, dec_hook=_decoded)
        except msgspec.ValidationError as error:
            raise InputError(f"not a {cls.__name__}: {error}") from None

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Rebuild a result from what `to_json` returned.

        Raises
        ------
        InputError
            If `text` is not whole JSON, or not of this type.
        """
        try:
            return msgspec.json.decode(text, type=cls, dec_hook=_decoded)
        except msgspec.ValidationError as error:
            raise InputError(f"not a {cls.__name__}: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InputError(f"not whole JSON: {error}") from None


class ArrayResult(Result):
    """Base class of results that hold NumPy arrays, which come back from JSON as they were.

    Its dataclasses are made with ``eq=False``: arrays have no single truth value.
    """

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]


def to_json(value: Any) -> bytes:
    """Return results, or containers of them, as JSON."""
    return msgspec.json.encode(value, enc_hook=_encoded)


def _encoded(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise NotImplementedError(f"a result cannot hold a {type(value).__name__}")


def _decoded(kind: Any, value: Any) -> Any:
    if get_origin(kind) is np.ndarray:
        (dtype,) = kind.__args__[1].__args__
        try:
            return np.asarray(value, dtype=dtype)
        except OverflowError as error:
            raise ValueError(f"a number is too large for {np.dtype(dtype)}") from error
    raise NotImplementedError(f"a result cannot hold a {kind}")
