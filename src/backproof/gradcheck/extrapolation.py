"""The slope of a residual at zero step, with its error, from a ladder of central differences.

Romberg's scheme: D(h) = (r(h) - r(-h)) / 2h has an expansion in h², which combinations of several
steps cancel term by term. The steps fall by the irrational factor 1/√5: steps in rational ratios
meet the same roundings again and agree by accident.
"""

from dataclasses import dataclass, field
from functools import cached_property
from math import hypot, log

import numpy as np
from numpy.typing import NDArray

from backproof.gradcheck.line import Line

Array = NDArray[np.float64]

RATIO = 5**-0.5
"""q: each step over the one before."""
FIRST_STEP = 0.25
_COLUMNS = 3
"""Terms of the expansion that are cancelled, h² to h⁶."""
_SMALLEST_SHARE = 32.0
"""Smallest step in units of the roundoff of the coordinates: five bits of it are left."""
_SMALLEST_FIRST = FIRST_STEP / 30
"""A smaller step than that is never refused, however coarse the dtype."""
_REFUTES = 12.0
"""Deviations so many times their error are no accident."""
_CLEAN = 30.0
"""Changes so many times their own noise show the order of the truncation error."""


@dataclass(frozen=True)
class Estimate:
    """δ ± σ: how far the numeric slope lies from the claimed one."""

    delta: float
    sigma: float
    step: float
    """The smallest step that it rests on."""
    order: float | None
    """Measured order of the truncation error; None where rounding hides it."""

    @property
    def finite(self) -> bool:
        """Whether there is an estimate at all."""
        return bool(np.isfinite(self.sigma))


NOTHING = Estimate(delta=0.0, sigma=float("inf"), step=0.0, order=None)


