"""One look for every figure, Okabe-Ito colours each with a second cue; and saving figures."""

import functools
import io
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from math import log10
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec

from matplotlib import style as mpl_style
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from backproof._core.progress import Progress

NEGATIVE = "#0072B2"  # class -1, circles
POSITIVE = "#D55E00"  # class +1, diamonds
PREDICTOR = "#000000"  # solid line
BAYES = "#009E73"  # dashed line
PUBLISHED = "#CC79A7"  # triangles
EXACT = "#000000"  # step line
SIMULATED = "#B8B8B8"  # filled histogram
ONE_SET = "#56B4E9"  # what one test set says: dotted line, bar
BOOTSTRAP = "#E69F00"  # dashed step line
SEED = "#606060"  # circles
SERIES = ("#0072B2", "#D55E00", "#009E73", "#56B4E9", "#E69F00", "#CC79A7")
SERIES_LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 2)))
SERIES_MARKERS = ("o", "D", "s", "v", "P", "X")


class Look(NamedTuple):
    """How one kind of thing is drawn: a colour, and a second cue to it."""

    color: str
    marker: str
    line: Any


GUARANTEES = {
    "finite-sample": Look("#0072B2", "o", "-"),
    "anytime": Look("#009E73", "s", "-"),
    "asymptotic": Look("#D55E00", "D", "-"),
}
"""How intervals are drawn, by what they guarantee."""

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

FORMATS = ("svg", "png", "pdf")
"""Formats that `save` writes."""

_RC: Any = {  # the keys are a long Literal type in matplotlib
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same look everywhere
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "legend.frameon": False,
    # The same figure gives the same bytes: fixed identifiers in SVG, embedded fonts in PDF.
    "svg.hashsalt": "backproof",
    "pdf.fonttype": 42,
}


Parameters = ParamSpec("Parameters")


def styled(draw: Callable[Parameters, Figure]) -> Callable[Parameters, Figure]:
    """Let a function draw in Backproof's style, whatever the user's own settings are."""

    @functools.wraps(draw)
    def drawn(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Figure:
        with _style():
            return draw(*args, **kwargs)

    return drawn


class ShownFigure(Figure):
    """A figure that a notebook shows as it is saved, whatever its backend."""

    def _repr_svg_(self) -> str:
        return svg(self)


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, Any]:
    """Return a figure of that size in inches, and its axes as an array (rows, columns)."""
    figure = ShownFigure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def decades(axis: Axis) -> None:
    """Label a logarithmic axis 10⁻⁹, 10⁻⁸, …, and its minor ticks not at all."""
    axis.set_major_locator(LogLocator(numticks=6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _power(value)))
    axis.set_minor_formatter(NullFormatter())


def series(number: int) -> Look:
    """Return the look of the n-th of several curves; after six the pairing of cues changes."""
    turn = number // len(SERIES)
    return Look(
        SERIES[number % len(SERIES)],
        SERIES_MARKERS[(number + turn) % len(SERIES_MARKERS)],
        SERIES_LINES[(number + turn) % len(SERIES_LINES)],
    )


def plain_numbers(axis: Axis, digits: tuple[int, ...] = (1,)) -> None:
    """Label a logarithmic axis in plain numbers that begin with these digits."""
    axis.set_major_locator(LogLocator(subs=digits, numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _power(value: float) -> str:
    return "10" + f"{log10(value):.0f}".translate(_SUPERSCRIPT)


def label_outer(axes: Any, panels: int, x: str, y: str) -> None:
    """Label the lowest panel of each column and the first of each row; hide unused axes."""
    columns = axes.shape[1]
    for number, ax in enumerate(axes.flat):
        ax.set_visible(number < panels)
        if number < panels <= number + columns:
            ax.set_xlabel(x)
        if number % columns == 0:
            ax.set_ylabel(y)


def legend_below(figure: Figure, panels: Iterable[Axes], columns: int) -> None:
    """Put one legend for all panels under the figure, where it covers nothing."""
    entries: dict[str, Any] = {}
    for ax in panels:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    figure.legend(
        list(entries.values()),
        list(entries),
        loc="outside lower center",
        ncols=columns,
        fontsize=8,
        frameon=False,
    )


def save(figure: Figure, folder: Path, name: str) -> None:
    """Write `figure` to `folder` in every one of `FORMATS`; the same figure, the same bytes."""
    with _style():
        _lay_out(figure)
        for suffix in FORMATS:
            figure.savefig(
                folder / f"{name}.{suffix}", format=suffix, dpi=200, metadata=_undated(suffix)
            )


def save_all(
    drawn: Iterable[tuple[str, Callable[[], Figure]]], folder: Path, progress: Progress
) -> dict[str, str]:
    """Draw and `save` figures, given by name with what draws them; return the SVGs by name."""
    figures = list(drawn)
    for number, (name, draw) in enumerate(figures, start=1):
        save(draw(), folder, name)
        progress("figures", number, len(figures))
    return {name: (folder / f"{name}.svg").read_text(encoding="utf-8") for name, _ in figures}


def svg(figure: Figure) -> str:
    """Return `figure` as the text of an SVG file."""
    return rendered(figure, "svg").decode()


def rendered(figure: Figure, suffix: str) -> bytes:
    """Return `figure` as the content of a file in one of `FORMATS`."""
    with _style():
        _lay_out(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix, dpi=200, metadata=_undated(suffix))
    return buffer.getvalue()


def _style() -> AbstractContextManager[None]:
    """Start from matplotlib's defaults: a user's own settings have no say in these figures."""
    return mpl_style.context(["default", _RC])


def _lay_out(figure: Figure) -> None:
    # Once, not again for every format, and so the same in each.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def _undated(suffix: str) -> dict[str, None]:
    return {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(suffix, {})
