"""Labels as people keep them, turned into whole numbers from 0."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backproof._core.errors import InputError

Label = str | bool | int | float


@dataclass(frozen=True, kw_only=True)
class Coded:
    """An array of labels."""

    labels: tuple[Label, ...]
    """The different labels, sorted."""
    codes: NDArray[np.intp]
    """Position of each example's label among them, shape (n,)."""

    def among(self, name: str, labels: Sequence[Label]) -> NDArray[np.intp]:
        """Return the position of each example's label among `labels`.

        Raises
        ------
        InputError
            If one is not among them; `name` is what the array is called.
        """
        position = {label: i for i, label in enumerate(labels)}
        unknown = [label for label in self.labels if label not in position]
        if unknown:
            raise InputError(
                f"{name} has {len(unknown)} labels that labels= has not, the first {unknown[0]!r}: "
                "give every label that may occur"
            )
        found: NDArray[np.intp] = np.array([position[label] for label in self.labels])[self.codes]
        return found


def coded(name: str, values: ArrayLike) -> Coded:
    """Return labels as positions among the different ones.

    Parameters
    ----------
    name
        What the array is called, for messages.
    values
        Text, numbers or booleans, shape (n,), n at least 1.

    Raises
    ------
    InputError
        If that is not what came, or labels are missing or infinite.
    """
    array = _as_array(values)
    if array.ndim != 1:
        raise InputError(
            f"{name} must have one dimension, got shape {array.shape}: use ravel() if it is one "
            "column, argmax(axis=1) if a column stands for a class"
        )
    if array.size == 0:
        raise InputError(f"{name} must hold at least one example, got none")
    if isinstance(values, np.ma.MaskedArray):
        _refuse_missing(name, np.ma.getmaskarray(values))
    return (
        _coded_numbers(name, array) if array.dtype.kind in "biuf" else _coded_objects(name, array)
    )


def checked_labels(labels: Iterable[Label]) -> tuple[Label, ...]:
    """Return `labels` as a tuple; `InputError` unless they are different labels of one kind."""
    if not isinstance(labels, Iterable):
        raise InputError(f"labels must be labels, got {labels!r}: list every one that may occur")
    given = list(labels)
    different = coded("labels", given)
    if len(different.labels) < len(given):
        raise InputError(f"labels must be different from each other, got {given}")
    return tuple(different.labels[i] for i in different.codes)


def same_length(name: str, length: int, other: str, other_length: int) -> None:
    """Raise `InputError` unless two arrays that belong together are of one length."""
    if length != other_length:
        raise InputError(
            f"{name} and {other} must be of one length, an entry an example; got {length} and "
            f"{other_length}"
        )


def refuse_other_kind(
    name: str, labels: Sequence[Label], other: str, other_labels: Sequence[Label]
) -> None:
    """Raise `InputError` where one has text for labels and the other numbers."""
    is_text, other_is_text = (isinstance(some[0], str) for some in (labels, other_labels))
    if is_text != other_is_text:
        numbers = other if is_text else name
        raise InputError(
            f"{name} and {other} must have labels of one kind, got {labels[0]!r} and "
            f"{other_labels[0]!r}: convert the numbers with numpy.asarray({numbers}).astype(str) "
            "if they are written alike, or the text with astype(int)"
        )


def position_of(positive: Label | None, labels: Sequence[Label]) -> int:
    """Return the position of the positive class, by default the larger label of two.

    Raises
    ------
    InputError
        If `positive` is not among the labels, or is needed and not given.
    """
    if positive is None and len(labels) == 2:
        return 0 if labels[0] > labels[1] else 1  # type: ignore[operator]
    if positive is None or positive not in labels:
        shown = ", ".join(map(repr, labels[:5])) + (", …" if len(labels) > 5 else "")
        got = "none was given" if positive is None else f"got {positive!r}"
        raise InputError(
            f"positive= must name the positive class, one of {shown}; {got}. If it is another that "
            "never occurs, give every label as labels="
        )
    return list(labels).index(positive)


def _as_array(values: ArrayLike) -> NDArray[Any]:
    if hasattr(values, "detach"):  # a tensor, which may require a gradient or lie on a device
        values = values.detach().cpu()
    # NumPy would make text of [1, "a"] and of ["a", nan]; as objects they stay what they are.
    return np.asarray(values, dtype=object if isinstance(values, list | tuple) else None)


def _coded_numbers(name: str, array: NDArray[Any]) -> Coded:
    if array.dtype.kind == "f":
        _refuse_missing(name, ~np.isfinite(array))
    different = np.unique(array)
    return Coded(labels=tuple(different.tolist()), codes=np.searchsorted(different, array))


def _coded_objects(name: str, array: NDArray[Any]) -> Coded:
    values = array.tolist()
    try:
        different = dict.fromkeys(values)
    except TypeError:
        kinds = {type(value).__name__ for value in values}
        remedy = f": take the labels out, [one['label'] for one in {name}]"
        raise InputError(
            f"{name} must hold {_EXPECTED}, got {', '.join(sorted(kinds))}"
            f"{remedy if kinds == {'dict'} else ''}"
        ) from None
    if any(_is_missing(value) for value in different):
        _refuse_missing(name, np.array([_is_missing(value) for value in values]))
    labels = [_as_label(name, value) for value in different]
    texts = [label for label in labels if isinstance(label, str)]
    if 0 < len(texts) < len(labels):
        number = next(label for label in labels if not isinstance(label, str))
        raise InputError(
            f"{name} must hold labels of one kind, got both {texts[0]!r} and {number!r}: convert "
            f"them, for example with [str(label) for label in {name}]"
        )
    ordered = sorted(zip(labels, different, strict=True))
    position = {value: i for i, (_, value) in enumerate(ordered)}
    codes = np.fromiter(map(position.__getitem__, values), dtype=np.intp, count=len(values))
    return Coded(labels=tuple(label for label, _ in ordered), codes=codes)


_EXPECTED = "text, numbers or booleans"


def _as_label(name: str, value: Any) -> Label:
    plain = value.item() if isinstance(value, np.generic) else value
    if not isinstance(plain, str | bool | int | float):
        raise InputError(
            f"{name} must hold {_EXPECTED}, got {type(value).__name__} {value!r}: convert them"
        )
    return str(plain) if isinstance(plain, str) else plain


def _is_missing(value: Any) -> bool:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return True
    try:
        return bool(value != value)  # true of NaN and of not-a-time, whatever their type
    except (TypeError, ValueError):
        return True  # pandas.NA refuses to be compared


def _refuse_missing(name: str, missing: NDArray[np.bool_]) -> None:
    if missing.any():
        raise InputError(
            f"{name} must have a label for every example, got {int(missing.sum())} that are "
            f"missing or not finite, the first at index {int(np.argmax(missing))}: drop those "
            "examples, or give them a label"
        )
