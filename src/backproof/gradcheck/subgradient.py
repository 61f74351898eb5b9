"""Kinks at the point: what may be claimed there.

Clarke's generalised gradient is the convex hull of the derivatives at the points around. An entry
is accepted between the smallest and the largest slope found along it, at the point to either side
and at points beside it, provided that the gradient is right at a point beside it.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor

from backproof._core import seeds
from backproof.gradcheck.claims import ask
from backproof.gradcheck.judge import Judge
from backproof.gradcheck.line import Line
from backproof.gradcheck.localise import Entry, Localisation, Localiser
from backproof.gradcheck.measuring import Outcome
from backproof.gradcheck.problem import Segment
from backproof.gradcheck.verdict import Verdict

_BESIDE = 1e-3
"""Distance of the points beside it, in units of a step."""
_POINTS = 32
"""Points beside it at which slopes are looked at."""
_JUMP = "the function jumps at the point, or has a pole near it"
_NEAR = 1e-5
"""Step of the slopes to both sides of the point."""
_SHRUNK = 8.0
"""By how much that step is made smaller to tell a jump from a kink."""
_SEPARATE = 1e-3
"""Kinks that add up to this share are separate; smooth parts deviate by the size of the step."""
_INSIDE, _OUTSIDE = 1e-3, 0.25
"""Distances from a sampled hull, over its diameter, that count as inside and outside it."""
_MOST_TIED = 8
"""Tied entries up to which a sample of gradients beside shows nearly all of the hull."""


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
    reason = outcome.reason
    if around.jumps(found.wrong):
        return replace(outcome, reason=_JUMP), Localisation()
    belongs = around.contains(found.wrong)
    if belongs is None:
        reason += ", and it could not be told whether the claim lies between the slopes around it"
        return replace(outcome, reason=reason), Localisation()
    if not belongs:
        reason += ", and the claim lies outside the slopes around it (beside the point it is right)"
        refused = [entry for entry in found.wrong if not around.accepts(entry)] or found.wrong
        entries = Localisation(entries=refused, complete=False, sampled=found.sampled)
        return replace(outcome, verdict=Verdict.DISAGREE, reason=reason), entries
    return (
        replace(
            outcome,
            verdict=Verdict.AGREE,
            label="subgradient",
            reason=f"{reason}; the claim lies between the slopes around it, and is right beside it",
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
        c=judge.critical(reading.noise),
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


def _offsets(judge: Judge, segment: Segment, count: int) -> Iterator[Tensor]:
    """(n,) Draw small moves of one tensor."""
    rng = seeds.generator(judge.seed, "gradcheck.beside", segment.name)
    for _ in range(count):
        offset = torch.zeros_like(judge.problem.x)
        drawn = torch.from_numpy(rng.standard_normal(segment.coordinates.count))
        size = judge.scale[segment.slice] * _BESIDE
        offset[segment.slice] = drawn.to(offset.device) * size
        yield offset


class _Around:
    """The slopes around a point, along single entries of one tensor and along several.

    Legend: p point beside, n coordinate, e entry that the function has a kink along.
    """

    def __init__(self, judge: Judge, segment: Segment) -> None:
        self._judge = judge
        reading = judge.kinked[segment.name]
        self._own = reading.ladder.own
        self._kinked_along = reading.line.direction
        self._agrees_centrally = not judge.alarms(reading)
        self._h = max(_NEAR, 4 * float(judge.problem.roundoff.max()) ** 0.5)
        self._noise = judge.critical(reading.noise) * reading.ladder.level() / self._h
        self._start, self._part = segment.start, segment.slice
        self._gradients = torch.stack(
            [self._gradient_at(offset) for offset in _offsets(judge, segment, _POINTS)]
        )
        self._sides: dict[int, tuple[float, float]] = {}

    def jumps(self, entries: list[Entry]) -> bool:
        """Say whether a slope to one side grows as steps shrink: no kink, a jump."""
        directions = [self._direction_of(entry) for entry in entries[:_MOST_TIED]]
        for direction in (self._kinked_along, *directions):
            pairs = zip(
                self._rises(direction, self._h),
                self._rises(direction, self._h / _SHRUNK),
                strict=True,
            )
            for wide, close in pairs:
                grown = abs(close) > _SHRUNK / 2 * abs(wide)
                if grown and abs(close - wide) > _SHRUNK * 2 * self._noise:
                    return True
        return False

    def contains(self, entries: list[Entry]) -> bool | None:
        """Say whether the claim is one of the slopes that may be chosen; None if unknown.

        Where the slopes of single entries add up, as for separate kinks, each entry is looked at
        alone. Otherwise, as at ties, the claim has to lie in the convex hull of the gradients
        beside the point, which is known only from a sample.
        """
        if not entries:  # the claim is the mean of both sides, or nothing was found
            return True if self._agrees_centrally else None
        if not all(self.accepts(entry) for entry in entries):
            sure = any(self._has_kink_along(e) for e in entries if not self.accepts(e))
            return False if sure else None
        if self._is_separate(entries):
            return True
        distance = self._distance_from_hull(entries)
        if distance < _INSIDE:
            return True
        return False if distance > _OUTSIDE and len(entries) <= _MOST_TIED else None

    def accepts(self, entry: Entry) -> bool:
        """Say whether a claimed derivative lies between the slopes found along its entry."""
        found = self._gradients[:, entry.coordinate - self._start].tolist()
        slopes = [one for one in (*found, *self._sides_of(entry)) if np.isfinite(one)]
        low, high = min(slopes), max(slopes)
        # Moving aside changes a smooth part of the slope by about the distance.
        slack = self._slack(entry) + 3 * _BESIDE * (high - low)
        return bool(low - slack <= entry.claimed <= high + slack)

    def _has_kink_along(self, entry: Entry) -> bool:
        """Say whether the slopes to both sides differ along this entry alone."""
        left, right = self._sides_of(entry)
        # A smooth function has slopes that differ by about the step.
        smooth = 10 * self._h * max(abs(left), abs(right))
        return bool(abs(left - right) > 2 * self._slack(entry) + smooth)

    def _is_separate(self, entries: list[Entry]) -> bool:
        """Say whether a move of all entries at once rises by the sum of the single rises."""
        sizes = [float(self._judge.scale[entry.coordinate]) for entry in entries]
        direction = torch.zeros_like(self._judge.scale)
        for entry, size in zip(entries, sizes, strict=True):
            direction[entry.coordinate] = size
        left, right = self._rises(direction, self._h)
        single = [
            [(slope - entry.claimed) * size for slope in self._sides_of(entry)]
            for entry, size in zip(entries, sizes, strict=True)
        ]
        sums = np.sum(single, axis=0)
        reach = np.abs(single).sum()
        off = abs(left - sums[0]) + abs(right - sums[1])
        return bool(off <= _SEPARATE * reach + 4 * len(entries) * self._noise)

    def _distance_from_hull(self, entries: list[Entry]) -> float:
        """Return how far the claim is from the hull of the gradients beside, over its diameter."""
        places = [entry.coordinate - self._start for entry in entries]
        beside = self._gradients[:, places].cpu().numpy()
        claimed = np.array([entry.claimed for entry in entries])
        size = float(np.ptp(beside, axis=0).max()) or float(np.abs(claimed).max()) or 1.0
        # Weights that are not negative and add up to one, by a heavy row.
        heavy = 1e3
        system = np.vstack([beside.T / size, np.full(len(beside), heavy)])
        return float(nnls(system, np.append(claimed / size, heavy))[1])

    def _slack(self, entry: Entry) -> float:
        return float(self._noise / self._judge.scale[entry.coordinate])

    def _sides_of(self, entry: Entry) -> tuple[float, float]:
        if entry.coordinate not in self._sides:
            self._sides[entry.coordinate] = self._one_sided(entry, self._h)
        return self._sides[entry.coordinate]

    def _one_sided(self, entry: Entry, h: float) -> tuple[float, float]:
        size = float(self._judge.scale[entry.coordinate])
        left, right = self._rises(self._direction_of(entry), h)
        return entry.claimed + left / size, entry.claimed + right / size

    def _direction_of(self, entry: Entry) -> Tensor:
        direction = torch.zeros_like(self._judge.scale)
        direction[entry.coordinate] = self._judge.scale[entry.coordinate]
        return direction

    def _rises(self, direction: Tensor, h: float) -> tuple[float, float]:
        """Return what the slopes to the left and to the right exceed the claimed one by."""
        forward, backward = Line(self._judge.claim, direction).step(h)
        return -float(backward[self._own]) / h, float(forward[self._own]) / h

    def _gradient_at(self, offset: Tensor) -> Tensor:
        """Return the tensor's claimed gradient beside the point, where it was found to be right."""
        problem = self._judge.problem.moved_to(self._judge.problem.x + offset)
        cotangent = self._judge.claim.cotangents[self._own]
        return problem.linearised().pull(cotangent).gradient[self._part]
