"""A discrepancy looked at closely: believed only if nothing but a wrong claim explains it."""

from dataclasses import dataclass, replace
from math import hypot

from backproof.gradcheck import kinks
from backproof.gradcheck.extrapolation import RATIO, Ladder
from backproof.gradcheck.measuring import Measurer, Outcome, Reading
from backproof.gradcheck.noise import Noise, measure_noise
from backproof.gradcheck.problem import Segment
from backproof.gradcheck.rounding import backward_rounding
from backproof.gradcheck.verdict import COARSEST, Verdict

KINK = "the function has a kink at the point"
_LEAP = RATIO**2
"""Ratio of the steps at which a discrepancy has to stay."""
_WITHIN_NOISE = "the discrepancy is within the noise along this direction"
_CHANGES = (
    "the discrepancy changes with the step: the function has structure finer than the steps, such "
    "as kinks or jumps beside the point"
)
_UNCONFIRMED = "no smaller step is free enough of noise to confirm the discrepancy"
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
    "steps of one size go beyond kinks or poles near the small entries: the entries are of very "
    "unlike size"
)
_ENOUGH = 3
"""Finer steps that have to be there to contradict a discrepancy together."""
_CONTRADICTS = 12.0
"""Mean square of their deviations, in standard errors, beyond which they do."""
_FAR = 1e3  # so that squares stay finite
_ROUGHLY = 0.5
"""A slope known to half of it tells one scale of a function from another."""
_ROUNDED_ZERO = "slope and claimed gradient are zero but for the rounding of the backward pass"


@dataclass(frozen=True)
class Confirmation:
    """What a closer look made of a discrepancy."""

    outcome: Outcome
    reading: Reading
    within_noise: bool = False
    """The noise along this direction explains it."""
    kinked: bool = False
    """The function has a kink at the point."""


def confirm(measurer: Measurer, segment: Segment, reading: Reading) -> Confirmation:
    """Look for every other explanation of one tensor's discrepancy before believing in it."""
    own = reading.ladder.own
    fresh = measure_noise(reading.line, own)
    c = measurer.critical(fresh)
    ladder = Ladder(reading.line, own, float(fresh.level[own]), h=reading.ladder.steps[0])
    ladder.replay(reading.ladder)
    reading = Reading(reading.line, ladder, ladder.run(), fresh)
    estimate = reading.estimate
    outcome = Outcome(
        verdict=Verdict.DISAGREE,
        delta=estimate.delta,
        sigma=estimate.sigma,
        order=estimate.order,
        resolution=measurer.resolution(segment, [reading], measurer.scale),
    )
    if not estimate.finite or abs(estimate.delta) <= c * estimate.sigma:
        unresolved = replace(outcome, verdict=Verdict.UNRESOLVED, reason=_WITHIN_NOISE)
        return Confirmation(unresolved, reading, within_noise=True)
    finer = _finer(ladder, c, abs(estimate.delta))
    if _is_kinked(measurer, reading, finer, c):
        if has_unlike_entries(measurer, segment):
            unresolved = replace(outcome, verdict=Verdict.UNRESOLVED, reason=_UNLIKE_ENTRIES)
            return Confirmation(unresolved, reading)
        unresolved = replace(outcome, verdict=Verdict.UNRESOLVED, reason=KINK)
        return Confirmation(unresolved, reading, kinked=True)
    return Confirmation(_explained(measurer, segment, reading, finer, outcome), reading)


def _explained(
    measurer: Measurer,
    segment: Segment,
    reading: Reading,
    finer: Ladder,
    outcome: Outcome,
) -> Outcome:
    """Return the outcome if something explains the discrepancy, else DISAGREE as it is."""
    c, coarse = measurer.critical(reading.noise), reading.noise.coarse
    delta = reading.estimate.delta
    unresolved = replace(outcome, verdict=Verdict.UNRESOLVED)
    if coarse is not None and _agrees_coarsely(reading, coarse, c):
        return replace(unresolved, reason=_TWO_SCALES)
    rounding = backward_rounding(measurer, reading)
    if abs(delta) <= rounding:
        return _rounded(outcome, reading, rounding)
    steps = _confirming(reading, finer, c)
    if not steps:
        return replace(unresolved, reason=_UNCONFIRMED)
    if _changes(reading.ladder, steps, delta) or _drifts(reading, finer):
        return replace(unresolved, reason=_CHANGES)
    if kinks.is_staircase(reading.line, reading.ladder, delta):
        return replace(unresolved, reason=_STAIRCASE)
    if _agrees_by_own_size(measurer, segment):
        return replace(unresolved, reason=_UNLIKE_ENTRIES)
    return outcome


