"""How often intervals cover the true error, for every true error."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from backproof.plots import style
from backproof.risk import CoverageCurve

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
