"""The prediction boundary of a score in the plane, and how smooth it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any, SupportsIndex

import contourpy
import numpy as np
from numpy.typing import NDArray

from backproof._core.checks import positive, whole_number
from backproof._core.errors import InputError
from backproof._core.results import Result
from backproof.training.arrays import as_numpy

Array = NDArray[np.float64]
Score = Callable[[Array], Any]
"""Takes float64 points of shape (n, 2), returns their scores as a tensor or anything array-like."""
Line = tuple[tuple[float, float], ...]
"""Points of a polyline; a closed one ends where it begins."""
Window = tuple[tuple[float, float], tuple[float, float]]
"""The rectangle ((x_low, x_high), (y_low, y_high))."""
WindowLike = float | Sequence[Sequence[float]]
"""Half the side of a square around the origin, or a rectangle as in `Window`."""

_POINT = 1e-9
"""Size in cells below which a line is a point: classes that only touch there, told by rounding."""
_FLAT = 1e-290
"""Slope of a score, relative to its largest value, below which a curvature would overflow."""


class NotFiniteError(InputError):
    """Scores that are no numbers."""


@dataclass(frozen=True, kw_only=True)
class Boundary(Result):
    """Where the class changes inside a window: the lines, and how long and how bent they are."""

    window: Window
    """The rectangle ((x_low, x_high), (y_low, y_high)) that was looked at."""
    lines: tuple[Line, ...]
    """Polylines, one a connected piece; a closed one ends where it begins. Where three classes
    meet, three pieces end."""
    length: float
    """Total length of the pieces."""
    turning: float
    """Total turning ∫|κ| ds in degrees: 0 for straight lines, 360 for a circle. The corner between
    two pieces, where three classes meet, is not counted."""
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
    score: Score, *, window: WindowLike = 2.0, resolution: SupportsIndex = 201
) -> Boundary:
    """Trace where a score changes class, with the curvature of the level set along it.

    Parameters
    ----------
    score
        Takes float64 points of shape (n, 2), returns their scores as a tensor or anything
        array-like. Shape (n,): the classes are told apart by the sign, and the boundary is the
        zero level. Shape (n, K) with K ≥ 2: the class is the one with the largest score, and the
        boundary is where that changes.
    window
        Half the side of the square around the origin that is looked at; or a rectangle
        ((x_low, x_high), (y_low, y_high)).
    resolution
        Grid points along each side, at least 5. Features thinner than a cell may be missed.

    Returns
    -------
    Boundary
        The curvature is that of the implicit curve s = 0,
        κ = (s_xx s_y² - 2 s_xy s_x s_y + s_yy s_x²) / (s_x² + s_y²)^(3/2),
        with central differences on the grid, interpolated at the vertices. Between two of K
        classes, s is the difference of their scores.

    Raises
    ------
    InputError
        If `score` returns another shape, or values that are not finite; if `window` is no
        rectangle, or `resolution` is too small.
    """
    grid = Grid(window, resolution)
    levels = grid.scores(score)
    return zero_level(grid, levels) if levels.ndim == 2 else _class_changes(grid, levels)


def zero_level(grid: "Grid", levels: Array) -> Boundary:
    """Return the zero level of a score of which `levels`, shape (rows, columns), are the values."""
    curvature = _level_curvature(grid, levels)
    return _measured(grid, [(line, grid.at(curvature, line)) for line in grid.lines(levels)])


def rectangle(window: WindowLike) -> Window:
    """Return a window as a rectangle.

    Raises
    ------
    InputError
        If it is neither a number above 0 nor two ranges, each from a lower to a higher number.
    """
    try:
        sides = np.asarray(window, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(_no_window(window)) from None
    if sides.ndim == 0:
        half = positive("window", float(sides))
        return (-half, half), (-half, half)
    if sides.shape != (2, 2) or not np.isfinite(sides).all():
        raise InputError(_no_window(window))
    (left, right), (low, high) = sides.tolist()
    # The bounds are finite, but what lies between them may not be.
    if not (0 < right - left < np.inf and 0 < high - low < np.inf):
        raise InputError(_no_window(window))
    return (left, right), (low, high)


def _no_window(window: WindowLike) -> str:
    return (
        "window must be a number above 0, or ((x_low, x_high), (y_low, y_high)) of finite numbers "
        f"with x_low < x_high and y_low < y_high, got {window!r}"
    )


class Grid:
    """Points that cover a window, along rows of equal y and columns of equal x."""

    def __init__(self, window: WindowLike, resolution: SupportsIndex) -> None:
        self.side = whole_number("resolution", resolution, at_least=5)
        self.window = rectangle(window)
        self.x, self.y = (np.linspace(low, high, self.side) for low, high in self.window)
        self.origin = np.array([self.x[0], self.y[0]])
        self.spacing = np.array([self.x[1] - self.x[0], self.y[1] - self.y[0]])

    def scores(self, score: Score) -> Array:
        """Return the scores of all points, shape (rows, columns) or (rows, columns, K)."""
        grid_x, grid_y = np.meshgrid(self.x, self.y)
        points = np.stack((grid_x.reshape(-1), grid_y.reshape(-1)), axis=1)
        values = np.asarray(as_numpy(score(points)), dtype=np.float64)
        n = len(points)
        usable = values.shape == (n,) or (
            values.ndim == 2 and len(values) == n and values.shape[1] > 1
        )
        if not usable or not np.isfinite(values).all():
            kind = NotFiniteError if usable else InputError
            raise kind(
                "score must return one finite number a point, or one for each of K ≥ 2 classes: "
                f"expected shape ({n},) or ({n}, K), got {values.shape} with "
                f"{int((~np.isfinite(values)).sum())} not finite"
            )
        return values.reshape(self.side, self.side, *values.shape[1:])

    def lines(self, levels: Array) -> list[Array]:
        """Return the lines of level 0, with the points above it to their left."""
        found = contourpy.contour_generator(self.x, self.y, levels).lines(0.0)
        return [np.asarray(line) for line in found if len(line) > 1]

    def areas(self, levels: Array) -> list[Array]:
        """Return rings around the area above 0, counterclockwise, and of its holes, clockwise."""
        found = contourpy.contour_generator(
            self.x, self.y, levels, fill_type=contourpy.FillType.OuterOffset
        ).filled(0.0, np.inf)
        return [
            points[start:end]
            for points, offsets in zip(*found, strict=True)
            for start, end in pairwise(offsets)
        ]

    def at(self, field: Array, points: Array) -> Array:
        """Interpolate a field, shape (rows, columns, …), bilinearly at `points`, shape (n, 2)."""
        place = (points - self.origin) / self.spacing
        cell = np.clip(place.astype(int), 0, self.side - 2)
        column, row = cell.T
        fx, fy = (place - cell).T.reshape(2, -1, *(1,) * (field.ndim - 2))
        left = field[row, column] * (1 - fy) + field[row + 1, column] * fy
        right = field[row, column + 1] * (1 - fy) + field[row + 1, column + 1] * fy
        value: Array = left * (1 - fx) + right * fx
        return value

    def is_line(self, line: Array) -> bool:
        """Return whether a line has a length, beyond rounding."""
        extent = (line.max(axis=0) - line.min(axis=0)) / self.spacing
        return bool(extent.max() > _POINT)

    def stored(self, line: Array) -> Line:
        """Return a line as it goes into a result."""
        # Six digits of the window's size: finer than any picture, and a third of the length on
        # disk.
        columns = [
            column.round(6 - int(np.floor(np.log10((high - low) / 2)))).tolist()
            for column, (low, high) in zip(line.T, self.window, strict=True)
        ]
        return tuple(zip(*columns, strict=True))


def _measured(grid: Grid, pieces: Sequence[tuple[Array, Array]]) -> Boundary:
    """Return the boundary that consists of lines, each with its curvature along it."""
    length, turning, bend = 0.0, 0.0, 0.0
    for line, curvature in pieces:
        along = np.abs(curvature)
        steps = np.hypot(*np.diff(line, axis=0).T)
        length += float(steps.sum())
        turning += float((steps * (along[1:] + along[:-1]) / 2).sum())
        bend = max(bend, float(along.max()))
    return Boundary(
        window=grid.window,
        lines=tuple(grid.stored(line) for line, _ in pieces),
        length=length,
        turning=float(np.degrees(turning)),
        sharpest=1 / bend if bend > 0 else None,
    )


def _class_changes(grid: Grid, levels: Array) -> Boundary:
    """Return where the largest of K scores changes, `levels` of shape (rows, columns, K)."""
    classes = levels.argmax(axis=2)
    present = np.unique(classes)
    pieces = []
    for one, other in _neighbours(classes):
        difference = levels[..., one] - levels[..., other]
        curvature = _level_curvature(grid, difference)
        rivals = levels[..., [k for k in present if k not in (one, other)]]
        for line in grid.lines(difference):
            lead = grid.at(levels[..., one], line)[:, None] - grid.at(rivals, line)
            parts = [part for part in _leading(line, lead) if grid.is_line(part)]
            pieces += [(part, grid.at(curvature, part)) for part in parts]
    return _measured(grid, pieces)


def _neighbours(classes: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return the pairs of classes that meet in a cell."""
    corners = (classes[:-1, :-1], classes[:-1, 1:], classes[1:, :-1], classes[1:, 1:])
    pairs = np.concatenate(
        [np.stack((a.reshape(-1), b.reshape(-1)), axis=1) for a, b in combinations(corners, 2)]
    )
    different = pairs[pairs[:, 0] != pairs[:, 1]]
    return [(one, other) for one, other in np.unique(np.sort(different, axis=1), axis=0).tolist()]


