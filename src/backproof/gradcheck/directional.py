"""The classical check: a central difference along a random direction against ⟨∇L, u⟩."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from backproof._core.checks import positive
from backproof._core.results import Result
from backproof.gradcheck.scalar import central_difference, scalar_problem, unit_direction


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
    differences = []
    with scalar_problem(function, inputs, loss, dtype) as (problem, gradient):
        for segment in problem.segments:
            direction = unit_direction(problem, segment, seed, segment.name)
            differences.append(
                Difference(
                    tensor=segment.name,
                    shape=segment.shape,
                    step=epsilon,
                    numeric=central_difference(problem, direction, epsilon),
                    claimed=float(gradient @ direction),
                )
            )
    return tuple(differences)
