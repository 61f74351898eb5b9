"""A target along one direction: what is left of it when the claimed slope is taken away."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backproof.gradcheck.problem import Problem

Array = NDArray[np.float64]


def norms(rows: Tensor) -> Array:
    """Return the Euclidean norm of each row, also where squares overflow or underflow."""
    largest = rows.abs().amax(dim=1, keepdim=True)
    unit = torch.where(largest > 0, largest, 1.0)
    return np.asarray((unit[:, 0] * torch.linalg.vector_norm(rows / unit, dim=1)).cpu())


def root_mean_square(values: Array, axis: int = 0) -> Array:
    """Return the root mean square along an axis, also where squares overflow or underflow."""
    largest = np.abs(values).max(axis=axis, keepdims=True)
    unit = np.where((largest > 0) & np.isfinite(largest), largest, 1.0)
    scaled = np.sqrt(np.mean((values / unit) ** 2, axis=axis, keepdims=True))
    return np.asarray((unit * scaled).squeeze(axis))


@dataclass(frozen=True)
class Claim:
    """The claimed derivative at the point of a problem, for several cotangents.

    Legend: c cotangent, m output, n coordinate.
    """

    problem: Problem
    base: Tensor
    """(m,) The outputs at the point."""
    cotangents: Tensor
    """(c, m)"""
    gradients: Tensor
    """(c, n) The claimed vᵀJ of each cotangent."""
    roundoff: Tensor
    """(m,) Unit roundoff of each output's dtype."""
    scatter: Tensor | None = None
    """(c, n) Standard error of the claimed gradients, where the backward pass varies."""

    def corrected(self, gradients: Tensor) -> "Claim":
        """Return the claim with other gradients."""
        return replace(self, gradients=gradients)

    @cached_property
    def output_rounding(self) -> Array:
        """(c,) Rounding error of v·F from rounding its terms to the outputs' dtypes.

        Of all outputs: one that does not change may hide a change below its roundoff.
        """
        terms = self.cotangents * (self.roundoff * self.base)
        return norms(terms)

    @cached_property
    def coarsest_roundoff(self) -> float:
        """The coarsest unit roundoff of the outputs."""
        return float(self.roundoff.max())

    def gradient_rounding(self, direction: Tensor) -> Array:
        """(c,) Error of ⟨g, u⟩ from rounding g to the tensors' dtypes, and from its scatter."""
        terms = self.gradients * (self.problem.roundoff * direction)
        error = norms(terms)
        return error if self.scatter is None else np.hypot(error, norms(self.scatter * direction))


class Step(NamedTuple):
    """Both sides of the point at one step; entries one a cotangent."""

    forward: Array
    backward: Array


@dataclass
class Line:
    """The residual r(t) = v·(F(x + tu) - F(x)) - ⟨g, Δx⟩ along a direction u.

    Δx is the step that is left after rounding x + tu to the dtypes. F(x) is subtracted entry by
    entry before the sum, which would lose digits otherwise.
    """

    claim: Claim
    direction: Tensor
    """(n,) u; 1 is a step by about the size of the coordinates."""
    constant_within: float = field(default=0.0, init=False)
    """Largest step of which neither side changed any output in the least bit."""
    changed_at: float = field(default=np.inf, init=False)
    """Smallest step at which an output changed."""
    refusal: Exception | None = field(default=None, init=False)
    """What the target raised, first, at points that it has no value at."""
    largest: Array = field(init=False)
    """(c,) Largest |v·(F(x + tu) - F(x))| met."""

    def __post_init__(self) -> None:
        self.largest = np.zeros(len(self.claim.cotangents))

    @property
    def unit_roundoff(self) -> float:
        """The coarsest unit roundoff of the coordinates."""
        return float(self.claim.problem.roundoff.max())

    def residual(self, t: float) -> Array:
        """(c,) Return r(t), one entry a cotangent; NaN where the target has no value."""
        return self.rise_and_residual(t)[1]

    def rise_and_residual(self, t: float) -> tuple[Array, Array]:
        """(c,) Return v·(F(x + tu) - F(x)), and what is left of it as r(t)."""
        claim = self.claim
        moved = claim.problem.x + t * self.direction
        try:
            outputs, rounded = claim.problem.value(moved)
        except Exception as error:
            self._refused(moved, error)
            nothing = np.full(len(claim.cotangents), np.nan)
            return nothing, nothing
        change = outputs - claim.base
        self._notice(abs(t), bool((change != 0).any()))
        risen = claim.cotangents @ change
        claimed = claim.gradients @ (rounded - claim.problem.x)
        rise = np.asarray(risen.cpu())
        with np.errstate(invalid="ignore"):
            self.largest = np.fmax(self.largest, np.where(np.isfinite(rise), np.abs(rise), 0.0))
        return rise, np.asarray((risen - claimed).cpu())

    def step(self, h: float) -> Step:
        """Return r(h) and r(-h)."""
        return Step(self.residual(h), self.residual(-h))

    def floor(self) -> Array:
        """(c,) The least noise that v·F can have: the standard deviation of rounding it."""
        return 0.6 * np.maximum(
            self.claim.output_rounding, self.claim.coarsest_roundoff * self.largest
        )

    def claimed_slope(self) -> Array:
        """(c,) Return ⟨g, u⟩."""
        return np.asarray((self.claim.gradients @ self.direction).cpu())

    def spread(self) -> Array:
        """(c,) Return ‖g∘u‖, the size of a slope along a random direction."""
        return norms(self.claim.gradients * self.direction)

    def _refused(self, moved: Tensor, error: Exception) -> None:
        """Take an exception for the edge of the domain if it comes again at the same point."""
        try:
            self.claim.problem.value(moved)
        except type(error):
            self.refusal = self.refusal or error
        else:
            raise error

    def _notice(self, step: float, changed: bool) -> None:
        if changed:
            self.changed_at = min(self.changed_at, step)
        elif step < self.changed_at:
            self.constant_within = max(self.constant_within, step)
