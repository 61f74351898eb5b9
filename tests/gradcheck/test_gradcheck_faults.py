"""Planted faults: a wrong backward shows at its size, at every scale; a right one does not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from backproof.gradcheck import directional, sweep

Backward = Callable[[Tensor, float], Tensor]

_SCALES = [1e-8, 1e-4, 1.0, 1e4, 1e8]
_SMALL = [1e-3, 1e-4, 1e-5]


def right(x: Tensor, scale: float) -> Tensor:
    return scale * (x.exp() + x.cos())


def factor(x: Tensor, scale: float) -> Tensor:
    return 1.001 * right(x, scale)


def sign(x: Tensor, scale: float) -> Tensor:
    return -right(x, scale)


def dropped(x: Tensor, scale: float) -> Tensor:
    return scale * x.exp()


def one_entry(x: Tensor, scale: float) -> Tensor:
    gradient = right(x, scale)
    gradient[2] *= 1.01
    return gradient


_FAULTS = [factor, sign, dropped, one_entry]


def planted(backward: Backward, scale: float) -> Callable[[Tensor], Tensor]:
    """Return scale·Σ(exp x + sin x) with the claimed gradient `backward`."""

    class Planted(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return scale * (x.exp() + x.sin()).sum()

        @staticmethod
        def backward(ctx: Any, *upstream: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return upstream[0] * backward(x, scale)

    def function(x: Tensor) -> Tensor:
        result: Tensor = Planted.apply(x)  # type: ignore[no-untyped-call]
        return result

    return function


def point() -> Tensor:
    return torch.tensor([0.3, -0.7, 1.1, 0.2, -0.1], dtype=torch.float64)


def error(backward: Backward, seed: int) -> float:
    """Return the slope's error that the fault causes, at scale 1, along the seed's direction."""
    x = point()
    (truth,) = directional(planted(right, 1.0), x, step=1e-3, seed=seed)
    (claim,) = directional(planted(backward, 1.0), x, step=1e-3, seed=seed)
    return claim.claimed - truth.claimed


@pytest.mark.parametrize("scale", _SCALES)
@pytest.mark.parametrize("backward", _FAULTS)
def test_a_wrong_backward_shows_at_its_size(backward: Backward, scale: float) -> None:
    expected = scale * error(backward, seed=5)
    assert abs(expected) > 1e-4 * scale
    for step in _SMALL:
        (one,) = directional(planted(backward, scale), point(), step=step, seed=5)
        # Truncation of the numeric slope: ε²/6 times a third derivative of at most e + 1 along
        # the direction; rounding: eps times the value, 10, over the step.
        slack = scale * (step**2 + 1e-14 / step)
        assert one.claimed - one.numeric == pytest.approx(expected, abs=slack)


@pytest.mark.parametrize("scale", _SCALES)
def test_a_right_backward_shows_truncation_and_rounding_alone(scale: float) -> None:
    for step in _SMALL:
        (one,) = directional(planted(right, scale), point(), step=step, seed=5)
        assert one.absolute <= scale * (step**2 + 1e-14 / step)


@pytest.mark.parametrize("scale", _SCALES)
@pytest.mark.parametrize("backward", _FAULTS)
def test_the_order_of_a_wrong_backward_is_zero(backward: Backward, scale: float) -> None:
    # From steps at which even the error of 0.1 % is above the truncation error.
    steps = np.logspace(-2.5, -9, 27).tolist()
    law = sweep(planted(backward, scale), point(), steps=steps).curves[0].law
    assert law.order is not None
    assert abs(law.order) < 0.05


@pytest.mark.parametrize("scale", _SCALES)
def test_the_order_of_a_right_backward_is_two(scale: float) -> None:
    law = sweep(planted(right, scale), point()).curves[0].law
    assert law.order == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("backward", _FAULTS)
def test_the_floor_of_a_wrong_backward_is_its_size(backward: Backward) -> None:
    found = sweep(planted(backward, 1.0), point()).curves[0]
    reference = sweep(planted(right, 1.0), point()).curves[0]
    assert reference.law.floor < 1e-10
    assert found.law.floor > 1e-4


def test_the_difference_is_that_between_the_gradients() -> None:
    # Root mean square over uniform directions of ⟨Δg, u⟩ is |Δg|/√n; 400 directions know it to
    # 1/√800 = 3.5 %; four times that.
    x = point()
    wrong = float(torch.linalg.vector_norm(sign(x, 1.0) - right(x, 1.0)))
    curve = sweep(planted(sign, 1.0), x, directions=400, steps=[1e-3, 1e-4, 1e-5, 1e-6, 1e-7])
    for difference in curve.curves[0].differences:
        assert difference == pytest.approx(wrong / np.sqrt(len(x)), rel=0.14)
