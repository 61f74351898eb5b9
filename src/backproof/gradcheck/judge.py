"""From directions to a verdict for every tensor.

All tensors are tried along joint random directions first. Only where those disagree, or are too
coarse for a tensor, is it tried alone.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import exp, log

import numpy as np
import torch
from torch import Tensor

from backproof._core import seeds
from backproof.gradcheck import kinks
from backproof.gradcheck.extrapolation import FIRST_STEP, RATIO, Estimate, Ladder
from backproof.gradcheck.line import Array, Claim, Line
from backproof.gradcheck.noise import Noise, measure_noise
from backproof.gradcheck.problem import Problem, Segment
from backproof.gradcheck.verdict import Verdict, threshold

COARSEST = 1e-2
"""An AGREE that would miss an error of 1 % of a tensor's gradient would say too little."""
DIRECTIONS = 4
_MISS_FACTOR = 0.8
"""√(2/π): a Gaussian is within ±a of any point with probability at most √(2/π)·a/s."""
_LEAP = RATIO**2
"""Ratio of the steps at which a discrepancy has to stay."""
_WITHIN_NOISE = "the discrepancy is within the noise along this direction"
_KINK = "the function has a kink at the point"
_CHANGES = (
    "the discrepancy changes with the step: the function has structure finer than the steps, such "
    "as kinks or jumps beside the point"
)
_STAIRCASE = (
    "the function is constant in small steps and follows the claimed slope in large ones: it is "
    "quantised, or the gradient is a straight-through estimate"
)
_ROUNDING = "the discrepancy is within the rounding of the backward pass"
_TWO_SCALES = (
    "the claim is right for larger steps and wrong for the smallest: the function has structure "
    "that may be its rounding"
)
_UNLIKE = 1e4
"""Entries so many times smaller than the root mean square get steps of their own."""
_UNLIKE_ENTRIES = (
    "steps in proportion to the entries agree and steps of one size do not: the entries are of "
    "very unlike size, and some are zero"
)
_ROUGHLY = 0.1
"""A slope known to a tenth tells one scale of a function from another."""
_ROUNDED_ZERO = "slope and claimed gradient are zero but for the rounding of the backward pass"
_TINY = 100.0
"""Discrepancies below so many square roots of the roundoff, of the slope, are tiny."""
_NEIGHBOURS = 8
"""Points at which that is measured."""
_VISIBLE = 1e-6
"""A slope of zero is known as one where its error is below this share of the function's size."""


@dataclass(frozen=True)
class Outcome:
    """What was found for one tensor."""

    verdict: Verdict
    delta: float
    """Numeric minus claimed slope along the direction that shows it best."""
    sigma: float
    order: float | None
    resolution: float | None
    """Relative error of the gradient that would still have been missed; None without a size."""
    reason: str = ""
    label: str = ""


@dataclass(frozen=True)
class Reading:
    """One direction, measured."""

    line: Line
    ladder: Ladder
    estimate: Estimate


