"""The picture of points and boundaries, as SVG made of numbers alone."""

from collections.abc import Iterable
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from backproof.app.train.job import Line, SizeFrame
from backproof.app.train.points import Points
from backproof.plots import style
from backproof.plots.weights import line_widths

SIDE = 400
"""Width and height in pixels of its own."""
_WIDEST = 4.0  # pixels of the line of the largest weight


class Scene:
    """Turns points of the plane into those of the picture."""

    def __init__(self, window: float) -> None:
        self.window = window

    def across(self, x: float) -> float:
        """Return where a coordinate x1 is."""
        return SIDE * (x + self.window) / (2 * self.window)

    def down(self, y: float) -> float:
        """Return where a coordinate x2 is."""
        return SIDE * (self.window - y) / (2 * self.window)

    def point(self, across: float, down: float) -> tuple[float, float]:
        """Return the point of the plane at a place in the picture."""
        return (
            2 * self.window * across / SIDE - self.window,
            self.window - 2 * self.window * down / SIDE,
        )

    def ground(self, points: Points | None, bayes: Iterable[Line]) -> str:
        """Return what stays while networks learn: axes, points, the Bayes-optimal boundary."""
        parts = [f'<rect width="{SIDE}" height="{SIDE}" fill="white"/>', *self._axes()]
        path = self._path(bayes)
        parts.append(
            f'<path d="{path}" fill="none" stroke="{style.BAYES}" stroke-width="2" '
            'stroke-dasharray="7 4"/>'
        )
        if points is not None:
            for (x, y), t in zip(points.x.tolist(), points.t.tolist(), strict=True):
                parts.append(_mark(self.across(x), self.down(y), t))
        return "".join(parts)

    def learned(self, frame: SizeFrame, points: Points) -> str:
        """Return what changes: the boundary, where networks disagree, and the errors."""
        rings = "".join(
            f'<circle cx="{self.across(x):.1f}" cy="{self.down(y):.1f}" r="7" fill="none" '
            'stroke="black" stroke-width="1.4"/>'
            for x, y in points.x[frame.wrong].tolist()
        )
        return (
            f'<path d="{self._path(frame.region)}" fill="#606060" fill-opacity="0.25"/>'
            f'<path d="{self._path(frame.median)}" fill="none" stroke="black" stroke-width="2"/>'
            f"{rings}"
        )

    def _path(self, lines: Iterable[Line]) -> str:
        return "".join(
            "M" + "L".join(f"{self.across(x):.1f} {self.down(y):.1f}" for x, y in line)
            for line in lines
        )

    def _axes(self) -> Iterable[str]:
        step = max(1, ceil(self.window / 4))
        # The lowest would stand where both axes begin.
        for tick in range(step * floor(1 - self.window / step), ceil(self.window), step):
            at, up = self.across(tick), self.down(tick)
            yield (
                f'<path d="M{at:.1f} 0V{SIDE}M0 {up:.1f}H{SIDE}" stroke="#E3E3E3"/>'
                f'<text x="{at + 3:.1f}" y="{SIDE - 4}" font-size="11" fill="#555">{tick}</text>'
                f'<text x="3" y="{up - 3:.1f}" font-size="11" fill="#555">{tick}</text>'
            )


def _mark(x: float, y: float, label: int) -> str:
    if label < 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6" fill="{style.NEGATIVE}"/>'
    return f'<path d="M{x:.1f} {y - 4.8:.1f}l4.8 4.8l-4.8 4.8l-4.8 -4.8z" fill="{style.POSITIVE}"/>'


def weights(layers: tuple[NDArray[np.float64], ...]) -> str:
    """Return a network with one hidden layer: a line a weight, wide and dark where it is large."""
    first, last = line_widths(layers)
    inputs, hidden = first.shape
    heights = [SIDE * (unit + 0.5) / hidden for unit in range(hidden)]
    starts = [SIDE * (place + 1) / (inputs + 1) for place in range(inputs)]
    parts = []
    for unit, height in enumerate(heights):
        for start, width in zip(starts, first[:, unit].tolist(), strict=True):
            parts.append(_line(60, start, SIDE / 2, height, width))
        parts.append(_line(SIDE / 2, height, SIDE - 60, SIDE / 2, float(last[unit, 0])))
    radius = min(8.0, SIDE / (2.5 * hidden))
    dots = [(SIDE / 2, height, radius) for height in heights]
    dots += [(60, start, 9.0) for start in starts] + [(SIDE - 60, SIDE / 2, 9.0)]
    parts += [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" fill="white" stroke="#444"/>'
        for x, y, r in dots
    ]
    return "".join(parts)


def _line(x1: float, y1: float, x2: float, y2: float, width: float) -> str:
    if not width:
        return ""
    color = style.NEGATIVE if width < 0 else style.POSITIVE
    dashes = ' stroke-dasharray="4 3"' if width < 0 else ""
    return (
        f'<path d="M{x1:.0f} {y1:.1f}L{x2:.0f} {y2:.1f}" stroke="{color}" '
        f'stroke-width="{_WIDEST * abs(width):.2f}" stroke-opacity="0.7"{dashes}/>'
    )
