"""Models compared: the difference of two errors, and the errors of many."""

from matplotlib.figure import Figure

from backproof.plots import style
from backproof.risk import Comparison, Ranking

_LOOK = style.GUARANTEES["finite-sample"]


@style.styled
def comparison(found: Comparison) -> Figure:
    """Draw the interval for the difference of two errors beside no difference.

    Parameters
    ----------
    found
        A comparison; differences of rates are drawn in percent.
    """
    scale, unit = _scale(found)
    figure, axes = style.new_figure(6.4, 1.9)
    ax = axes[0, 0]
    ax.axvline(0, color="black", linestyle="--", linewidth=0.9, label="no difference")
    ax.plot(
        [scale * found.lower, scale * found.upper], [0, 0], "|-", color=_LOOK.color, markersize=10
    )
    ax.plot(
        scale * found.difference,
        0,
        marker=_LOOK.marker,
        linestyle="none",
        color=_LOOK.color,
        label=f"difference, and its interval at {found.confidence:g}",
    )
    ax.set_yticks([])
    ax.set_ylabel("difference")
    ax.set_ylim(-1, 1)
    ax.margins(x=0.08)
    ax.set_xlabel(f"error of A minus error of B{unit}")
    ax.set_title(f"{found.conclusion} (p = {found.p_value:.3g})")
    style.legend_below(figure, [ax], columns=2)
    return figure


@style.styled
def ranking(found: Ranking) -> Figure:
    """Draw the error of each model with its interval and the ranks that it may have.

    Parameters
    ----------
    found
        A ranking; rates are drawn in percent.
    """
    scale, unit = _scale(found)
    count = len(found.models)
    figure, axes = style.new_figure(6.4, 1.3 + 0.32 * count)
    ax = axes[0, 0]
    names = []
    for row, model in enumerate(found.models):
        y = count - 1 - row
        ax.plot(
            [scale * model.lower, scale * model.upper],
            [y, y],
            "|-",
            color=_LOOK.color,
            markersize=8,
        )
        ax.plot(
            scale * model.error,
            y,
            marker=_LOOK.marker,
            linestyle="none",
            color=_LOOK.color,
            label="error, and its interval",
        )
        most = "" if model.best_rank == model.worst_rank else f"–{model.worst_rank}"
        names.append(f"{model.name}  (rank {model.best_rank}{most})")
    ax.set_yticks(range(count), names[::-1])
    ax.set_ylim(-0.7, count - 0.3)
    ax.margins(x=0.05)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(f"error{unit}")
    ax.set_ylabel("model")
    ax.set_title(f"{found.examples} examples; all ranks hold with confidence {found.confidence:g}")
    style.legend_below(figure, [ax], columns=1)
    return figure


def _scale(found: Comparison | Ranking) -> tuple[float, str]:
    return (100.0, " (%)") if found.of_rates else (1.0, "")
