"""Rows and labels of a table as networks take them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from backproof._core import seeds
from backproof._core.errors import InputError
from backproof.datasets import Dataset

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Split:
    """Training and test rows, with targets as their loss takes them."""

    train_x: Array
    """Shape (n, d), as in the table."""
    train_t: NDArray[np.int64]
    """-1 and +1 for two classes, else 0, …, K-1; shape (n,)."""
    test_x: Array
    """Shape (m, d)."""
    test_t: NDArray[np.int64]
    """Shape (m,)."""


def loss_of(classes: int) -> str:
    """Return the loss for a number of classes."""
    return "logistic" if classes == 2 else "softmax"


def class_index(t: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Return targets as numbers 0, …, K-1."""
    return (t + 1) // 2 if classes == 2 else t


def split(data: Dataset, test: float, seed: int) -> Split:
    """Set rows aside for the test, of each class its share, at random.

    Raises
    ------
    InputError
        If there are no labels, or too few rows of a class for both parts.
    """
    if data.t is None:
        raise InputError(f"{data.name} has no label column; name one")
    numbers = np.searchsorted(np.asarray(data.classes), data.t)
    counts = np.bincount(numbers, minlength=len(data.classes))
    rarest = int(counts.argmin())
    if counts[rarest] < 2:
        raise InputError(
            f"class {data.classes[rarest]!r} has {counts[rarest]} row; each class needs at least "
            "two, one to learn from and one to test with"
        )
    targets = 2 * numbers - 1 if len(data.classes) == 2 else numbers
    try:
        train_x, test_x, train_t, test_t = train_test_split(
            data.x,
            targets.astype(np.int64),
            test_size=test,
            stratify=numbers,
            random_state=seeds.derive(seed, "test rows") % 2**32,
        )
    except ValueError:
        raise InputError(
            f"{len(data.x)} rows of {len(data.classes)} classes cannot be split with {test:g} for "
            "the test: a part would lack a class; choose another share, or have more rows"
        ) from None
    return Split(train_x, train_t, test_x, test_t)


@dataclass(frozen=True)
class Scaling:
    """x ↦ (x - mean) / scale, feature by feature."""

    mean: Array
    """Shape (d,)."""
    scale: Array
    """Shape (d,), above 0."""

    def __call__(self, x: Array) -> Array:
        """Return points, shape (n, d), on the scale that networks take."""
        return (x - self.mean) / self.scale


def scaling(x: Array, features: Sequence[str], *, standardise: bool) -> Scaling:
    """Return the scaling to mean 0 and variance 1 in these rows, or the one that does nothing.

    A feature that never changes is only shifted.

    Raises
    ------
    InputError
        If the variance of a feature is beyond the largest number; the message names it.
    """
    if not standardise:
        return Scaling(np.zeros(x.shape[1]), np.ones(x.shape[1]))
    changes = np.ptp(x, axis=0) > 0  # the deviation of equal numbers may be their rounding
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = x.mean(axis=0), x.std(axis=0)
    bad = np.flatnonzero(~np.isfinite(mean) | ~np.isfinite(deviation))
    if len(bad):
        raise InputError(
            f"feature {features[bad[0]]!r} is too large to standardise: its variance is beyond the "
            "largest number; give it in another unit"
        )
    return Scaling(mean, np.where(changes, deviation, 1.0))
