"""Data sets that have a name: drawn from a law, or bundled with scikit-learn."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, SupportsIndex

import numpy as np

from backproof._core.checks import whole_number
from backproof._core.errors import InputError
from backproof._core.seeds import check_seed, generator
from backproof.datasets.dataset import Dataset, Labels, suggestion
from backproof.datasets.mixture import lab_mixture

_POINTS = 200
_PLANE = ("x1", "x2")
_LARGEST_SEED = (1 << 32) - 1  # that NumPy's RandomState, which scikit-learn seeds, takes


def named(name: str, *, n: SupportsIndex | None = None, seed: SupportsIndex = 0) -> Dataset:
    """Return a data set by its name.

    Parameters
    ----------
    name
        One of `NAMED`: ``lab``, the lab's two-class problem, labels -1 and +1; ``moons``, two
        interleaved half circles with noise 0.2, and ``circles``, one inside the other with half
        its radius and noise 0.1, labels 0 and 1; ``spirals``, two Archimedean ones of one and a
        half turns, one between the arms of the other, with noise 0.04, labels 0 and 1;
        ``breast-cancer``, 569 tumours with 30 features; ``digits``, 1797 images of 8 by 8 pixels.
    n
        Number of points that are drawn, 200 unless given; at least 2, and even for ``lab``. Not
        for the bundled sets ``breast-cancer`` and ``digits``, which have the rows that they have.
    seed
        Whole number of at least 0, for ``moons`` and ``circles`` below 2**32; the same seed draws
        the same points. It changes nothing about the bundled sets.

    Raises
    ------
    InputError
        If there is no such set, or `n` or `seed` is out of its range.
    """
    if name in _DRAWN:
        size = whole_number("the sample size n", _POINTS if n is None else n, at_least=2)
        x, t = _DRAWN[name](size, check_seed(seed))
        drawn = _dataset(name, x, t, _PLANE)
        return replace(drawn, bayes_score=lab_mixture().score) if name == "lab" else drawn
    if name not in _BUNDLED:
        hint = suggestion(str(name), NAMED)
        raise InputError(f"the data set must be one of {', '.join(NAMED)}, got {name!r}{hint}")
    check_seed(seed)
    bundled = _BUNDLED[name]()
    if n is not None:
        raise InputError(
            f"n cannot be chosen for {name}, which has {len(bundled.x)} rows: leave n out, or "
            f"draw from one of {', '.join(_DRAWN)}"
        )
    return _dataset(name, bundled.x, bundled.t, bundled.features)


@dataclass(frozen=True, kw_only=True)
class _Bundled:
    """What scikit-learn keeps of a data set."""

    x: Any
    t: Any
    features: Any


def _lab(n: int, seed: int) -> tuple[Any, Any]:
    return lab_mixture().sample(n, seed)


def _moons(n: int, seed: int) -> tuple[Any, Any]:
    from sklearn.datasets import make_moons

    drawn: tuple[Any, Any] = make_moons(n, noise=0.2, random_state=_random_state(seed))
    return drawn


def _circles(n: int, seed: int) -> tuple[Any, Any]:
    from sklearn.datasets import make_circles

    drawn: tuple[Any, Any] = make_circles(
        n, noise=0.1, factor=0.5, random_state=_random_state(seed)
    )
    return drawn


def _spirals(n: int, seed: int) -> tuple[Any, Any]:
    rng = generator(seed, "datasets.spirals")
    t = rng.permutation(np.arange(n) % 2)
    radius = np.sqrt(rng.uniform(size=n))  # so that the points are as dense everywhere
    angle = 3 * np.pi * radius + np.pi * t
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return x + 0.04 * rng.standard_normal((n, 2)), t


def _breast_cancer() -> _Bundled:
    from sklearn.datasets import load_breast_cancer

    kept = load_breast_cancer()
    return _Bundled(x=kept.data, t=kept.target_names[kept.target], features=kept.feature_names)


def _digits() -> _Bundled:
    from sklearn.datasets import load_digits

    kept = load_digits()
    return _Bundled(x=kept.data, t=kept.target, features=kept.feature_names)


_DRAWN: dict[str, Callable[[int, int], tuple[Any, Any]]] = {
    "lab": _lab,
    "moons": _moons,
    "circles": _circles,
    "spirals": _spirals,
}
_BUNDLED: dict[str, Callable[[], _Bundled]] = {"breast-cancer": _breast_cancer, "digits": _digits}

NAMED: tuple[str, ...] = (*_DRAWN, *_BUNDLED)
"""The names that `named` knows."""


def _random_state(seed: int) -> int:
    if seed > _LARGEST_SEED:
        raise InputError(f"seed must be at most {_LARGEST_SEED} for this data set, got {seed}")
    return seed


def _dataset(name: str, x: Any, t: Any, features: Any) -> Dataset:
    kept = np.asarray(t)
    labels: Labels = kept.astype(np.str_) if kept.dtype.kind == "U" else kept.astype(np.int64)
    return Dataset(
        name=name,
        x=np.asarray(x, np.float64),
        t=labels,
        features=tuple(map(str, features)),
        classes=tuple(np.unique(labels).tolist()),
    )
