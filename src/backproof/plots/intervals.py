"""Intervals side by side."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from backproof.plots import style
from backproof.risk import Interval


@style.styled
def intervals(found: Sequence[Interval], *, title: str = "", quantity: str = "error (%)") -> Figure:
    """Draw one line an interval, by method.

    Parameters
    ----------
    found
        Intervals for one rate.
    title
        What they are about.
    quantity
        Name and unit of the axis; the rates are drawn in percent.
    """
    figure, axes = style.new_figure(6.4, 1.3 + 0.3 * len(found))
    ax = axes[0, 0]
    for row, one in enumerate(found):
        _line(ax, len(found) - 1 - row, one)
    ax.set_yticks(range(len(found)), [one.method for one in reversed(found)])
    ax.set_ylim(-0.7, len(found) - 0.3)
    ax.margins(x=0.05)
    ax.set_xlabel(quantity)
    ax.set_title(title)
    ax.grid(axis="y", visible=False)
    style.legend_below(figure, [ax], columns=3)
    return figure


def _line(ax: Axes, row: int, one: Interval) -> None:
    look = style.GUARANTEES[one.guarantee]
    ax.plot([100 * one.lower, 100 * one.upper], [row, row], "|-", color=look.color, markersize=8)
    ax.plot(
        100 * one.estimate,
        row,
        marker=look.marker,
        color=look.color,
        linestyle="none",
        markersize=5,
        label=one.guarantee,
    )
