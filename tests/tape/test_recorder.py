# mypy: disable-error-code="no-untyped-call, union-attr, arg-type, operator"
"""The recorder: it records what happened, and nothing happens because of it."""

import gc
import weakref
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from backproof import tape
from backproof._core.errors import InputError

Shared = tuple[tape.Graph, Tensor, Tensor]


def network_step() -> list[Any]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(8, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    x, target = torch.randn(16, 4), torch.randint(2, (16,))
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return [*losses, *model.parameters(), *(p.grad for p in model.parameters())]


def test_a_training_step_is_bitwise_the_same() -> None:
    plain = network_step()
    with tape.explain() as session:
        recorded = network_step()
    assert session.findings == ()
    assert len(session.graph.nodes) > 10
    assert all(torch.equal(a, b) for a, b in zip(plain, recorded, strict=True))


def test_nothing_is_kept_alive() -> None:
    with tape.explain() as session:
        w = torch.ones(3, requires_grad=True)
        y = torch.exp(w)
        loss = y.sum()
        dead = weakref.ref(y)
        loss.backward()
        del y
        w.sum()  # the recorder looks at the variables again
        gc.collect()
        assert dead() is None
    assert [node.name for node in session.graph.nodes] == ["w", "y", "loss"]


def test_the_programs_own_locals_are_left_alone() -> None:
    with tape.explain():
        x = torch.ones(3)
        mine = locals()
        y = x + 1
        z = y * x
        z.sum()
        assert mine["x"] is x


def test_the_locals_of_a_module_are_left_alone() -> None:
    space = {"torch": torch}
    with tape.explain():
        exec("a = torch.ones(2)\nb = a * 2\nc = b.sum()", space)
    assert space.keys() >= {"torch", "a", "b", "c"}


def test_intermediates_get_no_grad_attribute() -> None:
    with tape.explain():
        w = torch.ones(3, requires_grad=True)
        y = torch.exp(w)
        y.sum().backward()
        assert not y.retains_grad
        assert y._backward_hooks is None
        assert w._backward_hooks is None


def two_layers() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    x = torch.randn(5, 3)
    weight = torch.randn(3, 3, requires_grad=True)  # in both layers
    bias = torch.zeros(3, requires_grad=True)
    hidden = torch.tanh(x @ weight + bias)
    score = hidden @ weight
    loss = score.square().mean()
    loss.backward()
    return loss, weight, bias


@pytest.fixture(scope="module")
def shared() -> Shared:
    with tape.explain() as session:
        loss, weight, bias = two_layers()
    return session.graph_of(loss, "shared"), weight, bias


def test_nodes_of_a_network_with_a_shared_parameter(shared: Shared) -> None:
    graph, _, _ = shared
    labels = [node.label for node in graph.nodes]
    assert labels == [
        "x", "weight", "bias", "x @ weight", "x @ weight + bias", "hidden", "score",
        "score.square()", "loss",
    ]  # fmt: skip
    assert [node.grad_fn for node in graph.nodes] == [
        None, None, None, "MmBackward0", "AddBackward0", "TanhBackward0", "MmBackward0",
        "PowBackward0", "MeanBackward0",
    ]  # fmt: skip
    assert graph.node("weight").kind == "leaf"
    assert graph.node("weight").shape == (3, 3)
    assert graph.node("x").kind == "constant"


def test_edges_of_a_network_with_a_shared_parameter(shared: Shared) -> None:
    graph, _, _ = shared
    label = {node.id: node.label for node in graph.nodes}
    assert {(label[edge.source], label[edge.target]) for edge in graph.edges} == {
        ("x", "x @ weight"),
        ("weight", "x @ weight"),
        ("x @ weight", "x @ weight + bias"),
        ("bias", "x @ weight + bias"),
        ("x @ weight + bias", "hidden"),
        ("hidden", "score"),
        ("weight", "score"),
        ("score", "score.square()"),
        ("score.square()", "loss"),
    }


def test_gradients_of_a_network_with_a_shared_parameter(shared: Shared) -> None:
    graph, weight, bias = shared
    low, high = (f"{end.item():.4g}" for end in weight.grad.aminmax())
    assert graph.node("weight").gradient == f"{low} … {high}"
    assert graph.node("bias").gradient == f"[{', '.join(f'{g:.4g}' for g in bias.grad.tolist())}]"
    assert graph.node("loss").gradient == 1
    assert graph.node("x").gradient is None


def test_a_graph_comes_back_from_json(shared: Shared) -> None:
    graph, _, _ = shared
    assert tape.Graph.from_json(graph.to_json()) == graph


def test_a_tensor_older_than_the_recording_has_no_line() -> None:
    w = torch.tensor(2.0, requires_grad=True)
    with tape.explain() as session:
        y = w * 3
        y.backward()
    node = session.graph_of(y).node("w")
    assert (node.line, node.operation, node.value, node.gradient) == (None, None, 2, 3)


def test_an_earlier_value_survives_an_in_place_write() -> None:
    with tape.explain() as session:
        w = torch.tensor(1.0, requires_grad=True)
        y = w * 4
        y /= 2
        z = y + 1
        z.backward()
    values = [(n.name, n.value, n.version, n.gradient) for n in session.graph_of(z).nodes]
    assert values == [("w", 1, 0, 2), ("y", 4, 0, 0.5), ("y", 2, 1, 1), ("z", 3, 0, 1)]


def test_a_write_through_a_view_reaches_the_base() -> None:
    with tape.explain() as session:
        w = torch.ones(2, requires_grad=True)
        base = w * 1
        part = base[:1]
        part.mul_(5)
        total = base.sum()
    graph = session.graph_of(total)
    assert graph.node("base").value == "[5, 1]"
    assert "part" in {node.name for node in graph.nodes}


def test_replaced_data_makes_a_new_value() -> None:
    with tape.explain() as session:
        w = torch.tensor(1.0, requires_grad=True)
        y = w * 2
        w.data = torch.tensor(5.0)
        z = w * 2
    assert session.graph_of(y).node("w").value == 1
    assert session.graph_of(z).node("w").value == 5


def test_property_reads_make_no_node_but_a_transpose_does() -> None:
    with tape.explain() as session:
        w = torch.ones(2, 3, requires_grad=True)
        assert w.is_leaf
        assert w.dtype == torch.float32
        assert w.shape == (2, 3)
        assert w.grad is None
        loss = w.T.sum()
    assert [node.label for node in session.graph_of(loss).nodes] == ["w", "w.T", "loss"]


def test_names_at_module_level_in_closures_and_for_aliases() -> None:
    space = {"torch": torch}
    with tape.explain() as session:
        exec("a = torch.ones(2)\nb = c = a + 1\nd = b * 2", space)
    names = {node.name for node in session.graph_of(space["d"]).nodes}
    assert names == {"a", "b", "d"}

    with tape.explain() as session:
        inner = torch.ones(2) + 1

        def use() -> Tensor:
            return inner * 2

        result = use()
    assert {n.name for n in session.graph_of(result).nodes} >= {"inner", "result"}


def test_builtin_max_consumes_its_comparison() -> None:
    with tape.explain() as session:
        p = torch.tensor(3.0)
        y = max(p * 2, 0)
        z = y + 1
    graph = session.graph_of(z)
    assert [node.name for node in graph.nodes] == ["p", "y", "z"]
    assert graph.node("y").operation == "mul"


def test_a_name_is_the_one_of_the_tensor_not_of_its_neighbours() -> None:
    with tape.explain() as session:
        x = torch.ones(2)
        y = nn.Sequential(nn.Tanh(), nn.ReLU())(x)
        for _ in range(3):
            y = torch.tanh(y)
        total = y.sum()
    assert [n.name for n in session.graph_of(total).nodes if n.operation == "tanh"] == [
        None, "y", "y", "y",
    ]  # fmt: skip


def test_a_custom_function_is_in_the_graph() -> None:
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004
            return x + x

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004
            return 2 * gradient

    with tape.explain() as session:
        w = torch.tensor(3.0, requires_grad=True)
        y = Double.apply(w)
        z = y * 5
        z.backward()
    graph = session.graph_of(z)
    assert (graph.node("y").grad_fn, graph.node("y").gradient) == ("DoubleBackward", 5)
    assert graph.node("w").gradient == 10


def test_values_that_json_lacks_are_text() -> None:
    with tape.explain() as session:
        x = torch.tensor([0.0, 1.0])
        parts = [torch.log(x), x[0] / x[0], torch.ones(9).log() / 0, x[0] == 0, x[:0]]
        parts += [torch.tensor(1 + 2j), torch.empty(3, device="meta"), torch.tensor(2**60)]
        last = [part + 0 for part in parts]
    for tensor in last:
        graph = session.graph_of(tensor)
        assert tape.Graph.from_json(graph.to_json()) == graph
    values = [session.graph_of(tensor).nodes[-2].value for tensor in last]
    assert values == [
        "[-inf, 0]", "nan", "nan … nan", "True", "empty", "(1+2j)", None,
        str(2**60),
    ]  # fmt: skip


def test_gradients_of_several_results_of_one_call() -> None:
    with tape.explain() as session:
        w = torch.tensor([1.0, 2.0], requires_grad=True)
        first, second = w.unbind()
        loss = 3 * first + 5 * second
        loss.backward()
    graph = session.graph_of(loss)
    assert (graph.node("first").gradient, graph.node("second").gradient) == (3, 5)


def test_the_gradient_of_a_leaf_is_what_the_pass_left_there() -> None:
    w = torch.tensor(2.0, requires_grad=True)
    with tape.explain() as session:
        for factor in (3, 7):
            loss = w * factor
            loss.backward()
            kept = loss  # the accumulating node of the first step may still live
    assert session.graph_of(kept).node("w").gradient == w.grad.item() == 10


def test_a_graph_does_not_reach_back_into_earlier_steps() -> None:
    w = torch.ones(3, requires_grad=True)
    sizes = []
    with tape.explain() as session:
        for _ in range(3):
            loss = (w * 2).sum()
            loss.backward()
            with torch.no_grad():
                w -= 0.1 * w.grad
                w.grad = None
            sizes.append(len(session.graph_of(loss).nodes))
    assert sizes == [3, 3, 3]
    assert session.graph_of(loss).node("w").gradient == "[2, 2, 2]"


def test_two_recorders_do_not_disturb_each_other() -> None:
    w = torch.tensor(2.0, requires_grad=True)
    with tape.explain() as outer:
        y = w * 2
        with tape.explain() as inner:
            z = y * 3
        z.backward()
    assert outer.graph_of(y).node("y").gradient == 3
    assert inner.graph_of(z).node("y").gradient == 3


def test_an_unrecorded_tensor_has_no_graph() -> None:
    with tape.explain() as session:
        torch.ones(2)
    with pytest.raises(InputError, match="not recorded"):
        session.graph_of(torch.ones(1))


def test_an_error_of_the_program_passes_unchanged() -> None:
    with tape.explain() as session, pytest.raises(RuntimeError, match="size"):
        torch.ones(2) + torch.ones(3)
    assert not session.findings
    assert not session.limits
