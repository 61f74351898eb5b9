"""The V-shaped curve: numeric minus backpropagated slope against the step."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from backproof._core.numbers import with_margin
from backproof.gradcheck import Curve, Sweep
from backproof.plots import style


@dataclass(frozen=True, kw_only=True)
class PublishedDifference:
    """One published number."""

    tensor: str
    """Name of the parameter tensor."""
    step: float
    """Step ε."""
    difference: float
    """Absolute difference of numeric and backpropagated slope."""


@style.styled
def sweep(sweeps: Sequence[Sweep], published: Sequence[PublishedDifference] = ()) -> Figure:
    """Draw a panel for each tensor with the curves of every dtype.

    Parameters
    ----------
    sweeps
        Over the same tensors, one for each dtype; the guide lines are those of the first.
    published
        Published differences, drawn in the panel of their tensor.
    """
    curves = sweeps[0].curves
    columns = min(2, len(curves))
    rows = -(-len(curves) // columns)
    figure, axes = style.new_figure(7.2, 2.75 * rows + 0.6, rows, columns)
    for ax, curve in zip(axes.flat, curves, strict=False):
        _panel(ax, sweeps, curve, [mark for mark in published if mark.tensor == curve.tensor])
    style.label_outer(axes, len(curves), "step ε along a unit direction", "|numeric − backprop|")
    style.legend_below(figure, axes.flat, columns=3)
    return figure


def _panel(
    ax: Axes, sweeps: Sequence[Sweep], first: Curve, marks: Sequence[PublishedDifference]
) -> None:
    positive = [d for one in sweeps for curve in one.curves for d in curve.differences if d > 0]
    if not positive:
        ax.text(0.5, 0.5, "no difference at any step", transform=ax.transAxes, ha="center")
        positive = [1e-16, 1.0]
    ax.set(xscale="log", yscale="log", ylim=(min(positive) / 5, max(positive) * 5))
    for number, one in enumerate(sweeps):
        curve = next(curve for curve in one.curves if curve.tensor == first.tensor)
        differences = np.array(curve.differences)
        differences[differences == 0] = np.nan  # no place on a logarithmic axis
        ax.plot(
            one.steps,
            differences,
            marker=style.SERIES_MARKERS[number],
            markersize=3,
            linewidth=0.9,
            color=style.SERIES[number],
            label=one.dtype,
        )
    _guides(ax, np.array(sweeps[0].steps), first)
    if marks:
        ax.plot(
            [mark.step for mark in marks],
            [mark.difference for mark in marks],
            "^",
            markersize=7,
            color=style.PUBLISHED,
            markeredgecolor="black",
            markeredgewidth=0.5,
            label="published",
        )
    law = first.law
    order = (
        "order not measurable"
        if law.order is None or law.order_margin is None
        else f"order {with_margin(law.order, law.order_margin)}"
    )
    shape = "×".join(map(str, first.shape)) or "scalar"
    ax.set_title(f"{first.tensor} ({shape}), {sweeps[0].dtype}: {order}")
    style.decades(ax.xaxis)
    style.decades(ax.yaxis)


def _guides(ax: Axes, steps: "np.ndarray[tuple[int], np.dtype[np.float64]]", curve: Curve) -> None:
    law, grey = curve.law, "#606060"
    if law.order is not None:
        slope = curve.differences[0] * (steps / steps[0]) ** 2
        ax.plot(steps, slope, color=grey, linewidth=1.0, linestyle="--", label="∝ ε²")
    if law.rounding is not None:
        ax.plot(
            steps,
            law.rounding / steps,
            color=grey,
            linewidth=1.0,
            linestyle=":",
            label="rounding ∝ 1/ε",
        )
