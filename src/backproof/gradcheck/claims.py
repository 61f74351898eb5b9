"""The claimed gradient at a point: asked for several cotangents, and more than once."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from backproof._core import seeds
from backproof._core.errors import InputError
from backproof.gradcheck.line import Claim
from backproof.gradcheck.measuring import DIRECTIONS
from backproof.gradcheck.problem import Backward, Problem

_REPEATS = 8
"""Backward passes behind the mean of a gradient that varies."""


@dataclass(frozen=True)
class Asked:
    """The answer."""

    claim: Claim
    missing: frozenset[str] = frozenset()
    """Tensors for which there was no gradient at all."""
    not_finite: dict[str, list[int]] = field(default_factory=dict)
    """Coordinates with NaN or Inf in the claimed gradient, for each tensor that has some."""
    infinite: frozenset[str] = frozenset()
    """Those of these tensors that have no NaN, only Inf."""
    variation: float = 0.0
    """Largest difference between repeated backward passes, relative to the largest entry."""


def draw_cotangents(backward: Backward, seed: int) -> Tensor:
    """(c, m) Draw standard normal cotangents, rounded as the outputs are; 1 for one number."""
    outputs = backward.outputs
    if len(outputs) == 1:
        return torch.ones(1, 1, dtype=torch.float64, device=outputs.device)
    rng = seeds.generator(seed, "gradcheck.cotangent")
    drawn = torch.from_numpy(rng.standard_normal((DIRECTIONS, len(outputs))))
    return torch.stack([backward.rounded(v.to(outputs.device)) for v in drawn])


def ask(problem: Problem, backward: Backward, cotangents: Tensor) -> Asked:
    """Pull all cotangents back at the point, the first of them twice.

    Raises
    ------
    InputError
        If the point or the value there is not finite.
    """
    check_finite(problem, backward)
    try:
        pulled = [backward.pull(v) for v in cotangents]
    except InputError:
        raise
    except Exception as error:
        number = problem.target.counts.evaluations
        error.add_note(f"raised by the claimed gradient, at evaluation {number} of the check")
        raise
    gradients = torch.stack([one.gradient for one in pulled])
    not_finite, infinite = _not_finite(problem, gradients)
    again = backward.pull(cotangents[0]).gradient
    variation, scatter = 0.0, None
    if not torch.equal(again.nan_to_num(), gradients[0].nan_to_num()):
        gradients, scatter, variation = _repeated(backward, cotangents)
    base, _ = problem.value(problem.x)
    claim = Claim(
        problem=problem,
        base=base,
        cotangents=cotangents,
        gradients=gradients.nan_to_num(0.0, 0.0, 0.0),
        roundoff=backward.roundoff,
        scatter=scatter,
    )
    missing = frozenset.union(*(one.missing for one in pulled))
    return Asked(claim, missing, not_finite, infinite, variation)


def check_finite(problem: Problem, backward: Backward) -> None:
    """Raise `InputError` where the point or the value there has NaN or Inf."""
    for segment in problem.segments:
        bad = torch.nonzero(~torch.isfinite(problem.x[segment.slice])).reshape(-1)
        if len(bad):
            index = segment.coordinates.index(int(bad[0]))
            raise InputError(
                f"{segment.name} is not finite at index {index}: expected a point without NaN "
                "and Inf; hold such a tensor fixed by requires_grad_(False)"
            )
    bad = torch.nonzero(~torch.isfinite(backward.outputs)).reshape(-1)
    if len(bad):
        raise InputError(
            f"the target's value is not finite at the point: number {int(bad[0])} of "
            f"{len(backward.outputs)} in the output is {float(backward.outputs[bad[0]])}; choose a "
            "point in the function's domain"
        )


def _not_finite(problem: Problem, gradients: Tensor) -> tuple[dict[str, list[int]], frozenset[str]]:
    bad = ~torch.isfinite(gradients).all(dim=0)
    found: dict[str, list[int]] = {}
    infinite = set()
    for segment in problem.segments:
        places = torch.nonzero(bad[segment.slice]).reshape(-1)
        if len(places):
            found[segment.name] = (places + segment.start).tolist()
            if not torch.isnan(gradients[:, segment.slice]).any():
                infinite.add(segment.name)
    return found, frozenset(infinite)


def _repeated(backward: Backward, cotangents: Tensor) -> tuple[Tensor, Tensor, float]:
    """Return means and standard errors over repeated backward passes, and the largest spread."""
    # r repetition, c cotangent, n coordinate
    runs = torch.stack(
        [torch.stack([backward.pull(v).gradient for v in cotangents]) for _ in range(_REPEATS)]
    )
    spread = float((runs.amax(dim=0) - runs.amin(dim=0)).abs().max())
    size = float(runs.abs().max())
    error = runs.std(dim=0) / _REPEATS**0.5
    return runs.mean(dim=0), error, spread / size if size else 0.0
