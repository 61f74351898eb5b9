"""The prediction boundary over the points: of one predictor, or the band of many."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from backproof._core.errors import InputError
from backproof._core.numbers import counted
from backproof.plots import style
from backproof.plots.plane import (
    autoscaled,
    draw_band,
    draw_bayes,
    draw_line,
    draw_points,
    height,
    new_plane,
    ring,
    set_limits,
    set_scale,
    settle,
    window_for,
)
from backproof.plots.predictors import (
    Predictor,
    classified,
    plane_points,
    predicted_classes,
    score_of,
    scores_at,
    traced,
    with_names,
)
from backproof.training import Boundary, BoundaryBand, Fits
from backproof.training import boundary as trace
from backproof.training import boundary_band as trace_band
from backproof.training.boundary import Score, Window, WindowLike


@style.styled
def boundary(
    predictor: Predictor,
    x: ArrayLike,
    t: ArrayLike,
    *,
    predicted: ArrayLike | None = None,
    classes: Sequence[str] | None = None,
    bayes: Boundary | Score | None = None,
    title: str | None = None,
    ax: Axes | None = None,
    window: WindowLike | None = None,
) -> Figure:
    """Draw points by class, and the boundary of a predictor or the band of many.

    Parameters
    ----------
    predictor
        A `Boundary`; a `BoundaryBand`; a `Fit`; a score function, as `training.boundary` takes it;
        or several fits or score functions, of which the band from 10 % to 90 % is drawn.
    x, t
        Points, shape (n, 2), and their classes, shape (n,): -1 or +1, or 0, …, K-1.
    predicted
        The predictor's classes of these points, shape (n,); those that differ from `t` are ringed.
        ``None``: those of a fit or score function; for others nothing is ringed.
    classes
        What the legend calls the classes, in their order, K names; ``None``: by their numbers.
    bayes
        The Bayes-optimal boundary, or a score with it; drawn dashed.
    title
        Title of the axes.
    ax
        Axes to draw into; the legend is put there. Limits and names that they have stay. ``None``:
        a new figure.
    window
        What is shown: half the side of a square around the origin, or a rectangle
        ((x_low, x_high), (y_low, y_high)). ``None``: the window of the boundary that is given;
        else the limits set for `ax`; else what covers the points.

    Returns
    -------
    matplotlib.figure.Figure
        The figure that was drawn into.

    Raises
    ------
    InputError
        If the points have not two features, or classes and predictor do not fit.
    """
    places = plane_points(x)
    shown = window_for(window, predictor, ax, places)
    found = traced(predictor, shown)
    scores = scores_at(predictor, places)
    points = classified(places, t, several=scores is not None and scores.ndim == 2)
    points = with_names(points, classes)
    labels = predicted_classes(points, predicted, scores)
    figure, axes = (ax.figure.figure, ax) if ax is not None else new_plane(shown)
    free = [window is not None or ax is None or on for on in autoscaled(axes)]
    draw_points(axes, points)
    if isinstance(found, BoundaryBand):
        left_out = f" ({found.diverged} diverged)" if found.diverged else ""
        draw_band(axes, found, counted(found.members, "network") + left_out)
    else:
        draw_line(axes, found, "predictor")
    draw_bayes(axes, bayes, shown)
    if labels is not None:
        ring(axes, places[labels != points.classes])
    set_limits(axes, shown, free)
    axes.set(xlabel=axes.get_xlabel() or "x₁", ylabel=axes.get_ylabel() or "x₂")
    if title is not None:
        axes.set_title(title)
    if ax is None:
        style.legend_below(figure, [axes], columns=2 if len(points.looks()) < 4 else 3)
        settle(figure)
    else:
        # It may have to lie over points: small, and with a background.
        axes.legend(frameon=True, framealpha=0.9, borderpad=0.3, labelspacing=0.3, handlelength=1.6)
    return figure


@style.styled
def boundaries(
    fits: Fits,
    x: ArrayLike,
    t: ArrayLike,
    *,
    bayes: Boundary | Score | None = None,
    window: WindowLike | None = None,
) -> Figure:
    """Draw one panel a hidden size: the points, and the band of the boundary over the seeds.

    Parameters
    ----------
    fits
        Trained networks of two features. A size with one network is drawn as a line.
    x, t
        Points, shape (n, 2), and their classes, shape (n,): -1 or +1, or 0, …, K-1. Of several
        training sets, shapes (seeds, n, 2) and (seeds, n), the first is drawn.
    bayes
        The Bayes-optimal boundary, or a score with it; drawn dashed.
    window
        What each panel shows, see `boundary`. ``None``: what covers the points.

    Returns
    -------
    matplotlib.figure.Figure
        A new figure.

    Raises
    ------
    InputError
        If there is no fit, points or networks have not two features, or a size has several
        networks with more than one score.
    """
    if not fits:
        raise InputError("fits must hold at least one network, got none")
    several_sets = np.ndim(x) == 3
    places = plane_points(np.asarray(x)[0] if several_sets else x)
    targets = np.asarray(t)
    points = classified(
        places,
        targets[0] if several_sets and targets.ndim == 2 else targets,
        several=any(fit.outputs > 1 for fit in fits),
    )
    shown = window_for(window, None, None, places)
    bayes = bayes if bayes is None or isinstance(bayes, Boundary) else trace(bayes, window=shown)
    sizes = fits.sizes
    columns = 2 if len(sizes) == 4 else min(3, len(sizes))
    rows = -(-len(sizes) // columns)
    inches = (0.6 + 2.2 * height(shown)) * rows + 0.8
    figure, axes = style.new_figure(2.7 * columns + 0.6, inches, rows, columns)
    for ax, hidden in zip(axes.flat, sizes, strict=False):
        draw_points(ax, points)
        _draw_size(ax, fits.of_size(hidden), shown)
        draw_bayes(ax, bayes, shown)
        set_limits(ax, shown, (True, True))
        set_scale(ax, shown)
    style.label_outer(axes, len(sizes), "x₁", "x₂")
    style.legend_below(figure, axes.flat, columns={1: 2, 2: 3}.get(columns, 5))
    settle(figure)
    return figure


def _draw_size(ax: Axes, fits: Fits, window: Window) -> None:
    diverged = len(fits.diverged)
    kept = fits.usable
    if len(kept) == 1:
        draw_line(ax, trace(score_of(kept[0]), window=window), "one network")
    elif kept:
        draw_band(ax, trace_band(kept, window=window), "the networks")
    left_out = f", {diverged} diverged" if diverged else ""
    ax.set_title(f"H = {fits[0].spec.size}, {counted(len(fits), 'network')}{left_out}")
