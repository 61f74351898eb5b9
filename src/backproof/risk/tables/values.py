"""Labels and keys as engines give them, turned into positions among the different ones."""

import datetime as dt
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof._core.errors import InputError
from backproof.risk.metrics.labels import Label
from backproof.risk.tables.scan import Wording

MISSING = -1
"""The position of a missing value."""

# What people write into a column of numbers where they have none; in one of text it may be a label.
_NO_NUMBER = frozenset(("na", "n/a", "#n/a", "nan", "null", "none", "nil", "-", "?", "<na>"))
_REPLACEMENT = "\ufffd"  # what Spark puts there
_TRUTHS = {"true": True, "false": False}


@dataclass(frozen=True, kw_only=True)
class Values:
    """One or more columns with the same set of values."""

    labels: tuple[Label, ...]
    """The different values, sorted; text or numbers."""
    codes: tuple[NDArray[np.int64], ...]
    """For each column, the position of each entry's value, or `MISSING`."""


def positions(
    columns: Mapping[str, Sequence[Any]], wording: Wording, *, are_labels: bool
) -> Values:
    """Return the columns as positions among the values of all of them.

    Parameters
    ----------
    columns
        From names, for messages, to entries.
    wording
        What the entries are: values with a type, cells of a text file, or JSON. Cells are numbers
        where all cells are, words for a missing number set aside.
    are_labels
        Whether they are labels of classes, which a date cannot be.

    Raises
    ------
    InputError
        If an entry can be no label or key, or some are text and some are numbers.
    """
    plain: dict[Any, Label | None] = {}
    if wording == "text":
        plain = _of_cells({cell for column in columns.values() for cell in column})
        _refuse_blanks(columns, plain)
    else:
        for name, column in columns.items():
            for value in dict.fromkeys(column):
                plain[value] = _of_value(name, value, wording, are_labels=are_labels)
    _refuse_mixed(columns, plain)
    _refuse_lost(columns, plain)
    # Of equal values (True, 1, 1.0) the dictionary keeps the first.
    labels = tuple(sorted(dict.fromkeys(one for one in plain.values() if one is not None)))
    place = {label: at for at, label in enumerate(labels)}
    code = {raw: MISSING if one is None else place[one] for raw, one in plain.items()}
    return Values(
        labels=labels,
        codes=tuple(
            np.fromiter((code[raw] for raw in column), dtype=np.int64, count=len(column))
            for column in columns.values()
        ),
    )


def plain_decimal(value: Decimal) -> int | float:
    """Return a decimal as a whole number, where it is one, or as a float."""
    if value.is_infinite():
        return float(value)
    return int(value) if value == value.to_integral_value() else float(value)


def is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN of any type, not-a-time, or the NA of pandas."""
    try:
        return value is None or bool(value != value)
    except (TypeError, ArithmeticError):  # pandas' NA is neither; a signalling NaN does not compare
        return True


def _of_cells(cells: Iterable[str | None]) -> dict[str | None, Label | None]:
    words = {cell: cell.strip() for cell in cells if cell is not None and cell.strip()}
    numbers = {cell: _number(word) for cell, word in words.items()}
    unread = [cell for cell, number in numbers.items() if number is None]
    found: dict[str | None, Label | None] = dict.fromkeys(cells)  # blank cells are missing
    if len(unread) < len(words) and all(words[cell].casefold() in _NO_NUMBER for cell in unread):
        return found | numbers
    return found | words


def _number(word: str) -> Label | None:
    """Return a word as a number or truth value; ``None`` where it is neither."""
    if word.casefold() in _TRUTHS:
        return _TRUTHS[word.casefold()]
    if "_" in word:  # 1_000 is a number to Python alone
        return None
    for kind in (int, float):
        try:
            number = kind(word)
        except ValueError:
            continue
        return number if math.isfinite(number) else None
    return None


def _of_value(name: str, value: Any, wording: Wording, *, are_labels: bool) -> Label | None:
    if wording == "json" and isinstance(value, str):
        value = json.loads(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Decimal):
        value = None if is_missing(value) else plain_decimal(value)
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if math.isinf(value):
            raise InputError(f"the column {name!r} holds an infinite number: correct the row")
        return None if math.isnan(value) else value
    if not are_labels and isinstance(value, dt.date):
        return value.isoformat()
    if is_missing(value):
        return None
    raise InputError(
        f"the column {name!r} must hold text, numbers or booleans, got {type(value).__name__} "
        f"{value!r}: convert it"
    )


def _refuse_blanks(
    columns: Mapping[str, Sequence[Any]], plain: Mapping[str | None, Label | None]
) -> None:
    """Refuse cells of text that only blanks around them tell apart; other readers keep these."""
    first: dict[Label, str] = {}
    for raw in sorted(cell for cell in plain if cell is not None):
        one = plain[raw]
        if isinstance(one, str) and first.setdefault(one, raw) != raw:
            where = " and ".join(map(repr, columns))
            raise InputError(
                f"the cells {first[one]!r} and {raw!r} of {where} differ by blanks alone: write "
                "one label in one way"
            )


def _refuse_lost(columns: Mapping[str, Sequence[Any]], plain: Mapping[Any, Label | None]) -> None:
    """Refuse values that are told apart no longer: bytes without meaning, and long decimals."""
    where = " and ".join(map(repr, columns))
    decimals: dict[Any, Decimal] = {}
    for raw, one in plain.items():
        if isinstance(one, str) and _REPLACEMENT in one:
            raise InputError(
                f"{where} holds {one!r}, where bytes could not be read as text: write the file in "
                "UTF-8"
            )
        if isinstance(raw, Decimal) and one is not None and decimals.setdefault(one, raw) != raw:
            raise InputError(
                f"the numbers {decimals[one]} and {raw} of {where} are one as floats: convert the "
                "column to text"
            )


def _refuse_mixed(columns: Mapping[str, Sequence[Any]], plain: dict[Any, Label | None]) -> None:
    texts: dict[str, Label] = {}
    numbers: dict[str, Label] = {}
    for name, column in columns.items():
        for raw in dict.fromkeys(column):
            one = plain[raw]
            if one is not None:
                (texts if isinstance(one, str) else numbers).setdefault(name, one)
    if not texts or not numbers:
        return
    name, text = next(iter(texts.items()))
    other, number = next(iter(numbers.items()))
    if name == other:
        raise InputError(
            f"the column {name!r} holds both text, such as {text!r}, and numbers, such as "
            f"{number!r}: write them in one type"
        )
    raise InputError(
        f"the column {name!r} holds text, such as {text!r}, and {other!r} numbers, such as "
        f"{number!r}, so none would ever be equal: convert one, for example with CAST({other} AS "
        f"VARCHAR) in SQL, or {other}.astype(str) in pandas"
    )
