"""Low precision: the check of a float32 or half target on its float64 shadow.

The shadow is the same target with everything converted to float64. The formula is checked there,
where nothing hides it, and the gradient in the target's own dtype is compared with the shadow's:
the difference is rounding.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from backproof.gradcheck.claims import check_finite
from backproof.gradcheck.problem import Backward, Problem, Target

_SHADOWED = torch.finfo(torch.float64).eps


@dataclass(frozen=True)
class Shadow:
    """A target in float64 beside the same one in its own dtype."""

    problem: Problem
    backward: Backward

    def rounding(self, native: Tensor, shadow: Tensor) -> dict[str, float]:
        """Return, tensor by tensor, the relative difference of two gradients (c, n)."""
        found = {}
        for segment in self.problem.segments:
            size = float(torch.linalg.vector_norm(shadow[:, segment.slice]))
            off = float(torch.linalg.vector_norm((native - shadow)[:, segment.slice]))
            found[segment.name] = off / size if size else (0.0 if off == 0 else float("inf"))
        return found


def is_low(problem: Problem, backward: Backward) -> bool:
    """Say whether a tensor or an output has less than float64."""
    return not problem.all_float64 or bool((backward.roundoff > _SHADOWED).any())


def make_shadow(target: Target, native: Problem, backward: Backward) -> Shadow | None:
    """Return the shadow; None where the target does not run, or gives other values, in float64."""
    try:
        problem = Problem.of(target)
        shadow = problem.linearised()
        check_finite(problem, shadow)
        shadow.pull(torch.ones_like(shadow.outputs))  # the backward pass has to run there too
    except Exception:  # whatever keeps a target from running in float64, it has no shadow
        return None
    low = (shadow.roundoff > _SHADOWED).any() or not problem.all_float64
    if low or shadow.outputs.shape != backward.outputs.shape:
        return None
    size = float(torch.linalg.vector_norm(shadow.outputs))
    off = float(torch.linalg.vector_norm(shadow.outputs - backward.outputs))
    return Shadow(problem, shadow) if off <= tolerance(native, backward) * size else None


def tolerance(native: Problem, backward: Backward) -> float:
    """Return the relative difference up to which the two count as the same but for rounding.

    The square root of the unit roundoff: half of the digits.
    """
    unit = max(float(native.roundoff.max()), float(backward.roundoff.max()))
    return float(unit**0.5)
