"""The noise of evaluating a function, from the differences of values on a fine grid.

ECnoise (Moré and Wild, "Estimating computational noise", SIAM J. Sci. Comput. 33, 2011): along a
short line a smooth function is a polynomial of low degree, whose higher differences vanish; what
is left in them is noise. Kinks, jumps and poles look like noise too, but unlike it they become
smaller, or go away, on finer grids, which is what is looked for before a level is believed.
"""

from dataclasses import dataclass, replace
from math import factorial

import numpy as np
from numpy.typing import NDArray

from backproof.gradcheck.line import Line, root_mean_square

Array = NDArray[np.float64]

_CENTRED, _ASIDE = range(-3, 4), range(1, 8)
"""Points of a grid, in units of its spacing."""
_ORDERS = (4, 5, 6)
_DEGREES_PER_GRID = 3
"""Independent differences of orders 4 to 6 on a grid of seven points."""
_GRIDS = 3
"""Successive grids that have to agree on a level."""
_ALIKE = 4.0
_NEAR_FLOOR = 30.0
"""A level this near to that of rounding needs no search for structure: none could matter."""
_COARSEST = 0.1
"""Coarsest spacing at which stairs are looked for."""
_FINEST = 64.0
"""Finest spacing in units of the roundoff of the coordinates: six bits of every step are left."""


@dataclass(frozen=True)
class Noise:
    """Standard deviation of an evaluation of v·F along a line."""

    level: Array
    """(c,) One for each cotangent."""
    degrees: int
    """Degrees of freedom behind it."""
    spacing: float
    """Spacing of the coarsest grid that it was found on."""
    settled: bool = True
    """False where no grid down to the finest agreed with the next."""
    coarse: "Noise | None" = None
    """What looked like noise before finer grids showed that it was structure."""

    def at_least(self, floor: Array) -> Array:
        """(c,) Return the level, nowhere below `floor`."""
        return np.maximum(self.level, floor)


def measure_noise(line: Line, own: int) -> Noise:
    """Find the level of noise that does not depend on the spacing of the grid.

    Parameters
    ----------
    line
        Where to measure.
    own
        The cotangent that decides on which grids to trust.
    """
    unit = line.unit_roundoff
    first = unit**0.25  # rounding dominates the differences of a smooth function there
    finest = min(_FINEST * unit, first / 3**_GRIDS)
    centred = _settle(_Grids(line, _CENTRED), own, first, finest)
    if centred.settled and (centred.level[own] <= _NEAR_FLOOR * line.floor()[own]):
        return centred
    # A kink, a jump or a pole at the point itself does not show on one side of it.
    aside = _settle(_Grids(line, _ASIDE), own, first, finest)
    lower = aside.level[own] < centred.level[own] / 10
    return aside if aside.settled and (lower or not centred.settled) else centred


def _settle(grids: "_Grids", own: int, spacing: float, finest: float) -> Noise:
    line, first = grids.line, spacing
    coarse: Noise | None = None
    while True:
        found = _plateau(grids, own, spacing, finest) or _unsettled(grids, spacing)
        if coarse is None and found.spacing < first / 9:
            coarse = Noise(grids.at(first).level, _DEGREES_PER_GRID, first, settled=False)
        found = replace(found, coarse=coarse)
        if not found.settled:
            return found
        level = found.at_least(line.floor())[own]
        if level <= _NEAR_FLOOR * line.floor()[own]:
            return _quantised(grids, own, found.spacing) or found
        finer = _structure_below(grids, own, found.spacing / 9, level, finest)
        if finer is None:
            return found
        spacing, coarse = finer, coarse or found


def _quantised(grids: "_Grids", own: int, spacing: float) -> Noise | None:
    """Return the noise of a function whose values repeat although its slope would show.

    A fine grid sees one stair of it, and no noise: the height of the stairs shows on a coarser one.
    """
    visible = _NEAR_FLOOR * grids.line.floor()[own]
    if abs(grids.line.claimed_slope()[own]) * spacing <= visible or not grids.at(spacing).stairs:
        return None
    seen: _Grid | None = None
    while spacing < _COARSEST:
        spacing *= 9
        grid = grids.at(spacing)
        if not grid.finite:
            break
        seen = grid
        if not grid.stairs:
            break
    if seen is None or grids.line.changed_at == np.inf:
        return None  # as far as one can see, it is constant
    return Noise(seen.level, _DEGREES_PER_GRID, spacing, settled=False)


