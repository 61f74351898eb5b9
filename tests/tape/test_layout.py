"""The layout: whatever the graph, data flows one way and nothing lies on anything else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof._core.errors import InputError
from backproof.tape.rendering.layout import layered

_Drawn = tuple[list[int], list[tuple[int, int]]]


@st.composite
def graphs(draw: st.DrawFn) -> _Drawn:
    count = draw(st.integers(1, 12))
    ids = draw(st.permutations(range(count)))
    pair = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    pairs = draw(st.lists(pair, max_size=24))
    return list(ids), [(min(p), max(p)) for p in pairs if p[0] != p[1]]


@given(graphs())
def test_every_edge_goes_to_a_later_layer(graph: _Drawn) -> None:
    ids, edges = graph
    layout = layered(ids, edges)
    assert all(layout.nodes[s].layer < layout.nodes[t].layer for s, t in edges)


@given(graphs())
def test_no_two_things_share_a_cell(graph: _Drawn) -> None:
    layout = layered(*graph)
    between = [cell for route in layout.routes.values() for cell in route[1:-1]]
    cells = [*layout.nodes.values(), *between]
    assert len(set(cells)) == len(cells)
    assert min(cell.position for cell in cells) == 0
    assert all(isinstance(cell.position, int) for cell in cells)


@given(graphs())
def test_a_route_visits_each_layer_once(graph: _Drawn) -> None:
    ids, edges = graph
    layout = layered(ids, edges)
    assert set(layout.routes) == set(edges)
    for (source, target), route in layout.routes.items():
        assert (route[0], route[-1]) == (layout.nodes[source], layout.nodes[target])
        first, last = route[0].layer, route[-1].layer
        assert [cell.layer for cell in route] == list(range(first, last + 1))


@given(graphs())
def test_a_graph_is_always_laid_out_alike(graph: _Drawn) -> None:
    assert layered(*graph) == layered(*graph)


@given(graphs())
def test_as_many_layers_as_the_longest_path_has_nodes(graph: _Drawn) -> None:
    ids, edges = graph
    longest = dict.fromkeys(sorted(ids), 0)
    for node in sorted(ids):  # ids are in topological order
        for source, target in edges:
            if source == node:
                longest[target] = max(longest[target], longest[node] + 1)
    assert max(cell.layer for cell in layered(ids, edges).nodes.values()) == max(longest.values())


def test_an_avoidable_crossing_is_avoided() -> None:
    layout = layered([0, 1, 2, 3], [(0, 3), (1, 2)])
    above = layout.nodes[0].position - layout.nodes[1].position
    below = layout.nodes[3].position - layout.nodes[2].position
    assert above * below > 0


@pytest.mark.parametrize(
    ("edges", "message"), [([(0, 1), (1, 0)], "cycle"), ([(0, 5)], "two nodes, got 0 -> 5")]
)
def test_what_cannot_be_laid_out_is_refused(edges: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        layered([0, 1], edges)


def test_nothing_is_laid_out_as_nothing() -> None:
    assert layered([], []).nodes == {}