def _is_kinked(measurer: Measurer, reading: Reading, finer: Ladder, c: float) -> bool:
    ladder, delta = reading.ladder, reading.estimate.delta
    last = finer.steps[-1] if finer.steps else ladder.steps[-1]
    # Halves of a direction have truncation errors of their own, of the size of the whole's.
    truncation = 10 * abs((finer.differences or ladder.differences)[-1] - delta)
    tolerance = abs(delta) / 20 + 3 * c * ladder.noise_of(last) + truncation
    return kinks.shows_kink([ladder, finer], c) or not kinks.is_additive(
        reading.line, ladder.own, last, tolerance, measurer.seed
    )


def has_unlike_entries(measurer: Measurer, segment: Segment) -> bool:
    """Say whether most entries that are not zero are far smaller than a step."""
    sizes = measurer.problem.x[segment.slice].abs()
    sizes = sizes[sizes > 0]
    if len(sizes) == 0:
        return False
    return float(sizes.median()) * _UNLIKE < float(measurer.scale[segment.start])


def _agrees_by_own_size(measurer: Measurer, segment: Segment) -> bool:
    """Say whether a tensor of very unlike entries agrees along steps proportional to each.

    Steps of the tensor's size go beyond poles and branches near the small entries.
    """
    if not has_unlike_entries(measurer, segment):
        return False
    scale = measurer.problem.x.abs()
    readings = measurer.readings([segment], scale, "proportional", segment.name)
    resolution = measurer.resolution(segment, readings, scale)
    fine = resolution is not None and resolution <= COARSEST
    return fine and not any(measurer.alarms(one) for one in readings)


def _agrees_coarsely(reading: Reading, noise: Noise, c: float) -> bool:
    """Say whether the claim is right at steps at which finer structure counts as noise."""
    own = reading.ladder.own
    coarse = Ladder(reading.line, own, float(noise.level[own])).run()
    bound = c * coarse.sigma
    spread = float(reading.line.spread()[own])
    told = bound <= min(_ROUGHLY * spread, abs(reading.estimate.delta) / 2)
    return told and abs(coarse.delta) <= bound


def _rounded(outcome: Outcome, reading: Reading, rounding: float) -> Outcome:
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


def _confirming(reading: Reading, finer: Ladder, c: float) -> list[tuple[float, float]]:
    """Return steps below those that δ rests on which resolve half of it, with their slopes."""
    ladder, estimate = reading.ladder, reading.estimate
    return [
        (h, difference)
        for one in (ladder, finer)
        for h, difference in zip(one.steps, one.differences, strict=True)
        if h < estimate.step and c * ladder.noise_of(h) < abs(estimate.delta) / 2
    ]


def _changes(ladder: Ladder, steps: list[tuple[float, float]], delta: float) -> bool:
    """Say whether a discrepancy goes away at finer steps, their truncation error granted."""
    truncation = 1.5 * abs(ladder.differences[-1] - delta) / ladder.steps[-1] ** 2
    return any(
        abs(difference - delta) > abs(delta) / 2 + truncation * h**2 for h, difference in steps
    )


def _drifts(reading: Reading, finer: Ladder) -> bool:
    """Say whether the slopes at all finer steps together contradict the discrepancy.

    Each alone may be too noisy for that, as in low precision beside a singular second derivative.
    """
    ladder, estimate = reading.ladder, reading.estimate
    delta, near = estimate.delta, estimate.step
    bend = 1.5 * abs(ladder.differences[ladder.steps.index(near)] - delta)
    squares = []
    for one in (ladder, finer):
        for h, difference in zip(one.steps, one.differences, strict=True):
            noise = ladder.noise_of(h)
            if h < near and noise < abs(delta) / 2:
                allowed = abs(delta) / 10 + bend * (h / near) ** 2
                beyond = max(0.0, abs(difference - delta) - allowed)
                error = hypot(noise, estimate.sigma)
                squares.append(min(beyond / (error or beyond or 1.0), _FAR) ** 2)
    return len(squares) >= _ENOUGH and sum(squares) > _CONTRADICTS * len(squares)


def _finer(ladder: Ladder, c: float, delta: float) -> Ladder:
    """Return central differences at steps below the ladder's as far as they resolve δ."""
    finer = Ladder(ladder.line, ladder.own, ladder.noise, h=ladder.steps[-1] * _LEAP)
    while c * finer.noise_of(finer.h) < delta / 2 and not finer.too_small:
        finer.extend(_LEAP)
    return finer
