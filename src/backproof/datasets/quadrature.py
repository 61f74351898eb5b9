"""Exact error rates of a black-box classifier under mixtures of isotropic Gaussians in the plane.

Along a horizontal line a classifier's label changes at a few abscissae. Between them a Gaussian's
mass is a difference of normal distribution functions, so the inner integral is exact once the
changes are found (by a scan, then bisection); the outer one is adaptive Gauss-Kronrod quadrature,
which also copes with the square-root ends where the boundary runs parallel to the lines.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import cubature
from scipy.special import ndtr

from backproof._core.errors import ConvergenceError, InputError

Labels = NDArray[np.int64]
Points = NDArray[np.float64]

TOLERANCE = 1e-5
"""The largest error estimate that a result may carry."""

_PANEL_TOLERANCE = 2e-8  # asked of each panel; the lab's problem has about eighty
_REACH = 7.5  # standard deviations beyond the outermost means; leaves out a mass of 1e-13
_CENTRE = 4.5  # within so many standard deviations of the means nothing of weight may be missed
_COLUMNS_PER_SCALE = (50, 10)  # scan points per standard deviation: in the centre, outside
_PANELS_PER_SCALE = (4, 1)  # panels of 21 lines per standard deviation: in the centre, outside
_BISECTIONS = 20  # from a tenth of a standard deviation to 1e-7 of one
_MAX_SUBDIVISIONS = 200  # in one panel


def wrong_mass(
    classify: Callable[[Points], Any], *, means: tuple[Points, Points], scale: float
) -> tuple[tuple[float, float], float]:
    """Return the mass of each class that `classify` labels wrongly, and the error estimate.

    Parameters
    ----------
    classify
        Takes points of shape (n, 2); returns n labels in {-1, +1}.
    means
        Means of the components of class -1 and of class +1, each of shape (k, 2).
    scale
        Standard deviation of every component.

    Raises
    ------
    InputError, ConvergenceError
        As `TwoClassMixture.class_errors` says.
    """
    x_means, y_means = np.concatenate(means).T
    lines = _Lines(classify, means, scale, _grid(x_means, scale, _COLUMNS_PER_SCALE))
    # One integral a panel: its 21 lines see what a coarser start could step over. (SciPy's
    # `points` would make one integral of them all, but its queue of regions is then not ordered by
    # error, and the worst may never be refined.)
    edges = _grid(y_means, scale, _PANELS_PER_SCALE)
    panels = sorted(pairwise(edges), key=lambda panel: np.abs(sum(panel) / 2 - y_means).min())
    masses, estimate = np.zeros(2), 0.0
    for bottom, top in panels:  # the heaviest first: what cannot be done fails there, and soon
        panel = cubature(
            lines,
            [bottom],
            [top],
            rule="gk21",
            atol=_PANEL_TOLERANCE,
            rtol=0.0,
            max_subdivisions=_MAX_SUBDIVISIONS,
        )
        masses += panel.estimate
        estimate += float(np.max(panel.error))
        if not estimate <= TOLERANCE:
            raise ConvergenceError(
                f"the error rates could be computed only to ± {estimate:.1e}, not to the promised "
                f"{TOLERANCE:.0e}: expected a classifier that gives a point the same label every "
                f"time and whose regions are wider than {scale / _COLUMNS_PER_SCALE[0]:.2g}; "
                "estimate its error rate on a large sample instead"
            )
    negative, positive = np.clip(masses, 0.0, 1.0).tolist()
    return (negative, positive), estimate


def _grid(means: NDArray[np.float64], scale: float, per_scale: tuple[int, int]) -> Points:
    """Return increasing coordinates, finer near the means than in the tails."""
    low, high = means.min(), means.max()
    reach, centre = _REACH * scale, _CENTRE * scale
    fine, coarse = (scale / number for number in per_scale)
    return np.concatenate(
        (
            np.arange(low - reach, low - centre, coarse),
            np.arange(low - centre, high + centre, fine),
            np.arange(high + centre, high + reach + coarse, coarse),
        )
    )


class _Lines:
    """The integrand of the outer integral: wrongly labelled mass per unit height, per class."""

    def __init__(
        self,
        classify: Callable[[Points], Any],
        means: tuple[Points, Points],
        scale: float,
        columns: Points,
    ) -> None:
        self._classify = classify
        self._means = means
        self._scale = scale
        self._columns = columns
        self._known: dict[float, NDArray[np.float64]] = {}

    def __call__(self, heights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return shape (lines, 2) for `heights` of shape (lines, 1)."""
        # SciPy asks for the lines of a region once for the integral and again for its error, then
        # with another rounding.
        y = heights[:, 0]
        keys = np.round(y / self._scale, 9).tolist()
        if not self._known.keys() >= set(keys):
            self._known = dict(zip(keys, self._masses(y), strict=True))
        return np.stack([self._known[key] for key in keys])

    def _masses(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        x = self._columns[None, :] + self._stagger(y)[:, None]
        labels = self._labels(x, np.broadcast_to(y[:, None], x.shape))
        line, column = np.nonzero(labels[:, 1:] != labels[:, :-1])
        before, after = labels[line, column], labels[line, column + 1]
        crossing = self._bisect(x[line, column], x[line, column + 1], y[line], before)
        masses = []
        for label, means in zip((-1, 1), self._means, strict=True):
            # Wrong to the right of the last change, plus what each change adds on its left.
            change = (before != label).astype(float) - (after != label)
            wrong_at_end = labels[:, -1] != label
            mass = np.zeros(len(y))
            for mean_x, mean_y in means:
                inner = wrong_at_end.astype(float)
                np.add.at(inner, line, change * ndtr((crossing - mean_x) / self._scale))
                mass += inner * self._density(y - mean_y)
            masses.append(mass / len(means))
        return np.stack(masses, axis=1)

    def _stagger(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        # Scan points that differ from line to line: a region that is thinner than their distance
        # is then seen on some lines and not on others, which the error estimate of the outer
        # quadrature cannot overlook. The multiplier only has to scatter neighbouring lines.
        return np.modf(np.abs(y) * 7919.618)[0] * (self._scale / _COLUMNS_PER_SCALE[0])

    def _bisect(
        self,
        left: NDArray[np.float64],
        right: NDArray[np.float64],
        y: NDArray[np.float64],
        before: Labels,
    ) -> NDArray[np.float64]:
        if not len(left):
            return left
        for _ in range(_BISECTIONS):
            middle = (left + right) / 2
            unchanged = self._labels(middle, y) == before
            left = np.where(unchanged, middle, left)
            right = np.where(unchanged, right, middle)
        return (left + right) / 2

    def _density(self, distance: NDArray[np.float64]) -> NDArray[np.float64]:
        z = distance / self._scale
        density: NDArray[np.float64] = np.exp(-z * z / 2) / (self._scale * np.sqrt(2 * np.pi))
        return density

    def _labels(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> Labels:
        points = np.stack((x.reshape(-1), y.reshape(-1)), axis=1)
        labels = np.asarray(self._classify(points))
        if labels.shape != (len(points),):
            raise InputError(
                f"classify must return one label a point: expected shape ({len(points)},), "
                f"got {labels.shape}"
            )
        # A label of 0 is the sign of a score of exactly 0: wrong for both classes, and on a set
        # without mass. Where it stands for a class there is no -1.
        known = (labels == -1) | (labels == 1)
        if not known.all():
            known |= (labels == 0) & bool((labels == -1).any())
        if labels.dtype == bool or not known.all():
            found = ", ".join(str(label) for label in np.unique(labels)[:5])
            raise InputError(f"classify must return the labels -1 and +1, got {found}")
        return labels.astype(np.int64).reshape(x.shape)
