"""Taylor remainders: by which power of the step a claimed gradient is wrong."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from backproof._core import seeds
from backproof._core.checks import positive
from backproof._core.errors import InputError
from backproof._core.results import Result
from backproof._core.seeds import check_seed
from backproof.gradcheck.adapt import make_target
from backproof.gradcheck.claims import ask, draw_cotangents
from backproof.gradcheck.line import Line
from backproof.gradcheck.noise import measure_noise
from backproof.gradcheck.problem import Problem, Segment
from backproof.gradcheck.surroundings import Surroundings

_DEFAULT_STEPS = tuple(0.1 / 2**k for k in range(12))
_FEWEST = 3
_CLEAR = 30.0
"""A remainder so many times the noise shows its order to a few percent."""
_ORDER_ONE, _ORDER_TWO = 1.2, 1.8
"""Orders below the first count as 1, above the second as 2; between them nothing is told."""


class TaylorVerdict(StrEnum):
    """What the order of the remainders says."""

    RIGHT = "right"
    """The remainder falls as h² or faster."""
    WRONG = "wrong"
    """The remainder falls as h: the claimed slope is not the slope."""
    INCONCLUSIVE = "inconclusive"
    """The remainder is rounding, as for linear functions, or its order lies between."""


@dataclass(frozen=True, kw_only=True)
class Remainders(Result):
    """The Taylor remainders of one tensor along a random direction."""

    tensor: str
    """The tensor's name."""
    shape: tuple[int, ...]
    """The tensor's shape."""
    verdict: TaylorVerdict
    """Whether the claimed gradient is right."""
    order: float | None
    """Order p of the remainder, ~h^p, over the finest steps above the noise; ``None`` if hidden."""
    remainders: tuple[float, ...]
    """``|F(x + hu) - F(x) - h⟨g, u⟩|`` at each step."""
    noise: float
    """Level below which a remainder is noise of the evaluation."""

    def __str__(self) -> str:
        order = (
            "none above rounding (linear, or too small)"
            if self.order is None
            else f"{self.order:.3f}"
        )
        return f"{self.verdict.upper():<13}{self.tensor} {self.shape}: order {order}"


@dataclass(frozen=True, kw_only=True)
class Taylor(Result):
    """Taylor remainders of every tensor."""

    steps: tuple[float, ...]
    """Steps h, decreasing, in units of each tensor's root mean square (1 where it is zero)."""
    tensors: tuple[Remainders, ...]
    """One for each tensor."""
    seed: int
    """Seed of the directions."""

    def __str__(self) -> str:
        return "\n".join(map(str, self.tensors))


def taylor(
    target: nn.Module | Callable[..., Any],
    *inputs: Any,
    loss: Callable[[Any], Any] | None = None,
    gradient: Callable[..., Any] | None = None,
    steps: Sequence[float] = _DEFAULT_STEPS,
    seed: int = 0,
) -> Taylor:
    """Measure how fast the first-order Taylor remainder falls, tensor by tensor.

    Parameters
    ----------
    target, *inputs, loss, gradient, seed
        As for `check`.
    steps
        Steps h > 0, at least 3, in units of each tensor's root mean square.

    Returns
    -------
    Taylor
        A right gradient of a smooth function has order 2, a wrong one order 1. Where the
        remainder is no larger than the evaluation's noise, no order is told from it. Errors so
        small that the remainder of second order still hides them at the smallest step pass as
        RIGHT; `check` says how small an error it would see.

    Raises
    ------
    InputError
        As `check` does, and if the steps are not as described.
    """
    if not isinstance(steps, Iterable):
        raise InputError(f"steps must be at least {_FEWEST} distinct numbers, got {steps!r}")
    ladder = sorted((positive("step", step) for step in steps), reverse=True)
    if len(set(ladder)) < max(len(ladder), _FEWEST):
        raise InputError(f"steps must be at least {_FEWEST} distinct numbers, got {ladder}")
    with Surroundings(target, loss, gradient, inputs) as surroundings:
        problem = Problem.of(make_target(target, inputs, loss, gradient, surroundings))
        backward = problem.linearised()
        claim = ask(problem, backward, draw_cotangents(backward, check_seed(seed))).claim
        found = tuple(
            _remainders(segment, Line(claim, _direction(problem, segment, seed)), ladder)
            for segment in problem.segments
        )
    return Taylor(steps=tuple(ladder), tensors=found, seed=check_seed(seed))


def _direction(problem: Problem, segment: Segment, seed: int) -> Tensor:
    part = problem.x[segment.slice]
    scale = float(torch.linalg.vector_norm(part)) / len(part) ** 0.5 or 1.0
    rng = seeds.generator(seed, "gradcheck.taylor", segment.name)
    direction = torch.zeros_like(problem.x)
    direction[segment.slice] = scale * torch.from_numpy(rng.standard_normal(len(part)))
    return direction


def _remainders(segment: Segment, line: Line, steps: Sequence[float]) -> Remainders:
    sizes = np.array([abs(float(line.residual(step)[0])) for step in steps])
    if not np.isfinite(sizes).all():
        first = steps[int(np.argmin(np.isfinite(sizes)))]
        raise InputError(
            f"the target is not finite along {segment.name} at the step {first:g}: use smaller "
            "steps"
        )
    level = float(measure_noise(line, 0).at_least(line.floor())[0])
    rounding = float(line.claim.gradient_rounding(line.direction)[0])
    clear = sizes > _CLEAR * (level + rounding * np.array(steps))
    order = _order(np.array(steps), sizes, clear)
    return Remainders(
        tensor=segment.name,
        shape=segment.shape,
        verdict=_verdict(order),
        order=order,
        remainders=tuple(sizes.tolist()),
        noise=level,
    )


def _verdict(order: float | None) -> TaylorVerdict:
    if order is None or _ORDER_ONE < order < _ORDER_TWO:
        return TaylorVerdict.INCONCLUSIVE
    return TaylorVerdict.RIGHT if order >= _ORDER_TWO else TaylorVerdict.WRONG


def _order(steps: Any, sizes: Any, clear: Any) -> float | None:
    """Fit the order over the finest half of the steps above the noise, at least three."""
    usable = int(np.argmin(clear)) if not clear.all() else len(clear)
    if usable < _FEWEST:
        return None
    chosen = slice(usable - max(_FEWEST, usable // 2), usable)
    slope, _ = np.polyfit(np.log(steps[chosen]), np.log(sizes[chosen]), 1)
    return float(slope)
