"""A computation graph as a figure: boxes for tensors, data flowing from top to bottom."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch
from matplotlib.path import Path
from matplotlib.textpath import text_to_path

from backproof._core.errors import InputError
from backproof.plots.style import ShownFigure
from backproof.tape import Graph, GraphNode, Route, Spacing, arrange

_BLUE, _VERMILLION, _GREY, _BLACK = "#0072B2", "#D55E00", "#767676", "#000000"
_TINT = "#E3F0F8"  # blue, light enough for text

# Lengths are inches, the unit of the axes; type sizes are points.
_NAME, _TEXT = 9.0, 7.5
_LINE = 0.155
_PAD_X, _PAD_Y = 0.12, 0.07
_SPACING = Spacing(across=0.24, down=0.38, ends=0.24)
_MARGIN = 0.12
_LEGEND_ROW = 0.2
_LONGEST_LABEL = 32


@dataclass(frozen=True)
class _Run:
    """A piece of text in one style."""

    text: str
    size: float = _TEXT
    colour: str = _BLACK
    weight: str = "normal"
    style: Literal["normal", "italic"] = "normal"

    @property
    def font(self) -> FontProperties:
        return FontProperties(
            family="DejaVu Sans", size=self.size, weight=self.weight, style=self.style
        )

    @property
    def width(self) -> float:
        return _width(self.text, self.font)


@dataclass(frozen=True)
class _Box:
    """A node's lines of text, and the room they need."""

    node: GraphNode
    lines: tuple[tuple[_Run, ...], ...]

    @property
    def width(self) -> float:
        return max(sum(run.width for run in line) for line in self.lines) + 2 * _PAD_X

    @property
    def height(self) -> float:
        return len(self.lines) * _LINE + 2 * _PAD_Y


def graph(graph: Graph) -> Figure:
    """Draw a computation graph.

    Tensors that require a gradient have a thick blue border and a tint, constants a thin dashed
    grey one. The figure is as large as its content; nothing is scaled.

    Parameters
    ----------
    graph
        What `backproof.tape` recorded.

    Raises
    ------
    InputError
        If the graph has no node.
    """
    if not graph.nodes:
        raise InputError("a graph to draw must have at least one node, got an empty one")
    boxes = {node.id: _Box(node, tuple(_lines(node))) for node in graph.nodes}
    plan = arrange(
        {number: (box.width, box.height) for number, box in boxes.items()},
        [(edge.source, edge.target) for edge in graph.edges],
        _SPACING,
    )
    title = _Run(graph.title, size=_NAME)
    keys = _keys(graph)
    per_row = _keys_per_row(keys, max(plan.width, title.width))
    key_rows = -(-len(keys) // per_row)
    width = max(plan.width, title.width, _keys_width(keys, per_row)) + 2 * _MARGIN
    above = _MARGIN + (_LINE + 0.1 if graph.title else 0.0)
    below = key_rows * _LEGEND_ROW + 2 * _MARGIN
    height = above + plan.height + below

    figure = ShownFigure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, width), ylim=(0, height))
    left, top = (width - plan.width) / 2, height - above
    for (source, target), route in plan.routes.items():
        followed = boxes[source].node.requires_grad and boxes[target].node.requires_grad
        _draw_edge(axes, _path(route, left, top), followed=followed)
    for number, (x, y) in plan.centres.items():
        _draw_box(axes, boxes[number], left + x, top - y)
    _draw_runs(axes, (title,), width / 2, height - _MARGIN - _LINE / 2)
    legend = figure.legend(
        handles=keys,
        loc="lower center",
        bbox_to_anchor=(0.5, 0.5 * _MARGIN / height),
        ncols=per_row,
        prop=FontProperties(family="DejaVu Sans", size=_TEXT),
        frameon=False,
        borderaxespad=0,
        borderpad=0,
        columnspacing=1.5,
        handlelength=2.2,
    )
    for text in legend.get_texts():
        if text.get_text().startswith("gradient:"):
            text.set(color=_VERMILLION, weight="bold")
    return figure


def _lines(node: GraphNode) -> Iterator[tuple[_Run, ...]]:
    if node.name:
        label = _Run(_shortened(node.name), size=_NAME, weight="bold")
    else:
        label = _Run(_shortened(node.label), size=_NAME, style="italic")
    if node.value is None:
        yield (label,)
    elif node.shape:
        yield (label,)
        yield (_Run(_number(node.value)),)
    else:
        yield label, _Run(f" = {_number(node.value)}", size=_NAME)
    facts = [node.dtype]
    if node.shape:
        facts.append("×".join(map(str, node.shape)))
    if node.leaf and node.requires_grad:
        yield _Run(f"{' · '.join(facts)} · "), _Run("leaf", weight="bold", colour=_BLUE)
    else:
        yield (_Run(" · ".join([*facts, node.grad_fn or "no grad_fn"])),)
    if node.gradient is not None:
        yield (_Run(f"gradient {_number(node.gradient)}", colour=_VERMILLION, weight="bold"),)


