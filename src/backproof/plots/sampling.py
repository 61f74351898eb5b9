"""The sampling distribution of the test error, with everything that one test set says about it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from backproof._core.numbers import counted
from backproof.plots import style
from backproof.risk import Interval


@dataclass(frozen=True, kw_only=True)
class SamplingPanel:
    """One predictor's test error over many test sets."""

    label: str
    """Name of the predictor."""
    examples: int
    """Size m of a test set."""
    simulated: Sequence[int]
    """Number of test sets with 0, 1, …, m errors."""
    law: Sequence[float]
    """Exact probability of 0, 1, …, m errors."""
    bootstrap: Sequence[int]
    """Number of bootstrap replicates of the one test set with 0, 1, …, m errors."""
    true_error: float
    """The true error, a rate."""
    observed: float
    """Error on the one test set, a rate."""
    interval: Interval
    """Interval from the one test set."""


@style.styled
def sampling(panels: Sequence[SamplingPanel]) -> Figure:
    """Draw one panel a predictor: histogram, exact law, bootstrap, true error, interval.

    Parameters
    ----------
    panels
        The predictors; all panels share one scale.
    """
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = style.new_figure(7.4, 2.7 * rows + 0.7, rows, columns)
    right = max(_right_end(panel) for panel in panels)
    for ax, panel in zip(axes.flat, panels, strict=False):
        _panel(ax, panel)
        ax.set_xlim(0, right)
    style.label_outer(axes, len(panels), "test error (%)", "share of test sets (%)")
    style.legend_below(figure, axes.flat, columns=2)
    return figure


def _right_end(panel: SamplingPanel) -> float:
    last = max(np.flatnonzero(panel.simulated)[-1], np.flatnonzero(panel.bootstrap)[-1])
    return 100 * max(float(last) / panel.examples, panel.interval.upper) * 1.03


def _panel(ax: Axes, panel: SamplingPanel) -> None:
    # Bins two errors wide (0.2 % where m = 1000), centred between the two counts.
    edges = 100 * (np.arange(0, panel.examples + 3, 2) - 0.5) / panel.examples
    simulated, exact, bootstrap = (
        100 * _in_pairs(counts) for counts in (panel.simulated, panel.law, panel.bootstrap)
    )
    sets = counted(int(sum(panel.simulated)), "simulated test set")
    ax.stairs(
        simulated,
        edges,
        fill=True,
        color=style.SIMULATED,
        label=sets,
    )
    ax.stairs(exact, edges, color=style.EXACT, linewidth=1.1, label="exact law")
    ax.stairs(
        bootstrap,
        edges,
        color=style.BOOTSTRAP,
        linewidth=1.1,
        linestyle="--",
        label="bootstrap of one test set",
    )
    ax.axvline(100 * panel.true_error, color="black", linestyle="-.", label="true error")
    ax.axvline(
        100 * panel.observed, color=style.ONE_SET, linestyle=":", label="that test set's error"
    )
    interval = panel.interval
    top = 1.12 * max(simulated.max(), exact.max(), bootstrap.max())
    ax.plot(
        [100 * interval.lower, 100 * interval.upper],
        [top, top],
        color=style.ONE_SET,
        marker="|",
        markersize=8,
        label=f"its {interval.method} interval ({100 * interval.confidence:.6g} %)",
    )
    ax.set_ylim(0, 1.08 * top)
    ax.xaxis.set_major_locator(MaxNLocator(8))
    ax.set_title(panel.label)


def _in_pairs(values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the shares of 0-1, 2-3, … errors."""
    shares = np.asarray(values, dtype=np.float64)
    shares = np.append(shares, np.zeros(len(shares) % 2)) / shares.sum()
    return np.asarray(shares.reshape(-1, 2).sum(axis=1), dtype=np.float64)
