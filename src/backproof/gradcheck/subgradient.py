"""Kinks at the point: what may be claimed there.

Clarke's generalised gradient is the convex hull of the derivatives at the points around. An entry
is accepted between the smallest and the largest slope found along it, at the point to either side
and at points beside it, provided that the gradient is right at a point beside it.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from backproof._core import seeds
from backproof.gradcheck.claims import ask
from backproof.gradcheck.judge import Judge, Outcome
from backproof.gradcheck.line import Line
from backproof.gradcheck.localise import Entry, Localisation, Localiser
from backproof.gradcheck.problem import Segment
from backproof.gradcheck.verdict import Verdict

_BESIDE = 1e-3
"""Distance of the points beside it, in units of a step."""
_POINTS = 32
"""Points beside it at which slopes are looked at."""
_NEAR = 1e-5
"""Step of the slopes to both sides of the point."""


def at_kink(judge: Judge, segment: Segment) -> tuple[Outcome, Localisation]:
    """Judge a tensor with a kink at the point; the entries are those that cannot be accepted."""
    outcome = judge.outcomes[segment.name]
    beside = _judged_beside(judge, segment)
    if beside is None:
        return outcome, Localisation()
    there = beside.outcomes[segment.name]
    if there.verdict is Verdict.UNRESOLVED:
        reason = f"{outcome.reason}; beside it: {there.reason}"
        return replace(outcome, reason=reason), Localisation()
    if there.verdict is Verdict.DISAGREE:
        reason = f"{outcome.reason}, and at a point beside it the gradient is wrong too"
        found = localiser(beside, segment).run()
        return replace(there, reason=reason), found
    found = localiser(judge, segment, kinked=True).run()
    around = _Around(judge, segment)
    doubted = [entry for entry in found.wrong if not around.accepts(entry)]
    refused = [entry for entry in doubted if around.has_kink_along(entry)]
    if doubted and not refused:
        reason = f"{outcome.reason}, and no slope like the claimed one was found around it"
        return replace(outcome, reason=reason), Localisation()
    if refused:
        reason = f"{outcome.reason}, and the claim lies outside the slopes around it"
        entries = Localisation(entries=refused, complete=False, sampled=found.sampled)
        return replace(outcome, verdict=Verdict.DISAGREE, reason=reason), entries
    return (
        replace(
            outcome,
            verdict=Verdict.AGREE,
            label="subgradient",
            reason=f"{outcome.reason}; the claim lies between the slopes around it, and is right "
            "beside it",
            resolution=there.resolution,
        ),
        Localisation(),
    )


def localiser(judge: Judge, segment: Segment, *, kinked: bool = False) -> Localiser:
    """Return the search for the wrong entries of a tensor that a judge found to disagree."""
    reading = (judge.kinked if kinked else judge.suspects)[segment.name]
    return Localiser(
        claim=judge.claim,
        segment=segment,
        own=reading.ladder.own,
        scale=judge.scale,
        noise=reading.ladder.noise,
        c=judge.c,
        seed=judge.seed,
    )


def _judged_beside(judge: Judge, segment: Segment) -> Judge | None:
    """Judge the tensor at a point beside; None where the target has no value at any."""
    for offset in _offsets(judge, segment, 2):
        problem = judge.problem.moved_to(judge.problem.x + offset)
        backward = problem.linearised()
        finite = torch.isfinite(backward.outputs).all()
        if not finite:
            continue
        asked = ask(problem, backward, judge.claim.cotangents)
        if asked.not_finite:
            continue
        beside = Judge(problem, asked.claim, judge.seed, judge.false_alarm, judge.miss)
        beside.run([segment.name])
        return beside
    return None


def _offsets(judge: Judge, segment: Segment, count: int) -> list[Tensor]:
    """(n,) Draw small moves of one tensor."""
    rng = seeds.generator(judge.seed, "gradcheck.beside", segment.name)
    mask = judge.problem.subset([segment.name]) * judge.scale * _BESIDE
    shape = (count, len(judge.problem.x))
    return list(torch.from_numpy(rng.standard_normal(shape)).to(mask.device) * mask)


class _Around:
    """The slopes around a point, along single entries of one tensor."""

    def __init__(self, judge: Judge, segment: Segment) -> None:
        self._judge = judge
        reading = judge.kinked[segment.name]
        self._own = reading.ladder.own
        self._h = max(_NEAR, 4 * float(judge.problem.roundoff.max()) ** 0.5)
        self._noise = judge.c * reading.ladder.level() / self._h
        # p point beside, n coordinate
        self._gradients = torch.stack(
            [self._gradient_at(offset) for offset in _offsets(judge, segment, _POINTS)]
        )

    def accepts(self, entry: Entry) -> bool:
        """Say whether a claimed derivative lies between the slopes found around it."""
        found = self._gradients[:, entry.coordinate].tolist()
        slopes = [one for one in (*found, *self._one_sided(entry)) if np.isfinite(one)]
        low, high = min(slopes), max(slopes)
        # Moving aside changes a smooth part of the slope by about the distance.
        slack = self._slack(entry) + 3 * _BESIDE * (high - low)
        return bool(low - slack <= entry.claimed <= high + slack)

    def has_kink_along(self, entry: Entry) -> bool:
        """Say whether the slopes to both sides differ along this entry alone."""
        left, right = self._one_sided(entry)
        # A smooth function has slopes that differ by about the step.
        smooth = 10 * self._h * max(abs(left), abs(right))
        return bool(abs(left - right) > 2 * self._slack(entry) + smooth)

    def _slack(self, entry: Entry) -> float:
        return float(self._noise / self._judge.scale[entry.coordinate])

    def _one_sided(self, entry: Entry) -> tuple[float, float]:
        size = float(self._judge.scale[entry.coordinate])
        direction = torch.zeros_like(self._judge.scale)
        direction[entry.coordinate] = size
        forward, backward = Line(self._judge.claim, direction).step(self._h)
        per_step = self._h * size
        right = entry.claimed + float(forward[self._own]) / per_step
        left = entry.claimed - float(backward[self._own]) / per_step
        return left, right

    def _gradient_at(self, offset: Tensor) -> Tensor:
        """(n,) Return the claimed gradient beside the point, where it was found to be right."""
        problem = self._judge.problem.moved_to(self._judge.problem.x + offset)
        pulled = problem.linearised().pull(self._judge.claim.cotangents[self._own])
        return pulled.gradient
