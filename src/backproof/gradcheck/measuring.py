"""Directions measured: δ ± σ, and how small an error would still show."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import exp, log

import numpy as np
import torch
from torch import Tensor

from backproof._core import seeds
from backproof.gradcheck import kinks
from backproof.gradcheck.extrapolation import FIRST_STEP, RATIO, Estimate, Ladder
from backproof.gradcheck.line import Claim, Line, norms
from backproof.gradcheck.noise import Noise, measure_noise
from backproof.gradcheck.problem import Problem, Segment
from backproof.gradcheck.verdict import Verdict, threshold

DIRECTIONS = 4
_MISS_FACTOR = 0.8
"""√(2/π): a Gaussian is within ±a of any point with probability at most √(2/π)·a/s."""
_STEPS_ABOVE = RATIO**5
"""A direction like another begins so far above the step at which that one ended."""


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
    noise: Noise
    """What its error rests on."""


@dataclass
class Measurer:
    """Measures a claim along directions."""

    problem: Problem
    claim: Claim
    seed: int
    false_alarm: float
    miss: float

    @cached_property
    def scale(self) -> Tensor:
        """(n,) Size of a step: the root mean square of each tensor, 1 where it is zero."""
        scale = torch.ones_like(self.problem.x)
        for segment in self.problem.segments:
            part = self.problem.x[segment.slice]
            size = float(norms(part[None])[0]) / len(part) ** 0.5
            scale[segment.slice] = size or 1.0
        return scale

    def size_of_slope(self, segment: Segment) -> float:
        """Return the root mean square of a tensor's claimed slope along random directions."""
        scaled = self.claim.gradients[:, segment.slice] * self.scale[segment.slice]
        sizes = norms(scaled)
        return float(norms(torch.from_numpy(sizes)[None])[0] / np.sqrt(len(sizes)))

    @cached_property
    def tests(self) -> int:
        """Tests that share the false-alarm probability: joint, and each tensor by two laws."""
        return DIRECTIONS * (1 + 2 * len(self.problem.segments))

    def critical(self, noise: Noise) -> float:
        """Return c, the multiple of σ that a discrepancy has to exceed with this noise."""
        return threshold(self.false_alarm, self.tests, noise.degrees)

    def alarms(self, reading: Reading) -> bool:
        """Say whether a reading is further from zero than its error explains."""
        estimate = reading.estimate
        return (
            estimate.finite and abs(estimate.delta) > self.critical(reading.noise) * estimate.sigma
        )

    def is_kinked(self, reading: Reading) -> bool:
        """Say whether the function has a kink at the point along a reading's direction."""
        return kinks.shows_kink([reading.ladder], self.critical(reading.noise))

    def measure(self, direction: Tensor, own: int = 0, like: Reading | None = None) -> Reading:
        """Measure δ ± σ along a direction, with noise and steps of one `like` it, if known."""
        line = Line(self.claim, direction)
        noise = measure_noise(line, own) if like is None else like.noise
        near = 0.0 if like is None else like.estimate.step
        first = min(FIRST_STEP, near / _STEPS_ABOVE) if near > 0 else FIRST_STEP
        ladder = Ladder(line, own, float(noise.level[own]), h=first)
        estimate = ladder.run()
        return Reading(line, ladder, estimate, noise)

    def directions(self, active: list[Segment], *stream: str) -> Iterator[Tensor]:
        """(n,) Draw standard normal directions in certain tensors, zero in the others."""
        rng = seeds.generator(self.seed, "gradcheck.check", *stream)
        for _ in range(DIRECTIONS):
            direction = torch.zeros_like(self.problem.x)
            for segment in active:
                drawn = rng.standard_normal(segment.coordinates.count)
                direction[segment.slice] = torch.from_numpy(drawn).to(direction.device)
            yield direction

    def readings(self, active: list[Segment], scale: Tensor, *stream: str) -> list[Reading]:
        """Measure along random directions in certain tensors, steps of size `scale` (n,).

        The noise is measured along the first, for all cotangents.
        """
        found: list[Reading] = []
        for k, normal in enumerate(self.directions(active, *stream)):
            own = min(k, len(self.claim.cotangents) - 1)
            found.append(self.measure(normal * scale, own, found[-1] if found else None))
        return found

    @staticmethod
    def excess(reading: Reading) -> float:
        """Return |δ|/σ."""
        delta, sigma = abs(reading.estimate.delta), reading.estimate.sigma
        return float(delta / sigma) if sigma else float(delta > 0)

    def outcome(self, segment: Segment, readings: list[Reading], scale: Tensor) -> Outcome:
        """Return AGREE with the numbers of the direction that shows the discrepancy best."""
        shown = max(readings, key=self.excess)
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
            size = float(norms(part[None])[0])
            if size == 0 or not reading.estimate.finite:
                return None
            bound = self.critical(reading.noise) * reading.estimate.sigma
            logs.append(log(_MISS_FACTOR * bound / size))
            direction = reading.line.direction[segment.slice] / scale[segment.slice]
            slope = abs(float(part @ direction.nan_to_num()))
            surely.append(bound / slope if slope else np.inf)
        if segment.coordinates.count == 1 and len(self.claim.cotangents) == 1:
            return min(surely)  # one entry: nothing of its error is left to chance
        return exp((sum(logs) - log(self.miss)) / len(logs))
