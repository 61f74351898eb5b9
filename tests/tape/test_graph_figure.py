# mypy: disable-error-code="no-untyped-call"
"""The figure of a graph: all that the record says, and no text that is cut or covered."""

import itertools

import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.transforms import Bbox

from backproof import tape
from backproof._core.errors import InputError
from backproof.plots.graph import graph as draw

Case = tuple[tape.Graph, Figure, RendererAgg]


def recorded() -> tape.Graph:
    torch.manual_seed(0)
    with tape.explain() as recorder:
        x = torch.randn(5, 3)
        weight = torch.randn(3, 3, requires_grad=True)
        h = torch.tanh(x @ weight)
        out = torch.tanh(h @ weight)
        loss = torch.nn.functional.mse_loss(out, torch.ones(5, 3)) + 0.1 * (weight**2).sum()
        loss.backward()
    return recorder.graph_of(loss, "A network with $one$ shared weight")


@pytest.fixture(scope="module")
def graphs() -> list[tape.Graph]:
    return [*(run.graph for run in tape.run_programs()), recorded()]


# Text is a little wider or narrower at each resolution.
@pytest.fixture(scope="module", params=itertools.product([0, 1, 2], [72, 100, 150, 300]))
def case(request: pytest.FixtureRequest, graphs: list[tape.Graph]) -> Case:
    index, dpi = request.param
    graph = graphs[index]
    figure = draw(graph)
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return graph, figure, canvas.get_renderer()


def boxes(figure: Figure, renderer: RendererAgg) -> list[Bbox]:
    (axes,) = figure.axes
    patches = [p for p in axes.patches if isinstance(p, FancyBboxPatch)]
    return [patch.get_window_extent(renderer) for patch in patches]


def test_everything_recorded_is_shown(case: Case) -> None:
    graph, figure, _ = case
    texts = [text.get_text() for text in figure.axes[0].texts]
    for node in graph.nodes:
        if node.name:
            assert node.name in texts
        if node.grad_fn:
            assert any(node.grad_fn in text for text in texts)
    assert sum(text.startswith("gradient ") for text in texts) == sum(
        node.gradient is not None for node in graph.nodes
    )


def test_each_line_of_text_is_inside_its_box(case: Case) -> None:
    graph, figure, renderer = case
    frames = boxes(figure, renderer)
    for text in figure.axes[0].texts:
        extent = text.get_window_extent(renderer)
        inside = [f for f in frames if f.x0 < extent.x0 and extent.x1 < f.x1
                  and f.y0 < extent.y0 and extent.y1 < f.y1]  # fmt: skip
        assert len(inside) == (0 if text.get_text() == graph.title else 1), text


def test_boxes_texts_and_legend_do_not_overlap(case: Case) -> None:
    graph, figure, renderer = case
    frames = boxes(figure, renderer)
    (title,) = [t for t in figure.axes[0].texts if t.get_text() == graph.title]
    frames.append(title.get_window_extent(renderer))
    frames.append(figure.legends[0].get_window_extent(renderer))
    assert not any(a.overlaps(b) for a, b in itertools.combinations(frames, 2))


def test_nothing_is_cut_off(case: Case) -> None:
    _, figure, renderer = case
    whole = figure.bbox
    extents = [*boxes(figure, renderer), figure.legends[0].get_window_extent(renderer)]
    extents += [text.get_window_extent(renderer) for text in figure.axes[0].texts]
    assert all(
        whole.x0 <= e.x0 and e.x1 <= whole.x1 and whole.y0 <= e.y0 and e.y1 <= whole.y1
        for e in extents
    )


def test_constants_differ_by_more_than_colour(case: Case) -> None:
    graph, figure, _ = case
    patches = [p for p in figure.axes[0].patches if isinstance(p, FancyBboxPatch)]
    styles = {
        kind: {
            (patch.get_linestyle(), patch.get_linewidth())
            for patch, node in zip(patches, graph.nodes, strict=True)
            if node.kind == kind
        }
        for kind in ("constant", "result", "leaf")
    }
    assert styles["constant"].isdisjoint(styles["result"] | styles["leaf"])


def test_a_single_tensor_can_be_drawn() -> None:
    with tape.explain() as recorder:
        x = torch.ones(1)
    assert draw(recorder.graph_of(x)).axes


def test_an_empty_graph_is_refused() -> None:
    with pytest.raises(InputError, match="at least one node"):
        draw(tape.Graph(title="", nodes=(), edges=()))


def test_every_arrow_has_a_direction_to_draw_its_head_in(graphs: list[tape.Graph]) -> None:
    for graph in graphs:
        sizes = {node.id: (1.0, 0.5 + node.id % 3) for node in graph.nodes}
        pairs = [(edge.source, edge.target) for edge in graph.edges]
        plan = tape.arrange(sizes, pairs, tape.Spacing(across=0.2, down=0.4, ends=0.2))
        assert set(plan.routes) == set(pairs)
        for route in plan.routes.values():
            _, control, end = route.bends()[-1]
            assert end[1] > control[1]
