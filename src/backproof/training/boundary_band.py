"""The prediction boundaries of several networks at once: quantiles over them, and the band."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from backproof._core.checks import rates
from backproof._core.errors import InputError
from backproof._core.numbers import counted
from backproof._core.results import Result
from backproof.training.boundary import (
    Array,
    Boundary,
    Grid,
    Line,
    Score,
    Window,
    WindowLike,
    zero_level,
)
from backproof.training.fits import Fit

Polygon = tuple[Line, ...]
"""Closed rings: the outer one, counterclockwise, then those of the holes, clockwise."""


@dataclass(frozen=True, kw_only=True)
class BoundaryBand(Result):
    """Quantiles of the boundary over several networks."""

    window: Window
    """The rectangle ((x_low, x_high), (y_low, y_high)) that was looked at."""
    quantiles: tuple[float, ...]
    """The quantiles, increasing, in [0, 1]."""
    boundaries: tuple[Boundary, ...]
    """For each quantile, the zero level of that quantile of the score."""
    region: tuple[Polygon, ...]
    """Where the lowest of the quantiles is below 0 and the highest one above. Each polygon is its
    outer ring, counterclockwise, then the rings of its holes, clockwise; rings end where they
    begin. Empty for one network or one quantile: there the band has no width."""
    members: int
    """Number of networks behind the quantiles."""
    diverged: int
    """Number of networks that were left out since they diverged."""

    def __str__(self) -> str:
        left_out = f", {self.diverged} diverged and left out" if self.diverged else ""
        lines = (
            f"quantile {quantile:g}: {line}"
            for quantile, line in zip(self.quantiles, self.boundaries, strict=True)
        )
        return "\n".join((f"{counted(self.members, 'network')}{left_out}", *lines))


def boundary_band(
    scores: Iterable[Score | Fit],
    *,
    quantiles: ArrayLike = (0.1, 0.5, 0.9),
    window: WindowLike = 2.0,
    resolution: SupportsIndex = 201,
) -> BoundaryBand:
    r"""Trace the quantiles of the boundary over several networks.

    At each point the quantile of the networks' scores is taken, interpolated linearly between two
    of them; its zero level is that quantile of the boundary. Beyond the lines of 0.1 and 0.9, about
    90 % of the networks or more agree on the class.

    Parameters
    ----------
    scores
        Score functions, each of which takes float64 points of shape (n, 2) and returns n scores;
        or `Fit`\ s, of which those that diverged are left out.
    quantiles
        Which quantiles: at least one, increasing, in [0, 1].
    window, resolution
        As for `boundary`.

    Returns
    -------
    BoundaryBand
        A boundary for each quantile, and the region between the outermost two.

    Raises
    ------
    InputError
        If there is nothing to take quantiles of, a network has not two features or not one score a
        point, or an argument is out of range.
    """
    wanted = _quantiles(quantiles)
    grid = Grid(window, resolution)
    functions, diverged = _functions(scores)
    levels = np.stack([_one_score(grid, function) for function in functions])
    found = np.quantile(levels, wanted, axis=0, overwrite_input=True)
    return BoundaryBand(
        window=grid.window,
        quantiles=wanted,
        boundaries=tuple(zero_level(grid, level) for level in found),
        region=_region(grid, found[0], found[-1]),
        members=len(functions),
        diverged=diverged,
    )


def _quantiles(quantiles: ArrayLike) -> tuple[float, ...]:
    wanted = rates("quantiles", quantiles)
    if wanted.ndim != 1 or not wanted.size or not (np.diff(wanted) > 0).all():
        raise InputError(
            f"quantiles must be a list of at least one, from low to high, got {quantiles!r}"
        )
    return tuple(wanted.tolist())


def _functions(scores: Iterable[Score | Fit]) -> tuple[list[Score], int]:
    """Return the score functions, and how many fits are left out since they diverged."""
    try:
        entries = list(scores)
    except TypeError:
        raise InputError(
            "scores must be several score functions or fits, such as the Fits that fit returns; "
            f"got one {type(scores).__name__}: give it to boundary, or put it in a list"
        ) from None
    usable = [one for one in entries if not (isinstance(one, Fit) and one.status == "diverged")]
    if not usable:
        raise InputError(
            "scores must hold at least one network that did not diverge, got "
            + (f"{len(entries)} that did" if entries else "none")
        )
    return [_function(one) for one in usable], len(entries) - len(usable)


def _function(one: Score | Fit) -> Score:
    if isinstance(one, Fit):
        if one.inputs != 2:
            raise InputError(
                f"a boundary needs networks of two features, got one of {one.inputs} ({one.spec}): "
                "train on two of the columns, or give score functions of two features"
            )
        return one.model.infer
    if not callable(one):
        raise InputError(f"scores must be score functions or fits, got a {type(one).__name__}")
    return one


def _one_score(grid: Grid, function: Score) -> Array:
    levels = grid.scores(function)
    if levels.ndim != 2:
        raise InputError(
            f"a band is of networks with one score a point, got {levels.shape[2]}: quantiles of "
            "several scores do not tell where the largest one changes; draw the boundary of each "
            "network alone"
        )
    return levels


def _region(grid: Grid, lowest: Array, highest: Array) -> tuple[Polygon, ...]:
    """Return the polygons of lowest < 0 < highest; `lowest` is nowhere above `highest`."""
    if np.array_equal(lowest, highest):
        return ()
    # Both kinds of lines have the region to their left. Made of the lines of either level, not of
    # those of the smaller of -lowest and highest, it is right also where it is thinner than a cell.
    lines = grid.lines(-lowest) + grid.lines(highest)
    closed = [line for line in lines if (line[0] == line[-1]).all()]
    opened = [line for line in lines if (line[0] != line[-1]).any()]
    rings = closed + _along_the_frame(_Frame(grid, lowest, highest), opened)
    areas = [_area(ring) for ring in rings]
    outer = [ring for ring, area in zip(rings, areas, strict=True) if area > 0]
    holes = [ring for ring, area in zip(rings, areas, strict=True) if area < 0]
    return tuple(
        tuple(grid.stored(ring) for ring in polygon) for polygon in _with_holes(outer, holes)
    )


class _Frame:
    """The window's edge, run along counterclockwise, each side of length 1.

    It begins where the two levels are farthest from 0, so that no line ends there.
    """

    def __init__(self, grid: Grid, lowest: Array, highest: Array) -> None:
        (left, right), (low, high) = grid.window
        self.corners = np.array([(left, low), (right, low), (right, high), (left, high)])
        self.low, self.size = self.corners[0], self.corners[2] - self.corners[0]
        row, column = np.indices(lowest.shape).reshape(2, -1)
        last = grid.side - 1
        edge = (row % last == 0) | (column % last == 0)
        distance = np.minimum(np.abs(lowest), np.abs(highest)).reshape(-1)
        start = int(np.where(edge, distance, -1.0).argmax())
        self.inside = bool(lowest.flat[start] < 0 < highest.flat[start])
        self.start = 0.0
        self.start = self.place(np.array([grid.x[column[start]], grid.y[row[start]]]))

    def place(self, point: Array) -> float:
        """Return how far along the frame a point of it is, from 0 to below 4."""
        across, up = (point - self.low) / self.size
        places = ((up, across), (1 - across, 1 + up), (1 - up, 3 - across), (across, 4 - up))
        _, along = min(places)
        return float((along - self.start) % 4)

    def corners_between(self, start: float, end: float) -> Array:
        """Return the corners passed on the way from one place on to another."""
        places = [(self.place(corner), corner) for corner in self.corners]
        passed = sorted(
            (place + turn, number)
            for number, (place, _) in enumerate(places)
            for turn in (0, 4)
            if start < place + turn < end
        )
        return self.corners[[number for _, number in passed]]


def _along_the_frame(frame: _Frame, lines: Sequence[Array]) -> list[Array]:
    """Close lines that end at the frame to rings, along the parts of it inside the region."""
    if not lines:
        return [np.vstack((frame.corners, frame.corners[:1]))] if frame.inside else []
    starts = sorted((frame.place(line[0]), number) for number, line in enumerate(lines))
    ends = sorted((frame.place(line[-1]), number) for number, line in enumerate(lines))
    # Counterclockwise the region begins where a line ends, and ends where a line starts.
    follows: dict[int, tuple[Array, int]] = {}
    for rank, (end, number) in enumerate(ends):
        turns, after = divmod(rank + frame.inside, len(lines))
        start, following = starts[after]
        follows[number] = frame.corners_between(end, start + 4 * turns), following
    rings = []
    while follows:
        first = number = next(iter(follows))
        pieces: list[Array] = []
        while number in follows:
            corners, following = follows.pop(number)
            pieces += [lines[number], corners]
            number = following
        rings.append(np.vstack((*pieces, lines[first][:1])))
    return rings


def _with_holes(outer: Sequence[Array], holes: Sequence[Array]) -> list[list[Array]]:
    """Return each outer ring with its holes: those of which it is the smallest ring around."""
    polygons = [[ring] for ring in sorted(outer, key=_area)]
    for hole in holes:
        # Where a hole touches a ring, rounding decides about the vertices there, but not the rest.
        around = (one for one in polygons if _inside(hole, one[0]).mean() > 0.5)
        next(around).append(hole)
    return polygons


def _area(ring: Array) -> float:
    """Return the area of a closed ring, negative where it runs clockwise."""
    x, y = (ring - ring[0]).T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2)


def _inside(points: Array, ring: Array) -> Array:
    """Return whether points lie inside a closed ring: a ray to the right crosses it oddly often."""
    (x, y), (x0, y0), (x1, y1) = points.T[:, :, None], ring[:-1].T, ring[1:].T
    crosses = (y0 > y) != (y1 > y)
    rise = np.where(y1 == y0, 1.0, y1 - y0)
    return np.asarray((crosses & (x < x0 + (y - y0) * (x1 - x0) / rise)).sum(axis=1) % 2 == 1)