@dataclass
class _Grid:
    level: Array
    repeats: bool
    """Whether values repeat on one side: it may be a staircase at this spacing."""
    stairs: bool
    """Whether they do on both."""
    finite: bool


class _Grids:
    """Grids of seven points at spacings that fall by 3, so that each shares three with the next."""

    def __init__(self, line: Line, places: range) -> None:
        self.line = line
        self._places = places
        start = np.zeros(len(line.claim.cotangents))
        self._values: dict[float, tuple[Array, Array]] = {0.0: (start, start)}
        self.seen: dict[float, _Grid] = {}

    def at(self, spacing: float) -> _Grid:
        if spacing not in self.seen:
            pairs = [self._value(k, spacing) for k in self._places]
            values = np.stack([residual for _, residual in pairs])
            changes = np.diff([rise for rise, _ in pairs], axis=0)
            sides = [bool((part == 0).all(axis=1).any()) for part in (changes[:3], changes[3:])]
            self.seen[spacing] = _Grid(
                level=_ecnoise(values),
                repeats=any(sides),
                stairs=all(sides),
                finite=bool(np.isfinite(values).all()),
            )
        return self.seen[spacing]

    def _value(self, k: int, spacing: float) -> tuple[Array, Array]:
        t = k * spacing
        # ±3h is ±h of the grid three times as wide, up to the last bit.
        near = next((s for s in self._values if abs(s - t) <= 1e-12 * abs(t)), None)
        if near is None:
            self._values[t] = self.line.rise_and_residual(t)
            near = t
        return self._values[near]


def _ecnoise(values: Array) -> Array:
    """(c,) Root mean square of the estimates from the differences of orders 4 to 6."""
    with np.errstate(invalid="ignore"):  # of values that are not finite nothing is used
        estimates = []
        for order in _ORDERS:
            weight = factorial(order) / factorial(2 * order) ** 0.5
            estimates.append(weight * root_mean_square(np.diff(values, n=order, axis=0)))
        return root_mean_square(np.stack(estimates))


def _plateau(grids: _Grids, own: int, spacing: float, finest: float) -> Noise | None:
    line = grids.line
    levels: list[tuple[float, Array]] = []
    while spacing >= finest:
        grid = grids.at(spacing)
        if grid.finite:
            levels.append((spacing, grid.level))
        else:
            levels.clear()
        last = levels[-_GRIDS:]
        floor = line.floor()[own]
        if len(last) == _GRIDS:
            sizes = [max(float(level[own]), floor) for _, level in last]
            if max(sizes) <= _ALIKE * min(sizes):
                level = root_mean_square(np.stack([level for _, level in last]))
                return Noise(level, _GRIDS * _DEGREES_PER_GRID, last[0][0])
        spacing /= 3
    return None


def _structure_below(
    grids: _Grids, own: int, spacing: float, level: float, finest: float
) -> float | None:
    """Return a spacing at which what looked like noise is gone."""
    while True:
        spacing = max(spacing, finest)  # in low precision the finest is not far
        grid = grids.at(spacing)
        if grid.finite and not grid.repeats and grid.level[own] < level / 10:
            return spacing
        if spacing <= finest:
            return None
        spacing /= 81


def _unsettled(grids: _Grids, spacing: float) -> Noise:
    finite = [s for s, grid in grids.seen.items() if grid.finite]
    usable = [s for s in finite if not grids.seen[s].stairs] or finite
    # The finest: where the level still falls, coarser grids show structure, not noise.
    usable = [s for s in usable if s <= spacing] or usable
    levels = [grids.seen[s].level for s in sorted(usable)[:_GRIDS]]
    if not levels:
        count = len(grids.line.claim.cotangents)
        return Noise(np.full(count, np.inf), _DEGREES_PER_GRID, spacing, settled=False)
    return Noise(np.max(levels, axis=0), _DEGREES_PER_GRID, spacing, settled=False)
