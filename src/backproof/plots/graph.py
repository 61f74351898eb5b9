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
from backproof.tape import Graph, GraphNode, Layout, layered

_BLUE, _VERMILLION, _GREY, _BLACK = "#0072B2", "#D55E00", "#767676", "#000000"
_TINT = "#E3F0F8"  # blue, light enough for text

# Lengths are inches, the unit of the axes; type sizes are points.
_NAME, _TEXT = 9.0, 7.5
_LINE = 0.155
_PAD_X, _PAD_Y = 0.12, 0.07
_GAP_X, _GAP_Y = 0.24, 0.38
_APART = 0.24  # between the ends of two edges at one box
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
    layout = layered([*boxes], [(edge.source, edge.target) for edge in graph.edges])
    columns = _columns(layout, boxes)
    rows = _rows(layout, boxes)
    title = _Run(graph.title, size=_NAME)
    keys = _keys(graph)
    per_row = _keys_per_row(keys, max(columns[-1][1], title.width))
    key_rows = -(-len(keys) // per_row)
    width = max(columns[-1][1], title.width, _keys_width(keys, per_row)) + 2 * _MARGIN
    above = _MARGIN + (_LINE + 0.1 if graph.title else 0.0)
    below = key_rows * _LEGEND_ROW + 2 * _MARGIN
    height = above + rows[-1][1] + below

    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, width), ylim=(0, height))
    left = (width - columns[-1][1]) / 2
    xs = [left + (start + end) / 2 for start, end in columns]
    ys = [height - above - (start + end) / 2 for start, end in rows]
    tops = [height - above - start for start, _ in rows]
    leaving, arriving = _ends(layout, boxes, xs)
    for (source, target), route in layout.routes.items():
        start = leaving[source, target], ys[route[0].layer] - boxes[source].height / 2
        end = arriving[source, target], ys[route[-1].layer] + boxes[target].height / 2
        path = _path(
            start, [(xs[c.position], tops[c.layer], ys[c.layer]) for c in route[1:-1]], end
        )
        followed = boxes[source].node.requires_grad and boxes[target].node.requires_grad
        _draw_edge(axes, path, followed=followed)
    for number, place in layout.nodes.items():
        _draw_box(axes, boxes[number], xs[place.position], ys[place.layer])
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


def _columns(layout: Layout, boxes: dict[int, _Box]) -> list[tuple[float, float]]:
    """Return where each column begins and ends, as wide as its widest box."""
    cells = [place for route in layout.routes.values() for place in route]
    count = 1 + max(place.position for place in (*cells, *layout.nodes.values()))
    widths = [0.0] * count
    for number, place in layout.nodes.items():
        widths[place.position] = max(widths[place.position], boxes[number].width)
    return _spans(widths, _GAP_X)


def _rows(layout: Layout, boxes: dict[int, _Box]) -> list[tuple[float, float]]:
    heights = [0.0] * (1 + max(place.layer for place in layout.nodes.values()))
    for number, place in layout.nodes.items():
        heights[place.layer] = max(heights[place.layer], boxes[number].height)
    return _spans(heights, _GAP_Y)


def _spans(sizes: list[float], gap: float) -> list[tuple[float, float]]:
    spans, start = [], 0.0
    for size in sizes:
        spans.append((start, start + size))
        start += size + gap
    return spans


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


def _ends(
    layout: Layout, boxes: dict[int, _Box], xs: list[float]
) -> tuple[dict[tuple[int, int], float], dict[tuple[int, int], float]]:
    """Return where each edge leaves and arrives: side by side, in the order of where it leads."""
    leaving: dict[tuple[int, int], float] = {}
    arriving: dict[tuple[int, int], float] = {}
    for number, place in layout.nodes.items():
        x, width = xs[place.position], boxes[number].width
        out = [pair for pair in layout.routes if pair[0] == number]
        out.sort(key=lambda pair: layout.routes[pair][1].position)
        into = [pair for pair in layout.routes if pair[1] == number]
        into.sort(key=lambda pair: layout.routes[pair][-2].position)
        leaving |= zip(out, _side_by_side(x, width, len(out)), strict=True)
        arriving |= zip(into, _side_by_side(x, width, len(into)), strict=True)
    return leaving, arriving


def _side_by_side(x: float, width: float, count: int) -> list[float]:
    step = min(_APART, 0.8 * width / max(count, 1))
    return [x + (index - (count - 1) / 2) * step for index in range(count)]


def _path(
    start: tuple[float, float],
    between: list[tuple[float, float, float]],
    end: tuple[float, float],
) -> Path:
    """Return a smooth line from box to box through free cells (x, top, middle)."""
    vertices, codes = [start], [int(Path.MOVETO)]
    for x, top, middle in between:
        # Straight through the whole height of the row, so that it passes beside the boxes there.
        _bend(vertices, codes, (x, top))
        vertices.append((x, 2 * middle - top))
        codes.append(int(Path.LINETO))
    _bend(vertices, codes, end)
    return Path(vertices, codes)


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


def _bend(vertices: list[tuple[float, float]], codes: list[int], end: tuple[float, float]) -> None:
    """Continue with a curve that leaves and arrives vertically."""
    x, y = vertices[-1]
    middle = (y + end[1]) / 2
    vertices += [(x, middle), (end[0], middle), end]
    codes += [int(Path.CURVE4)] * 3


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
