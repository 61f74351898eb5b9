"""The prediction boundary over the points: of one predictor, or the band of many."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from numpy.typing import ArrayLike, NDArray

from backproof._core.errors import InputError
from backproof._core.numbers import counted
from backproof.plots import style
from backproof.training import Boundary, BoundaryBand, Fit, Fits
from backproof.training import boundary as trace
from backproof.training import boundary_band as trace_band
from backproof.training.arrays import as_numpy
from backproof.training.boundary import Score, Window, WindowLike, rectangle

Predictor = Boundary | BoundaryBand | Fit | Sequence[Fit] | Sequence[Score] | Score
Array = NDArray[np.float64]
Classes = NDArray[np.int64]

_MARGIN = 0.08  # of the points' range, on either side
_MOST_UNEQUAL = 3.0  # sides of a window that are still drawn to one scale
_MOST_COLUMNS = 3
_LAYOUTS = 3


@dataclass(frozen=True)
class _Points:
    """Points with their classes."""

    x: Array
    classes: Classes
    signed: bool
    """Whether the classes are -1 and +1; else they are 0, …, K-1."""
    names: Sequence[str] | None = None
    """What the classes are called, in their order."""

    def looks(self) -> list[tuple[int, str, style.Look]]:
        """Return value, name and look of each class."""
        if self.signed:
            negative, positive = self.names or ("class −1", "class +1")
            return [
                (-1, negative, style.Look(style.NEGATIVE, "o", "-")),
                (1, positive, style.Look(style.POSITIVE, "D", "-")),
            ]
        found = np.unique(self.classes).tolist()
        return [(k, self.names[k] if self.names else f"class {k}", style.series(k)) for k in found]


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
    places = _plane(x)
    shown = _window(window, predictor, ax, places)
    found = _traced(predictor, shown)
    scores = _scores(predictor, places)
    points = _points(places, t, several=scores is not None and scores.ndim == 2)
    points = _named(points, classes)
    labels = _predicted(points, predicted, scores)
    figure, axes = (ax.figure.figure, ax) if ax is not None else _new_figure(shown)
    free = [window is not None or ax is None or on for on in _autoscaled(axes)]
    _draw_points(axes, points)
    if isinstance(found, BoundaryBand):
        left_out = f" ({found.diverged} diverged)" if found.diverged else ""
        _draw_band(axes, found, counted(found.members, "network") + left_out)
    else:
        _draw_line(axes, found, "predictor")
    _draw_bayes(axes, bayes, shown)
    if labels is not None:
        _ring(axes, places[labels != points.classes])
    _set_limits(axes, shown, free)
    axes.set(xlabel=axes.get_xlabel() or "x₁", ylabel=axes.get_ylabel() or "x₂")
    if title is not None:
        axes.set_title(title)
    if ax is None:
        style.legend_below(figure, [axes], columns=2 if len(points.looks()) < 4 else 3)
        _settle(figure)
    else:
        # It may have to lie over points: small, and with a background.
        axes.legend(frameon=True, framealpha=0.9, borderpad=0.3, labelspacing=0.3, handlelength=1.6)
    return figure


def _named(points: _Points, classes: Sequence[str] | None) -> _Points:
    if classes is None:
        return points
    wanted = 2 if points.signed else int(points.classes.max()) + 1
    if len(classes) < wanted:
        raise InputError(f"classes must name each of the {wanted}, got {len(classes)} names")
    return replace(points, names=classes)


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
    places = _plane(np.asarray(x)[0] if several_sets else x)
    targets = np.asarray(t)
    points = _points(
        places,
        targets[0] if several_sets and targets.ndim == 2 else targets,
        several=any(fit.outputs > 1 for fit in fits),
    )
    shown = _window(window, None, None, places)
    bayes = bayes if bayes is None or isinstance(bayes, Boundary) else trace(bayes, window=shown)
    sizes = fits.sizes
    columns = min(_MOST_COLUMNS, len(sizes))
    rows = -(-len(sizes) // columns)
    height = (0.6 + 2.2 * _height(shown)) * rows + 0.8
    figure, axes = style.new_figure(2.7 * columns + 0.6, height, rows, columns)
    for ax, hidden in zip(axes.flat, sizes, strict=False):
        _draw_points(ax, points)
        _draw_size(ax, fits.of_size(hidden), shown)
        _draw_bayes(ax, bayes, shown)
        _set_limits(ax, shown, (True, True))
        _set_scale(ax, shown)
    style.label_outer(axes, len(sizes), "x₁", "x₂")
    style.legend_below(figure, axes.flat, columns=min(2 * columns, 5))
    _settle(figure)
    return figure


def _draw_size(ax: Axes, fits: Fits, window: Window) -> None:
    diverged = len(fits.diverged)
    kept = [fit for fit in fits if fit.status != "diverged"]
    if len(kept) == 1:
        _draw_line(ax, trace(_score_of(kept[0]), window=window), "one network")
    elif kept:
        _draw_band(ax, trace_band(kept, window=window), "the networks")
    left_out = f", {diverged} diverged" if diverged else ""
    ax.set_title(f"H = {fits[0].spec.size}, {counted(len(fits), 'network')}{left_out}")


def _plane(x: ArrayLike) -> Array:
    places = np.asarray(x, dtype=np.float64)
    if places.ndim == 2 and len(places) and places.shape[1] > 2:
        raise InputError(
            f"a boundary is drawn in the plane and needs two features, x has {places.shape[1]}: "
            "train on two of them, or on two principal components; or give two columns of x and a "
            "score function of these that holds the other features fixed"
        )
    if places.ndim != 2 or not len(places) or places.shape[1] != 2:
        raise InputError(f"x must be points of two features, shape (n, 2), got {places.shape}")
    if not np.isfinite(places).all():
        wrong = int((~np.isfinite(places)).any(axis=1).sum())
        raise InputError(f"x must be finite, got {wrong} of {len(places)} points that are not")
    return places


def _points(x: Array, t: ArrayLike, *, several: bool) -> _Points:
    """Return points with classes; `several` where the predictor has a score a class."""
    classes = _whole_classes("t", t, len(x))
    signed = not several and bool(np.isin(classes, (-1, 1)).all())
    points = _Points(x, classes, signed)
    _check_known("t", points, classes)
    return points


def _whole_classes(name: str, values: ArrayLike, n: int) -> Classes:
    classes = np.asarray(values)
    if classes.shape != (n,):
        raise InputError(f"{name} must hold one class a point, shape ({n},), got {classes.shape}")
    whole = classes.dtype.kind in "iufb" and np.isfinite(classes).all()
    if not whole or (classes != np.floor(classes)).any():
        raise InputError(f"{name} must be whole numbers, classes -1 or +1, or 0, …, K-1")
    return classes.astype(np.int64)


def _check_known(name: str, points: _Points, classes: Classes) -> None:
    known = np.isin(classes, (-1, 1)) if points.signed else classes >= 0
    if not known.all():
        expected = (
            "-1 or +1" if points.signed else "0, …, K-1 (or, with one score, -1 and +1 alone)"
        )
        raise InputError(f"{name} must be classes {expected}, got {classes[~known][0]}")


def _score_of(predictor: Predictor) -> Score:
    """Return the score of one predictor."""
    if isinstance(predictor, Fit):
        if predictor.inputs != 2:
            raise InputError(
                "a boundary is drawn in the plane and needs a network of two features, this one "
                f"has {predictor.inputs} ({predictor.spec}): train on two of them"
            )
        return predictor.model.infer
    if not callable(predictor):
        raise InputError(
            "predictor must be a boundary, a band, a fit, a score function, or several fits or "
            f"score functions, got a {type(predictor).__name__}"
        )
    return predictor


def _scores(predictor: Predictor, x: Array) -> Array | None:
    """Return the scores of the points, shape (n,) or (n, K), where there is one predictor."""
    if isinstance(predictor, (Boundary, BoundaryBand, Sequence)):
        return None
    return np.asarray(as_numpy(_score_of(predictor)(x)))


def _predicted(points: _Points, predicted: ArrayLike | None, scores: Array | None) -> Any:
    """Return the predicted classes, given as such or by scores; else nothing."""
    if predicted is not None:
        classes = _whole_classes("predicted", predicted, len(points.x))
        _check_known("predicted", points, classes)
        return classes
    if scores is None:
        return None
    if scores.ndim == 2:
        return scores.argmax(axis=1)
    if points.signed:
        return np.where(scores >= 0, 1, -1)
    if points.classes.max() > 1:
        raise InputError(
            "predictor has one score a point and so tells two classes apart, but t has classes up "
            f"to {points.classes.max()}: give a score for each class, shape (n, K)"
        )
    return np.where(scores >= 0, 1, 0)


def _traced(predictor: Predictor, window: Window) -> Boundary | BoundaryBand:
    if isinstance(predictor, (Boundary, BoundaryBand)):
        return predictor
    if isinstance(predictor, Sequence):
        return trace_band(predictor, window=window)
    return trace(_score_of(predictor), window=window)


def _window(
    window: WindowLike | None, predictor: Predictor | None, ax: Axes | None, x: Array
) -> Window:
    if window is not None:
        return rectangle(window)
    if isinstance(predictor, (Boundary, BoundaryBand)):
        return predictor.window
    across, up = (_range(values) for values in x.T)
    if ax is None:
        return across, up
    free_x, free_y = _autoscaled(ax)
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


def _autoscaled(ax: Axes) -> tuple[bool, bool]:
    return ax.get_autoscalex_on(), ax.get_autoscaley_on()


def _new_figure(window: Window) -> tuple[Figure, Axes]:
    figure, axes = style.new_figure(4.6, 1.3 + 3.8 * _height(window))
    _set_scale(axes[0, 0], window)
    return figure, axes[0, 0]


def _set_scale(ax: Axes, window: Window) -> None:
    if _to_scale(window):
        ax.set_aspect("equal")


def _ratio(window: Window) -> float:
    (left, right), (low, high) = window
    return (high - low) / (right - left)


def _height(window: Window) -> float:
    """Return how high axes of a window are, as a share of how wide they may be."""
    return min(1.0, _ratio(window)) if _to_scale(window) else 1.0


def _to_scale(window: Window) -> bool:
    # Beyond that the features hardly have one unit, and one scale would leave but a strip.
    return 1 / _MOST_UNEQUAL <= _ratio(window) <= _MOST_UNEQUAL


def _settle(figure: Figure) -> None:
    # A pass of the layout takes margins from where axes drawn to scale were before it; each halves
    # what that is wrong by, and matplotlib makes but two.
    for _ in range(_LAYOUTS):
        figure.draw_without_rendering()


def _set_limits(ax: Axes, window: Window, free: Sequence[bool]) -> None:
    for axis, limits, may in zip("xy", window, free, strict=True):
        if may:
            ax.set(**{f"{axis}lim": limits})


def _draw_points(ax: Axes, points: _Points) -> None:
    for value, name, look in points.looks():
        x, y = points.x[points.classes == value].T
        ax.scatter(
            x, y,
            s=16, c=look.color, marker=look.marker, linewidths=0, alpha=0.85, label=name,
        )  # fmt: skip


def _draw_bayes(ax: Axes, bayes: Boundary | Score | None, window: Window) -> None:
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


def _draw_line(ax: Axes, line: Boundary, name: str) -> None:
    _draw(ax, line, color=style.PREDICTOR, linewidth=1.8, zorder=2, label=name)


def _draw(ax: Axes, line: Boundary, **look: Any) -> None:
    ax.add_collection(LineCollection([*line.lines], **look), autolim=False)


def _draw_band(ax: Axes, band: BoundaryBand, members: str) -> None:
    """Draw a line a quantile, that of the median thick, and the region between the outermost."""
    for quantile, line in zip(band.quantiles, band.boundaries, strict=True):
        if quantile == 0.5:
            _draw_line(ax, line, "median" if band.region else f"median of {members}")
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


def _ring(ax: Axes, wrong: Array) -> None:
    x, y = wrong.T
    ax.scatter(
        x, y,
        s=80, facecolors="none", edgecolors="black", linewidths=1.0, zorder=3,
        label=f"misclassified ({len(wrong)})",
    )  # fmt: skip
