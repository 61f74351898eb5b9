"""From directions to a verdict for every tensor.

All tensors are tried along joint random directions first. Only where those disagree, or are too
coarse for a tensor, is it tried alone.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from torch import Tensor

from backproof.gradcheck.confirmation import KINK, confirm, has_unlike_entries
from backproof.gradcheck.extrapolation import FIRST_STEP
from backproof.gradcheck.measuring import Measurer, Outcome, Reading
from backproof.gradcheck.problem import Segment
from backproof.gradcheck.rounding import backward_rounding
from backproof.gradcheck.verdict import COARSEST, Verdict

_VISIBLE = 1e-6
"""A slope of zero is known as one where its error is below this share of the function's size."""


@dataclass
class Judge(Measurer):
    """Finds the verdicts for the tensors of a problem."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    suspects: dict[str, Reading] = field(default_factory=dict)
    """Tensors that disagree, with the direction that shows it."""
    kinked: dict[str, Reading] = field(default_factory=dict)
    """Tensors with a kink at the point, with the direction that shows it."""
    _reconsidered: set[str] = field(default_factory=set)

    def run(self, names: Iterable[str]) -> None:
        """Judge the tensors of these names."""
        active = [segment for segment in self.problem.segments if segment.name in set(names)]
        while active:
            readings = self.readings(active, self.scale, "joint")
            alarms = [one for one in readings if self.alarms(one)]
            if not alarms:
                kinked = any(self.is_kinked(one) for one in readings)
                for segment in active:
                    outcome = None if kinked else self._agreeing(segment, readings)
                    self.outcomes[segment.name] = outcome or self._alone(segment)
                return
            found = self._split(active, max(alarms, key=self.excess))
            active = [segment for segment in active if segment.name not in found]

    # Joint directions

    def _agreeing(self, segment: Segment, readings: list[Reading]) -> Outcome | None:
        """Return AGREE; None where the directions are too coarse for the tensor."""
        outcome = self.outcome(segment, readings, self.scale)
        if outcome.resolution is None or outcome.resolution > COARSEST:
            return None
        return outcome

    # One tensor alone

    def _alone(self, segment: Segment) -> Outcome:
        """Judge a tensor for which the joint directions are too coarse."""
        laws: list[Callable[[], Tensor]] = [lambda: self.scale, self.problem.x.abs]
        best: Outcome | None = None
        readings: list[Reading] = []
        for number, law in enumerate(laws):
            scale = law()
            if not scale[segment.slice].any():
                continue
            readings = self.readings([segment], scale, "alone", segment.name, str(number))
            alarms = [one for one in readings if self.alarms(one)]
            if alarms:
                return self._confirmed(segment, max(alarms, key=self.excess))
            outcome = self.outcome(segment, readings, scale)
            kinked = next((one for one in readings if self.is_kinked(one)), None)
            if kinked is not None and not has_unlike_entries(self, segment):
                self.kinked[segment.name] = kinked
                return replace(outcome, verdict=Verdict.UNRESOLVED, reason=KINK)
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
                float(self.claim.output_rounding[one.ladder.own]) / self.claim.coarsest_roundoff,
                float(one.line.largest[one.ladder.own]) / FIRST_STEP,
            )
            bound = self.critical(one.noise) * one.estimate.sigma
            claimed = float(one.line.spread()[one.ladder.own])
            rounding = 64 * self.claim.coarsest_roundoff * size
            if one.line.changed_at == np.inf and claimed == 0:
                continue
            if claimed > rounding or bound > _VISIBLE * size:
                return False
            if claimed > 0 and claimed > backward_rounding(self, one):
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
        level = max(float(one.noise.level.max()) for one in readings)
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
                f"(noise of an evaluation {level:.1e}); expected at most "
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
            part = self.measure(reading.line.direction * mask, own, reading)
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
        """Return the outcome of a closer look at a tensor's discrepancy."""
        found = confirm(self, segment, reading)
        if found.within_noise and segment.name not in self._reconsidered:
            self._reconsidered.add(segment.name)
            return self._alone(segment)
        if found.kinked:
            self.kinked[segment.name] = found.reading
        elif found.outcome.verdict is Verdict.DISAGREE:
            self.suspects[segment.name] = found.reading
        return found.outcome
