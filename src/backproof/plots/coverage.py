"""How often intervals cover the true error, for every true error."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from backproof.plots import style
from backproof.risk import Coverage, CoverageCurve

_MOST_COLUMNS = 3
_LOWEST = 80.0  # percent: what falls lower is cut off, so that the rest can be told apart


@style.styled
def coverages(curves: Sequence[CoverageCurve]) -> Figure:
    """Draw one panel a method: coverage against the true error, and the nominal confidence.

    Parameters
    ----------
    curves
        Coverages of one nominal confidence and one size of the test set.
    """
    columns = min(_MOST_COLUMNS, len(curves))
    rows = -(-len(curves) // columns)
    figure, axes = style.new_figure(2.5 * columns + 0.6, 1.75 * rows + 0.8, rows, columns)
    for ax, curve in zip(axes.flat, curves, strict=False):
        _panel(ax, curve)
    style.label_outer(axes, len(curves), "true error (%)", "coverage (%)")
    style.legend_below(figure, axes.flat, columns=4)
    return figure


@style.styled
def coverage_growth(of: Coverage, covered: NDArray[np.bool_]) -> Figure:
    """Draw the share of covered test sets as they are drawn one after the other.

    Parameters
    ----------
    of
        The coverage over all of them.
    covered
        Which of them are covered, in the order of the draws, shape (sets,).
    """
    figure, axes = style.new_figure(6.0, 3.4)
    ax = axes[0, 0]
    look = style.series(0)
    sets = np.arange(1, len(covered) + 1)
    shares = 100 * np.cumsum(covered) / sets
    ax.plot(sets, shares, color=look.color, marker="o", markevery=[-1], label="covered so far")
    ax.axhline(100 * of.exact, color="black", linewidth=1.0, label="exact probability")
    ax.axhline(
        100 * of.confidence,
        color=style.series(1).color,
        linestyle="--",
        linewidth=1.0,
        label="nominal confidence",
    )
    ax.set_xscale("log")
    ax.set_xlim(1 / 1.1, max(10, len(covered)) * 1.1)
    style.plain_numbers(ax.xaxis)
    ax.set_ylim(min(shares.min(), 100 * of.exact, 100 * of.confidence) - 2, 101)
    ax.set_xlabel("test sets drawn")
    ax.set_ylabel("share covered (%)")
    ax.set_title(f"Coverage of {of.method} intervals, {of.examples} examples")
    style.legend_below(figure, [ax], columns=3)
    return figure


def _panel(ax: Axes, curve: CoverageCurve) -> None:
    look = style.GUARANTEES[curve.of.guarantee]
    nominal = 100 * curve.of.confidence
    ax.axhline(nominal, color="black", linestyle="--", linewidth=0.9, label="nominal confidence")
    ax.plot(
        [100 * error for error in curve.errors],
        [100 * share for share in curve.coverages],
        color=look.color,
        linestyle=look.line,
        linewidth=0.8,
        label=curve.of.guarantee,
    )
    ax.set_xscale("log")
    ax.set_ylim(min(_LOWEST, nominal - 5), 100.5)
    style.plain_numbers(ax.xaxis)
    ax.set_title(curve.of.method)
