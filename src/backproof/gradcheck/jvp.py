"""Forward against reverse mode: two derivatives of one function that have to be adjoint."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from backproof._core import seeds
from backproof._core.results import Result
from backproof._core.seeds import check_seed
from backproof.gradcheck.coordinates import from_real_vector, real_vector
from backproof.gradcheck.problem import Problem
from backproof.gradcheck.surroundings import Surroundings
from backproof.gradcheck.torch_target import TorchTarget, torch_target
from backproof.gradcheck.verdict import Verdict, worst

_PAIRS = 4
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
    """⟨v, Ju⟩ by forward mode; ``None`` where that does not exist."""
    reverse: float
    """⟨vᵀJ, u⟩ by reverse mode."""
    tolerance: float
    """Rounding error of the two, from the dtype and the sizes of the terms."""
    reason: str = ""
    """Why it could not be told."""

    def __str__(self) -> str:
        if self.forward is None:
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
    check_seed(seed)
    with Surroundings(target, loss) as surroundings:
        made = torch_target(target, inputs, loss, None, surroundings)
        problem = Problem.of(made)
        backward = problem.linearised()
        rng = seeds.generator(seed, "gradcheck.jvp")
        found: dict[str, AdjointCheck] = {}
        for _ in range(_PAIRS):
            u = torch.from_numpy(rng.standard_normal(len(problem.x))).to(problem.x.device)
            drawn = torch.from_numpy(rng.standard_normal(len(backward.outputs)))
            v = backward.rounded(drawn.to(problem.x.device))
            pulled = backward.pull(v).gradient
            for segment in problem.segments:
                only = torch.zeros_like(u)
                only[segment.slice] = u[segment.slice]
                unit = max(float(problem.roundoff.max()), float(backward.roundoff.max()))
                terms = float((pulled * only).abs().sum())
                tangent, reason = _pushed(made, problem, only)
                reverse = float(pulled @ only)
                forward = None if tangent is None else float(v @ tangent)
                if tangent is not None:
                    terms += float((v * tangent).abs().sum())
                tolerance = _UNITS * unit * terms
                one = AdjointCheck(
                    name=segment.name,
                    shape=segment.shape,
                    verdict=_verdict(forward, reverse, tolerance),
                    forward=forward,
                    reverse=reverse,
                    tolerance=tolerance,
                    reason=reason,
                )
                before = found.get(segment.name)
                if before is None or _excess(one) > _excess(before):
                    found[segment.name] = one
    checks = tuple(found.values())
    return JvpReport(verdict=worst([one.verdict for one in checks]), tensors=checks, seed=seed)


def _pushed(target: TorchTarget, problem: Problem, direction: Tensor) -> tuple[Tensor | None, str]:
    """Return J·direction (m,) by forward mode, or why there is none."""
    with torch.inference_mode(False), forward_ad.dual_level():
        duals = {}
        for segment in problem.segments:
            like = segment.coordinates.tensor
            if like.layout != torch.strided:
                return None, "forward mode needs dense tensors"
            tangent = from_real_vector(direction[segment.slice].to(like.device), like)
            duals[segment.name] = forward_ad.make_dual(like.clone(), tangent)  # type: ignore[no-untyped-call]
        try:
            outputs = target.selected(target.call(duals))
        except (NotImplementedError, RuntimeError) as error:
            return None, f"no forward mode: {str(error).strip().splitlines()[0]}"
        parts = []
        for output in outputs:
            part = forward_ad.unpack_dual(output).tangent  # type: ignore[no-untyped-call]
            parts.append(real_vector(torch.zeros_like(output) if part is None else part))
    return torch.cat(parts).to(problem.x.device), ""


def _verdict(forward: float | None, reverse: float, tolerance: float) -> Verdict:
    if forward is None:
        return Verdict.UNRESOLVED
    return Verdict.AGREE if abs(forward - reverse) <= tolerance else Verdict.DISAGREE


def _excess(one: AdjointCheck) -> float:
    if one.forward is None:
        return float("inf")
    return abs(one.forward - one.reverse) / (one.tolerance or 1.0)
