"""A layered layout for small graphs: every edge leads to a later layer, few edges cross.

The usual steps: layers by the longest path, way-points where an edge passes a layer, ordering by
barycentres. Nothing is random, so a graph is always drawn alike.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backproof._core.errors import InputError

_SWEEPS = 8
# A vertex is a node (its id) or a way-point (source, target, layer) of a long edge.
_Vertex = int | tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A place in the order of a layer."""

    layer: int
    """Layer from 0, in the direction in which data flows."""
    position: int
    """Number in the layer, from 0 at the left."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where to draw each node, and which cells each edge passes."""

    nodes: dict[int, Cell]
    """Cell of each node, by its id."""
    routes: dict[tuple[int, int], tuple[Cell, ...]]
    """Cells of each edge (source, target), both ends included; none is used by another node."""


def layered(nodes: Sequence[int], edges: Iterable[tuple[int, int]]) -> Layout:
    """Lay out a directed graph without cycles.

    Parameters
    ----------
    nodes
        The ids; their order decides ties.
    edges
        Pairs (source, target) of ids.

    Raises
    ------
    InputError
        If the graph has a cycle, or an edge names an unknown node.
    """
    pairs = list(dict.fromkeys(edges))
    layer = _layers(nodes, pairs)
    chains = {(s, t): _chain(s, t, layer) for s, t in pairs}
    links = [link for chain in chains.values() for link in itertools.pairwise(chain)]
    vertices: list[_Vertex] = [*nodes, *(v for chain in chains.values() for v in chain)]
    level = {vertex: _layer_of(vertex, layer) for vertex in vertices}
    rows = _ordered(level, links)
    place = {
        vertex: Cell(layer=at, position=index)
        for at, row in enumerate(rows)
        for index, vertex in enumerate(row)
    }
    return Layout(
        nodes={node: place[node] for node in nodes},
        routes={pair: tuple(place[v] for v in chain) for pair, chain in chains.items()},
    )


def _layers(nodes: Sequence[int], pairs: list[tuple[int, int]]) -> dict[int, int]:
    """Cell each node as late as its longest path to an end allows: edges stay short."""
    after: dict[int, list[int]] = {node: [] for node in nodes}
    before: dict[int, list[int]] = {node: [] for node in nodes}
    for source, target in pairs:
        if source not in after or target not in after:
            raise InputError(f"an edge must join two nodes, got {source} -> {target}")
        after[source].append(target)
        before[target].append(source)
    height: dict[int, int] = {}
    waiting = {node: len(after[node]) for node in nodes}
    ready = [node for node in nodes if not after[node]]
    while ready:
        node = ready.pop()
        height[node] = max((height[later] + 1 for later in after[node]), default=0)
        for earlier in before[node]:
            waiting[earlier] -= 1
            if not waiting[earlier]:
                ready.append(earlier)
    if len(height) < len(after):
        raise InputError("the graph must have no cycle")
    depth = max(height.values(), default=0)
    return {node: depth - height[node] for node in nodes}


def _chain(source: int, target: int, layer: dict[int, int]) -> list[_Vertex]:
    between = range(layer[source] + 1, layer[target])
    return [source, *((source, target, at) for at in between), target]


def _layer_of(vertex: _Vertex, layer: dict[int, int]) -> int:
    return vertex[2] if isinstance(vertex, tuple) else layer[vertex]


def _ordered(
    level: dict[_Vertex, int], links: list[tuple[_Vertex, _Vertex]]
) -> list[list[_Vertex]]:
    rows: list[list[_Vertex]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for vertex, at in level.items():
        rows[at].append(vertex)
    best, fewest = [list(row) for row in rows], _crossings(rows, links)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        neighbours = _neighbours(links, forward=not down)
        for row, fixed in _row_pairs(rows, down=down):
            rank = {vertex: float(index) for index, vertex in enumerate(fixed)}
            means = {
                v: _mean(neighbours.get(v, []), rank, float(index)) for index, v in enumerate(row)
            }
            row.sort(key=means.__getitem__)
        crossings = _crossings(rows, links)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _row_pairs(
    rows: list[list[_Vertex]], *, down: bool
) -> list[tuple[list[_Vertex], list[_Vertex]]]:
    """Pair each row with the row that it is arranged after."""
    pairs = list(zip(rows[1:], rows, strict=False))
    return pairs if down else [(row, fixed) for fixed, row in reversed(pairs)]


def _neighbours(
    links: list[tuple[_Vertex, _Vertex]], *, forward: bool
) -> dict[_Vertex, list[_Vertex]]:
    found: dict[_Vertex, list[_Vertex]] = {}
    for source, target in links:
        key, other = (source, target) if forward else (target, source)
        found.setdefault(key, []).append(other)
    return found


def _mean(vertices: list[_Vertex], rank: dict[_Vertex, float], otherwise: float) -> float:
    return sum(rank[v] for v in vertices) / len(vertices) if vertices else otherwise


def _crossings(rows: list[list[_Vertex]], links: list[tuple[_Vertex, _Vertex]]) -> int:
    rank = {vertex: index for row in rows for index, vertex in enumerate(row)}
    row_of = {vertex: at for at, row in enumerate(rows) for vertex in row}
    by_row: dict[int, list[tuple[int, int]]] = {}
    for source, target in links:
        by_row.setdefault(row_of[source], []).append((rank[source], rank[target]))
    return sum(
        (a[0] - b[0]) * (a[1] - b[1]) < 0
        for ends in by_row.values()
        for index, a in enumerate(ends)
        for b in ends[:index]
    )
