"""The graph of everything that recorded tensors were computed from."""

from collections.abc import Sequence

from backproof.tape.graph import Graph
from backproof.tape.parts import GraphEdge, GraphNode
from backproof.tape.recording.calls import Snapshot, ancestors, sources_of


def graph_of(ends: Sequence[Snapshot], title: str) -> Graph:
    """Return the graph that ends in `ends`, its nodes in the order of recording."""
    # The tape ends at a leaf; how its value came about, as by earlier steps, is not on it.
    used = ancestors(*ends, to_leaves=True)
    ids = {snapshot.id: index for index, snapshot in enumerate(used)}
    return Graph(
        title=title,
        nodes=tuple(_graph_node(ids[snapshot.id], snapshot) for snapshot in used),
        edges=tuple(
            GraphEdge(source=ids[s.id], target=ids[t.id], saved=_saved(t, s))
            for t in used
            for s in sources_of(t, to_leaves=True)
        ),
    )


def _saved(by: Snapshot, what: Snapshot) -> tuple[str, ...]:
    return tuple(name for number, name in by.saved if number == what.id)


def _graph_node(number: int, snapshot: Snapshot) -> GraphNode:
    call = snapshot.call
    site = call.site if call is not None else None
    return GraphNode(
        id=number,
        name=snapshot.name,
        expression=site.expression if site is not None else None,
        kind=_kind(snapshot),
        operation=call.function if call is not None else None,
        module=call.module if call is not None else "",
        shape=tuple(snapshot.shape),
        dtype=str(snapshot.dtype).removeprefix("torch."),
        value=None if snapshot.look is None else snapshot.look.value,
        leaf=snapshot.leaf,
        requires_grad=snapshot.requires_grad,
        grad_fn=snapshot.grad_fn,
        version=snapshot.version,
        gradient=None if snapshot.gradient is None else snapshot.gradient.value,
        file=site.file if site is not None else None,
        line=site.line if site is not None else None,
        code=site.code if site is not None else None,
        saves_itself=_saved(snapshot, snapshot),
    )


def _kind(snapshot: Snapshot) -> str:
    if not snapshot.requires_grad:
        return "constant"
    return "leaf" if snapshot.leaf else "result"
