"""Where boxes of known sizes stand, and which way the arrows between them run.

Lengths have the unit of the sizes; x grows to the right and y downwards.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backproof.tape.rendering.coordinates import coordinates
from backproof.tape.rendering.layout import Cell, Layout, layered

Point = tuple[float, float]
_NO_LENGTH = 1e-6


@dataclass(frozen=True, kw_only=True)
class Spacing:
    """Distances between what is drawn."""

    across: float
    """Between boxes side by side."""
    down: float
    """Between rows of boxes."""
    ends: float
    """At most this between the ends of two arrows at one box."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """The way of an arrow."""

    start: Point
    """Where it leaves the lower side of a box."""
    rows: tuple[tuple[float, float, float], ...]
    """Where it runs straight down: x, from, to."""
    end: Point
    """Where it arrives at the upper side of a box."""

    def bends(self) -> list[tuple[Point, Point, Point]]:
        """Return cubic curves that leave and arrive vertically; between them the line is straight.

        Each is two control points and the end. The curve to where it runs straight down ends at the
        top of that, and the next one starts at its bottom.
        """
        curves, at = [], self.start
        for x, top, bottom in self.rows:
            curves.append(_bend(at, (x, top)))
            at = x, bottom
        return [*curves, _bend(at, self.end)]


@dataclass(frozen=True, kw_only=True)
class Arrangement:
    """Where everything stands."""

    width: float
    height: float
    centres: dict[int, Point]
    """Middle of each box."""
    routes: dict[tuple[int, int], Route]
    """Way of each arrow (source, target)."""


def arrange(
    sizes: Mapping[int, tuple[float, float]],
    edges: Sequence[tuple[int, int]],
    spacing: Spacing,
) -> Arrangement:
    """Arrange boxes so that data flows down.

    Parameters
    ----------
    sizes
        Width and height of each box, by its id; their order decides ties.
    edges
        Pairs (source, target) of ids, without cycles.
    spacing
        Distances to keep.
    """
    layout = layered([*sizes], edges)
    xs, width = _across(layout, sizes, spacing)
    rows = _rows(layout, sizes, spacing.down)
    centres = {key: (xs[cell], sum(rows[cell.layer]) / 2) for key, cell in layout.nodes.items()}
    leaving, arriving = _ends(layout, sizes, xs, spacing.ends)
    routes = {}
    for (source, target), cells in layout.routes.items():
        first, last = cells[0].layer, cells[-1].layer
        bottom = centres[source][1] + sizes[source][1] / 2
        top = centres[target][1] - sizes[target][1] / 2
        routes[source, target] = Route(
            start=(leaving[source, target], bottom),
            # Out of its own row first, and straight down in the last: neighbours may be taller.
            rows=(
                *_corner(leaving[source, target], rows[first][1], bottom),
                *((xs[cell], *rows[cell.layer]) for cell in cells[1:-1]),
                *_corner(arriving[source, target], rows[last][0], top),
            ),
            end=(arriving[source, target], top),
        )
    return Arrangement(width=width, height=rows[-1][1], centres=centres, routes=routes)


def _corner(x: float, y: float, edge: float) -> tuple[tuple[float, float, float], ...]:
    """Return the end of a row that lies off the edge of a box; an arrow needs some length there."""
    return ((x, y, y),) if abs(y - edge) > _NO_LENGTH else ()


def _across(
    layout: Layout, sizes: Mapping[int, tuple[float, float]], spacing: Spacing
) -> tuple[dict[Cell, float], float]:
    """Return the middle of each cell, and the width of all."""
    widths = {cell: spacing.ends for route in layout.routes.values() for cell in route[1:-1]}
    widths |= {cell: sizes[number][0] for number, cell in layout.nodes.items()}
    rows: list[list[Cell]] = [[] for _ in range(1 + max(cell.layer for cell in widths))]
    for cell in sorted(widths, key=lambda cell: cell.position):
        rows[cell.layer].append(cell)
    links = [pair for route in layout.routes.values() for pair in itertools.pairwise(route)]
    xs = coordinates(rows, links, widths, spacing.across)
    return xs, max(x + widths[cell] / 2 for cell, x in xs.items())


def _bend(start: Point, end: Point) -> tuple[Point, Point, Point]:
    middle = (start[1] + end[1]) / 2
    return (start[0], middle), (end[0], middle), end


def _rows(
    layout: Layout, sizes: Mapping[int, tuple[float, float]], gap: float
) -> list[tuple[float, float]]:
    heights = [0.0] * (1 + max(cell.layer for cell in layout.nodes.values()))
    for number, cell in layout.nodes.items():
        heights[cell.layer] = max(heights[cell.layer], sizes[number][1])
    return _spans(heights, gap)


def _spans(sizes: list[float], gap: float) -> list[tuple[float, float]]:
    spans, start = [], 0.0
    for size in sizes:
        spans.append((start, start + size))
        start += size + gap
    return spans


def _ends(
    layout: Layout, sizes: Mapping[int, tuple[float, float]], xs: Mapping[Cell, float], apart: float
) -> tuple[dict[tuple[int, int], float], dict[tuple[int, int], float]]:
    """Return where each arrow leaves and arrives: side by side, in the order of where it leads."""
    out: dict[int, list[tuple[int, int]]] = {number: [] for number in layout.nodes}
    into: dict[int, list[tuple[int, int]]] = {number: [] for number in layout.nodes}
    for pair in layout.routes:
        out[pair[0]].append(pair)
        into[pair[1]].append(pair)

    def placed(pairs: dict[int, list[tuple[int, int]]], near: int) -> dict[tuple[int, int], float]:
        found: dict[tuple[int, int], float] = {}
        for number, cell in layout.nodes.items():
            some = sorted(pairs[number], key=lambda pair: _position(layout.routes[pair], near))
            x, width = xs[cell], sizes[number][0]
            found |= zip(some, _side_by_side(x, width, len(some), apart), strict=True)
        return found

    return placed(out, 1), placed(into, -2)


def _position(route: tuple[Cell, ...], index: int) -> int:
    return route[index].position


def _side_by_side(x: float, width: float, count: int, apart: float) -> list[float]:
    step = min(apart, 0.8 * width / max(count, 1))
    return [x + (index - (count - 1) / 2) * step for index in range(count)]
