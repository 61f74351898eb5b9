"""The computation that produced a tensor, as a record."""

from collections.abc import Iterator
from dataclasses import dataclass

from backproof._core.results import Result
from backproof.tape.recording.looks import number_text, shape_text


@dataclass(frozen=True, kw_only=True)
class GraphNode(Result):
    """One tensor as it was when the program computed it.

    A tensor that is written in place becomes a new node; the old node keeps its old value.
    """

    id: int
    """Number of the node in its graph; a node's sources have smaller numbers."""
    name: str | None
    """Variable that held the tensor in the user's code; None for an unnamed intermediate."""
    expression: str | None
    """Source text of the expression that computed it; None where unknown."""
    kind: str
    """``leaf`` (requires a gradient, computed from nothing), ``result`` (requires a gradient
    because something it was computed from does) or ``constant`` (requires none)."""
    operation: str | None
    """Torch function that made it; None if it existed before the recording."""
    module: str
    """Path of the module that was running, such as ``model.layers.3``; empty outside modules."""
    shape: tuple[int, ...]
    """Shape; empty for a scalar."""
    dtype: str
    """Data type without the ``torch.`` prefix."""
    value: float | str | None
    """A scalar's value, otherwise a short summary; None where values were not looked at."""
    leaf: bool
    """PyTorch's ``is_leaf``, which is also true of tensors that require no gradient."""
    requires_grad: bool
    """Whether autograd follows it."""
    grad_fn: str | None
    """Name of the autograd node that computes its backward step."""
    version: int | None
    """How often its memory had been written in place; None where PyTorch does not count."""
    gradient: float | str | None
    """Gradient that the last backward pass brought to it, in the form of `value`; None if none."""
    file: str | None
    """Name of the source file of the call that made it."""
    line: int | None
    """Line of that call."""
    code: str | None
    """Text of that line."""
    saves_itself: tuple[str, ...]
    """Names under which its autograd node saved the tensor itself, such as ``result``."""

    @property
    def label(self) -> str:
        """The name, else the expression, else the operation."""
        return self.name or self.expression or self.operation or "tensor"


@dataclass(frozen=True, kw_only=True)
class GraphEdge(Result):
    """One tensor was an operand of the call that made another."""

    source: int
    """Id of the operand."""
    target: int
    """Id of the result."""
    saved: tuple[str, ...]
    """Names under which the result's autograd node saved the operand, such as ``self``."""


@dataclass(frozen=True, kw_only=True)
class Graph(Result):
    """Everything that one tensor, or a few, were computed from."""

    title: str
    """What was computed, for a heading."""
    nodes: tuple[GraphNode, ...]
    """The tensors, in the order in which they were computed."""
    edges: tuple[GraphEdge, ...]
    """Which tensor was computed from which."""

    def node(self, name: str) -> GraphNode:
        """Return the last node with that name.

        Raises
        ------
        KeyError
            If no node has it.
        """
        for node in reversed(self.nodes):
            if node.name == name:
                return node
        names = ", ".join(node.name for node in self.nodes if node.name)
        raise KeyError(f"no node named {name!r}; the graph has {names}")

    def sources(self, node: GraphNode) -> tuple[GraphNode, ...]:
        """Return the operands that `node` was computed from."""
        ids = {edge.source for edge in self.edges if edge.target == node.id}
        return tuple(other for other in self.nodes if other.id in ids)

    def __str__(self) -> str:
        targets = {edge.source for edge in self.edges}
        shown: set[int] = set()
        lines = [self.title] if self.title else []
        for node in self.nodes:
            if node.id not in targets:
                lines += self._tree(node, "", "", shown)
        return "\n".join(lines)

    def _tree(self, node: GraphNode, first: str, rest: str, shown: set[int]) -> Iterator[str]:
        if node.id in shown:
            yield f"{first}{node.label} (shown above)"
            return
        shown.add(node.id)
        yield first + _line(node)
        sources = self.sources(node)
        for source in sources:
            last = source is sources[-1]
            yield from self._tree(
                source, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "), shown
            )


def _line(node: GraphNode) -> str:
    value = "" if node.value is None else f" = {number_text(node.value)}"
    parts = [f"{node.label}{value}", node.dtype]
    if node.shape:
        parts.append(shape_text(node.shape))
    parts.append(node.grad_fn or node.kind)
    if node.gradient is not None:
        parts.append(f"gradient {number_text(node.gradient)}")
    return "  ".join(parts)
