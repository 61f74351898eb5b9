"""The prediction boundary of a score in the plane, and how smooth it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import contourpy
import numpy as np
from numpy.typing import NDArray

from backproof._core.checks import positive, whole_number
from backproof._core.errors import InputError
from backproof._core.results import Result
from backproof.training.arrays import as_numpy

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Boundary(Result):
    """The set of points with score 0 inside a square window."""

    window: float
    """The window is [-window, window] along both axes."""
    lines: tuple[tuple[tuple[float, float], ...], ...]
    """Polylines, one a connected piece; a closed one ends where it begins."""
    length: float
    """Total length of the pieces."""
    turning: float
    """Total turning ∫|κ| ds in degrees: 0 for straight lines, 360 for a circle."""
    sharpest: float | None
    """Smallest radius of curvature on the boundary; ``None`` where there is no boundary, or none
    that bends."""

    @property
    def pieces(self) -> int:
        """Number of connected pieces."""
        return len(self.lines)

    def __str__(self) -> str:
        return f"{self.pieces} pieces, length {self.length:.2f}, turning {self.turning:.0f}°" + (
            "" if self.sharpest is None else f", sharpest bend of radius {self.sharpest:.2f}"
        )


def boundary(
    score: Callable[[Array], Any], *, window: float = 2.0, resolution: int = 201
) -> Boundary:
    """Trace the zero level of a score, with the curvature of the level set along it.

    Parameters
    ----------
    score
        Takes float64 points of shape (n, 2), returns n scores as a tensor or anything array-like.
    window
        Half the side of the square around the origin that is looked at.
    resolution
        Grid points along each side, at least 5. Features thinner than a cell may be missed.

    Returns
    -------
    Boundary
        The curvature is that of the implicit curve s = 0,
        κ = (s_xx s_y² - 2 s_xy s_x s_y + s_yy s_x²) / (s_x² + s_y²)^(3/2),
        with central differences on the grid, interpolated at the vertices.

    Raises
    ------
    InputError
        If `score` returns another shape, or values that are not finite.
    """
    side = whole_number("resolution", resolution, at_least=5)
    window = positive("window", window)
    axis = np.linspace(-window, window, side)
    grid_x, grid_y = np.meshgrid(axis, axis)
    points = np.stack((grid_x.reshape(-1), grid_y.reshape(-1)), axis=1)
    values = np.asarray(as_numpy(score(points)), dtype=np.float64)
    if values.shape != (len(points),) or not np.isfinite(values).all():
        raise InputError(
            f"score must return one finite number a point: expected shape ({len(points)},), "
            f"got {values.shape} with {int((~np.isfinite(values)).sum())} not finite"
        )
    levels = values.reshape(side, side)
    lines = [
        np.asarray(line)
        for line in contourpy.contour_generator(axis, axis, levels).lines(0.0)
        if len(line) > 1
    ]
    curvature = _level_curvature(levels, axis[1] - axis[0])
    length, turning, bend = 0.0, 0.0, 0.0
    for line in lines:
        along = np.abs(_at(curvature, axis, line))
        steps = np.hypot(*np.diff(line, axis=0).T)
        length += float(steps.sum())
        turning += float((steps * (along[1:] + along[:-1]) / 2).sum())
        bend = max(bend, float(along.max()))
    return Boundary(
        window=window,
        lines=tuple(
            tuple((x, y) for x, y in line.round(_digits(window)).tolist()) for line in lines
        ),
        length=length,
        turning=float(np.degrees(turning)),
        sharpest=1 / bend if bend > 0 else None,
    )


def _digits(window: float) -> int:
    # Six digits of the window's size: finer than any picture, and a third of the length on disk.
    return 6 - int(np.floor(np.log10(window)))


def _level_curvature(levels: Array, spacing: float) -> Array:
    s_y, s_x = np.gradient(levels, spacing, edge_order=2)
    s_xy, s_xx = np.gradient(s_x, spacing, edge_order=2)
    s_yy = np.gradient(s_y, spacing, axis=0, edge_order=2)
    slope = np.hypot(s_x, s_y)
    bend = s_xx * s_y**2 - 2 * s_xy * s_x * s_y + s_yy * s_x**2
    # Where the score is flat there is no direction, hence no curvature.
    curvature: Array = np.divide(bend, slope**3, out=np.zeros_like(bend), where=slope > 0)
    return curvature


def _at(field: Array, axis: Array, points: Array) -> Array:
    """Interpolate a field on the grid bilinearly at `points`, shape (n, 2)."""
    place = (points - axis[0]) / (axis[1] - axis[0])
    cell = np.clip(place.astype(int), 0, len(axis) - 2)
    (fx, fy), (column, row) = (place - cell).T, cell.T
    left = field[row, column] * (1 - fy) + field[row + 1, column] * fy
    right = field[row, column + 1] * (1 - fy) + field[row + 1, column + 1] * fy
    value: Array = left * (1 - fx) + right * fx
    return value
