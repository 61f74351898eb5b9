"""The computation that produced tensors, as a record that can be drawn."""

from dataclasses import dataclass
from typing import Literal

from rich.console import RenderableType

from backproof._core.errors import InputError
from backproof._core.results import Result
from backproof.tape.parts import GraphEdge, GraphNode
from backproof.tape.rendering.dot import graphviz_svg, to_dot
from backproof.tape.rendering.drawing import Drawing, repeated
from backproof.tape.rendering.folding import folded
from backproof.tape.rendering.html import to_html
from backproof.tape.rendering.mermaid import to_mermaid
from backproof.tape.rendering.svg import to_svg
from backproof.tape.rendering.tree import rich_tree, tree_text

_MOST_BOXES = 100


@dataclass(frozen=True, kw_only=True)
class Graph(Result):
    """Everything that one tensor, or a few, were computed from.

    In a terminal it prints as a tree, in a notebook it is a picture. In every picture, a graph of
    more than 100 tensors is folded by module, by repeated block and by source line.
    """

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

    def to_dot(self) -> str:
        """Return the graph in the language of Graphviz."""
        return to_dot(self._drawing())

    def to_mermaid(self) -> str:
        """Return the graph as a Mermaid flowchart."""
        return to_mermaid(self._drawing())

    def to_svg(self, engine: Literal["auto", "graphviz", "builtin"] = "auto") -> str:
        """Return the graph as an SVG picture.

        Parameters
        ----------
        engine
            ``graphviz`` draws with the program `dot`, ``builtin`` needs nothing; ``auto`` takes
            Graphviz where it is installed.

        Raises
        ------
        InputError
            If the engine is unknown, or Graphviz was asked for and cannot be used.
        """
        if engine not in ("auto", "graphviz", "builtin"):
            raise InputError(f"engine must be auto, graphviz or builtin, got {engine!r}")
        drawing = repeated(self._drawing())
        svg = None if engine == "builtin" else graphviz_svg(drawing)
        if svg is None and engine == "graphviz":
            raise InputError(
                "engine graphviz needs Graphviz's program `dot`, which is not installed or failed; "
                "engine builtin needs nothing"
            )
        return svg or to_svg(drawing)

    def to_html(self) -> str:
        """Return a self-contained page with the source beside the picture."""
        return to_html(repeated(self._drawing()), self.nodes)

    def __str__(self) -> str:
        return tree_text(self._drawing())

    def __rich__(self) -> RenderableType:
        return rich_tree(self._drawing())

    def _repr_html_(self) -> str:
        return to_svg(repeated(self._drawing()))

    def _drawing(self) -> Drawing:
        if not self.nodes:
            raise InputError("a graph to draw must have at least one node, got an empty one")
        return folded(self.title, self.nodes, self.edges, _MOST_BOXES)
