"""What rounding in the backward pass does to a claimed slope."""

import numpy as np
import torch

from backproof._core import seeds
from backproof.gradcheck.line import Array, root_mean_square
from backproof.gradcheck.measuring import Measurer, Reading
from backproof.gradcheck.verdict import threshold

_TINY = 100.0
"""Discrepancies below so many square roots of the roundoff, of the slope, are tiny."""
_COARSE = 1e-10
"""Roundoff above this is that of float32 and below."""
_NEIGHBOURS = 8
"""Points at which the backward pass is repeated."""


def backward_rounding(measurer: Measurer, reading: Reading) -> float:
    """Return the largest discrepancy that rounding in the backward pass explains.

    The backward pass is repeated a few units of roundoff away: what its slope varies by there
    is rounding, since the gradient itself hardly changes. Tiny discrepancies may come from
    roundings that such steps leave as they are; for them the cotangent is multiplied by a
    factor too, in which the gradient is linear, and which is divided out again.
    """
    own, delta = reading.ladder.own, abs(reading.estimate.delta)
    tiny = delta <= _TINY * reading.line.unit_roundoff**0.5 * reading.line.spread()[own]
    problem, cotangent = measurer.problem, measurer.claim.cotangents[own]
    rng = seeds.generator(measurer.seed, "gradcheck.rounding")
    unit = problem.roundoff
    reach = torch.minimum(64 * unit, unit**0.75)  # in half precision 64 units are a quarter
    # One factor for all entries leaves ties as they are, but cancellations too: where roundoff is
    # coarse, as much as those make may be taken for a mistake.
    apart = problem.x.shape if tiny and reading.line.unit_roundoff > _COARSE else ()
    slopes, factors = [], []
    for _ in range(_NEIGHBOURS):
        shift = torch.as_tensor(rng.uniform(-1, 1, apart), device=problem.x.device)
        near = problem.moved_to(problem.x * (1 + reach * shift))
        factor = rng.uniform(0.5, 2) if tiny else 1.0
        pulled = near.linearised().pull(cotangent * factor)
        slopes.append(float(pulled.gradient @ reading.line.direction) / factor)
        factors.append(1 / factor)
    c = threshold(measurer.false_alarm, measurer.tests, _NEIGHBOURS - 2)
    return c * _scatter(np.array(slopes), np.array(factors))


def _scatter(slopes: Array, inverse_factors: Array) -> float:
    """Return the standard deviation about a line in 1/factor.

    What a backward pass adds whatever the cotangent is a mistake, no rounding, and makes a line.
    """
    design = np.stack([np.ones_like(slopes), inverse_factors - inverse_factors.mean()], axis=1)
    coefficients = np.linalg.lstsq(design, slopes, rcond=None)[0]
    residual = slopes - design @ coefficients
    return float(root_mean_square(residual) * (len(slopes) / (len(slopes) - 2)) ** 0.5)
