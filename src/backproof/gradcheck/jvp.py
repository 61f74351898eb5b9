"""Forward against reverse mode: two derivatives of one function that have to be adjoint."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from backproof._core import seeds
from backproof._core.results import Result
from backproof._core.seeds import check_seed
from backproof.gradcheck.adapt import check_callables
from backproof.gradcheck.claims import check_finite
from backproof.gradcheck.coordinates import from_real_vector, real_vector
from backproof.gradcheck.precision import is_low
from backproof.gradcheck.problem import Backward, Problem, Segment
from backproof.gradcheck.surroundings import Surroundings
from backproof.gradcheck.torch_binding import torch_target
from backproof.gradcheck.torch_target import TorchTarget
from backproof.gradcheck.verdict import Verdict, threshold, worst

_PAIRS = 4
_NEIGHBOURS = 8
"""Places nearby at which the rounding of terms that cancel is measured."""
_FALSE_ALARM = 1e-6
_COARSEST = 1e-2
"""An AGREE that would miss a difference of 1 % would say too little."""
_UNITS = 64.0
"""Rounding that both modes may have between them, in units of roundoff for √terms."""


@dataclass(frozen=True, kw_only=True)
class AdjointCheck(Result):
    """One tensor, its worst pair of direction and cotangent."""

    name: str
    """The tensor's name."""
    shape: tuple[int, ...]
    """The tensor's shape."""
    verdict: Verdict
    """DISAGREE where the two differ by more than rounding; UNRESOLVED where one is missing."""
    forward: float | None
    """⟨v, Ju⟩ by forward mode; ``None`` where that does not exist or is not finite."""
    reverse: float | None
    """⟨vᵀJ, u⟩ by reverse mode; ``None`` where it is not finite."""
    tolerance: float
    """Rounding error of the two, from the dtype and the sizes of the terms."""
    reason: str = ""
    """Why it could not be told."""

    def __str__(self) -> str:
        if self.forward is None or self.reverse is None:
            return f"{self.verdict.upper():<11}{self.name} {self.shape}: {self.reason}"
        difference = abs(self.forward - self.reverse)
        return (
            f"{self.verdict.upper():<11}{self.name} {self.shape}: forward and reverse mode differ "
            f"by {difference:.1e} of {abs(self.reverse):.1e} (rounding {self.tolerance:.1e})"
        )


@dataclass(frozen=True, kw_only=True)
class JvpReport(Result):
    """Forward against reverse mode, tensor by tensor."""

    verdict: Verdict
    """The worst of the tensors'."""
    tensors: tuple[AdjointCheck, ...]
    """One for each tensor."""
    seed: int
    """Seed of directions and cotangents."""

    def __str__(self) -> str:
        return "\n".join(map(str, self.tensors))


def check_jvp(
    target: nn.Module | Callable[..., Any],
    *inputs: Any,
    loss: Callable[[Any], Any] | None = None,
    seed: int = 0,
) -> JvpReport:
    """Compare ⟨v, Ju⟩ of forward mode with ⟨vᵀJ, u⟩ of reverse mode, to rounding.

    Parameters
    ----------
    target, *inputs, loss, seed
        As for `check`; PyTorch only.

    Returns
    -------
    JvpReport
        UNRESOLVED where the target has no forward mode, such as a custom ``autograd.Function``
        without ``jvp``. That both agree does not make them right: a mistake in the forward pass's
        formula is in both.

    Raises
    ------
    InputError
        If an argument is not as described, or there is nothing to check.
    """
    check_callables(target, loss)
    with Surroundings(target, loss, inputs) as surroundings:
        made = torch_target(target, inputs, loss, None, surroundings)
        problem = Problem.of(made)
        backward = problem.linearised()
        check_finite(problem, backward)
        if is_low(problem, backward):
            shadow = torch_target(target, inputs, loss, torch.float64, surroundings)
            made, problem, backward = _in_float64(shadow) or (made, problem, backward)
        comparison = _Comparison(made, problem, backward, check_seed(seed))
        checks = tuple(comparison.of(segment) for segment in problem.segments)
    verdict = worst([one.verdict for one in checks])
    return JvpReport(verdict=verdict, tensors=checks, seed=check_seed(seed))


def _in_float64(target: TorchTarget) -> tuple[TorchTarget, Problem, Backward] | None:
    """Return a target made float64, if it runs so: then rounding hides nothing."""
    try:
        problem = Problem.of(target)
        backward = problem.linearised()
    except Exception:  # whatever keeps it from running
        return None
    return None if is_low(problem, backward) else (target, problem, backward)


