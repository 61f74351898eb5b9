"""How many examples a margin needs, by method."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from backproof.plots import style
from backproof.risk import Plan


@style.styled
def plans(chosen: Sequence[Plan], curves: Sequence[Sequence[Plan]]) -> Figure:
    """Draw one line a method, with a point where the chosen margin is.

    Parameters
    ----------
    chosen
        The plans of one request.
    curves
        For each of them, the same for other margins.
    """
    figure, axes = style.new_figure(6.4, 4.6)
    ax = axes[0, 0]
    for number, (plan, curve) in enumerate(zip(chosen, curves, strict=True)):
        look = style.series(number)
        margins = [100 * one.margin for one in curve]
        ax.plot(margins, [one.examples for one in curve], color=look.color, linestyle=look.line)
        ax.plot(
            100 * plan.margin,
            plan.examples,
            marker=look.marker,
            color=look.color,
            linestyle=look.line,
            label=f"{plan.method}: {plan.examples} for {100 * plan.margin:.4g} %",
        )
    ax.set_xscale("log")
    ax.set_yscale("log")
    style.plain_numbers(ax.xaxis, (1, 2, 5))
    style.decades(ax.yaxis)
    ax.set_xlabel("margin (%)")
    ax.set_ylabel("test examples")
    ax.set_title(f"confidence {chosen[0].confidence:g}, {chosen[0].side}")
    style.legend_below(figure, [ax], columns=2)
    return figure
