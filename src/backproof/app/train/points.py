"""The points that networks are trained and tested on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof import datasets
from backproof._core import seeds
from backproof._core.errors import InputError
from backproof.app.train.own import own_points, signs
from backproof.app.train.settings import LAB, OWN, Settings

Array = NDArray[np.float64]

_TEST_POINTS = 1000
_WINDOWS: dict[str, float] = {LAB: 3.0, "moons": 2.5, "circles": 1.5, "spirals": 1.3, OWN: 2.0}


@dataclass(frozen=True, kw_only=True)
class Points:
    """Training points and test points with labels -1 and +1, and what is known of their law."""

    data: str
    """Name of the data set."""
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
        return Points(
            data=OWN,
            x=x,
            t=t,
            test_x=None,
            test_t=None,
            bayes=None,
            window=_wide(window, x),
        )
    train = datasets.named(settings.data, n=settings.points, seed=settings.sample)
    test_seed = seeds.derive(settings.sample, "test points") % 2**31
    test = datasets.named(settings.data, n=_TEST_POINTS, seed=test_seed)
    return Points(
        data=settings.data,
        x=train.x,
        t=signs(train),
        test_x=test.x,
        test_t=signs(test),
        bayes=train.bayes_score,
        window=window,
    )


def _wide(window: float, x: Array) -> float:
    """Return half the side of a square that shows all points, and them not as one dot."""
    needed = 1.1 * float(np.abs(x).max())
    return needed if needed > window or 0 < needed < window / 10 else window