@dataclass(frozen=True)
class _Comparison:
    """Both modes of one target, for pairs of direction and cotangent."""

    target: TorchTarget
    problem: Problem
    backward: Backward
    seed: int

    def of(self, segment: Segment) -> AdjointCheck:
        """Return the pair that shows a difference best."""
        rng = seeds.generator(self.seed, "gradcheck.jvp", segment.name)
        found = []
        for _ in range(_PAIRS):
            u = torch.zeros_like(self.problem.x)
            drawn = torch.from_numpy(rng.standard_normal(segment.coordinates.count))
            u[segment.slice] = drawn.to(u.device)
            drawn = torch.from_numpy(rng.standard_normal(len(self.backward.outputs)))
            v = self.backward.rounded(drawn.to(u.device))
            found.append(self._pair(segment, u, v, rng))
        return max(found, key=_excess)

    def _pair(
        self, segment: Segment, u: Tensor, v: Tensor, rng: np.random.Generator
    ) -> AdjointCheck:
        tangent, reason = _pushed(self.target, self.problem, u)
        pulled = self.backward.pull(v).gradient
        reverse = float(pulled @ u)
        forward, tolerance, coarse = None, 0.0, False
        if tangent is not None:
            forward = float(v @ tangent)
            unit = max(float(self.problem.roundoff.max()), float(self.backward.roundoff.max()))
            terms = float((pulled * u).abs().sum()) + float((v * tangent).abs().sum())
            tolerance, coarse = _UNITS * unit * terms, _UNITS * unit > _COARSEST
            if np.isfinite(forward - reverse) and abs(forward - reverse) > tolerance:
                tolerance += self._cancelled(forward - reverse, u, v, rng)
        verdict, why = _verdict(forward, reverse, tolerance, coarse=coarse)
        return AdjointCheck(
            name=segment.name,
            shape=segment.shape,
            verdict=verdict,
            forward=_finite(forward),
            reverse=_finite(reverse),
            tolerance=tolerance if np.isfinite(tolerance) else 0.0,
            reason=reason or why,
        )

    def _cancelled(
        self, difference: float, u: Tensor, v: Tensor, rng: np.random.Generator
    ) -> float:
        """Return the rounding of terms that cancelled inside: the scatter of the difference nearby.

        With point, direction and cotangent a few units of roundoff away, both modes round anew,
        and a real difference stays.
        """
        differences = [difference]
        for _ in range(_NEIGHBOURS):
            near = self.problem.moved_to(_shaken(self.problem.x, self.problem.roundoff, rng))
            direction = _shaken(u, self.problem.roundoff, rng)
            cotangent = self.backward.rounded(_shaken(v, self.backward.roundoff, rng))
            tangent, _ = _pushed(self.target, near, direction)
            if tangent is None:
                return 0.0
            pulled = near.linearised().pull(cotangent).gradient
            differences.append(float(cotangent @ tangent) - float(pulled @ direction))
        quantile = threshold(_FALSE_ALARM, _PAIRS * len(self.problem.segments), _NEIGHBOURS)
        return quantile * float(np.std(differences, ddof=1))


def _shaken(vector: Tensor, roundoff: Tensor, rng: np.random.Generator) -> Tensor:
    units = torch.from_numpy(rng.uniform(-4, 4, len(vector))).to(vector.device)
    return vector * (1 + units * roundoff)


def _pushed(target: TorchTarget, problem: Problem, direction: Tensor) -> tuple[Tensor | None, str]:
    """Return J·direction (m,) by forward mode, or why there is none."""
    with warnings.catch_warnings(), torch.inference_mode(False), forward_ad.dual_level():
        warnings.simplefilter("ignore", DeprecationWarning)  # of PyTorch's own parts
        duals = {}
        for segment in problem.segments:
            like = segment.coordinates.tensor
            if like.layout != torch.strided:
                return None, f"no forward mode for {segment.name}, which is sparse"
            part = problem.x[segment.slice].to(like.device)
            tangent = from_real_vector(direction[segment.slice].to(like.device), like)
            primal = segment.coordinates.rebuilt(part)
            duals[segment.name] = forward_ad.make_dual(primal, tangent)  # type: ignore[no-untyped-call]
        try:
            outputs = target.selected(target.call(duals))
        except (NotImplementedError, RuntimeError) as error:
            return None, f"no forward mode: {_first_sentence(error)}"
        parts = []
        for output in outputs:
            part = forward_ad.unpack_dual(output).tangent  # type: ignore[no-untyped-call]
            parts.append(real_vector(torch.zeros_like(output) if part is None else part))
    return torch.cat(parts).to(problem.x.device), ""


def _first_sentence(error: Exception) -> str:
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return "its jvp returns no tangent" if "INTERNAL ASSERT" in text else text.split(". ")[0]


def _verdict(
    forward: float | None, reverse: float, tolerance: float, *, coarse: bool
) -> tuple[Verdict, str]:
    """Return the verdict and its reason; `coarse` where a unit of roundoff is too much to agree."""
    if forward is None:
        return Verdict.UNRESOLVED, ""
    if not (np.isfinite(forward) and np.isfinite(reverse)):
        return Verdict.DISAGREE, "one of the two is not finite"
    if abs(forward - reverse) > tolerance:
        return Verdict.DISAGREE, ""
    size = max(abs(forward), abs(reverse))
    # A size below the tolerance is cancellation, unless the dtype alone hides as much.
    if tolerance > _COARSEST * size and (size > tolerance or coarse):
        return Verdict.UNRESOLVED, "rounding hides differences below 1 %"
    return Verdict.AGREE, ""


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None


def _excess(one: AdjointCheck) -> float:
    if one.forward is None or one.reverse is None:
        return float("inf")
    difference = abs(one.forward - one.reverse)
    return difference / one.tolerance if one.tolerance else float(difference > 0)