def _leading(line: Array, lead: Array) -> list[Array]:
    """Return the parts of a line along which its two classes lead all rivals.

    Parameters
    ----------
    line
        Vertices, shape (n, 2).
    lead
        How far the two classes are ahead of each rival at the vertices, shape (n, rivals); taken
        to be linear between two vertices.
    """
    before, after = lead[:-1], lead[1:]
    change = before - after
    crossing = np.divide(before, change, out=np.zeros_like(change), where=change != 0)
    # The share of each segment at which the two classes come to lead, and at which they cease to.
    enters = np.where(before >= 0, 0.0, np.where(after >= 0, crossing, 1.0))
    leaves = np.where(after >= 0, 1.0, np.where(before >= 0, crossing, 0.0))
    enter, leave = enters.max(axis=1, initial=0.0), leaves.min(axis=1, initial=1.0)
    kept = np.flatnonzero(enter < leave)
    enter, leave, steps = enter[kept], leave[kept], np.diff(line, axis=0)[kept]
    starts = line[kept] + enter[:, None] * steps
    ends = line[kept] + leave[:, None] * steps
    joined = (np.diff(kept) == 1) & (leave[:-1] == 1) & (enter[1:] == 0)
    runs = np.split(np.arange(len(kept)), np.flatnonzero(~joined) + 1) if len(kept) else []
    parts = [np.vstack((starts[run[:1]], ends[run])) for run in runs]
    if len(parts) > 1 and (parts[0][0] == parts[-1][-1]).all():
        # A closed line that is cut elsewhere than where it begins.
        parts[0] = np.vstack((parts.pop(), parts[0][1:]))
    return parts


def _level_curvature(grid: Grid, levels: Array) -> Array:
    across, up = grid.spacing
    # The curvature is that of any multiple of the score; this one neither over- nor underflows.
    largest = np.abs(levels).max()
    levels = levels / largest if largest > 0 else levels
    s_y, s_x = np.gradient(levels, up, across, edge_order=2)
    s_xy, s_xx = np.gradient(s_x, up, across, edge_order=2)
    s_yy = np.gradient(s_y, up, axis=0, edge_order=2)
    slope = np.hypot(s_x, s_y)
    # Where the score is flat there is no direction, hence no curvature.
    steep = slope > _FLAT
    x, y, bend = (
        np.divide(value, slope, out=np.zeros_like(slope), where=steep)
        for value in (s_x, s_y, np.ones_like(slope))
    )
    curvature: Array = bend * (s_xx * y**2 - 2 * s_xy * x * y + s_yy * x**2)
    return curvature
