"""What every picture of a graph shows: boxes with texts, and arrows."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from backproof.tape.parts import GraphEdge, GraphNode
from backproof.tape.recording.looks import number_text, shape_text

_LONGEST_LABEL = 40
_MANY = 4


@dataclass(frozen=True, kw_only=True)
class Box:
    """A tensor, or several that are folded into one box."""

    id: int
    label: str
    """Name, expression or operation."""
    named: bool
    """Whether the label is a variable of the program."""
    kind: str
    """``leaf``, ``result``, ``constant`` or ``folded``."""
    value: str
    """Value or summary; empty where unknown."""
    scalar: bool
    facts: tuple[str, ...]
    """Data type, shape, what autograd says."""
    saves: str
    """What its autograd node saved; empty if nothing."""
    gradient: str
    """Gradient after the backward pass; empty if none."""
    place: str
    """``file:line`` of the call that made it; empty where unknown."""
    node: GraphNode | None = None
    """The tensor; None of a folded box."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The texts of the box, one a line, the label first."""
        scalar = self.scalar and self.value
        lines = [f"{self.label} = {self.value}" if scalar else self.label]
        if self.value and not scalar:
            lines.append(self.value)
        lines += [" · ".join(self.facts)] if self.facts else []
        lines += [f"saves {self.saves}"] if self.saves else []
        lines += [f"gradient {self.gradient}"] if self.gradient else []
        return (*lines, self.place) if self.place else tuple(lines)


@dataclass(frozen=True, kw_only=True)
class Arrow:
    """One tensor was an operand of the call that made another."""

    source: int
    target: int
    followed: bool
    """Whether autograd follows it."""
    saved: tuple[str, ...] = ()
    """Names under which the operand was saved for the backward pass."""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A graph, ready to be drawn."""

    title: str
    boxes: tuple[Box, ...]
    """In the order in which they were computed."""
    arrows: tuple[Arrow, ...]
    sources: dict[int, tuple[int, ...]] = field(init=False)
    """Ids of the boxes that each box was computed from."""

    def __post_init__(self) -> None:
        found: dict[int, list[int]] = {box.id: [] for box in self.boxes}
        for arrow in self.arrows:
            found[arrow.target].append(arrow.source)
        object.__setattr__(self, "sources", {key: tuple(ids) for key, ids in found.items()})

    @property
    def ends(self) -> tuple[Box, ...]:
        """The boxes that nothing was computed from."""
        used = {arrow.source for arrow in self.arrows}
        return tuple(box for box in self.boxes if box.id not in used)


def repeated(drawing: Drawing) -> Drawing:
    """Draw what serves many boxes again beside each, as a small box with its name alone.

    The weight of a recurrent network would otherwise send an arrow past every one of its steps.
    """
    serves: dict[int, int] = {}
    boxes = {box.id: box for box in drawing.boxes}
    arrows: list[Arrow] = []
    again: list[Box] = []
    for arrow in drawing.arrows:
        source = boxes[arrow.source]
        serves[source.id] = serves.get(source.id, 0) + 1
        if (
            drawing.sources[source.id]
            or serves[source.id] == 1
            or not _serves_many(drawing, source)
        ):
            arrows.append(arrow)
            continue
        number = len(boxes) + len(again)
        again.append(
            replace(source, id=number, value="", facts=(), saves="", gradient="", place="(above)")
        )
        arrows.append(replace(arrow, source=number))
    return Drawing(title=drawing.title, boxes=(*drawing.boxes, *again), arrows=tuple(arrows))


def _serves_many(drawing: Drawing, box: Box) -> bool:
    return sum(arrow.source == box.id for arrow in drawing.arrows) >= _MANY


def drawing_of(title: str, nodes: Sequence[GraphNode], edges: Sequence[GraphEdge]) -> Drawing:
    """Return what to draw of a graph, a box a tensor."""
    labels = _labels(nodes)
    follows = {node.id: node.requires_grad for node in nodes}
    saves: dict[int, list[str]] = {node.id: [] for node in nodes}
    for edge in edges:
        if edge.saved:
            saves[edge.target].append(shortened(labels[edge.source]))
    return Drawing(
        title=one_line(title),
        boxes=tuple(_box(node, labels[node.id], saves[node.id]) for node in nodes),
        arrows=tuple(
            Arrow(
                source=edge.source,
                target=edge.target,
                followed=follows[edge.source] and follows[edge.target],
                saved=edge.saved,
            )
            for edge in edges
        ),
    )


def _labels(nodes: Sequence[GraphNode]) -> dict[int, str]:
    """Return what to call each tensor.

    Calls inside a library have one line of the program in common; their own names tell more.
    """
    operations: dict[tuple[str | None, int | None, str | None], set[str | None]] = {}
    for node in nodes:
        operations.setdefault((node.file, node.line, node.expression), set()).add(node.operation)
    labels = {}
    for node in nodes:
        alike = operations[node.file, node.line, node.expression]
        inside = node.name is None and node.operation is not None and len(alike) > 1
        labels[node.id] = str(node.operation) if inside else node.label
    return labels


def _box(node: GraphNode, label: str, saved: list[str]) -> Box:
    facts = [node.dtype, *([shape_text(node.shape)] if node.shape else [])]
    facts.append("leaf" if node.kind == "leaf" else node.grad_fn or "no grad_fn")
    if node.version:
        facts.append(f"version {node.version}")
    itself = ["its " + name for name in node.saves_itself]
    return Box(
        id=node.id,
        label=shortened(label),
        named=node.name is not None,
        kind=node.kind,
        value="" if node.value is None else one_line(number_text(node.value)),
        scalar=not node.shape,
        facts=tuple(facts),
        saves=", ".join(dict.fromkeys([*saved, *itself])),
        gradient="" if node.gradient is None else one_line(number_text(node.gradient)),
        place=one_line(f"{node.file}:{node.line}") if node.file else "",
        node=node,
    )


def one_line(text: str) -> str:
    """Return a text without line breaks and control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def shortened(text: str) -> str:
    """Return a text in one line, cut where it is long."""
    text = one_line(text)
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"
