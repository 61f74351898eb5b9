"""Which entries of a tensor are wrong: bisection over random sign patterns.

A claimed gradient that is wrong by e shows as ⟨e, w⟩ along a pattern w of random signs and sizes.
Restricted to the two halves of a range of entries it shows as two numbers with that sum, so one
measurement tells for both where the error is; k wrong entries of n take about k·log₂(n/k). What
is found is confirmed by coordinate differences and taken out of the claim, and the search is
repeated until the claim so corrected agrees.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from backproof._core import seeds
from backproof.gradcheck.extrapolation import FIRST_STEP, RATIO, Estimate, Ladder
from backproof.gradcheck.line import Claim, Line
from backproof.gradcheck.problem import Segment

MOST_ENTRIES = 32
"""Wrong entries that are looked for one by one."""
_SAMPLE = 20
_CROWDED = 8
"""Ranges that all have errors, from which on the whole tensor is suspected."""
_ROUNDS = 8
_CLEAR = 4.0
"""A discrepancy so many times its threshold needs no better estimate."""
_NEGLIGIBLE = 0.02
"""A bound below this share of the discrepancy looked for needs none either."""


@dataclass(frozen=True)
class Entry:
    """One coordinate, measured alone."""

    coordinate: int
    """In the vector of all tensors."""
    claimed: float
    error: float
    """Numeric minus claimed."""
    sigma: float
    wrong: bool
    measured: float | None = None
    """The numeric derivative itself, where the claimed one is not finite."""

    @property
    def numeric(self) -> float:
        """The numeric derivative."""
        return self.claimed + self.error if self.measured is None else self.measured


@dataclass
class Localisation:
    """The wrong entries of a tensor, or a sample of its entries."""

    entries: list[Entry] = field(default_factory=list)
    """Entries that were measured alone, in order."""
    complete: bool = False
    """Whether the claim agrees once the wrong entries are corrected."""
    sampled: int = 0
    """Entries that were drawn at random, where too many are wrong to be looked for."""

    @property
    def wrong(self) -> list[Entry]:
        """The entries that are wrong."""
        return [entry for entry in self.entries if entry.wrong]


@dataclass
class Localiser:
    """Searches one tensor along the cotangent for which it disagrees.

    Legend: n coordinate of all tensors.
    """

    claim: Claim
    segment: Segment
    own: int
    scale: Tensor
    """(n,) Size of a step."""
    noise: float
    c: float
    seed: int
    first_step: float = FIRST_STEP
    _cut_short: bool = False
    """Whether only some of too many wrong entries were followed."""
    _measured: dict[int, Entry] = field(default_factory=dict)

    def run(self) -> Localisation:
        """Find the wrong entries."""
        result = Localisation()
        for number in range(_ROUNDS):
            pattern = self._pattern(number)
            root = self._measure(pattern, None)
            if abs(root.delta) <= self.c * float(np.hypot(root.sigma, self._uncertainty(pattern))):
                result.complete = number > 0 and not self._cut_short
                break
            leaves = self._bisect(pattern, root)
            if leaves is None:
                result.sampled = len(self.sample())
                result.complete = result.sampled == self.segment.coordinates.count
                break
            found = self.measure_entries(leaves)
            self._correct(found)
            if self._cut_short or not any(entry.wrong for entry in found):
                break
        result.entries = sorted(self._measured.values(), key=lambda entry: entry.coordinate)
        return result

    def _uncertainty(self, pattern: Tensor) -> float:
        """Return the error of ⟨g, pattern⟩ from the corrections made to g."""
        moved = [
            entry.sigma * float(pattern[place])
            for place, entry in self._measured.items()
            if entry.wrong
        ]
        return float(np.linalg.norm(moved)) if moved else 0.0

    def sample(self, count: int = _SAMPLE) -> list[Entry]:
        """Measure entries drawn at random; all of a small tensor."""
        size = self.segment.coordinates.count
        rng = seeds.generator(self.seed, "gradcheck.sample", self.segment.name)
        chosen = rng.permutation(size)[:count] + self.segment.start
        return [self._entry(int(coordinate)) for coordinate in chosen]

    def measure_entries(self, coordinates: Sequence[int]) -> list[Entry]:
        """Measure certain entries."""
        return [self._entry(coordinate) for coordinate in coordinates]

    def _pattern(self, number: int) -> Tensor:
        """(n,) Draw random signs with random sizes, so that no two errors cancel exactly."""
        rng = seeds.generator(self.seed, "gradcheck.pattern", self.segment.name, number)
        count = self.segment.coordinates.count
        drawn = rng.uniform(0.5, 1.5, count) * rng.choice([-1.0, 1.0], count)
        pattern = torch.zeros_like(self.scale)
        pattern[self.segment.slice] = torch.from_numpy(drawn).to(pattern.device)
        return pattern * self.scale

    def _bisect(self, pattern: Tensor, root: Estimate) -> list[int] | None:
        """Return coordinates that carry the discrepancy; None where most entries do."""
        level = [(self.segment.start, self.segment.stop, root.delta, root.sigma)]
        leaves: list[int] = []
        while level:
            below = []
            for start, stop, delta, sigma in level:
                if stop - start == 1:
                    leaves.append(start)
                    continue
                middle = (start + stop) // 2
                left = self._measure(pattern, slice(start, middle), abs(delta))
                rest, error = delta - left.delta, float(np.hypot(sigma, left.sigma))
                if abs(left.delta) > self.c * left.sigma:
                    below.append((start, middle, left.delta, left.sigma))
                if abs(rest) > self.c * error:
                    below.append((middle, stop, rest, error))
            if _CROWDED <= len(below) == 2 * len(level) and self._mostly_wrong():
                return None
            if len(below) + len(leaves) > MOST_ENTRIES:
                if self._mostly_wrong():
                    return None
                self._cut_short = True
                below = below[:: -(-len(below) // (MOST_ENTRIES // 2))]
            level = below
        return leaves

    def _mostly_wrong(self) -> bool:
        entries = self.sample()
        return 2 * sum(entry.wrong for entry in entries) > len(entries)

    def _measure(
        self, pattern: Tensor, part: slice | None, sought: float | None = None
    ) -> Estimate:
        direction = pattern
        if part is not None:
            direction = torch.zeros_like(pattern)
            direction[part] = pattern[part]
        ladder = Ladder(Line(self.claim, direction), self.own, self.noise, h=self.first_step)
        while not ladder.exhausted:
            ladder.extend()
            best = ladder.best
            bound = self.c * best.sigma
            clear = abs(best.delta) > _CLEAR * bound
            if sought is not None and (clear or bound < _NEGLIGIBLE * sought):
                break
        if sought is None and ladder.best.finite:
            # Further measurements begin where this one became accurate.
            self.first_step = min(FIRST_STEP, ladder.best.step / RATIO**3)
        return ladder.best

    def _entry(self, coordinate: int) -> Entry:
        if coordinate in self._measured:
            return self._measured[coordinate]
        size = float(self.scale[coordinate])
        direction = torch.zeros_like(self.scale)
        direction[coordinate] = size
        ladder = Ladder(Line(self.claim, direction), self.own, self.noise, h=self.first_step)
        best = ladder.run()
        entry = Entry(
            coordinate=coordinate,
            claimed=float(self.claim.gradients[self.own, coordinate]),
            error=best.delta / size,
            sigma=best.sigma / size,
            wrong=best.finite and abs(best.delta) > self.c * best.sigma,
        )
        self._measured[coordinate] = entry
        return entry

    def _correct(self, found: list[Entry]) -> None:
        gradients = self.claim.gradients.clone()
        for entry in found:
            if entry.wrong:
                gradients[self.own, entry.coordinate] = entry.numeric
        self.claim = self.claim.corrected(gradients)
