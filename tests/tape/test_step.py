"""One step of a network under the tape: its loss, its gradients, its graph."""

import pytest
import torch

from backproof import datasets, tape, training
from backproof._core.errors import InputError
from backproof.training.activations import ACTIVATIONS

NAMES = ("W1", "b1", "w", "b")


def model_and_points() -> tuple[training.FFModel, torch.Tensor, torch.Tensor]:
    x, t = datasets.lab_mixture().sample(4, seed=1)
    return training.FFModel(2, seed=3), torch.from_numpy(x), torch.from_numpy(t)


def parameters(model: training.FFModel) -> list[torch.Tensor]:
    return [getattr(model, name) for name in NAMES]


def test_loss_and_gradients_are_the_models() -> None:
    model, x, t = model_and_points()
    graph = tape.run_step(x, t, parameters(model)).graph
    loss = model.mean_loss(x, t)
    assert graph.node("l").value == pytest.approx(loss.item(), rel=1e-12)
    (gradient,) = torch.autograd.grad(loss, [model.b])
    assert graph.node("b").gradient == pytest.approx(gradient.item(), rel=1e-12)
    assert {node.name for node in graph.nodes if node.kind == "leaf"} == set(NAMES)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_any_activation_is_recorded(activation: str) -> None:
    model, x, t = model_and_points()
    run = tape.run_step(x, t, parameters(model), ACTIVATIONS[activation].function)
    assert all(run.graph.node(name).gradient is not None for name in (*NAMES, "h", "s", "l"))
    assert [finding for finding in run.findings if finding.severity is tape.Severity.ERROR] == []


def test_the_parameters_are_left_alone_and_gradients_recorded_whatever_is_set() -> None:
    model, x, t = model_and_points()
    with torch.no_grad():
        run = tape.run_step(x, t, parameters(model))
    assert run.graph.node("w").gradient is not None
    assert all(one.grad is None for one in parameters(model))
    assert "def one_step" in run.source


def test_other_numbers_of_parameters_are_refused() -> None:
    model, x, t = model_and_points()
    with pytest.raises(InputError, match="W1, b1, w and b, got 3"):
        tape.run_step(x, t, parameters(model)[:3])
