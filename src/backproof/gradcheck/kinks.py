"""Signs that a function has no derivative at a point: kinks, jumps, staircases."""

from collections.abc import Sequence

import numpy as np
import torch

from backproof.gradcheck.extrapolation import Ladder
from backproof.gradcheck.line import Line

_SPLITS = 3
"""Halves that are tried: entries that are tied may all come to lie on one side."""
_VISIBLE = 10.0
"""A change so many times the rounding of the values could not have been overlooked."""
_REPRESENTED = 16.0
"""Steps of so many units of roundoff move the coordinates."""
_STAYS = 0.6
"""Over a step five times smaller a smooth function's second difference falls to 0.2 of itself."""


def shows_kink(ladders: Sequence[Ladder], c: float) -> bool:
    """Say whether (r(h) + r(-h))/h stays, rather than shrink with h, down to the finest steps.

    `ladders` are on the same line, the later with the smaller steps.
    """
    readings = [
        (h, abs(even), c * 6**0.5 * ladder.level() / h)
        for ladder in ladders
        for h, even in zip(ladder.steps, ladder.even, strict=True)
    ]
    seen = [(h, even) for h, even, noise in readings if even > noise]
    if len(seen) < 2:
        return False
    finest, last = seen[-1]
    if any(h < finest and even < last / 2 and noise < last / 2 for h, even, noise in readings):
        return False  # gone at steps that could have shown it: a kink beside the point, not at it
    wider = [even for h, even in seen if h >= 4 * finest]
    return bool(wider) and last > _STAYS * wider[-1]


def is_additive(line: Line, own: int, h: float, tolerance: float, seed: int) -> bool:
    """Say whether the slopes along two halves of a direction add up to the one along all of it.

    They do wherever there is a derivative. At a tie of three, say, moving any one entry leaves
    the median where it is, and moving all of them does not.
    """
    moving = torch.nonzero(line.direction).reshape(-1)
    if len(moving) < 2:
        return True
    whole = _slope(line, own, h)
    rng = np.random.default_rng(seed)
    for _ in range(_SPLITS):
        half = torch.zeros_like(line.direction)
        half[moving[torch.from_numpy(rng.permutation(len(moving))[: len(moving) // 2])]] = 1
        parts = (half, 1 - half)
        slopes = [_slope(Line(line.claim, line.direction * part), own, h) for part in parts]
        if abs(whole - sum(slopes)) > tolerance:
            return False
    return True


def is_staircase(line: Line, ladder: Ladder, delta: float) -> bool:
    """Say whether a function is constant in small steps and sloped, maybe as claimed, in large.

    Steps too small to show in the rounding of the values leave any function constant; they do not
    count.
    """
    claimed = float(line.claimed_slope()[ladder.own])
    slope = max(abs(claimed), abs(claimed + delta))
    h = max(_VISIBLE * line.floor()[ladder.own] / slope, _REPRESENTED * line.unit_roundoff)
    unchanged = [not line.rise_and_residual(side)[0].any() for side in (h, -h)]
    if not any(unchanged) or line.changed_at == np.inf:
        return False
    if claimed == 0:
        return True
    follows = any(
        abs(difference) <= 0.3 * abs(claimed)
        for difference, h in zip(ladder.differences, ladder.steps, strict=True)
        if h >= line.changed_at
    )
    return follows and abs(claimed + delta) < 0.1 * abs(claimed)


def _slope(line: Line, own: int, h: float) -> float:
    forward, backward = (float(side[own]) for side in line.step(h))
    return (forward - backward) / (2 * h)
