"""The classical check: a central difference along a random direction against ⟨∇L, u⟩."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from backproof._core import seeds
from backproof._core.checks import positive
from backproof._core.results import Result
from backproof.gradcheck.target import Target, target


@dataclass(frozen=True, kw_only=True)
class Difference(Result):
    """One parameter tensor, one direction, one step."""

    tensor: str
    """The tensor's name."""
    shape: tuple[int, ...]
    """The tensor's shape."""
    step: float
    """Step ε along the unit direction u."""
    numeric: float
    """Central difference (L(θ + εu) - L(θ - εu)) / 2ε."""
    claimed: float
    """The backpropagated slope ⟨∇L, u⟩."""

    @property
    def absolute(self) -> float:
        """Absolute difference of the two."""
        return abs(self.numeric - self.claimed)

    def __str__(self) -> str:
        return f"{self.tensor} at ε = {self.step:.0e}: {self.absolute:.3e}"


def directional(
    function: nn.Module | Callable[..., Any],
    *inputs: Any,
    step: float,
    loss: Callable[[Any], Tensor] | None = None,
    seed: int = 0,
    dtype: torch.dtype | None = None,
) -> tuple[Difference, ...]:
    """Compare, tensor by tensor, a central difference with the backpropagated slope.

    Parameters
    ----------
    function
        A module, whose parameters are checked, or a function of tensors, whose floating-point
        inputs are checked.
    *inputs
        What the module or the function is called with.
    step
        Step ε > 0 along a direction of length 1, drawn uniformly for each tensor.
    loss
        From the output to a scalar tensor; ``None`` where the output is one.
    seed
        Seed of the directions; the same seed draws the same ones whatever `step` and `dtype`.
    dtype
        Convert parameters and inputs to this dtype; ``None`` keeps theirs.

    Returns
    -------
    tuple of Difference
        One for each tensor. The difference is the truncation error of the central difference,
        O(ε²), plus the rounding error of the two values over 2ε; it judges nothing.

    Raises
    ------
    InputError
        If there is nothing to check, or the function's value is no scalar.
    """
    epsilon = positive("step", step)
    checked = target(function, inputs, loss, dtype)
    gradients = checked.gradient()
    differences = []
    for name, tensor in checked.point.items():
        direction = unit_direction(tensor, seed, name)
        differences.append(
            Difference(
                tensor=name,
                shape=tuple(tensor.shape),
                step=epsilon,
                numeric=central_difference(checked, name, direction, epsilon),
                claimed=slope(gradients[name], direction),
            )
        )
    return tuple(differences)


def unit_direction(tensor: Tensor, seed: int, *names: str | int) -> Tensor:
    """Draw a direction of length 1, uniform on the sphere, float64, in the shape of `tensor`."""
    rng = seeds.generator(seed, "gradcheck.direction", *names)
    u = torch.tensor(rng.standard_normal(tuple(tensor.shape)), device=tensor.device)
    unit: Tensor = u / torch.linalg.vector_norm(u)
    return unit


def slope(gradient: Tensor, direction: Tensor) -> float:
    """Return ⟨gradient, direction⟩, summed in float64."""
    return float((gradient.to(torch.float64) * direction).sum())


def central_difference(checked: Target, name: str, direction: Tensor, step: float) -> float:
    """Return the central difference of `checked` along `direction` in the tensor `name`."""
    tensor = checked.point[name]
    move = (step * direction).to(tensor.dtype)
    above = checked.value({**checked.point, name: tensor + move})
    below = checked.value({**checked.point, name: tensor - move})
    return (above - below) / (2 * step)
