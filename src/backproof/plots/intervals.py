"""Intervals side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from backproof.plots import style
from backproof.risk import Interval


@dataclass(frozen=True, kw_only=True)
class IntervalPanel:
    """Intervals for one rate, by different methods."""

    label: str
    """What they are about."""
    intervals: Sequence[Interval]
    """The intervals; all panels of a figure have the same methods."""
    true_rate: float | None = None
    """The rate that they should hold, where it is known."""


@style.styled
def intervals(panels: Sequence[IntervalPanel]) -> Figure:
    """Draw one panel a rate, one line an interval.

    Parameters
    ----------
    panels
        The rates; all panels share one scale, in percent.
    """
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    methods = [one.method for one in panels[0].intervals]
    height = (0.9 + 0.24 * len(methods)) * rows + 0.6
    figure, axes = style.new_figure(3.6 * columns + 1.4, height, rows, columns)
    for number, (ax, panel) in enumerate(zip(axes.flat, panels, strict=False)):
        _panel(ax, panel)
        shown = methods[::-1] if number % columns == 0 else [""] * len(methods)
        ax.set_yticks(range(len(methods)), shown)
    left, right = _reach(panels)
    for ax in axes.flat:
        ax.set_xlim(left, right)
    style.label_outer(axes, len(panels), "error (%)", "method")
    style.legend_below(figure, axes.flat, columns=4)
    return figure


def _panel(ax: Axes, panel: IntervalPanel) -> None:
    last = len(panel.intervals) - 1
    if panel.true_rate is not None:
        ax.axvline(100 * panel.true_rate, color="black", linestyle="-.", label="true error")
    for number, one in enumerate(panel.intervals):
        look, row = style.GUARANTEES[one.guarantee], last - number
        ends = [100 * one.lower, 100 * one.upper]
        ax.plot(ends, [row, row], "|-", color=look.color, markersize=8)
        ax.plot(
            100 * one.estimate,
            row,
            marker=look.marker,
            color=look.color,
            linestyle="none",
            markersize=5,
            label=one.guarantee,
        )
    ax.set_ylim(-0.7, last + 0.7)
    ax.grid(axis="y", visible=False)
    ax.set_title(panel.label)


def _reach(panels: Sequence[IntervalPanel]) -> tuple[float, float]:
    """Return a range in percent that holds everything drawn, with room at either end."""
    rates = [end for panel in panels for one in panel.intervals for end in (one.lower, one.upper)]
    rates += [panel.true_rate for panel in panels if panel.true_rate is not None]
    room = 0.04 * (max(rates) - min(rates)) or 0.01
    return 100 * (min(rates) - room), 100 * (max(rates) + room)
