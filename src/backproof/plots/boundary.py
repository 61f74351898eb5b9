"""The prediction boundary over the training points."""

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from backproof.plots import style
from backproof.training import Boundary


@style.styled
def boundary(
    x: ArrayLike,
    t: ArrayLike,
    predicted: ArrayLike,
    predictor: Boundary,
    bayes: Boundary,
    title: str,
) -> Figure:
    """Draw training points by class, the predictor's boundary and the Bayes-optimal one.

    Parameters
    ----------
    x, t
        Training points, shape (n, 2), and their classes -1 or +1, shape (n,).
    predicted
        The predictor's classes of these points; those that differ from `t` are ringed.
    predictor, bayes
        The two boundaries.
    title
        Title of the figure.
    """
    points, classes, labels = np.asarray(x), np.asarray(t), np.asarray(predicted)
    figure, axes = style.new_figure(4.6, 5.1)
    ax = axes[0, 0]
    for value, colour, marker in ((-1, style.NEGATIVE, "o"), (1, style.POSITIVE, "D")):
        chosen = points[classes == value]
        ax.scatter(*chosen.T, s=16, c=colour, marker=marker, linewidths=0, alpha=0.85)
    wrong = points[classes != labels]
    ax.scatter(*wrong.T, s=80, facecolors="none", edgecolors="black", linewidths=1.0, zorder=3)
    ax.add_collection(
        LineCollection([*bayes.lines], colors=style.BAYES, linestyles="--", linewidths=1.6)
    )
    ax.add_collection(
        LineCollection([*predictor.lines], colors=style.PREDICTOR, linewidths=1.8, zorder=2)
    )
    ax.set(
        xlim=(-predictor.window, predictor.window),
        ylim=(-predictor.window, predictor.window),
        xlabel="x₁",
        ylabel="x₂",
        title=title,
        aspect="equal",
    )
    figure.legend(
        handles=_legend(len(wrong)),
        loc="outside lower center",
        ncols=2,
        fontsize=8,
        frameon=False,
    )
    return figure


def _legend(errors: int) -> list[Line2D]:
    return [
        _marker("o", style.NEGATIVE, "class −1"),
        _marker("D", style.POSITIVE, "class +1"),
        Line2D([], [], color=style.PREDICTOR, label="predictor"),
        Line2D([], [], color=style.BAYES, linestyle="--", label="Bayes-optimal"),
        Line2D(
            [],
            [],
            marker="o",
            color="black",
            linestyle="none",
            markerfacecolor="none",
            markersize=9,
            label=f"misclassified ({errors})",
        ),
    ]


def _marker(shape: str, colour: str, label: str) -> Line2D:
    return Line2D([], [], marker=shape, color=colour, linestyle="none", markersize=5, label=label)
