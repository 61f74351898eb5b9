"""What is checked, what is held fixed, what is never touched, and what is refused."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from backproof._core.errors import InputError
from backproof.gradcheck import directional


def vector(n: int = 3, seed: int = 0) -> Tensor:
    return torch.tensor(np.random.default_rng(seed).standard_normal(n))


def names(function: Callable[..., Any], *inputs: Any) -> list[str]:
    return [one.tensor for one in directional(function, *inputs, step=1e-3)]


def snapshot(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(value, second[name]) for name, value in first.items()
    )


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1)).double()


def test_inputs_go_by_the_names_of_the_arguments() -> None:
    assert names(lambda x, weight: (x * weight).sum(), vector(), vector()) == ["x", "weight"]


def test_further_arguments_are_numbered() -> None:
    def total(first: Tensor, *rest: Tensor) -> Tensor:
        value: Tensor = sum(rest, start=first).sum()
        return value

    assert names(total, vector(), vector(), vector()) == ["first", "rest[0]", "rest[1]"]


def test_further_arguments_are_told_apart() -> None:
    def difference(*args: Tensor) -> Tensor:
        return (args[0] - 3 * args[1]).sum()

    first, second = directional(difference, vector(), vector(), step=1e-3)
    # Two directions of their own, two gradients of their own.
    assert first.claimed != -3 * second.claimed
    assert max(first.absolute, second.absolute) < 1e-11  # linear: rounding over the step alone


def test_a_function_without_a_signature_has_numbered_inputs() -> None:
    assert names(torch.dot, vector(), vector()) == ["input 0", "input 1"]


def test_an_autograd_function_can_be_checked() -> None:
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: Tensor) -> Tensor:
            ctx.save_for_backward(a)
            return (a * a).sum()

        @staticmethod
        def backward(ctx: Any, *upstream: Tensor) -> Tensor:
            a: Tensor = ctx.saved_tensors[0]
            return upstream[0] * 2 * a

    (one,) = directional(Square.apply, vector(), step=1e-3)
    assert one.absolute < 1e-12 * 10  # quadratic: no truncation, rounding eps/ε


def test_arguments_bound_in_advance_are_held_fixed() -> None:
    def product(a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum()

    assert names(partial(product, vector()), vector()) == ["b"]


def test_parameters_go_by_their_full_names() -> None:
    module = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1, bias=False)).double()
    found = directional(module, vector(6).reshape(2, 3), loss=torch.sum, step=1e-4)
    assert [one.tensor for one in found] == ["0.weight", "0.bias", "2.weight"]
    # Truncation ε²·(third derivative)/6, a few.
    assert max(one.absolute for one in found) < 1e-7


def test_inputs_of_a_module_are_held_fixed() -> None:
    found = directional(nn.Linear(3, 1).double(), vector(), loss=torch.sum, step=1e-3)
    assert [one.tensor for one in found] == ["weight", "bias"]


def test_frozen_parameters_are_not_checked() -> None:
    module = nn.Linear(3, 1).double()
    module.bias.requires_grad_(False)
    assert [d.tensor for d in directional(module, vector(), loss=torch.sum, step=1e-3)] == [
        "weight"
    ]


def test_a_parameter_used_twice_is_one_tensor() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(3, 3, bias=False)
            self.b = nn.Linear(3, 3, bias=False)
            self.b.weight = self.a.weight

        def forward(self, x: Tensor) -> Tensor:
            return torch.tanh(self.b(torch.tanh(self.a(x)))).sum()

    found = directional(Tied().double(), vector(), step=1e-4)
    assert [one.tensor for one in found] == ["a.weight"]
    assert found[0].absolute < 1e-7


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.bool])
def test_inputs_of_integer_dtype_are_held_fixed(dtype: torch.dtype) -> None:
    seen = set()

    def pick(a: Tensor, index: Tensor) -> Tensor:
        seen.add((index.dtype, tuple(index.tolist())))
        return (a[index.long()] ** 2).sum()

    index = torch.tensor([1, 0, 1]).to(dtype)
    (one,) = directional(pick, vector(), index, step=1e-3, dtype=torch.float64)
    assert one.tensor == "a"
    assert seen == {(dtype, tuple(index.tolist()))}


def test_inputs_that_are_no_tensors_are_handed_on() -> None:
    def power(a: Tensor, exponent: int, name: str) -> Tensor:
        assert name == "cube"
        return (a**exponent).sum()

    (one,) = directional(power, vector(), 2, "cube", step=1e-3)
    assert one.absolute < 1e-11


def test_a_tensor_without_influence_has_slope_zero() -> None:
    _, one = directional(lambda *args: args[0].sum(), vector(), vector(), step=1e-3)
    assert (one.tensor, one.numeric, one.claimed) == ("args[1]", 0, 0)


def test_inputs_of_a_function_are_not_touched() -> None:
    a, b = vector(), vector(seed=1).requires_grad_()
    before = a.clone(), b.detach().clone()
    directional(lambda a, b: (a * b.sin()).sum(), a, b, step=1e-3)
    assert torch.equal(a, before[0])
    assert torch.equal(b.detach(), before[1])
    assert (a.requires_grad, b.requires_grad) == (False, True)
    assert a.grad is None
    assert b.grad is None


def test_gradients_that_are_there_stay() -> None:
    module, a = network(), vector().requires_grad_()
    a.grad = torch.ones_like(a)
    for parameter in module.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    directional(lambda a: a.exp().sum(), a, step=1e-3)
    directional(module, vector(6).reshape(2, 3), loss=torch.sum, step=1e-3)
    assert torch.equal(a.grad, torch.ones_like(a))
    for parameter in module.parameters():
        assert parameter.grad is not None
        assert torch.equal(parameter.grad, torch.full_like(parameter, 7.0))


@pytest.mark.parametrize("training", [True, False])
def test_a_module_keeps_parameters_buffers_and_mode(training: bool) -> None:
    module = network().train(training)
    before = snapshot(module)
    directional(module, vector(15).reshape(5, 3), loss=torch.sum, step=1e-3)
    assert same(snapshot(module), before)
    assert all(part.training is training for part in module.modules())
    assert all(parameter.grad is None for parameter in module.parameters())


def test_buffers_are_the_same_at_every_evaluation() -> None:
    seen = []

    class Counter(nn.Module):
        calls: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(vector())
            self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

        def forward(self) -> Tensor:
            seen.append(int(self.calls))
            self.calls.add_(1)
            return self.w.exp().sum()

    directional(Counter(), step=1e-3)
    assert seen == [0, 0, 0]


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_module_that_raises_is_not_touched(after: int) -> None:
    module, calls = network(), []
    x = vector(15).reshape(5, 3)
    before, inputs = snapshot(module), x.clone()

    def loss(output: Tensor) -> Tensor:
        calls.append(1)
        if len(calls) > after:
            raise KeyError("planted")
        return output.sum()

    with pytest.raises(KeyError, match="planted"):
        directional(module, x, loss=loss, step=1e-3)
    assert same(snapshot(module), before)
    assert torch.equal(x, inputs)
    assert all(parameter.grad is None for parameter in module.parameters())


@pytest.mark.parametrize("after", [0, 1, 2])
def test_inputs_of_a_function_that_raises_are_not_touched(after: int) -> None:
    a, calls = vector().requires_grad_(), []
    before = a.detach().clone()

    def function(a: Tensor) -> Tensor:
        calls.append(1)
        if len(calls) > after:
            raise KeyError("planted")
        return a.exp().sum()

    with pytest.raises(KeyError, match="planted"):
        directional(function, a, step=1e-3)
    assert torch.equal(a.detach(), before)
    assert a.grad is None


def test_a_module_that_works_in_place_does_not_reach_the_users_input() -> None:
    module = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(2, 1)).double()
    x = torch.tensor([[-1.0, 2.0]], dtype=torch.float64)
    directional(module, x, loss=torch.sum, step=1e-3)
    assert x.tolist() == [[-1, 2]]


def test_a_function_that_works_in_place_does_not_reach_the_users_input() -> None:
    def function(a: Tensor, index: Tensor) -> Tensor:
        index.add_(1)
        return (a[index % 3] ** 2).sum()

    index = torch.tensor([0, 1])
    directional(function, vector(), index, step=1e-3)
    assert index.tolist() == [0, 1]


def test_work_in_place_does_not_reach_the_next_evaluation() -> None:
    def function(a: Tensor, b: Tensor) -> Tensor:
        with torch.no_grad():
            b.mul_(2)
        return (a * b.detach()).sum()

    one = directional(function, vector(), vector(seed=1), step=1e-3)[0]
    assert one.absolute < 1e-11  # linear in a


def test_the_directions_do_not_move_the_global_generator() -> None:
    module = network()
    state = torch.get_rng_state()
    directional(module, vector(15).reshape(5, 3), loss=torch.sum, step=1e-3)
    assert torch.equal(torch.get_rng_state(), state)


def test_dropout_does_not_move_the_global_generator() -> None:
    module = nn.Sequential(nn.Linear(3, 50), nn.Dropout(0.5)).double()
    state = torch.get_rng_state()
    directional(module, vector(), loss=torch.sum, step=1e-3)
    assert torch.equal(torch.get_rng_state(), state)


def test_dropout_draws_the_same_mask_at_every_evaluation() -> None:
    module = nn.Sequential(nn.Linear(3, 50), nn.Dropout(0.5)).double()
    found = directional(module, vector(), loss=torch.sum, step=1e-3)
    assert max(one.absolute for one in found) < 1e-10  # linear in the parameters


@pytest.mark.parametrize(
    "function",
    [
        lambda a: a,
        lambda a: a.sum().reshape(1),
        lambda a: (a.sum(), a.sum()),
        lambda a: a.sum().item(),
        lambda a: a.sum().backward(),
    ],
)
def test_a_value_that_is_no_scalar_tensor_is_refused(function: Callable[[Tensor], Any]) -> None:
    with pytest.raises(InputError, match="pass loss="):
        directional(function, vector(), step=1e-3)


def test_the_loss_makes_the_value_a_scalar() -> None:
    (one,) = directional(lambda a: (a, 2 * a), vector(), loss=lambda o: o[1].sum(), step=1e-3)
    assert one.absolute < 1e-11  # linear


@pytest.mark.parametrize("inputs", [(), (torch.tensor([1, 2]),), (3.0,), (None, "a")])
def test_a_function_without_a_floating_input_is_refused(inputs: tuple[Any, ...]) -> None:
    def function(*args: Any) -> Tensor:
        return torch.zeros((), dtype=torch.float64)

    with pytest.raises(InputError, match="nothing to check: no input"):
        directional(function, *inputs, step=1e-3)


def test_a_module_without_a_trainable_parameter_is_refused() -> None:
    module = nn.Linear(3, 1).double().requires_grad_(False)
    for target in (module, nn.Tanh()):
        with pytest.raises(InputError, match="nothing to check: no parameter"):
            directional(target, vector(), loss=torch.sum, step=1e-3)


@pytest.mark.parametrize(
    "function",
    [
        lambda a: torch.ones_like(a).sum(),
        lambda a: a.detach().sum(),
        lambda a: (a > 0).sum(),
    ],
)
def test_a_value_that_depends_on_nothing_is_refused(function: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(InputError, match="does not depend on any checked tensor"):
        directional(function, vector(), step=1e-3)


def test_a_value_that_depends_on_the_input_alone_is_refused() -> None:
    class Ignores(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(vector())

        def forward(self, x: Tensor) -> Tensor:
            return x.sum()

    with pytest.raises(InputError, match="does not depend on any checked tensor"):
        directional(Ignores(), vector(), step=1e-3)


def test_inputs_of_a_module_that_require_a_gradient_are_checked_too() -> None:
    x = vector().requires_grad_()
    found = directional(nn.Linear(3, 1).double(), x, loss=torch.sum, step=1e-3)
    assert [one.tensor for one in found] == ["weight", "bias", "input"]
    assert max(one.absolute for one in found) < 1e-12  # linear in each: rounding alone


def test_only_inputs_that_require_a_gradient_are_checked_where_some_do() -> None:
    assert names(lambda a, b: (a * b).sum(), vector(), vector().requires_grad_()) == ["b"]
