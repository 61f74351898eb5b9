"""The difference between numeric and backpropagated slope over a ladder of steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from backproof._core.checks import positive, whole_number
from backproof._core.errors import InputError
from backproof._core.progress import Progress, silent
from backproof._core.results import Result
from backproof._core.seeds import check_seed
from backproof.gradcheck.order import FEWEST_STEPS, ErrorLaw, error_law
from backproof.gradcheck.problem import Problem
from backproof.gradcheck.scalar import central_difference, scalar_problem, unit_direction

Array = NDArray[np.float64]

_DEFAULT_STEPS = tuple(float(step) for step in np.logspace(-1, -9, 33))


@dataclass(frozen=True, kw_only=True)
class Curve(Result):
    """One tensor's differences over the steps."""

    tensor: str
    """The tensor's name."""
    shape: tuple[int, ...]
    """The tensor's shape."""
    differences: tuple[float, ...]
    """Root mean square, over the directions, of numeric minus backpropagated slope; per step."""
    law: ErrorLaw
    """The fitted order, the rounding level and the best step."""

    def __str__(self) -> str:
        return f"{self.tensor} {self.shape}: {self.law}"


@dataclass(frozen=True, kw_only=True)
class Sweep(Result):
    """Differences between numeric and backpropagated slope over a ladder of steps."""

    dtype: str
    """Dtype of the computation."""
    steps: tuple[float, ...]
    """Steps ε along directions of length 1, decreasing."""
    directions: int
    """Random directions behind each point."""
    seed: int
    """Seed of the directions."""
    curves: tuple[Curve, ...]
    """One for each tensor."""

    def __str__(self) -> str:
        return "\n".join([f"{self.dtype}, {self.directions} directions", *map(str, self.curves)])


def sweep(
    function: nn.Module | Callable[..., Any],
    *inputs: Any,
    loss: Callable[[Any], Tensor] | None = None,
    steps: Sequence[float] = _DEFAULT_STEPS,
    directions: int = 8,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    progress: Progress = silent,
) -> Sweep:
    """Measure, for each tensor, the error of the central difference against its step.

    Parameters
    ----------
    function, *inputs, loss, seed, dtype
        As for `directional`.
    steps
        Steps ε, at least 5; the default goes from 1e-1 to 1e-9, four a decade.
    directions
        Random unit directions for each tensor, at least 1.
    progress
        Told after every tensor and direction.

    Returns
    -------
    Sweep
        With the fitted order of the difference: 2 for a right gradient of a smooth function; a
        wrong one adds a constant, and the order falls towards 0 with the size of the error.

    Raises
    ------
    InputError
        If an argument is out of range, there is nothing to check, or the function is not finite
        around the point.
    """
    count = whole_number("directions", directions, at_least=1)
    ladder = sorted((positive("step", step) for step in steps), reverse=True)
    if len(set(ladder)) < len(ladder) or len(ladder) < FEWEST_STEPS:
        raise InputError(f"steps must be distinct and at least {FEWEST_STEPS}, got {ladder}")
    curves: list[Curve] = []
    with scalar_problem(function, inputs, loss, dtype) as (problem, gradient):
        dtype_names = problem.dtype_names()
        total = count * len(problem.segments)
        for segment in problem.segments:
            squares = np.zeros(len(ladder))
            for number in range(count):
                direction = unit_direction(problem, segment, seed, segment.name, number)
                squares += _errors(problem, direction, gradient, ladder) ** 2
                _check_finite(segment.name, squares, ladder)
                done = len(curves) * count + number + 1
                progress(f"gradient sweep, {dtype_names}", done, total)
            differences = tuple(np.sqrt(squares / count).tolist())
            curves.append(
                Curve(
                    tensor=segment.name,
                    shape=segment.shape,
                    differences=differences,
                    law=error_law(ladder, differences),
                )
            )
    return Sweep(
        dtype=dtype_names,
        steps=tuple(ladder),
        directions=count,
        seed=check_seed(seed),
        curves=tuple(curves),
    )


def _errors(
    problem: Problem, direction: Tensor, gradient: Tensor, ladder: Sequence[float]
) -> Array:
    claimed = float(gradient @ direction)
    return np.array([central_difference(problem, direction, step) - claimed for step in ladder])


def _check_finite(name: str, squares: Array, ladder: Sequence[float]) -> None:
    finite = np.isfinite(squares)
    if not finite.all():
        first = ladder[int(np.argmin(finite))]
        raise InputError(
            f"the slope along {name} is not finite at the step {first:g}: expected a function "
            "that is finite around the point; use smaller steps"
        )
