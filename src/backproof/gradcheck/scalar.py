"""A scalar function of tensors with its backpropagated gradient, for checks at a stated step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from backproof._core import seeds
from backproof._core.errors import InputError
from backproof.gradcheck.problem import Problem, Segment
from backproof.gradcheck.surroundings import Surroundings
from backproof.gradcheck.torch_binding import torch_target
from backproof.gradcheck.torch_target import describe


@contextmanager
def scalar_problem(
    function: nn.Module | Callable[..., Any],
    inputs: tuple[Any, ...],
    loss: Callable[[Any], Any] | None,
    dtype: torch.dtype | None,
) -> Iterator[tuple[Problem, Tensor]]:
    """Yield the problem and its backpropagated gradient (n,).

    Raises
    ------
    InputError
        If there is nothing to check, or the value is no scalar tensor.
    """

    def value(result: Any) -> Any:
        scalar = result if loss is None else loss(result)
        if not (isinstance(scalar, Tensor) and scalar.ndim == 0):
            raise InputError(
                f"expected a function with a scalar tensor as its value, got {describe(scalar)}: "
                "pass loss=, a function from the output to a scalar"
            )
        return scalar

    with Surroundings(function, loss, inputs) as surroundings:
        problem = Problem.of(torch_target(function, inputs, value, dtype, surroundings))
        backward = problem.linearised()
        yield problem, backward.pull(torch.ones_like(backward.outputs)).gradient


def unit_direction(problem: Problem, segment: Segment, seed: int, *names: str | int) -> Tensor:
    """(n,) Draw a direction of length 1 in one tensor, uniform on the sphere."""
    rng = seeds.generator(seed, "gradcheck.direction", *names)
    u = torch.zeros_like(problem.x)
    u[segment.slice] = torch.from_numpy(rng.standard_normal(segment.coordinates.count))
    unit: Tensor = u / torch.linalg.vector_norm(u)
    return unit


def central_difference(problem: Problem, direction: Tensor, step: float) -> float:
    """Return (F(x + εu) - F(x - εu)) / 2ε."""
    above, _ = problem.value(problem.x + step * direction)
    below, _ = problem.value(problem.x - step * direction)
    return float((above - below) / (2 * step))
