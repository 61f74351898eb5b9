"""The sweep: orders of functions whose derivatives are known, and what it reports."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from backproof._core.errors import InputError
from backproof.gradcheck import Sweep, directional, sweep
from backproof.training import FFModel, mean_logistic_loss

_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "exp": lambda a: a.exp().sum(),
    "sin": lambda a: a.sin().sum(),
    "tanh": lambda a: a.tanh().sum(),
}
_FIVE = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5]


def vector(n: int = 6, seed: int = 0) -> Tensor:
    return torch.tensor(np.random.default_rng(seed).standard_normal(n))


def lab(hidden: int, n: int) -> tuple[FFModel, Tensor, Callable[[Tensor], Tensor]]:
    """Return an untrained network, points of two classes, and the loss."""
    t = np.where(np.arange(n) % 2 == 0, -1, 1)
    x = np.random.default_rng(0).standard_normal((n, 2)) / 4 + t[:, None] / 2
    return (
        FFModel(hidden, seed=1),
        torch.tensor(x),
        partial(mean_logistic_loss, t=torch.tensor(t)),
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", _FUNCTIONS)
def test_the_order_of_a_smooth_function_is_two(name: str, seed: int) -> None:
    law = sweep(_FUNCTIONS[name], vector(seed=seed), seed=seed).curves[0].law
    assert law.order == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("activation", [nn.Tanh, nn.Sigmoid, nn.Softplus])
def test_the_order_of_a_smooth_network_is_two_for_every_tensor(
    activation: Callable[[], nn.Module],
) -> None:
    torch.manual_seed(1)
    network = nn.Sequential(nn.Linear(3, 5), activation(), nn.Linear(5, 1), nn.Tanh()).double()
    found = sweep(network, vector(12).reshape(4, 3), loss=lambda y: (y**2).mean())
    assert [curve.tensor for curve in found.curves] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    for curve in found.curves:
        assert curve.law.order == pytest.approx(2, abs=0.05), curve


def test_the_order_of_the_network_of_the_lab_is_two() -> None:
    model, x, loss = lab(30, 50)
    for curve in sweep(model, x, loss=loss).curves:
        assert curve.law.order == pytest.approx(2, abs=0.05), curve
        # Published: 1e-11 and below at ε = 1e-5.
        assert curve.law.floor < 1e-10


def test_float32_shows_no_order_in_the_network_of_the_lab() -> None:
    model, x, loss = lab(500, 200)
    found = sweep(model, x, loss=loss, dtype=torch.float32, directions=2)
    assert found.dtype == "float32"
    for curve in found.curves:
        assert curve.law.order is None, curve
        assert "not measurable" in curve.law.reason
        # eps is 1.2e-7, the loss of order 1 to 10, the best step near 1e-2.
        assert 1e-9 < curve.law.floor < 1e-3


@pytest.mark.parametrize("power", [1, 2])
def test_a_polynomial_without_a_third_derivative_has_no_order(power: int) -> None:
    law = sweep(lambda a: (a**power).sum(), vector()).curves[0].law
    assert law.order is None
    assert law.reason


@pytest.mark.parametrize("name", _FUNCTIONS)
def test_the_rounding_level_is_that_of_the_value(name: str) -> None:
    x = vector()
    law = sweep(_FUNCTIONS[name], x).curves[0].law
    assert law.rounding is not None
    size = sum(abs(_FUNCTIONS[name](x[i : i + 1]).item()) for i in range(len(x)))
    # A few roundings, each up to eps/2 of the terms; at least a hundredth of one.
    eps = np.finfo(float).eps
    assert eps * size / 200 < law.rounding < 4 * eps * size


def test_the_best_step_is_where_the_difference_is_smallest() -> None:
    found = sweep(_FUNCTIONS["exp"], vector())
    (curve,) = found.curves
    assert curve.law.best_step == found.steps[int(np.argmin(curve.differences))]
    assert curve.law.floor == min(curve.differences)


def test_the_difference_is_a_root_mean_square_over_directions() -> None:
    # E⟨∇L, u⟩² = |∇L|²/n: a value with a claimed gradient of zero leaves the slope itself.
    def function(a: Tensor) -> Tensor:
        return (a.detach() * torch.tensor([3.0, 4.0])).sum() + 0 * a.sum()

    found = sweep(function, torch.zeros(2, dtype=torch.float64), steps=_FIVE, directions=500)
    # The mean of 500 squared cosines, 1/2, is known to √(1/8/500) = 1.6 %, its root to 1.6 %.
    np.testing.assert_allclose(found.curves[0].differences, 5 / np.sqrt(2), rtol=0.065)


def test_the_difference_falls_as_the_third_derivative_says() -> None:
    # A scalar: the direction is ±1 and the truncation error ε²/6·e.
    one = torch.tensor(1.0, dtype=torch.float64)
    found = sweep(lambda a: a.exp(), one, steps=_FIVE)
    for step, difference in zip(_FIVE[:3], found.curves[0].differences[:3], strict=True):
        # The next term is ε²/20 of it; rounding at 1e-3 is eps/ε over 5e-7: 1e-6.
        assert difference == pytest.approx(math.e * step**2 / 6, rel=step**2 / 19 + 1e-5)


def test_steps_are_sorted() -> None:
    forward = sweep(_FUNCTIONS["exp"], vector(), steps=_FIVE)
    backward = sweep(_FUNCTIONS["exp"], vector(), steps=_FIVE[::-1])
    assert forward.steps == tuple(_FIVE)
    assert backward == forward


def test_the_default_steps_go_from_a_tenth_to_a_billionth() -> None:
    steps = sweep(_FUNCTIONS["exp"], vector(2), directions=1).steps
    assert len(steps) == 33
    assert steps[0] == pytest.approx(0.1)
    np.testing.assert_allclose(np.diff(np.log10(steps)), -0.25)


def test_progress_counts_every_tensor_and_direction() -> None:
    calls: list[tuple[str, int, int]] = []
    sweep(
        lambda a, b: (a * b.exp()).sum(),
        vector(),
        vector(),
        steps=_FIVE,
        directions=3,
        progress=lambda *call: calls.append(call),
    )
    assert [call[1:] for call in calls] == [(done, 6) for done in range(1, 7)]
    assert len({call[0] for call in calls}) == 1


def test_the_seed_decides() -> None:
    first, again, other = (
        sweep(_FUNCTIONS["exp"], vector(), steps=_FIVE, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first.curves != other.curves


def test_the_users_module_is_not_touched() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).double()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    sweep(module, vector(15).reshape(5, 3), loss=lambda y: (y**3).sum(), steps=_FIVE)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())


def test_it_uses_the_gradient_that_the_check_uses() -> None:
    # Along ±1 there is one slope: the sweep and the check must find the same difference.
    a = torch.tensor(0.3, dtype=torch.float64)
    (one,) = directional(lambda a: a.exp(), a, step=1e-2)
    found = sweep(lambda a: a.exp(), a, steps=_FIVE)
    assert found.curves[0].differences[1] == pytest.approx(one.absolute, rel=1e-9)


@pytest.mark.parametrize("directions", [0, -1, 1.5])
def test_a_bad_number_of_directions_is_refused(directions: Any) -> None:
    with pytest.raises(InputError, match="directions"):
        sweep(_FUNCTIONS["exp"], vector(), directions=directions)


@pytest.mark.parametrize(
    "steps", [_FIVE[:4], [], [*_FIVE, 1e-5], [*_FIVE, 0.0], [*_FIVE, -1.0], [*_FIVE, np.nan]]
)
def test_bad_steps_are_refused(steps: list[float]) -> None:
    with pytest.raises(InputError, match="step"):
        sweep(_FUNCTIONS["exp"], vector(), steps=steps)


def test_a_function_that_is_not_finite_is_refused() -> None:
    # A step of 0.1 leaves the domain of the logarithm.
    with pytest.raises(InputError, match="finite"):
        sweep(lambda a: a.log().sum(), torch.full((2,), 0.01, dtype=torch.float64))


@pytest.mark.parametrize("power", [1, 3])
def test_json_gives_the_sweep_back(power: int) -> None:
    found = sweep(lambda a, b: (a**power).sum() + b.sum(), vector(), vector(), directions=2)
    assert Sweep.from_json(found.to_json()) == found
    assert Sweep.from_dict(found.to_dict()) == found


def test_the_text_has_a_line_a_tensor() -> None:
    lines = str(sweep(lambda a, b: (a * b.exp()).sum(), vector(), vector(), directions=3))
    first, *rest = lines.splitlines()
    assert first == "float64, 3 directions"
    assert [line.split(":")[0] for line in rest] == ["a (6,)", "b (6,)"]
