"""The points that networks are trained and tested on."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof import datasets
from backproof._core import seeds
from backproof._core.errors import InputError
from backproof.app.train.settings import OWN, Settings

Array = NDArray[np.float64]
Window = tuple[tuple[float, float], tuple[float, float]]

TEST_POINTS = 1000
MOST_OWN = 500
"""Own points that still fit into an address."""

_POINT = re.compile(r"(-?\d{1,4}(?:\.\d{1,4})?),(-?\d{1,4}(?:\.\d{1,4})?),([ab])")
_WINDOWS: dict[str, float] = {"lab": 3.0, "moons": 2.5, "circles": 1.5, "spirals": 1.3, OWN: 2.0}


@dataclass(frozen=True, kw_only=True)
class Points:
    """Training points and test points with labels -1 and +1, and what is known of their law."""

    x: Array
    t: NDArray[np.int64]
    test_x: Array | None
    test_t: NDArray[np.int64] | None
    bayes: Callable[[Array], Any] | None
    window: float
    """Half the side of the square that is shown."""


def points_of(settings: Settings) -> Points:
    """Return the points that settings ask for.

    Raises
    ------
    InputError
        If there are no own points, or they cannot be read.
    """
    window = _WINDOWS[settings.data]
    if settings.data == OWN:
        own = own_points(settings.own)
        if not own:
            raise InputError("there are no own points yet: click into the picture to add some")
        x, t = np.array([one[:2] for one in own]), np.array([one[2] for one in own])
        return Points(x=x, t=t, test_x=None, test_t=None, bayes=None, window=_wide(window, x))
    train = datasets.named(settings.data, n=settings.points, seed=settings.sample)
    test_seed = seeds.derive(settings.sample, "test points") % 2**31
    test = datasets.named(settings.data, n=TEST_POINTS, seed=test_seed)
    return Points(
        x=train.x,
        t=_signs(train),
        test_x=test.x,
        test_t=_signs(test),
        bayes=train.bayes_score,
        window=window,
    )


def own_points(text: str) -> list[tuple[float, float, int]]:
    """Return own points (x1, x2, label) from their text, ``x1,x2,a;x1,x2,b;…``.

    Raises
    ------
    InputError
        If the text is none of that form.
    """
    parts = [part for part in text.split(";") if part]
    if len(parts) > MOST_OWN:
        raise InputError(f"own points must be at most {MOST_OWN}, got {len(parts)}")
    found = []
    for part in parts:
        match = _POINT.fullmatch(part)
        if match is None:
            raise InputError(f"own points must be like 0.5,-1,a;1,1,b, got {part[:40]!r}")
        found.append((float(match[1]), float(match[2]), 1 if match[3] == "b" else -1))
    return found


def own_text(points: Iterable[tuple[float, float, int]]) -> str:
    """Return the text of own points, to two decimals."""
    return ";".join(f"{x1:.2f},{x2:.2f},{'b' if t > 0 else 'a'}" for x1, x2, t in points)


def read_upload(path: str) -> list[tuple[float, float, int]]:
    """Return the points of an uploaded table: two columns of numbers, and a last one of two labels.

    Raises
    ------
    InputError
        If the table is none of that form.
    """
    table = datasets.read_table(path, label=datasets.column_names(path)[-1])
    if table.x.shape[1] != 2 or len(table.classes) != 2:
        raise InputError(
            "expected two columns of numbers and then one with two different labels, got "
            f"{table.x.shape[1]} and {len(table.classes)} labels"
        )
    if len(table.x) > MOST_OWN:
        raise InputError(f"expected at most {MOST_OWN} rows, got {len(table.x)}")
    return [
        (float(x1), float(x2), int(t)) for (x1, x2), t in zip(table.x, _signs(table), strict=True)
    ]


def _signs(data: datasets.Dataset) -> NDArray[np.int64]:
    return np.where(np.asarray(data.t) == data.classes[-1], 1, -1)


def _wide(window: float, x: Array) -> float:
    """Return half the side of a square that shows all points."""
    return max(window, 1.1 * float(np.abs(x).max()))
