"""Points of one's own, as they stand in the address, and from an uploaded table."""

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from backproof import datasets
from backproof._core.errors import InputError

OwnPoint = tuple[float, float, int]
"""x1, x2 and the label, -1 or +1."""

_MOST = 500
"""Own points that still fit into an address."""
_LARGEST = 1e6
_NUMBER = r"(-?\d{1,7}(?:\.\d{1,12})?(?:e-\d{1,3})?)"
_POINT = re.compile(f"{_NUMBER},{_NUMBER},([ab])")


def own_points(text: str) -> list[OwnPoint]:
    """Return own points (x1, x2, label) from their text, ``x1,x2,a;x1,x2,b;…``.

    Raises
    ------
    InputError
        If the text is none of that form.
    """
    parts = [part for part in text.split(";") if part]
    if len(parts) > _MOST:
        raise InputError(f"own points must be at most {_MOST}, got {len(parts)}")
    found = []
    for part in parts:
        match = _POINT.fullmatch(part)
        if match is None:
            raise InputError(f"own points must be like 0.5,-1,a;1,1,b, got {part[:40]!r}")
        found.append((float(match[1]), float(match[2]), 1 if match[3] == "b" else -1))
    return found


def own_text(points: Iterable[OwnPoint]) -> str:
    """Return the text of own points, to five digits.

    Raises
    ------
    InputError
        If a coordinate is not finite or too large.
    """
    parts = []
    for x1, x2, t in points:
        if not (abs(x1) <= _LARGEST and abs(x2) <= _LARGEST):
            raise InputError(
                f"coordinates must be from {-_LARGEST:g} to {_LARGEST:g}, got {x1:.6g}, {x2:.6g}"
            )
        label = "b" if t > 0 else "a"
        parts.append(f"{_digits(x1)},{_digits(x2)},{label}")
    return ";".join(parts)


def _digits(value: float) -> str:
    """Return a number to five digits, without a plus sign or an exponent that is not needed."""
    text = f"{value:.5g}"
    return text if "e+" not in text else f"{value:.0f}"


def read_upload(path: str) -> list[OwnPoint]:
    """Return the points of an uploaded table: two columns of numbers, and a last one of two labels.

    Raises
    ------
    InputError
        If the table is none of that form.
    """
    columns = datasets.column_names(path)
    if len(columns) != 3:
        raise InputError(
            f"expected two columns of numbers and then one with two different labels, got "
            f"{len(columns)} columns"
        )
    table = datasets.read_table(path, label=columns[-1])
    if table.x.shape[1] != 2 or len(table.classes) != 2:
        raise InputError(
            "expected two columns of numbers and then one with two different labels, got "
            f"{table.x.shape[1]} and {len(table.classes)} labels"
        )
    if len(table.x) > _MOST:
        raise InputError(f"expected at most {_MOST} rows, got {len(table.x)}")
    return [
        (float(x1), float(x2), int(t)) for (x1, x2), t in zip(table.x, signs(table), strict=True)
    ]


def signs(data: datasets.Dataset) -> NDArray[np.int64]:
    """Return the labels of a data set of two classes as -1 and +1."""
    return np.where(np.asarray(data.t) == data.classes[-1], 1, -1)