def _number(value: float | str) -> str:
    # A minus sign is as wide as a plus; the hyphen that Python writes is not.
    return (value if isinstance(value, str) else f"{value:.5g}").replace("-", "−")


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"


def _width(text: str, font: FontProperties) -> float:
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    # Hinting widens what is drawn on screens by up to a twentieth.
    return 1.05 * float(width) / 72


def _draw_box(axes: Axes, box: _Box, x: float, y: float) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x - box.width / 2, y - box.height / 2),
            box.width,
            box.height,
            boxstyle="round,pad=0,rounding_size=0.07",
            **_border(box.node.kind),
            zorder=3,
        )
    )
    top = y + box.height / 2 - _PAD_Y
    for index, line in enumerate(box.lines):
        _draw_runs(axes, line, x, top - (index + 0.5) * _LINE)


def _draw_runs(axes: Axes, runs: tuple[_Run, ...], x: float, y: float) -> None:
    if len(runs) == 1:
        axes.text(
            x, y, runs[0].text, color=runs[0].colour, fontproperties=runs[0].font,
            parse_math=False, va="center_baseline", ha="center", zorder=4,
        )  # fmt: skip
        return
    at = x - sum(run.width for run in runs) / 2
    for run in runs:
        axes.text(
            at, y, run.text, color=run.colour, fontproperties=run.font, parse_math=False,
            va="center_baseline", ha="left", zorder=4,
        )  # fmt: skip
        at += run.width


def _border(kind: str) -> dict[str, Any]:
    if kind == "constant":
        return {"edgecolor": _GREY, "facecolor": "white", "linewidth": 0.9, "linestyle": "--"}
    tint = _TINT if kind == "leaf" else "white"
    return {"edgecolor": _BLUE, "facecolor": tint, "linewidth": 1.8, "linestyle": "-"}


def _path(route: Route, left: float, top: float) -> Path:
    """Return the way of an edge in the figure, whose y grows upwards."""
    vertices, codes = [route.start], [int(Path.MOVETO)]
    for index, curve in enumerate(route.bends()):
        vertices += curve
        codes += [int(Path.CURVE4)] * 3
        if index < len(route.rows):
            # Straight through the whole height of the row, so that it passes beside the boxes.
            x, _, bottom = route.rows[index]
            vertices.append((x, bottom))
            codes.append(int(Path.LINETO))
    return Path([(left + x, top - y) for x, y in vertices], codes)


def _draw_edge(axes: Axes, path: Path, *, followed: bool) -> None:
    axes.add_patch(
        FancyArrowPatch(
            path=path,
            arrowstyle="-|>",
            mutation_scale=8,
            shrinkA=0,
            shrinkB=0,
            color=_BLUE if followed else _GREY,
            linewidth=1.4 if followed else 0.9,
            zorder=2,
        )
    )


def _keys(graph: Graph) -> list[Artist]:
    texts = {
        "leaf": "leaf that requires a gradient",
        "result": "computed from such a leaf",
        "constant": "requires no gradient",
    }
    kinds = {node.kind for node in graph.nodes}
    keys: list[Artist] = [
        Patch(label=text, **_border(kind)) for kind, text in texts.items() if kind in kinds
    ]
    if any(node.gradient is not None for node in graph.nodes):
        label = f"gradient: derivative of {_shortened(graph.nodes[-1].label)}"
        keys.append(Line2D([], [], linestyle="", label=label))
    return keys


def _keys_per_row(keys: list[Artist], room: float) -> int:
    """Return how many keys stand in a row, so that the rows are full and fit in `room`."""
    full = [count for count in range(1, len(keys) + 1) if len(keys) % count == 0]
    return max((n for n in full if _keys_width(keys, n) <= room), default=1)


def _keys_width(keys: list[Artist], per_row: int) -> float:
    # A handle, its gap and the space around it take five times the type size.
    widths = [_Run(str(key.get_label()), weight="bold").width + 5 * _TEXT / 72 for key in keys]
    # A legend fills column by column.
    rows = len(keys) // per_row
    return sum(max(widths[start : start + rows]) for start in range(0, len(widths), rows))
