"""The graph of everything that one recorded tensor was computed from."""

from backproof.tape.calls import Snapshot
from backproof.tape.graph import Graph, GraphEdge, GraphNode


def graph_of(end: Snapshot, title: str) -> Graph:
    """Return the graph that ends in `end`, its nodes in the order of recording."""
    used = _ancestors(end)
    ids = {snapshot.id: index for index, snapshot in enumerate(used)}
    edges = (GraphEdge(source=ids[s.id], target=ids[t.id]) for t in used for s in _sources(t))
    return Graph(
        title=title,
        nodes=tuple(_graph_node(ids[snapshot.id], snapshot) for snapshot in used),
        edges=tuple(edges),
    )


def _sources(snapshot: Snapshot) -> tuple[Snapshot, ...]:
    # The tape ends at a leaf; how its value came about, as by earlier steps, is not on it.
    return () if snapshot.leaf and snapshot.requires_grad else snapshot.sources


def _ancestors(end: Snapshot) -> list[Snapshot]:
    found = {end.id: end}
    stack = [end]
    while stack:
        for source in _sources(stack.pop()):
            if source.id not in found:
                found[source.id] = source
                stack.append(source)
    return [found[key] for key in sorted(found)]


def _graph_node(number: int, snapshot: Snapshot) -> GraphNode:
    call = snapshot.call
    site = call.site if call is not None else None
    return GraphNode(
        id=number,
        name=snapshot.name,
        expression=site.expression if site is not None else None,
        kind=_kind(snapshot),
        operation=call.function if call is not None else None,
        shape=snapshot.shape,
        dtype=snapshot.dtype,
        value=snapshot.value,
        leaf=snapshot.leaf,
        requires_grad=snapshot.requires_grad,
        grad_fn=snapshot.grad_fn,
        version=snapshot.version,
        gradient=snapshot.gradient,
        file=site.file if site is not None else None,
        line=site.line if site is not None else None,
        code=site.code if site is not None else None,
    )


def _kind(snapshot: Snapshot) -> str:
    if not snapshot.requires_grad:
        return "constant"
    return "leaf" if snapshot.leaf else "result"
