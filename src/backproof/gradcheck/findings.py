"""From verdicts to findings: the wrong entries, and the mistake that they look like."""

from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import numpy as np
import torch

from backproof._core import seeds
from backproof.gradcheck.claims import Asked
from backproof.gradcheck.diagnosis import FEWEST, PARTS, Wrong, diagnose, is_unnamed, rows_apart
from backproof.gradcheck.extrapolation import Ladder
from backproof.gradcheck.judge import Judge
from backproof.gradcheck.line import Line
from backproof.gradcheck.localise import Entry, Localisation, Localiser
from backproof.gradcheck.measuring import Outcome, Reading
from backproof.gradcheck.probes import layout_findings
from backproof.gradcheck.problem import Backward, Segment
from backproof.gradcheck.report import TensorCheck, WrongEntry
from backproof.gradcheck.slices import missing_sum
from backproof.gradcheck.subgradient import at_kink, localiser
from backproof.gradcheck.torch_target import TorchBackward
from backproof.gradcheck.verdict import Verdict

Rows = tuple[int, list[int]]

_MOST_NOT_FINITE = 20
_FURTHER = 8
"""Entries inside and beside rows that have to confirm that these alone are wrong."""


@dataclass
class Finder:
    """Judges the tensors of a problem and looks into those that disagree."""

    judge: Judge
    asked: Asked
    backward: Backward
    localize: bool

    def run(self, names: list[str] | None = None) -> list[TensorCheck]:
        """Return what was found, for all tensors or for those of these names."""
        segments = [
            segment
            for segment in self.judge.problem.segments
            if names is None or segment.name in names
        ]
        finite = [s.name for s in segments if s.name not in self.asked.not_finite]
        self.judge.run(finite)
        return [self._with_layouts(segment, self._found(segment)) for segment in segments]

    def _found(self, segment: Segment) -> TensorCheck:
        if segment.name in self.asked.not_finite:
            return self._not_finite(segment)
        outcome = self.judge.outcomes[segment.name]
        if segment.name in self.judge.kinked:
            outcome, entries = at_kink(self.judge, segment)
            return self._checked(segment, outcome, entries)
        if segment.name not in self.judge.suspects:
            return self._checked(segment, outcome)
        if not self.localize:
            return replace(
                self._checked(segment, outcome), diagnosis=self._without_entries(segment)
            )
        search = localiser(self.judge, segment)
        found = search.run()
        rows = None if found.complete else self._rows(segment, search, found)
        diagnosis = self._diagnosis(segment, found, rows)
        return replace(self._checked(segment, outcome, found), diagnosis=diagnosis)

    def _checked(
        self, segment: Segment, outcome: Outcome, found: Localisation | None = None
    ) -> TensorCheck:
        found = found or Localisation()
        return TensorCheck(
            name=segment.name,
            shape=segment.shape,
            dtype=segment.dtype,
            verdict=outcome.verdict,
            discrepancy=float(outcome.delta),
            sigma=float(outcome.sigma) if np.isfinite(outcome.sigma) else None,
            slope=self.judge.size_of_slope(segment),
            order=outcome.order,
            resolution=outcome.resolution,
            label=outcome.label,
            reason=outcome.reason,
            wrong=tuple(self._entry(segment, entry) for entry in found.wrong),
            wrong_complete=found.complete,
            sampled=found.sampled,
        )

    def _entry(self, segment: Segment, entry: Entry) -> WrongEntry:
        coordinate = entry.coordinate - segment.start
        parts = segment.coordinates.parts
        return WrongEntry(
            index=segment.coordinates.index(coordinate),
            claimed=float(entry.claimed) if np.isfinite(entry.claimed) else None,
            numeric=float(entry.numeric),
            sigma=float(entry.sigma),
            part="" if parts == 1 else PARTS[coordinate % 2],
        )

    # The kind of mistake

    def _without_entries(self, segment: Segment) -> str:
        return _DETACHED if segment.name in self.asked.missing else ""

    def _diagnosis(self, segment: Segment, found: Localisation, rows: Rows | None) -> str:
        if segment.name in self.asked.missing:
            return _DETACHED
        if self._right_elsewhere(segment):
            return (
                f"gradient of a different point: the forward pass writes to {segment.name}, and "
                "the claim is the gradient at what it leaves there"
            )
        text = diagnose(self._wrong(segment, found, rows))
        # Any number is some multiple of another: one or two say nothing of a factor.
        few = len(found.wrong) < FEWEST and "factor" in text
        if not is_unnamed(text) and not few:
            return text
        reading = self.judge.suspects[segment.name]
        own = reading.ladder.own
        return missing_sum(self.backward, self.judge.claim, segment, own, reading.line) or text

    def _rows(self, segment: Segment, search: Localiser, found: Localisation) -> Rows | None:
        """Return rows that alone are wrong, as further entries in and beside them confirm.

        A few entries drawn from many rows fall apart by chance.
        """
        wrong = self._wrong(segment, found, None)
        rng = seeds.generator(self.judge.seed, "gradcheck.rows", segment.name)
        for axis, rows in rows_apart(wrong):
            index = np.unravel_index(np.arange(segment.coordinates.count), wrong.shape)[axis]
            inside = np.isin(index, rows)
            new = ~np.isin(np.arange(len(index)), wrong.flat)
            drawn = [
                rng.permutation(np.flatnonzero(side & new))[:_FURTHER] for side in (inside, ~inside)
            ]
            bad, good = (
                search.measure_entries([int(place) + segment.start for place in places])
                for places in drawn
            )
            if all(one.wrong for one in bad) and not any(one.wrong for one in good):
                return axis, rows
        return None

    def _wrong(self, segment: Segment, found: Localisation, rows: Rows | None) -> Wrong:
        own = self.judge.suspects[segment.name].ladder.own
        coordinates = segment.coordinates
        return Wrong.of(
            found,
            segment.start,
            tuple(coordinates.values.shape) + ((2,) if coordinates.parts == 2 else ()),
            claimed_all=self.judge.claim.gradients[own, segment.slice].cpu().numpy(),
            point=self.judge.problem.x[segment.slice].cpu().numpy(),
            sizes=self._sizes,
            parts=coordinates.parts,
            rows=rows,
        )

    @cached_property
    def _sizes(self) -> dict[int, str]:
        """Sizes in the problem that a gradient may wrongly be multiplied or divided by."""
        sizes: dict[int, str] = {}
        for shape in self.backward.shapes():
            for axis, size in enumerate(shape):
                sizes.setdefault(size, f"the size of axis {axis} of the output")
            sizes.setdefault(prod(shape), "the number of outputs")
        for name, shape in self.backward.held_shapes():
            for axis, size in enumerate(shape):
                sizes.setdefault(size, f"the size of axis {axis} of {name}")
            sizes.setdefault(prod(shape), f"the number of entries of {name}")
        return sizes

    def _right_elsewhere(self, segment: Segment) -> bool:
        """Say whether the claim is right at what the forward pass left in its inputs."""
        changed = self.backward.changed
        if not changed:
            return False
        x = self.judge.problem.x.clone()
        for one in self.judge.problem.segments:
            if one.name in changed:
                moved = one.coordinates.of_gradient(changed[one.name])
                x[one.slice] = moved.to(x.device)
        problem = self.judge.problem.moved_to(x)
        base, _ = problem.value(problem.x)
        reading = self.judge.suspects[segment.name]
        claim = replace(self.judge.claim, problem=problem, base=base)
        ladder = Ladder(
            Line(claim, reading.line.direction), reading.ladder.own, reading.ladder.noise
        )
        there = ladder.run()
        return there.finite and abs(there.delta) < 1e-3 * abs(reading.estimate.delta)

    # Other findings

    def _not_finite(self, segment: Segment) -> TensorCheck:
        """Judge a tensor with NaN or Inf in its claimed gradient, by the slopes that are there."""
        judge, places = self.judge, self.asked.not_finite[segment.name]
        entries: list[Entry] = []
        reading: Reading | None = None
        for place in places[:_MOST_NOT_FINITE]:
            direction = torch.zeros_like(judge.scale)
            direction[place] = judge.scale[place]
            reading = judge.measure(direction, 0, reading)
            size = float(judge.scale[place])
            exists = reading.estimate.finite and not judge.is_kinked(reading)
            if exists and abs(reading.estimate.delta) < 1 / np.finfo(np.float64).eps:
                entry = Entry(
                    coordinate=place,
                    claimed=float("nan"),
                    error=0.0,
                    sigma=reading.estimate.sigma / size,
                    wrong=True,
                    measured=reading.estimate.delta / size,
                )
                entries.append(entry)
        kind = "Inf" if segment.name in self.asked.infinite else "NaN"
        index = segment.coordinates.index(places[0] - segment.start)
        reason = f"the claimed gradient has {kind} at {len(places)} of {segment.coordinates.count}"
        reason += f" entries, first at {index}"
        wrong = Localisation(entries=entries)
        outcome = Outcome(
            verdict=Verdict.DISAGREE if entries else Verdict.UNRESOLVED,
            delta=0.0,
            sigma=float("inf"),
            order=None,
            resolution=None,
            reason=reason
            + (", where the function has a slope" if entries else ", and no slope was found there"),
        )
        diagnosis = f"not finite: {kind} in the claimed gradient" if entries else ""
        return replace(self._checked(segment, outcome, wrong), diagnosis=diagnosis)

    def _with_layouts(self, segment: Segment, check: TensorCheck) -> TensorCheck:
        what = self._layouts.get(segment.name)
        if what is None:
            return check
        if check.label == "vacuous":
            return check  # zero but for rounding, which another order of summing changes
        if check.verdict is Verdict.DISAGREE:
            diagnosis = "; ".join(
                part for part in (check.diagnosis, f"memory layout: {what}") if part
            )
            return replace(check, diagnosis=diagnosis)
        return replace(
            check, verdict=Verdict.DISAGREE, label="", reason=what, diagnosis="memory layout"
        )

    @cached_property
    def _layouts(self) -> dict[str, str]:
        if not isinstance(self.backward, TorchBackward) or self.asked.variation > 0:
            return {}
        segments = [s for s in self.judge.problem.segments if s.name not in self.asked.not_finite]
        return layout_findings(self.backward, self.judge.claim.cotangents[0], segments)


_DETACHED = "detached: the backward pass gives no gradient (None), but the value depends on it"
