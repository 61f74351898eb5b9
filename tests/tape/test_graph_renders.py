# mypy: disable-error-code="no-untyped-call"
"""The renders of a graph: each shows the whole record, is well formed, and can be read."""

import functools
import graphlib
import html
import io
import itertools
import json
import random
import re
import shutil
import subprocess
import time
import unicodedata
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from torch import Tensor, nn

from backproof import tape
from backproof._core.errors import InputError
from backproof.tape.parts import GraphEdge, GraphNode
from backproof.tape.rendering.drawing import Box, Drawing, repeated

SVG = "{http://www.w3.org/2000/svg}"
FONT = 12.0
WIDTH = 0.602 * FONT  # of a character
MOST = 100
LONGEST = 40
ABOVE = "(above)"
NEAR = 0.11  # coordinates are rounded to a tenth

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


# Graphs.


def leaf(*shape: int) -> Tensor:
    return torch.randn(shape, requires_grad=True)


def network() -> tape.Graph:
    torch.manual_seed(0)
    with tape.explain() as session:
        x, target = torch.randn(5, 3), torch.randn(5, 2)
        W1, b1, W2 = leaf(3, 4), leaf(4), leaf(4, 2)
        h = torch.tanh(x @ W1 + b1)
        out = h @ W2
        loss = (out - target).square().mean()
        loss.backward()
    return session.graph_of(loss, "A network of <two> layers & 'one' \"loss\" \\N |x| [y] {z} `q`")


def strange_texts() -> tape.Graph:
    torch.manual_seed(0)
    with tape.explain() as session:
        größe = leaf(2)
        held = {'<a href="#">&amp;</a>': leaf(2), "`|{}[]\\N \\\\ #35; %%": leaf(2), "é\n": leaf(2)}
        Δ = torch.exp(held['<a href="#">&amp;</a>']) @ torch.sin(held["`|{}[]\\N \\\\ #35; %%"])
        loss = (Δ * torch.tanh(größe * held["é\n"])).sum() + (1 if "a'\"`" < "b" else 0)
        loss.backward()
    return session.graph


def shared() -> tape.Graph:
    torch.manual_seed(0)
    with tape.explain() as session:
        weight = leaf(3, 3)
        h = torch.tanh(torch.randn(5, 3) @ weight)
        for _ in range(4):
            h = torch.tanh(h @ weight)
        loss = h.square().mean() + 0.1 * (weight * weight).sum()
        loss.backward()
    return session.graph


def recurrent(steps: int = 16) -> tape.Graph:
    torch.manual_seed(0)
    with tape.explain() as session:
        x, W, U = torch.randn(steps, 2, 3), leaf(3, 4), leaf(4, 4)
        h = torch.zeros(2, 4)
        for step in range(steps):
            h = torch.tanh(x[step] @ W + h @ U)
        loss = h.square().mean()
        loss.backward()
    return session.graph


def chain(length: int = MOST) -> tape.Graph:
    with tape.explain() as session:
        y = torch.ones(2, requires_grad=True)
        for _ in range(length - 2):
            y = y.sin()
        loss = y.sum()
        loss.backward()
    return session.graph


def dense(layers: int = 32) -> tape.Graph:
    """Every layer uses all earlier ones: 98 tensors, 593 arrows."""
    with tape.explain() as session:
        layer = [torch.ones(1, requires_grad=True)]
        for _ in range(layers):
            layer.append(torch.cat(layer).mean().view(1))
        loss = layer[-1].sum()
        loss.backward()
    return session.graph


def transformer(layers: int = 6) -> tape.Graph:
    torch.manual_seed(0)
    one = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.TransformerEncoder(one, layers, enable_nested_tensor=False)
    with tape.explain() as session:
        loss = model(torch.randn(2, 3, 8)).square().mean()
        loss.backward()
    return session.graph


def deep(layers: int = 400) -> tape.Graph:
    torch.manual_seed(0)
    model = nn.Sequential(*[nn.Linear(2, 2) for _ in range(layers)])
    with tape.explain() as session:
        loss = model(torch.randn(1, 2)).sum()
        loss.backward()
    return session.graph


def irregular(steps: int = 300) -> tape.Graph:
    """No shape occurs twice, and neighbours are of different lines."""
    with tape.explain() as session:
        h = torch.ones(1, requires_grad=True)
        for _ in range(steps):
            longer = torch.cat([h, h[:1]])
            h = longer * 0.5 + 0.125 - 0.0625 * torch.tensor(3.0) + torch.tensor(-2.0) * 0.03125
        loss = h.sum()
        loss.backward()
    return session.graph


def blocks(count: int = 6) -> tape.Graph:
    """Blocks of 20 operations in several lines."""
    torch.manual_seed(0)
    with tape.explain() as session:
        y = leaf(2)
        for _ in range(count):
            a = y.sin().cos().tanh().sin().cos()
            b = a.tanh().sin().cos().tanh().sin()
            c = b.exp().neg().exp().neg().exp()
            y = c.cos().sin().cos().sin().tanh()
        loss = y.sum()
        loss.backward()
    return session.graph


def wide(count: int = 300) -> tape.Graph:
    """Many leaves that one operation uses."""
    with tape.explain() as session:
        loss = torch.stack([torch.ones(2, requires_grad=True) for _ in range(count)]).sum()
        loss.backward()
    return session.graph


SMALL: dict[str, Callable[[], tape.Graph]] = {
    "network": network,
    "strange texts": strange_texts,
    "shared parameter": shared,
    "recurrent": recurrent,
    "chain": chain,
}
LARGE: dict[str, Callable[[], tape.Graph]] = {
    "transformer": transformer,
    "deep": deep,
    "irregular": irregular,
    "blocks": blocks,
    "wide": wide,
}


@functools.cache
def recorded(name: str) -> tape.Graph:
    return {**SMALL, **LARGE, "odd": odd}[name]()


