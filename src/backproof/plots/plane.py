"""Marks in the plane: points, lines, bands, and the axes that they stand in."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from backproof.plots import style
from backproof.plots.predictors import Array, Points, Predictor
from backproof.training import Boundary, BoundaryBand
from backproof.training import boundary as trace
from backproof.training.boundary import Score, Window, WindowLike, rectangle

_MARGIN = 0.08  # of the points' range, on either side
_MOST_UNEQUAL = 3.0  # sides of a window that are still drawn to one scale
_LAYOUTS = 3


def window_for(
    window: WindowLike | None, predictor: Predictor | None, ax: Axes | None, x: Array
) -> Window:
    """Return the window that is shown, as `boundary` says."""
    if window is not None:
        return rectangle(window)
    if isinstance(predictor, (Boundary, BoundaryBand)):
        return predictor.window
    across, up = (_range(values) for values in x.T)
    if ax is None:
        return across, up
    free_x, free_y = autoscaled(ax)
    return _limits(ax.get_xlim(), across, ax, free_x), _limits(ax.get_ylim(), up, ax, free_y)


def _range(values: Array) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    # Points on one line parallel to an axis have no range across it.
    margin = _MARGIN * (high - low) or max(1.0, abs(high)) / 2
    return low - margin, high + margin


def _limits(
    present: tuple[float, float], needed: tuple[float, float], ax: Axes, free: bool
) -> tuple[float, float]:
    """Return limits of the user's axes: those set; else what covers points and what is drawn."""
    low, high = sorted(present)
    if not free:
        return low, high
    return (min(low, needed[0]), max(high, needed[1])) if ax.has_data() else needed


def autoscaled(ax: Axes) -> tuple[bool, bool]:
    """Return whether the limits of x and of y are still free."""
    return ax.get_autoscalex_on(), ax.get_autoscaley_on()


def new_plane(window: Window) -> tuple[Figure, Axes]:
    """Return a new figure with axes to the scale of a window."""
    figure, axes = style.new_figure(4.6, 1.3 + 3.8 * height(window))
    set_scale(axes[0, 0], window)
    return figure, axes[0, 0]


def set_scale(ax: Axes, window: Window) -> None:
    """Draw both axes to one scale, unless the window is far from square."""
    if _to_scale(window):
        ax.set_aspect("equal")


def _ratio(window: Window) -> float:
    (left, right), (low, high) = window
    return (high - low) / (right - left)


def height(window: Window) -> float:
    """Return how high axes of a window are, as a share of how wide they may be."""
    return min(1.0, _ratio(window)) if _to_scale(window) else 1.0


def _to_scale(window: Window) -> bool:
    # Beyond that the features hardly have one unit, and one scale would leave but a strip.
    return 1 / _MOST_UNEQUAL <= _ratio(window) <= _MOST_UNEQUAL


def settle(figure: Figure) -> None:
    """Lay the figure out until its margins no longer change."""
    # A pass of the layout takes margins from where axes drawn to scale were before it; each halves
    # what that is wrong by, and matplotlib makes but two.
    for _ in range(_LAYOUTS):
        figure.draw_without_rendering()


def set_limits(ax: Axes, window: Window, free: Sequence[bool]) -> None:
    """Show the window along the axes whose limits are free."""
    for axis, limits, may in zip("xy", window, free, strict=True):
        if may:
            ax.set(**{f"{axis}lim": limits})


def draw_points(ax: Axes, points: Points) -> None:
    """Draw points by class."""
    for value, name, look in points.looks():
        x, y = points.x[points.classes == value].T
        ax.scatter(
            x, y,
            s=16, c=look.color, marker=look.marker, linewidths=0, alpha=0.85, label=name,
        )  # fmt: skip


def draw_bayes(ax: Axes, bayes: Boundary | Score | None, window: Window) -> None:
    """Draw the Bayes-optimal boundary, where there is one."""
    if bayes is None:
        return
    line = bayes if isinstance(bayes, Boundary) else trace(bayes, window=window)
    _draw(
        ax,
        line,
        color=style.BAYES,
        linestyle="--",
        linewidth=1.6,
        zorder=1.9,
        label="Bayes-optimal",
    )


def draw_line(ax: Axes, line: Boundary, name: str) -> None:
    """Draw the boundary of one predictor."""
    _draw(ax, line, color=style.PREDICTOR, linewidth=1.8, zorder=2, label=name)


def _draw(ax: Axes, line: Boundary, **look: Any) -> None:
    ax.add_collection(LineCollection([*line.lines], **look), autolim=False)


def draw_band(ax: Axes, band: BoundaryBand, members: str) -> None:
    """Draw a line a quantile, that of the median thick, and the region between the outermost."""
    for quantile, line in zip(band.quantiles, band.boundaries, strict=True):
        if quantile == 0.5:
            draw_line(ax, line, "median" if band.region else f"median of {members}")
        else:
            _draw(ax, line, color=style.PREDICTOR, linewidth=0.6, zorder=2)
    if band.region:
        rings = [Path(np.array(ring), closed=True) for ring in band.region]
        path = Path.make_compound_path(*rings)
        low, high = (
            f"{100 * quantile:g}" for quantile in band.quantiles[:: len(band.quantiles) - 1]
        )
        patch = PathPatch(
            path,
            facecolor=style.PREDICTOR,
            alpha=0.16,
            linewidth=0,
            zorder=0.9,
            label=f"{low}–{high} % of {members}",
        )
        ax.add_patch(patch)


def ring(ax: Axes, wrong: Array) -> None:
    """Ring the points that are misclassified."""
    x, y = wrong.T
    ax.scatter(
        x, y,
        s=80, facecolors="none", edgecolors="black", linewidths=1.0, zorder=3,
        label=f"misclassified ({len(wrong)})",
    )  # fmt: skip
