"""Training loss against the step, for several sizes and seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from backproof.plots import style

_FEW_DECADES = 100


@dataclass(frozen=True, kw_only=True)
class LossCurve:
    """The training loss of one size over its seeds."""

    label: str
    """Name of the size."""
    median: Sequence[float]
    """Median loss over the seeds, before the first step and after each."""
    lower: Sequence[float]
    """Lower end of the band."""
    upper: Sequence[float]
    """Upper end of the band."""


@style.styled
def losses(curves: Sequence[LossCurve], band: str) -> Figure:
    """Draw the median loss of each size with a band over its seeds.

    Parameters
    ----------
    curves
        One for each size.
    band
        What the bands show, in words.
    """
    figure, axes = style.new_figure(6.0, 4.0)
    ax = axes[0, 0]
    for number, curve in enumerate(curves):
        steps = np.arange(len(curve.median))
        colour = style.SERIES[number % len(style.SERIES)]
        line = style.SERIES_LINES[number % len(style.SERIES_LINES)]
        ax.fill_between(steps, curve.lower, curve.upper, color=colour, alpha=0.18, linewidth=0)
        ax.plot(steps, curve.median, color=colour, linestyle=line, label=curve.label)
    ax.set(
        yscale="log",
        xlabel="gradient step",
        ylabel="mean training loss (nats)",
        title=f"Training loss: median, {band}",
    )
    ax.margins(x=0.01)
    low, high = ax.get_ylim()
    if high < _FEW_DECADES * low:  # too few powers of ten to read values by
        style.plain_numbers(ax.yaxis, (1, 2, 5))
    else:
        style.decades(ax.yaxis)
    style.legend_below(figure, [ax], columns=4)
    return figure