@dataclass
class Judge:
    """Finds the verdicts for the tensors of a problem."""

    problem: Problem
    claim: Claim
    seed: int
    false_alarm: float
    miss: float
    noise: Noise | None = None
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    suspects: dict[str, Reading] = field(default_factory=dict)
    """Tensors that disagree, with the direction that shows it."""
    kinked: dict[str, Reading] = field(default_factory=dict)
    """Tensors with a kink at the point, with the direction that shows it."""
    _first_step: float = FIRST_STEP
    _reconsidered: set[str] = field(default_factory=set)

    @cached_property
    def scale(self) -> Tensor:
        """(n,) Size of a step: the root mean square of each tensor, 1 where it is zero."""
        scale = torch.ones_like(self.problem.x)
        for segment in self.problem.segments:
            part = self.problem.x[segment.slice]
            size = float(torch.linalg.vector_norm(part)) / len(part) ** 0.5
            scale[segment.slice] = size or 1.0
        return scale

    @cached_property
    def tests(self) -> int:
        """Tests that share the false-alarm probability: joint ones, and two laws alone."""
        return DIRECTIONS * (1 + 2 * len(self.problem.segments))

    @property
    def c(self) -> float:
        """Multiple of σ that a discrepancy has to exceed."""
        assert self.noise is not None
        return threshold(self.false_alarm, self.tests, self.noise.degrees)

    def run(self, names: Iterable[str]) -> None:
        """Judge the tensors of these names."""
        active = [segment for segment in self.problem.segments if segment.name in set(names)]
        while active:
            readings = self._readings(active, self.scale, "joint")
            alarms = [one for one in readings if self.alarms(one)]
            if not alarms:
                kinked = any(self.is_kinked(one) for one in readings)
                for segment in active:
                    outcome = None if kinked else self._agreeing(segment, readings)
                    self.outcomes[segment.name] = outcome or self._alone(segment)
                return
            found = self._split(active, max(alarms, key=self._excess))
            active = [segment for segment in active if segment.name not in found]

    def alarms(self, reading: Reading) -> bool:
        """Say whether a reading is further from zero than its error explains."""
        estimate = reading.estimate
        return estimate.finite and abs(estimate.delta) > self.c * estimate.sigma

    def is_kinked(self, reading: Reading) -> bool:
        """Say whether the function has a kink at the point along a reading's direction."""
        return kinks.shows_kink([reading.ladder], self.c)

    def measure(self, direction: Tensor, own: int = 0, noise: Noise | None = None) -> Reading:
        """Measure δ ± σ along a direction with the noise known so far."""
        line = Line(self.claim, direction)
        if noise is not None:
            self.noise = noise
        if self.noise is None:
            self.noise = measure_noise(line, own)
        ladder = Ladder(line, own, float(self.noise.level[own]), h=self._first_step)
        estimate = ladder.run()
        return Reading(line, ladder, estimate)

    def directions(self, *stream: str) -> list[Tensor]:
        """(n,) Draw standard normal directions for all tensors."""
        rng = seeds.generator(self.seed, "gradcheck.check", *stream)
        drawn = rng.standard_normal((DIRECTIONS, len(self.problem.x)))
        return list(torch.from_numpy(drawn).to(self.problem.x.device))

    # Joint directions

    def _readings(self, active: list[Segment], scale: Tensor, *stream: str) -> list[Reading]:
        mask = self.problem.subset([segment.name for segment in active])
        readings = []
        for k, normal in enumerate(self.directions(*stream)):
            own = min(k, len(self.claim.cotangents) - 1)
            readings.append(self.measure(normal * scale * mask, own))
            step = readings[-1].estimate.step
            # The next direction begins a few steps above where this one ended.
            if step > 0:
                self._first_step = min(FIRST_STEP, step / RATIO**5)
        self._first_step = FIRST_STEP
        return readings

    def _excess(self, reading: Reading) -> float:
        delta, sigma = abs(reading.estimate.delta), reading.estimate.sigma
        return float(delta / sigma) if sigma else float(delta > 0)

    def _agreeing(self, segment: Segment, readings: list[Reading]) -> Outcome | None:
        """Return AGREE; None where the directions are too coarse for the tensor."""
        outcome = self._outcome(segment, readings, self.scale)
        if outcome.resolution is None or outcome.resolution > COARSEST:
            return None
        return outcome

    def _outcome(self, segment: Segment, readings: list[Reading], scale: Tensor) -> Outcome:
        shown = max(readings, key=self._excess)
        return Outcome(
            verdict=Verdict.AGREE,
            delta=shown.estimate.delta,
            sigma=shown.estimate.sigma,
            order=next((r.estimate.order for r in readings if r.estimate.order), None),
            resolution=self.resolution(segment, readings, scale),
        )

    def resolution(self, segment: Segment, readings: list[Reading], scale: Tensor) -> float | None:
        """Return the relative error of a tensor's gradient that is missed with probability `miss`.

        An error e of the gradient shows as ⟨e, u⟩ along u = s·N(0, 1), which is Gaussian with
        standard deviation ‖s∘e‖ and so within ±cσ with probability at most √(2/π)·cσ/‖s∘e‖, in
        each direction independently.
        """
        logs, surely = [], []
        for reading in readings:
            part = self.claim.gradients[reading.ladder.own, segment.slice] * scale[segment.slice]
            size = float(torch.linalg.vector_norm(part))
            if size == 0 or not reading.estimate.finite:
                return None
            logs.append(log(_MISS_FACTOR * self.c * reading.estimate.sigma / size))
            slope = abs(float(part @ (reading.line.direction / scale)[segment.slice]))
            surely.append(self.c * reading.estimate.sigma / slope if slope else np.inf)
        if segment.coordinates.count == 1 and len(self.claim.cotangents) == 1:
            return float(min(surely))  # one entry: nothing of its error is left to chance
        return exp((sum(logs) - log(self.miss)) / len(logs))

    # One tensor alone

    def _alone(self, segment: Segment) -> Outcome:
        """Judge a tensor for which the joint directions are too coarse."""
        laws: list[Callable[[], Tensor]] = [lambda: self.scale, self.problem.x.abs]
        best: Outcome | None = None
        readings: list[Reading] = []
        for number, law in enumerate(laws):
            scale = law()
            self.noise = None  # its own, since others may be noisier
            if not scale[segment.slice].any():
                continue
            readings = self._readings([segment], scale, "alone", segment.name, str(number))
            alarms = [one for one in readings if self.alarms(one)]
            if alarms:
                return self._confirmed(segment, max(alarms, key=self._excess))
            outcome = self._outcome(segment, readings, scale)
            kinked = next((one for one in readings if self.is_kinked(one)), None)
            if kinked is not None:
                self.kinked[segment.name] = kinked
                return replace(outcome, verdict=Verdict.UNRESOLVED, reason=_KINK)
            if self._is_flat(readings):
                return self._flat(outcome, readings)
            if best is None or (outcome.resolution or np.inf) < (best.resolution or np.inf):
                best = outcome
            if best.resolution is not None and best.resolution <= COARSEST:
                return best
        assert best is not None
        return self._coarse(best, readings)

    def _is_flat(self, readings: list[Reading]) -> bool:
        """Say whether slope and claim are both zero, to rounding of a function of this size."""
        for one in readings:
            size = max(
                float(self.claim.output_rounding(one.line.moving)[one.ladder.own])
                / float(self.claim.roundoff.max()),
                float(one.line.largest[one.ladder.own]) / FIRST_STEP,
            )
            bound = self.c * one.estimate.sigma
            claimed = float(one.line.spread()[one.ladder.own])
            rounding = 64 * float(self.claim.roundoff.max()) * size
            if one.line.changed_at == np.inf and claimed == 0:
                continue
            if claimed > rounding or bound > _VISIBLE * size:
                return False
            if claimed > 0 and claimed > self._backward_rounding(one):
                return False
        return True

    def _flat(self, outcome: Outcome, readings: list[Reading]) -> Outcome:
        changed = min(one.line.changed_at for one in readings)
        constant = max(one.line.constant_within for one in readings)
        if changed == np.inf or constant > 0:
            reason = "the function is constant near the point and the claimed gradient zero"
        else:
            reason = (
                "slope and claimed gradient are zero, so that errors that scale the gradient "
                "would not show"
            )
        return replace(outcome, reason=reason, label="vacuous", resolution=None)

    def _coarse(self, outcome: Outcome, readings: list[Reading]) -> Outcome:
        assert self.noise is not None
        size = outcome.resolution
        if not any(one.estimate.finite for one in readings):
            reason = "the function has no finite values close enough to the point"
        elif size is None:
            reason = (
                "the claimed gradient is zero, and the function is too noisy to tell whether its "
                "slope is"
            )
        else:
            reason = (
                f"too noisy or too rough: an error of {size:.1e} of the gradient could be missed "
                f"(noise of an evaluation {float(self.noise.level.max()):.1e}); expected at most "
                f"{COARSEST:g}"
            )
        return replace(outcome, verdict=Verdict.UNRESOLVED, reason=reason)

    # Disagreement

    def _split(self, active: list[Segment], reading: Reading) -> set[str]:
        """Find the tensors that carry a joint discrepancy, and judge them."""
        own = reading.ladder.own
        if len(active) == 1:
            self.outcomes[active[0].name] = self._confirmed(active[0], reading)
            return {active[0].name}
        found: dict[str, Reading] = {}
        waiting = [active]
        while waiting:
            group = waiting.pop()
            mask = self.problem.subset([segment.name for segment in group])
            self._first_step = min(FIRST_STEP, reading.estimate.step / RATIO**5)
            part = self.measure(reading.line.direction * mask, own)
            self._first_step = FIRST_STEP
            if not self.alarms(part):
                continue
            if len(group) == 1:
                found[group[0].name] = part
            elif len(group) <= 4:
                waiting += [[segment] for segment in group]
            else:
                waiting += [group[: len(group) // 2], group[len(group) // 2 :]]
        if not found:
            # Together they disagree and apart none does: each gets directions of its own.
            for segment in active:
                self.outcomes[segment.name] = self._alone(segment)
            return {segment.name for segment in active}
        for segment in active:
            if segment.name in found:
                self.outcomes[segment.name] = self._confirmed(segment, found[segment.name])
        return set(found)

    def _confirmed(self, segment: Segment, reading: Reading) -> Outcome:
        """Believe a discrepancy only if it stays at every finer step that can show it."""
        own = reading.ladder.own
        fresh = measure_noise(reading.line, own)
        c = threshold(self.false_alarm, self.tests, fresh.degrees)
        ladder = Ladder(reading.line, own, float(fresh.level[own]), h=reading.ladder.steps[0])
        ladder.replay(reading.ladder)
        reading = Reading(reading.line, ladder, ladder.run())
        delta, sigma = reading.estimate.delta, reading.estimate.sigma
        outcome = Outcome(
            verdict=Verdict.DISAGREE,
            delta=delta,
            sigma=sigma,
            order=reading.estimate.order,
            resolution=self.resolution(segment, [reading], self.scale),
        )
        if not reading.estimate.finite or abs(delta) <= c * sigma:
            if segment.name in self._reconsidered:
                return replace(outcome, verdict=Verdict.UNRESOLVED, reason=_WITHIN_NOISE)
            self._reconsidered.add(segment.name)
            return self._alone(segment)
        finer = _finer(ladder, c, abs(delta))
        last = finer.steps[-1] if finer.steps else ladder.steps[-1]
        # Halves of a direction have truncation errors of their own, of the size of the whole's.
        truncation = 10 * abs((finer.differences or ladder.differences)[-1] - delta)
        tolerance = abs(delta) / 20 + 3 * c * ladder.noise_of(last) + truncation
        if kinks.shows_kink([ladder, finer], c) or not kinks.is_additive(
            reading.line, own, last, tolerance, self.seed
        ):
            self.kinked[segment.name] = reading
            return replace(outcome, verdict=Verdict.UNRESOLVED, reason=_KINK)
        if fresh.coarse is not None and self._agrees_coarsely(reading, fresh.coarse, c):
            return replace(outcome, verdict=Verdict.UNRESOLVED, reason=_TWO_SCALES)
        rounding = self._backward_rounding(reading)
        if abs(delta) <= rounding:
            return self._rounded(outcome, reading, rounding)
        if _changes(ladder, finer, delta):
            return replace(outcome, verdict=Verdict.UNRESOLVED, reason=_CHANGES)
        if kinks.is_staircase(reading.line, ladder, delta):
            return replace(outcome, verdict=Verdict.UNRESOLVED, reason=_STAIRCASE)
        proportional = self._by_own_size(segment)
        if proportional is not None:
            return proportional
        self.suspects[segment.name] = reading
        return outcome

    def _by_own_size(self, segment: Segment) -> Outcome | None:
        """Judge a tensor of very unlike entries by steps proportional to each of them.

        Steps of the tensor's size go beyond poles and branches near the small entries. None where
        the entries are alike, or where these steps disagree too.
        """
        sizes = self.problem.x[segment.slice].abs()
        if float(sizes.median()) * _UNLIKE > float(self.scale[segment.start]):
            return None
        self.noise = None
        scale = self.problem.x.abs()
        readings = self._readings([segment], scale, "proportional", segment.name)
        outcome = self._outcome(segment, readings, scale)
        fine = outcome.resolution is not None and outcome.resolution <= COARSEST
        if any(self.alarms(one) for one in readings) or not fine:
            return None
        if bool((sizes > 0).all()):
            return outcome
        return replace(outcome, verdict=Verdict.UNRESOLVED, reason=_UNLIKE_ENTRIES)

    @staticmethod
    def _agrees_coarsely(reading: Reading, noise: Noise, c: float) -> bool:
        """Say whether the claim is right at steps at which finer structure counts as noise."""
        own = reading.ladder.own
        coarse = Ladder(reading.line, own, float(noise.level[own])).run()
        bound = c * coarse.sigma
        return abs(coarse.delta) <= bound <= _ROUGHLY * float(reading.line.spread()[own])

    def _rounded(self, outcome: Outcome, reading: Reading, rounding: float) -> Outcome:
        """Return the outcome where only the rounding of the backward pass is to be seen."""
        own = reading.ladder.own
        spread = float(reading.line.spread()[own])
        numeric = float(reading.line.claimed_slope()[own]) + reading.estimate.delta
        if rounding <= COARSEST * spread:
            limit = max(outcome.resolution or 0.0, rounding / spread)
            return replace(outcome, verdict=Verdict.AGREE, reason=_ROUNDING, resolution=limit)
        outcome = replace(outcome, resolution=None)
        if max(abs(numeric), spread) <= rounding:
            return replace(outcome, verdict=Verdict.AGREE, reason=_ROUNDED_ZERO, label="vacuous")
        return replace(outcome, verdict=Verdict.UNRESOLVED, reason=_ROUNDING)

    def _backward_rounding(self, reading: Reading) -> float:
        """Return the largest discrepancy that rounding in the backward pass explains.

        The backward pass is repeated a few units of roundoff away: what its slope varies by there
        is rounding, since the gradient itself hardly changes. Tiny discrepancies may come from
        roundings that such steps leave as they are; for them the cotangent is multiplied by a
        factor too, in which the gradient is linear, and which is divided out again.
        """
        own, delta = reading.ladder.own, abs(reading.estimate.delta)
        tiny = delta <= _TINY * reading.line.unit_roundoff**0.5 * reading.line.spread()[own]
        problem, cotangent = self.problem, self.claim.cotangents[own]
        rng = seeds.generator(self.seed, "gradcheck.rounding")
        unit = problem.roundoff
        reach = torch.minimum(64 * unit, unit**0.75)  # in half precision 64 units are a quarter
        slopes, factors = [], []
        for _ in range(_NEIGHBOURS):
            # One factor for all entries, which leaves ties as they are.
            near = problem.moved_to(problem.x * (1 + reach * rng.uniform(-1, 1)))
            factor = rng.uniform(0.5, 2) if tiny else 1.0
            pulled = near.linearised().pull(cotangent * factor)
            slopes.append(float(pulled.gradient @ reading.line.direction) / factor)
            factors.append(1 / factor)
        c = threshold(self.false_alarm, self.tests, _NEIGHBOURS - 2)
        return c * _scatter(np.array(slopes), np.array(factors))


def _scatter(slopes: Array, inverse_factors: Array) -> float:
    """Return the standard deviation about a line in 1/factor.

    What a backward pass adds whatever the cotangent is a mistake, no rounding, and makes a line.
    """
    design = np.stack([np.ones_like(slopes), inverse_factors - inverse_factors.mean()], axis=1)
    coefficients = np.linalg.lstsq(design, slopes, rcond=None)[0]
    residual = slopes - design @ coefficients
    return float(np.sqrt((residual**2).sum() / (len(slopes) - 2)))


def _changes(ladder: Ladder, finer: Ladder, delta: float) -> bool:
    """Say whether a discrepancy goes away at finer steps, their truncation error granted."""
    truncation = 1.5 * abs(ladder.differences[-1] - delta) / ladder.steps[-1] ** 2
    return any(
        abs(difference - delta) > abs(delta) / 2 + truncation * h**2
        for h, difference in zip(finer.steps, finer.differences, strict=True)
    )


def _finer(ladder: Ladder, c: float, delta: float) -> Ladder:
    """Return central differences at steps below the ladder's as far as they resolve δ."""
    finer = Ladder(ladder.line, ladder.own, ladder.noise, h=ladder.steps[-1] * _LEAP)
    while c * finer.noise_of(finer.h) < delta / 2 and not finer.too_small:
        finer.extend(_LEAP)
    return finer