@dataclass
class Ladder:
    """Central differences along a line, extrapolated as they come in."""

    line: Line
    own: int
    """The cotangent that is looked at."""
    noise: float
    """Standard deviation of an evaluation."""
    h: float = FIRST_STEP
    """The next step."""
    steps: list[float] = field(default_factory=list)
    differences: list[float] = field(default_factory=list)
    """D at each step."""
    even: list[float] = field(default_factory=list)
    """(r(h) + r(-h)) / h at each step: of order h where r is smooth, constant at a kink."""
    _rows: list[list[float]] = field(default_factory=list)
    _weights: list[list[Array]] = field(default_factory=list)
    _best: Estimate = NOTHING

    def extend(self, ratio: float = RATIO) -> None:
        """Take one more step; where the target has no value there, begin again below it."""
        h = self.h
        forward, backward = (side[self.own] for side in self.line.step(h))
        self.h *= ratio
        with np.errstate(invalid="ignore", over="ignore"):
            difference, even = (forward - backward) / (2 * h), (forward + backward) / h
        if np.isfinite(difference) and np.isfinite(even):
            self._add(h, float(difference), float(even))
        else:
            self._begin_again()

    def replay(self, other: "Ladder") -> None:
        """Take the differences of another ladder on the same line, with this one's noise."""
        for step, difference, even in zip(other.steps, other.differences, other.even, strict=True):
            self._add(step, difference, even)
        self.h = other.h

    @property
    def best(self) -> Estimate:
        """The estimate with the smallest σ so far."""
        return self._best

    def noise_of(self, h: float) -> float:
        """Return the standard deviation of a central difference at the step h."""
        return self.level() / (2**0.5 * h)

    def level(self) -> float:
        """Return the noise of an evaluation, nowhere below that of rounding."""
        return max(self.noise, float(self.line.floor()[self.own]))

    @property
    def exhausted(self) -> bool:
        """Whether smaller steps can teach nothing: the noise of one alone exceeds 3σ."""
        if self.too_small:
            return True
        return bool(self.steps) and self.noise_of(self.steps[-1]) > 3 * self._best.sigma

    @property
    def too_small(self) -> bool:
        """Whether the next step would vanish in the rounding of the coordinates."""
        return self.h < min(_SMALLEST_SHARE * self.line.unit_roundoff, _SMALLEST_FIRST)

    def run(self) -> Estimate:
        """Take steps until smaller ones can teach nothing."""
        while not self.exhausted:
            self.extend()
        if not self.steps and self.line.refusal is not None:
            raise self.line.refusal  # no step is small enough for the target
        return self._best

    def _add(self, step: float, difference: float, even: float) -> None:
        if self._best.finite and self._refutes(step, difference):
            self._begin_again()
        self.steps.append(step)
        self.differences.append(difference)
        self.even.append(even)
        self._extrapolate(self._rounding)

    def _refutes(self, step: float, difference: float) -> bool:
        """Say whether a finer difference contradicts the estimate so far.

        It may be off by its noise and by a truncation error that falls with the square of the step;
        a larger deviation says that the steps above went over kinks or jumps.
        """
        best = self._best
        above = abs(self.differences[self.steps.index(best.step)] - best.delta)
        allowed = _REFUTES * hypot(best.sigma, self.noise_of(step))
        return abs(difference - best.delta) > allowed + 2 * above * (step / best.step) ** 2

    def _begin_again(self) -> None:
        self.steps.clear()
        self.differences.clear()
        self.even.clear()
        self._rows.clear()
        self._weights.clear()
        self._best = NOTHING

    @cached_property
    def _rounding(self) -> float:
        """Error of the claimed slope from rounding in the backward pass, generously."""
        claim = self.line.claim
        gradient = claim.gradient_rounding(self.line.direction)[self.own]
        return 4 * hypot(float(gradient), float(claim.output_rounding[self.own]))

    def _extrapolate(self, rounding: float) -> None:
        """Add a row to the triangle of Romberg's scheme, and see whether it is better."""
        i = len(self.steps) - 1
        unit = np.zeros(i + 1)
        unit[i] = 1.0
        row, weights = [self.differences[i]], [unit]
        for j in range(1, min(i, _COLUMNS) + 1):
            factor = self._cancelling(i, j)
            above = np.append(self._weights[i - 1][j - 1], 0.0)
            row.append((row[j - 1] - factor * self._rows[i - 1][j - 1]) / (1 - factor))
            weights.append((weights[j - 1] - factor * above) / (1 - factor))
        self._rows.append(row)
        self._weights.append(weights)
        if i < 2:
            return
        h = np.array(self.steps)
        for j in range(min(i - 1, _COLUMNS) + 1):
            noise = self.level() / 2**0.5 * float(np.linalg.norm(weights[j] / h))
            sigma = hypot(self._truncation(i, j), noise, rounding)
            if sigma < self._best.sigma:
                self._best = Estimate(row[j], sigma, self.steps[i], self._order())

    def _cancelling(self, i: int, j: int) -> float:
        # Of the steps i-j and i; all steps of one ladder have the same ratio.
        return (self.steps[i] / self.steps[i - j]) ** 2

    def _truncation(self, i: int, j: int) -> float:
        """Return the change of the estimate, or the last one but shrunk: the larger.

        Not divided by what the next column would cancel: near kinks that is too small.
        """
        change = abs(self._rows[i][j] - self._rows[i - 1][j])
        if j < len(self._rows[i - 2]):
            before = abs(self._rows[i - 1][j] - self._rows[i - 2][j])
            ratio = self.steps[i] / self.steps[i - 1]
            change = max(change, ratio ** (2 * (j + 1)) * before)
        return change

    def _order(self) -> float | None:
        """Fit the order on the finest steps whose changes stand out of the noise."""
        changes = np.abs(np.diff(self.differences))
        clean = [
            i for i in range(len(changes)) if changes[i] > _CLEAN * self.noise_of(self.steps[i + 1])
        ]
        if len(clean) < 2 or clean[-1] != clean[-2] + 1:
            return None
        i, j = clean[-2], clean[-1]
        return log(changes[i] / changes[j]) / log(self.steps[i] / self.steps[j])