each_small = pytest.mark.parametrize("name", [*SMALL, "odd"])
each_large = pytest.mark.parametrize("name", LARGE)
each_graph = pytest.mark.parametrize("name", [*SMALL, "odd", *LARGE])


# The same, made by hand.


def made(number: int, **changes: object) -> GraphNode:
    plain = GraphNode(
        id=number, name=f"t{number}", expression=None, kind="result", operation="exp", module="",
        shape=(), dtype="float32", value=1.0, leaf=False, requires_grad=True,
        grad_fn="ExpBackward0", version=0, gradient=None, file="a.py", line=number + 1,
        code="y = x.exp()", saves_itself=(),
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def edges(*pairs: tuple[int, int]) -> tuple[GraphEdge, ...]:
    return tuple(GraphEdge(source=s, target=t, saved=()) for s, t in pairs)


ODD = [
    'x["key"]', "x['key']", "a < b > c", "a & b &amp; &lt; &#39; &nbsp;", "\\N\\G\\l\\n\\",
    "[a]{b}(c)", "`code`", "a | b || c", "größe · Δ² → ∞ 🙂", "torch.cat(\n    [a, b],\n)",
    "#35; #quot; ;;", "", "end", "%% comment", "--> ]]> -->", "{x!r:>{width}}", "a\tb  c",
]  # fmt: skip


def odd() -> tape.Graph:
    """Texts that mean something to one of the languages, in each place that holds a text."""
    nodes: list[GraphNode] = []
    for text in ODD:
        number = len(nodes)
        nodes.append(made(number, name=text or None, kind="leaf", grad_fn=None, operation=None))
        nodes.append(made(number + 1, name=None, expression=text or None, value=text or None))
        nodes.append(made(number + 2, gradient=text or None, file=text or "b.py", code=text))
    last = made(len(nodes), name="loss")
    pairs = [(node.id, last.id) for node in nodes]
    return tape.Graph(title='odd "texts"', nodes=(*nodes, last), edges=edges(*pairs))


# What a render shows: a text for each tensor, in the order of the graph.


def squeezed(text: str) -> str:
    """Return a text as a browser shows it."""
    return " ".join(text.split())


def shortened(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def number_of(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"


def facts(node: GraphNode) -> list[str]:
    """Return what each render of an unfolded graph must say of a tensor."""
    said = [node.dtype, "×".join(map(str, node.shape))]
    said.append("leaf" if node.kind == "leaf" else node.grad_fn or "")
    said.append(shortened(node.name) if node.name else "")
    said.append("" if node.gradient is None else f"gradient {number_of(node.gradient)}")
    said.append(f"{node.file}:{node.line}" if node.file else "")
    return [squeezed(one) for one in said if squeezed(one)]


def says(text: str, node: GraphNode) -> bool:
    return all(fact in squeezed(text) for fact in facts(node))


DOT_NODE = re.compile(
    r'^  n(\d+) \[label="((?:[^"\\]|\\.)*)", [^"\n]*(?:"[^"\n]*"[^"\n]*)*\];$', re.M
)
DOT_EDGE = re.compile(r"^  n(\d+) -> n(\d+) \[[^\n]*\];$", re.M)


def dot_texts(graph: tape.Graph) -> list[str]:
    """Read the labels as Graphviz does: escapes first, then entities."""
    lines = re.compile(r"\\(.)")
    return [
        html.unescape(lines.sub(lambda found: {"n": "\n"}.get(found[1], found[1]), label))
        for _, label in DOT_NODE.findall(graph.to_dot())
    ]


PLAIN = r"(?:[^#&<>\"`\[\]{}|\n]|#\d+;)"
MERMAID_TITLE = re.compile(r"^---\ntitle: (\"[^\n]*\")\n---\n")
MERMAID_NODE = re.compile(
    rf"  n(\d+)\[\"({PLAIN}*(?:<br/>{PLAIN}*)*)\"\]:::(leaf|result|constant|folded)"
)
MERMAID_EDGE = re.compile(r"  n(\d+) (==>|-\.->)(?:\|saved as (?:[\w ,]|#\d+;)+\|)? n(\d+)")
MERMAID_CLASS = re.compile(r"  classDef (\w+) (?:[\w-]+:[#\w.-]+)(?:,[\w-]+:[#\w.-]+)*")


@dataclass
class Flowchart:
    """A Mermaid flowchart, read by the strict grammar of the part that is used."""

    title: str = ""
    boxes: list[tuple[int, str, str]] = field(default_factory=list)
    arrows: list[tuple[int, int]] = field(default_factory=list)
    classes: set[str] = field(default_factory=set)


def flowchart(text: str) -> Flowchart:
    read = Flowchart()
    if title := MERMAID_TITLE.match(text):
        read.title = json.loads(title[1])
        text = text[title.end() :]
    first, *lines = text.removesuffix("\n").split("\n")
    assert first == "flowchart TB"
    for line in lines:
        if node := MERMAID_NODE.fullmatch(line):
            assert not read.arrows
            read.boxes.append((int(node[1]), decoded(node[2]), node[3]))
        elif edge := MERMAID_EDGE.fullmatch(line):
            read.arrows.append((int(edge[1]), int(edge[3])))
        else:
            found = MERMAID_CLASS.fullmatch(line)
            assert found, line
            read.classes.add(found[1])
    return read


def decoded(label: str) -> str:
    lines = label.replace("<br/>", "\n")
    return re.sub(r"#(\d+);", lambda found: chr(int(found[1])), lines)


def mermaid_texts(graph: tape.Graph) -> list[str]:
    return [text for _, text, _ in flowchart(graph.to_mermaid()).boxes]


def svg_texts(graph: tape.Graph) -> list[str]:
    return ["\n".join(box.lines) for box in picture(graph.to_svg("builtin")).boxes]


def html_texts(graph: tape.Graph) -> list[str]:
    return ["\n".join(box.lines) for box in picture(svg_of_page(graph.to_html())).boxes]


def notebook_texts(graph: tape.Graph) -> list[str]:
    return ["\n".join(box.lines) for box in picture(graph._repr_html_()).boxes]


def svg_of_page(page: str) -> str:
    return page[page.index("<svg") : page.index("</svg>") + len("</svg>")]


RENDERS: dict[str, Callable[[tape.Graph], list[str]]] = {
    "dot": dot_texts,
    "mermaid": mermaid_texts,
    "svg": svg_texts,
    "html": html_texts,
    "notebook": notebook_texts,
}


@each_small
@pytest.mark.parametrize("render", RENDERS)
def test_a_render_says_everything_of_every_tensor(render: str, name: str) -> None:
    graph = recorded(name)
    texts = RENDERS[render](graph)
    again = texts[len(graph.nodes) :]
    assert all(ABOVE in text for text in again)
    for node, text in zip(graph.nodes, texts, strict=False):
        assert says(text, node), (facts(node), text)
    assert len(texts) >= len(graph.nodes)


@each_small
@pytest.mark.parametrize("terminal", ["plain", "rich"])
def test_the_tree_says_everything_of_every_tensor(terminal: str, name: str) -> None:
    graph = recorded(name)
    text = str(graph) if terminal == "plain" else printed(graph, 10_000)
    lines = [line for line in text.splitlines() if not line.endswith("(shown above)")]
    for node in graph.nodes:
        assert any(says(line, node) for line in lines), facts(node)


# Trees.


def printed(graph: tape.Graph, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(graph)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@each_graph
def test_the_tree_shows_every_box_once_in_full(name: str) -> None:
    graph = recorded(name)
    drawing = graph._drawing()
    lines = str(graph).splitlines()[1 if graph.title else 0 :]
    again = [line for line in lines if line.endswith("(shown above)")]
    assert len(lines) == len(drawing.ends) + len(drawing.arrows)
    assert len(lines) - len(again) == len(drawing.boxes)
    rich = printed(graph, 10_000).splitlines()[1:]
    assert len([line for line in rich if not line.endswith("(continued below)")]) == len(lines)


@each_graph
def test_the_tree_can_be_printed_on_a_narrow_terminal(name: str) -> None:
    text = printed(recorded(name), 60)
    assert "loss" in text
    assert max(map(len, text.splitlines())) <= 60


def test_a_deep_tree_needs_no_deep_stack() -> None:
    count = 3000
    nodes = tuple(made(number) for number in range(count))
    drawing = tape.Graph(title="", nodes=nodes, edges=edges(*itertools.pairwise(range(count))))
    assert str(drawing)
    assert printed(drawing, 60)


@pytest.mark.parametrize("name", ["chain", "recurrent"])
def test_the_depth_of_a_tree_hides_nothing(name: str) -> None:
    # Where each level is indented, the deeper ones soon have no room left.
    lines = printed(recorded(name), 80).splitlines()
    for node in recorded(name).nodes:
        assert any(f"{node.label} = " in line for line in lines), node.label
    assert sum("leaf" in line for line in lines) == sum(n.leaf for n in leaves_of(name))


def leaves_of(name: str) -> list[GraphNode]:
    return [node for node in recorded(name).nodes if node.kind == "leaf"]


def test_a_tree_names_the_shared_parameter_again() -> None:
    lines = str(recorded("shared parameter")).splitlines()
    of_weight = [line for line in lines if re.search(r"─ weight( =| \()", line)]
    assert len(of_weight) > 2
    assert sum("leaf" in line for line in of_weight) == 1
    assert sum(line.endswith("weight (shown above)") for line in of_weight) == len(of_weight) - 1


# DOT.


@pytest.fixture(scope="module")
def dot() -> str:
    program = shutil.which("dot")
    if program is None:
        pytest.skip("Graphviz is not installed")
    return program


def drawn_by_dot(program: str, text: str) -> ET.Element:
    done = subprocess.run(
        [program, "-Tsvg"], input=text.encode(), capture_output=True, timeout=100, check=False
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
    return ET.fromstring(done.stdout)


def parts_of(root: ET.Element, kind: str) -> list[ET.Element]:
    return [part for part in root.iter(f"{SVG}g") if part.get("class") == kind]


def texts_in(part: ET.Element) -> list[str]:
    return [squeezed("".join(text.itertext())) for text in part.iter(f"{SVG}text")]


@each_graph
def test_graphviz_draws_every_box_and_arrow(dot: str, name: str) -> None:
    graph = recorded(name)
    drawing = graph._drawing()
    root = drawn_by_dot(dot, graph.to_dot())
    nodes, arrows = parts_of(root, "node"), parts_of(root, "edge")
    assert len(nodes) == len(drawing.boxes)
    assert len(arrows) == len(drawing.arrows)
    assert len(parts_of(root, "graph")) == 1
    shown = {part.findtext(f"{SVG}title"): texts_in(part) for part in nodes}
    for box in drawing.boxes:
        assert shown[f"n{box.id}"] == [line for line in map(squeezed, box.lines) if line]
    ends = [part.findtext(f"{SVG}title") for part in arrows]
    assert Counter(ends) == Counter(f"n{a.source}->n{a.target}" for a in drawing.arrows)


@each_graph
def test_dot_is_read_by_a_strict_grammar(name: str) -> None:
    graph = recorded(name)
    drawing = graph._drawing()
    text = graph.to_dot()
    assert [int(one) for one, _ in DOT_NODE.findall(text)] == [box.id for box in drawing.boxes]
    assert len(DOT_EDGE.findall(text)) == len(drawing.arrows)
    assert text.count("\n") == len(drawing.boxes) + len(drawing.arrows) + 5


def test_graphviz_shows_the_title(dot: str) -> None:
    graph = recorded("network")
    (whole,) = parts_of(drawn_by_dot(dot, graph.to_dot()), "graph")
    assert squeezed("".join(whole.findtext(f"{SVG}text") or "")) == squeezed(graph.title)


@each_graph
def test_the_picture_of_graphviz_stands_alone(dot: str, name: str) -> None:
    graph = recorded(name)
    svg = graph.to_svg("graphviz")
    assert graph.to_svg() == svg
    root = ET.fromstring(svg)
    assert len(parts_of(root, "node")) == len(repeated(graph._drawing()).boxes)


# Mermaid.


@each_graph
def test_mermaid_keeps_to_the_grammar(name: str) -> None:
    graph = recorded(name)
    drawing = graph._drawing()
    read = flowchart(graph.to_mermaid())
    assert read.title == graph.title
    assert [number for number, _, _ in read.boxes] == [box.id for box in drawing.boxes]
    assert read.arrows == [(arrow.source, arrow.target) for arrow in drawing.arrows]
    assert {kind for _, _, kind in read.boxes} <= read.classes
    for (_, text, kind), box in zip(read.boxes, drawing.boxes, strict=True):
        assert kind == box.kind
        assert squeezed(text) == squeezed("\n".join(box.lines))


def test_mermaid_keeps_to_one_title() -> None:
    graph = replace(recorded("network"), title='first\n---\nflowchart LR\n"second" \\ \t')
    assert squeezed(flowchart(graph.to_mermaid()).title) == squeezed(graph.title)


@each_graph
def test_mermaid_is_not_larger_than_it_draws(name: str) -> None:
    text = recorded(name).to_mermaid()
    assert len(text) < 50_000  # maxTextSize
    assert len(flowchart(text).arrows) <= 500  # maxEdges


# SVG.


@dataclass(frozen=True)
class Rectangle:
    """Left, top, right, bottom."""

    x0: float
    y0: float
    x1: float
    y1: float

    def overlaps(self, other: "Rectangle") -> bool:
        across = min(self.x1, other.x1) - max(self.x0, other.x0)
        down = min(self.y1, other.y1) - max(self.y0, other.y0)
        return min(across, down) > NEAR

    def holds(self, other: "Rectangle") -> bool:
        return (
            self.x0 - NEAR <= other.x0
            and self.y0 - NEAR <= other.y0
            and other.x1 <= self.x1 + NEAR
            and other.y1 <= self.y1 + NEAR
        )

    def crossed(self, points: Floats) -> bool:
        """Whether any of the points lies within."""
        x, y = points[:, 0], points[:, 1]
        inside = (self.x0 + 0.2 < x) & (x < self.x1 - 0.2) & (self.y0 + 0.2 < y)
        return bool((inside & (y < self.y1 - 0.2)).any())


@dataclass(frozen=True)
class Shown:
    """A box, or a mark of the legend if it has no text."""

    frame: Rectangle
    lines: tuple[str, ...]
    texts: tuple[Rectangle, ...]
    kind: str


@dataclass
class Picture:
    """What is drawn, in the coordinates of the whole."""

    whole: Rectangle
    boxes: list[Shown] = field(default_factory=list)
    marks: list[Rectangle] = field(default_factory=list)
    captions: list[tuple[str, Rectangle]] = field(default_factory=list)
    """Texts outside boxes: title and legend."""
    ways: list[Floats] = field(default_factory=list)
    """Points along each arrow."""
    tips: list[tuple[float, float]] = field(default_factory=list)
    dots: list[tuple[float, float]] = field(default_factory=list)


def picture(svg: str, wider: Callable[[str], float] = len) -> Picture:
    """Read an SVG picture; `wider` counts the columns of a text."""
    root = ET.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    x, y, width, height = map(float, (root.get("viewBox") or "").split())
    read = Picture(Rectangle(x, y, x + width, y + height))
    _read(root, 0, 0, read, wider)
    return read


def _number(part: ET.Element, name: str) -> float:
    return float(part.get(name) or 0)


def _frame(part: ET.Element, dx: float, dy: float) -> Rectangle:
    x, y = _number(part, "x") + dx, _number(part, "y") + dy
    return Rectangle(x, y, x + _number(part, "width"), y + _number(part, "height"))


def _extent(part: ET.Element, dx: float, dy: float, wider: Callable[[str], float]) -> Rectangle:
    width = WIDTH * wider("".join(part.itertext()))
    x, y = _number(part, "x") + dx, _number(part, "y") + dy
    start = x - width / 2 if part.get("text-anchor") == "middle" else x
    return Rectangle(start, y - FONT / 2, start + width, y + FONT / 2)


def _read(
    part: ET.Element, dx: float, dy: float, read: Picture, wider: Callable[[str], float]
) -> None:
    if moved := re.fullmatch(r"translate\(([-\d.]+),([-\d.]+)\)", part.get("transform") or ""):
        dx, dy = dx + float(moved[1]), dy + float(moved[2])
    kinds = (part.get("class") or "").split()
    frame = next((one for one in part.findall(f"{SVG}rect") if one.get("class") == "box"), None)
    if part.tag == f"{SVG}g" and frame is not None:
        texts = part.findall(f"{SVG}text")
        extents = tuple(_extent(text, dx, dy, wider) for text in texts)
        lines = tuple("".join(text.itertext()) for text in texts)
        if lines:
            read.boxes.append(Shown(_frame(frame, dx, dy), lines, extents, kinds[0]))
        else:
            read.marks.append(_frame(frame, dx, dy))
        return
    if part.tag == f"{SVG}text":
        read.captions.append(("".join(part.itertext()), _extent(part, dx, dy, wider)))
    elif part.tag == f"{SVG}path" and "line" in kinds:
        read.ways.append(points_of(part.get("d") or "") + np.array([dx, dy]))
    elif part.tag == f"{SVG}path" and "head" in kinds:
        tip = re.match(r"M([-\d.]+) ([-\d.]+)", part.get("d") or "")
        assert tip
        read.tips.append((float(tip[1]) + dx, float(tip[2]) + dy))
    elif part.tag == f"{SVG}circle":
        read.dots.append((_number(part, "cx") + dx, _number(part, "cy") + dy))
    for child in part:
        _read(child, dx, dy, read, wider)


def points_of(way: str) -> Floats:
    """Return points along a path of moves, cubic curves and vertical lines."""
    steps = re.findall(r"([MCV])([-\d. ]+)", way)
    assert "".join(kind + rest for kind, rest in steps) == way
    points: list[Floats] = []
    at = np.zeros(2)
    along = np.linspace(0, 1, 60)[:, None]
    for kind, rest in steps:
        numbers = np.array([float(number) for number in rest.split()])
        if kind == "C":
            one, two, end = numbers.reshape(3, 2)
            points.append(
                (1 - along) ** 3 * at
                + 3 * (1 - along) ** 2 * along * one
                + 3 * (1 - along) * along**2 * two
                + along**3 * end
            )
        else:
            end = numbers if kind == "M" else np.array([at[0], numbers[0]])
            points.append(at + along * (end - at) if kind == "V" else end[None])
        at = end
    return np.concatenate(points)


@functools.cache
def drawn(name: str) -> Picture:
    return picture(recorded(name).to_svg("builtin"))


def check_boxes(seen: Picture) -> None:
    for a, b in itertools.combinations(seen.boxes, 2):
        assert not a.frame.overlaps(b.frame), (a.lines, b.lines)
    for box in seen.boxes:
        assert all(box.frame.holds(text) for text in box.texts), box.lines
        assert not any(a.overlaps(b) for a, b in itertools.combinations(box.texts, 2)), box.lines


def check_arrows(seen: Picture, drawing: Drawing) -> None:
    met: Counter[tuple[tuple[str, ...], tuple[str, ...]]] = Counter()
    for way, tip in zip(seen.ways, seen.tips, strict=True):
        (source,) = (box for box in seen.boxes if _leaves(box.frame, way[0]))
        (target,) = (box for box in seen.boxes if _arrives(box.frame, tip))
        assert way[-1][0] == pytest.approx(tip[0], abs=NEAR)
        assert 0 <= tip[1] - way[-1][1] <= 8
        met[source.lines, target.lines] += 1
        for box in seen.boxes:
            assert not box.frame.crossed(way), (source.lines[0], target.lines[0], box.lines)
    assert met == expected_arrows(drawing)


def expected_arrows(drawing: Drawing) -> Counter[tuple[tuple[str, ...], tuple[str, ...]]]:
    lines = {box.id: tuple(map(_shown, box.lines)) for box in drawing.boxes}
    return Counter((lines[arrow.source], lines[arrow.target]) for arrow in drawing.arrows)


def _shown(line: str) -> str:
    return line.replace("\r\n", "\n").replace("\r", "\n")


def _leaves(frame: Rectangle, at: Floats) -> bool:
    return abs(float(at[1]) - frame.y1) <= NEAR and frame.x0 < float(at[0]) < frame.x1


def _arrives(frame: Rectangle, tip: tuple[float, float]) -> bool:
    return abs(tip[1] - frame.y0) <= NEAR and frame.x0 < tip[0] < frame.x1


def check_edges_of_paper(seen: Picture) -> None:
    everything = [
        *(box.frame for box in seen.boxes),
        *seen.marks,
        *(extent for _, extent in seen.captions),
        *(Rectangle(x - 3.5, y - 3.5, x + 3.5, y + 3.5) for x, y in seen.dots),
        *(Rectangle(*way.min(axis=0), *way.max(axis=0)) for way in seen.ways),
    ]
    for one in everything:
        assert seen.whole.holds(one)


def check_captions(seen: Picture) -> None:
    """Title and legend lie on nothing, and nothing on them."""
    apart = [*seen.marks, *(extent for _, extent in seen.captions)]
    for a, b in itertools.combinations(apart, 2):
        assert not a.overlaps(b)
    for one in apart:
        assert not any(one.overlaps(box.frame) for box in seen.boxes)
        assert not any(one.crossed(way) for way in seen.ways)


@each_graph
def test_boxes_lie_apart_and_hold_their_texts(name: str) -> None:
    seen = drawn(name)
    assert len(seen.boxes) == len(repeated(recorded(name)._drawing()).boxes)
    check_boxes(seen)


@each_graph
def test_arrows_join_their_boxes_and_cross_no_other(name: str) -> None:
    drawing = repeated(recorded(name)._drawing())
    assert len(drawn(name).ways) == len(drawing.arrows)
    check_arrows(drawn(name), drawing)


@each_graph
def test_nothing_is_cut_off(name: str) -> None:
    check_edges_of_paper(drawn(name))


@each_graph
def test_title_and_legend_lie_free(name: str) -> None:
    seen = drawn(name)
    graph = recorded(name)
    said = [text for text, _ in seen.captions]
    kinds = {box.kind for box in repeated(graph._drawing()).boxes}
    saved = any(arrow.saved for arrow in graph._drawing().arrows)
    assert len(said) == len(kinds) + saved + bool(graph.title)
    assert not graph.title or graph.title in said
    assert len(seen.marks) == len(kinds)
    check_captions(seen)


@each_graph
def test_what_is_saved_has_a_dot(name: str) -> None:
    arrows = repeated(recorded(name)._drawing()).arrows
    saved = sum(bool(arrow.saved) for arrow in arrows)
    assert len(drawn(name).dots) == saved + bool(saved)  # and one in the legend


def columns(text: str) -> float:
    """Return the columns of a text: a Chinese character is as wide as an em."""
    wide = sum(unicodedata.east_asian_width(letter) in "FW" for letter in text)
    return len(text) - wide + wide / 0.602


def test_wide_characters_lie_inside_their_box() -> None:
    nodes = (made(0, name="权重矩阵与偏置向量的乘积结果"), made(1, name="損失関数の値です"))
    graph = tape.Graph(title="計算グラフ", nodes=nodes, edges=edges((0, 1)))
    check_boxes(picture(graph.to_svg("builtin"), columns))


def test_a_long_title_is_not_cut_off() -> None:
    graph = replace(recorded("network"), title="A title that goes on and on " * 8)
    seen = picture(graph.to_svg("builtin"))
    check_edges_of_paper(seen)
    check_captions(seen)


Pairs = list[tuple[int, int]]

some_sizes = st.lists(st.integers(1, LONGEST), min_size=1, max_size=14)
some_pairs = st.lists(st.tuples(st.integers(0, 13), st.integers(0, 13)), max_size=30)


def of_sizes(sizes: list[int], pairs: Pairs) -> tape.Graph:
    """Return a graph with boxes of very different widths and heights."""
    nodes = []
    for number, size in enumerate(sizes):
        name = f"{number}".ljust(size, "x")
        if size % 2:
            nodes.append(made(number, name=name, value=None, file=None))
        else:
            nodes.append(made(number, name=name, value="-1 … 1", shape=(2, 3), gradient=1.0))
    ordered = {(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]}
    known = sorted(pair for pair in ordered if pair[1] < len(sizes))
    return tape.Graph(title="", nodes=tuple(nodes), edges=edges(*known))


@settings(max_examples=150)
@given(some_sizes, some_pairs)
def test_any_graph_is_drawn_clearly(sizes: list[int], pairs: Pairs) -> None:
    graph = of_sizes(sizes, pairs)
    seen = picture(graph.to_svg("builtin"))
    check_boxes(seen)
    check_arrows(seen, repeated(graph._drawing()))
    check_edges_of_paper(seen)
    check_captions(seen)


def test_an_arrow_passes_by_a_taller_neighbour() -> None:
    # Boxes 1 and 3 are low; they stand beside boxes 0 and 2, which are tall.
    pairs = [(0, 2), (1, 2), (0, 3), (1, 3)]
    graph = of_sizes([40, 1, 40, 1], pairs)
    check_arrows(picture(graph.to_svg("builtin")), graph._drawing())


def test_control_characters_do_not_break_xml() -> None:
    texts = "a\x00b\x1b[0m\x0b\x7f\ufffe"
    nodes = (made(0, name=None, expression=texts, code=texts, value=texts), made(1, name="loss"))
    graph = tape.Graph(title=texts, nodes=nodes, edges=edges((0, 1)))
    assert len(picture(graph.to_svg("builtin")).boxes) == 2
    graph.to_html().encode()


def test_the_style_of_a_picture_stays_in_it() -> None:
    # In a notebook the picture is a part of the page; `path{fill:none}` would hold for all of it.
    svg = recorded("network")._repr_html_()
    root = ET.fromstring(svg)
    own = (root.get("class") or "").split()
    style = "".join(one.text or "" for one in root.iter(f"{SVG}style"))
    for rule in re.findall(r"([^{}]+)\{", style):
        for selector in rule.split(","):
            first = re.split(r"[ >]", selector.strip())[0]
            assert any(f".{name}" in first for name in own), selector


def test_a_picture_has_a_name_for_those_who_do_not_see_it() -> None:
    root = ET.fromstring(recorded("network").to_svg("builtin"))
    assert root.get("role") == "img"
    assert root.get("aria-label") == recorded("network").title


# HTML.

VOID = {"meta", "link", "br", "hr", "img", "input"}
LOADS = {"src", "srcset", "data", "action", "poster", "background"}


class Page(HTMLParser):
    """A page: its tags must close, nothing may be loaded; ids, links and table rows are kept."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.rows: dict[str, list[str]] = {}
        self.headings: list[str] = []
        self._open: list[str] = []
        self._row: str | None = None
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        assert len(found) == len(attrs)
        assert tag not in ("script", "iframe", "object", "embed", "link", "img", "base")
        assert not LOADS & found.keys()
        assert not any(name.startswith("on") for name in found)
        if "id" in found:
            self.ids.append(found["id"] or "")
        if "href" in found:
            self.links.append(found["href"] or "")
        if tag == "tr":
            self._row = found.get("id")
            self.rows.setdefault(self._row or "", [])
        if tag == "td":
            self.rows[self._row or ""].append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self._open:
            self.rows[self._row or ""][-1] += data
        if self._open and self._open[-1] in ("h1", "h2"):
            self.headings.append(data)


@functools.cache
def page(name: str) -> Page:
    return Page(recorded(name).to_html())


@each_graph
def test_each_link_of_a_page_leads_to_a_line(name: str) -> None:
    opened = page(name)
    assert len(set(opened.ids)) == len(opened.ids)
    assert all(link.startswith("#") for link in opened.links)
    assert {link[1:] for link in opened.links} <= set(opened.ids)


@each_small
def test_each_tensor_of_a_page_is_a_link(name: str) -> None:
    linked = {link[1:] for link in page(name).links}
    assert {f"{node.file}:{node.line}" for node in recorded(name).nodes if node.file} <= linked


@each_graph
def test_a_page_needs_nothing_else(name: str) -> None:
    text = recorded(name).to_html()
    assert text.startswith("<!DOCTYPE html>")
    assert not re.search(r"@import|url\(", text)
    elsewhere = set(re.findall(r"(?:https?:)?//[\w.-]+[\w/.-]*", text))
    assert elsewhere <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("name", [*SMALL, *LARGE])
def test_a_page_shows_the_source_as_it_is(name: str) -> None:
    source = Path(__file__).read_text(encoding="utf-8").splitlines()
    file = next(node.file for node in recorded(name).nodes if node.file)
    rows = {key: cells for key, cells in page(name).rows.items() if key.startswith(file)}
    shown = {int(key.rpartition(":")[2]): cells for key, cells in rows.items()}
    assert {node.line for node in recorded(name).nodes if node.file == file} <= shown.keys()
    for number, (first, _, code) in shown.items():
        assert first == str(number)
        assert code == source[number - 1]


@pytest.mark.parametrize("name", SMALL)
def test_a_page_says_which_line_made_what(name: str) -> None:
    for node in recorded(name).nodes:
        if node.file and node.name:
            assert node.name in page(name).rows[f"{node.file}:{node.line}"][1]


def test_a_page_has_the_title_of_the_graph() -> None:
    graph = recorded("network")
    assert page("network").headings[0] == graph.title
    assert f"<title>{html.escape(graph.title)}</title>" in graph.to_html()
    assert page("recurrent").headings[0]


def test_source_that_cannot_be_read_is_shown_as_it_was_recorded() -> None:
    code = 'y = x["<&>"]  # </table>'
    nodes = (made(0, file="gone.py", line=7, code=code), made(1, file=None, line=None, code=None))
    graph = tape.Graph(title="", nodes=nodes, edges=edges((0, 1)))
    opened = Page(graph.to_html())
    assert opened.rows["gone.py:7"] == ["7", "t0", code]
    assert opened.headings[-1] == "gone.py"


def test_a_page_without_any_source() -> None:
    nodes = (made(0, file=None, line=None, code=None),)
    assert Page(tape.Graph(title="", nodes=nodes, edges=()).to_html()).links == []


# Folding.


def tensors_in(box: Box) -> int:
    if box.node is not None:
        return 1
    (count,) = (re.fullmatch(r"(\d+) tensors", fact) for fact in box.facts if "tensor" in fact)
    assert count
    return int(count[1])


def leaves_in(box: Box) -> int:
    if box.node is not None:
        return box.node.kind == "leaf"
    found = [re.fullmatch(r"(\d+) (leaf|leaves)", fact) for fact in box.facts]
    return sum(int(one[1]) for one in found if one)


@each_small
def test_a_small_graph_is_not_folded(name: str) -> None:
    graph = recorded(name)
    boxes = graph._drawing().boxes
    assert [box.node for box in boxes] == list(graph.nodes)
    assert len(graph._drawing().arrows) == len(graph.edges)


@each_large
def test_a_large_graph_is_folded_to_what_can_be_read(name: str) -> None:
    graph = recorded(name)
    drawing = graph._drawing()
    assert len(graph.nodes) > MOST >= len(drawing.boxes)
    assert all(ABOVE in box.lines for box in repeated(drawing).boxes[len(drawing.boxes) :])


@each_large
def test_each_tensor_is_in_one_box(name: str) -> None:
    graph = recorded(name)
    boxes = graph._drawing().boxes
    alone = [box.node.id for box in boxes if box.node is not None]
    assert len(set(alone)) == len(alone)
    assert sum(map(tensors_in, boxes)) == len(graph.nodes)
    assert sum(map(leaves_in, boxes)) == sum(node.kind == "leaf" for node in graph.nodes)


@each_large
def test_a_folded_graph_has_no_cycle(name: str) -> None:
    drawing = repeated(recorded(name)._drawing())
    order = list(graphlib.TopologicalSorter(drawing.sources).static_order())
    assert sorted(order) == sorted(box.id for box in drawing.boxes)
    pairs = [(arrow.source, arrow.target) for arrow in drawing.arrows]
    assert len(set(pairs)) == len(pairs)
    assert all(source != target for source, target in pairs)


@each_graph
def test_the_graph_ends_in_the_loss(name: str) -> None:
    (end,) = recorded(name)._drawing().ends
    assert "loss" in end.label


@each_large
def test_no_part_of_a_folded_graph_is_lost(name: str) -> None:
    """Whatever reaches the loss in the graph does so in the drawing."""
    drawing = recorded(name)._drawing()
    reached = {box.id for box in drawing.ends}
    waiting = list(reached)
    while waiting:
        sources = [one for one in drawing.sources[waiting.pop()] if one not in reached]
        reached.update(sources)
        waiting += sources
    assert reached == {box.id for box in drawing.boxes}


@each_large
def test_a_label_stays_short(name: str) -> None:
    for box in recorded(name)._drawing().boxes:
        assert len(box.label) <= 2 * LONGEST + 20, box.label


def counted(graph: tape.Graph) -> list[tuple[int, int]]:
    """Return how often each folded block is repeated, and how many tensors that is."""
    found = [(re.match(r"(\d+) × ", box.label), box) for box in graph._drawing().boxes]
    return [(int(times[1]), tensors_in(box)) for times, box in found if times]


def test_repeated_blocks_are_counted() -> None:
    for count in (6, 40):
        ((times, tensors),) = counted(blocks(count))
        assert times == count - 1
        assert tensors - times * 20 in (0, 1)  # with or without what the first one began with


def test_repeated_steps_are_counted() -> None:
    ((times, tensors),) = counted(recurrent(60))
    assert times == 59
    assert tensors - times * 5 in (0, 1)


def test_repeated_layers_are_counted_with_their_parameters() -> None:
    ((times, tensors),) = counted(recorded("deep"))
    assert times == 399
    assert tensors - times * 3 in (0, 1)


def scattered(seed: int) -> tape.Graph:
    """Return a large graph of any structure: modules, lines, and what is used where."""
    chance = random.Random(seed)
    count, lines, depth = chance.randint(MOST + 1, 300), chance.randint(1, 40), chance.randint(0, 3)
    nodes, pairs = [], []
    for number in range(count):
        given = chance.random() < 0.1
        path = "".join(f".{chance.randint(0, 2)}" for _ in range(depth))
        kind = {"kind": "leaf", "operation": None, "grad_fn": None} if given else {"module": path}
        nodes.append(made(number, line=number * lines // count + 1, **kind))
        if number and not given:
            reach = chance.choice([1, 3, number])
            sources = {number - chance.randint(1, min(reach, number)) for _ in range(2)}
            pairs += [(source, number) for source in sources]
    return tape.Graph(title="", nodes=tuple(nodes), edges=edges(*pairs))


@settings(max_examples=60)
@given(st.integers(0, 10**9))
def test_any_large_graph_is_folded_without_loss(seed: int) -> None:
    graph = scattered(seed)
    drawing = graph._drawing()
    assert len(drawing.boxes) <= MOST
    assert sum(map(tensors_in, drawing.boxes)) == len(graph.nodes)
    assert sum(map(leaves_in, drawing.boxes)) == sum(n.kind == "leaf" for n in graph.nodes)
    graphlib.TopologicalSorter(drawing.sources).prepare()  # raises where there is a cycle


def test_one_leaf_is_not_called_leaves() -> None:
    said = [fact for name in LARGE for box in recorded(name)._drawing().boxes for fact in box.facts]
    assert "1 leaves" not in said
    assert "1 tensors" not in said


def test_a_long_expression_does_not_make_a_wide_box() -> None:
    with tape.explain() as session:
        total = torch.ones(2, requires_grad=True)
        for count in range(1, 70):
            total = torch.cat([total.sin().cos().tanh().sin().cos().tanh().sin().cos().tanh()] * 2)
            total = total[: count + 2].exp()
        loss = total.sum()
    graph = session.graph_of(loss)
    assert len(graph.nodes) > MOST
    assert max(len(box.label) for box in graph._drawing().boxes) <= 2 * LONGEST + 20


# What all have in common.


ALL: dict[str, Callable[[tape.Graph], str]] = {
    "to_dot": tape.Graph.to_dot,
    "to_mermaid": tape.Graph.to_mermaid,
    "to_svg": tape.Graph.to_svg,
    "builtin": lambda graph: graph.to_svg("builtin"),
    "to_html": tape.Graph.to_html,
    "str": str,
    "rich": lambda graph: printed(graph, 100),
    "notebook": tape.Graph._repr_html_,
}


@pytest.mark.parametrize("render", ALL)
@pytest.mark.parametrize("name", ["network", "odd", "transformer", "irregular"])
def test_a_graph_back_from_json_renders_the_same(name: str, render: str) -> None:
    graph = recorded(name)
    back = tape.Graph.from_json(graph.to_json())
    assert back == graph
    assert ALL[render](back) == ALL[render](graph)


@pytest.mark.parametrize("render", ALL)
def test_an_empty_graph_is_refused(render: str) -> None:
    with pytest.raises(InputError, match="at least one node"):
        ALL[render](tape.Graph(title="", nodes=(), edges=()))


@pytest.mark.parametrize("render", ALL)
def test_a_single_tensor_is_drawn(render: str) -> None:
    assert "t0" in ALL[render](tape.Graph(title="", nodes=(made(0),), edges=()))


def test_rendering_twice_gives_the_same() -> None:
    for name in ("recurrent", "transformer", "irregular"):
        assert recorded(name).to_svg("builtin") == recorded(name).to_svg("builtin")


# Engines.


@pytest.mark.parametrize("engine", ["", "dot", "Graphviz", None])
def test_an_unknown_engine_is_refused(engine: str) -> None:
    with pytest.raises(InputError, match="engine must be auto, graphviz or builtin"):
        recorded("network").to_svg(engine)  # type: ignore[arg-type]


def without_graphviz(folder: Path) -> None:
    """Have no program."""


def failing(folder: Path, script: str = "exit 1") -> None:
    program = folder / "dot"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)


BROKEN: dict[str, Callable[[Path], None]] = {
    "missing": without_graphviz,
    "failing": failing,
    "silent": functools.partial(failing, script="exit 0"),
    "no text": functools.partial(failing, script=r"printf '<svg \377\376'"),
}


@pytest.fixture(params=BROKEN)
def _broken_dot(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    BROKEN[request.param](tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("_broken_dot")
def test_without_graphviz_it_is_refused_and_replaced() -> None:
    graph = recorded("network")
    with pytest.raises(InputError, match="engine graphviz needs Graphviz's program `dot`"):
        graph.to_svg("graphviz")
    assert graph.to_svg("auto") == graph.to_svg() == graph.to_svg("builtin")


def test_the_own_pictures_do_without_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {render: ALL[render](recorded("network")) for render in ("to_html", "notebook")}
    monkeypatch.setenv("PATH", "")
    assert before == {render: ALL[render](recorded("network")) for render in before}


@pytest.mark.parametrize("engine", ["builtin", "auto"])
@pytest.mark.parametrize("make", [chain, recurrent, dense])
def test_a_hundred_tensors_are_drawn_soon(make: Callable[[], tape.Graph], engine: str) -> None:
    graph = make()
    assert 80 < len(graph.nodes) <= MOST
    start = time.process_time()
    graph.to_svg(engine)  # type: ignore[arg-type]
    assert time.process_time() - start < 10  # a search through all orders would take hours


def test_a_residual_network_does_not_drift_across_the_page() -> None:
    """Its boxes stand in one column, beside which the residual connections run."""
    seen = drawn("transformer")
    widest = max(box.frame.x1 - box.frame.x0 for box in seen.boxes)
    rows = Counter(round(box.frame.y0 + box.frame.y1) for box in seen.boxes)
    assert seen.whole.x1 <= 3 * max(rows.values()) * widest
