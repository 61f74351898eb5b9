"""The weights of a network, a line each."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from backproof.plots import style

Array = NDArray[np.float64]

_WIDEST = 3.0
_THINNEST = 0.07  # relative to the widest
_LARGEST_UNIT = 9.0
_FEW = 40  # units with lines of full width; more of them would hide each other
_HEIGHT = 300.0  # points that a column of units has
_SIGNS = (
    ("positive weight", 1, style.POSITIVE, "-"),
    ("negative weight", -1, style.NEGATIVE, "--"),
)


@style.styled
def weights(layers: Sequence[ArrayLike], title: str) -> Figure:
    """Draw the units of each layer in a column and a line for each weight.

    The larger a weight, the wider its line; biases are not drawn.

    Parameters
    ----------
    layers
        Weights of each layer, shape (inputs + 1, outputs), the biases as the last row, as
        `backproof.training.Fit.layers` has them. What is not finite is left out.
    title
        What stands above.
    """
    matrices = line_widths(layers)
    figure, axes = style.new_figure(5.0, 5.0)
    ax = axes[0, 0]
    ax.axis("off")
    for name, sign, color, line in _SIGNS:
        ax.plot([], [], color=color, linestyle=line, label=name)
        for place, matrix in enumerate(matrices):
            _lines(ax, place, sign * matrix, color, line)
    for place, units in enumerate([len(matrices[0]), *(one.shape[1] for one in matrices)]):
        _units(ax, place, units)
    ax.set(xlim=(-0.2, len(matrices) + 0.2), ylim=(0, 1), title=title)
    style.legend_below(figure, [ax], columns=2)
    return figure


def line_widths(layers: Sequence[ArrayLike]) -> list[Array]:
    """Return how wide the lines of weights are, relative to the widest, with the weights' signs.

    Biases have no line; what is not finite has the width 0. Many units have thinner lines, which
    would hide each other.

    Parameters
    ----------
    layers
        Weights of each layer, shape (inputs + 1, outputs), the biases as the last row.
    """
    matrices = [np.asarray(layer, dtype=np.float64)[:-1] for layer in layers]
    matrices = [np.where(np.isfinite(one), one, 0.0) for one in matrices]
    largest = max(float(np.abs(one).max(initial=0)) for one in matrices) or 1.0
    return [
        np.sign(one) * (_THINNEST + np.abs(one / largest)) * min(1.0, _FEW / max(one.shape))
        for one in matrices
    ]


def _heights(units: int) -> Array:
    """Return where the units of a column are, the first one on top."""
    return 1 - (np.arange(units) + 0.5) / units


def _lines(ax: Axes, place: int, widths: Array, color: str, line: str) -> None:
    """Draw the positive ones of the lines of a layer's weights."""
    first, last = np.nonzero(widths > 0)
    left, right = (_heights(units) for units in widths.shape)
    ends = np.empty((len(first), 2, 2))
    ends[:, 0, 0], ends[:, 1, 0] = place, place + 1
    ends[:, 0, 1], ends[:, 1, 1] = left[first], right[last]
    ax.add_collection(
        LineCollection(
            list(ends),
            linewidths=_WIDEST * widths[first, last],
            colors=color,
            linestyles=line,
            alpha=0.7,
        )
    )


def _units(ax: Axes, place: int, units: int) -> None:
    size = min(_LARGEST_UNIT, _HEIGHT / (1.5 * units))
    ax.plot(
        np.full(units, place),
        _heights(units),
        linestyle="none",
        marker="o",
        markersize=size,
        markerfacecolor="white",
        markeredgecolor="#444444",
        markeredgewidth=min(1.0, size / 6),
    )
