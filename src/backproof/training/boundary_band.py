"""The prediction boundaries of several networks at once: quantiles over them, and the band."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from backproof._core.checks import rates
from backproof._core.errors import InputError
from backproof._core.numbers import counted
from backproof._core.results import Result
from backproof.training.boundary import (
    Array,
    Boundary,
    Grid,
    Line,
    NotFiniteError,
    Score,
    Window,
    WindowLike,
    zero_level,
)
from backproof.training.trained import Fit


@dataclass(frozen=True, kw_only=True)
class BoundaryBand(Result):
    """Quantiles of the boundary over several networks."""

    window: Window
    """The rectangle ((x_low, x_high), (y_low, y_high)) that was looked at."""
    quantiles: tuple[float, ...]
    """The quantiles, increasing, in [0, 1]."""
    boundaries: tuple[Boundary, ...]
    """For each quantile, the zero level of that quantile of the score."""
    region: tuple[Line, ...]
    """Where the lowest of the quantiles is below 0 and the highest one above, as closed rings that
    wind once around it, counterclockwise, and not at all around the rest; where they run along
    each other they cancel. Empty for one network or one quantile: there it has no width."""
    members: int
    """Number of networks behind the quantiles."""
    diverged: int
    """Number of networks that were left out since they diverged."""

    def __str__(self) -> str:
        left_out = f", {self.diverged} diverged and left out" if self.diverged else ""
        lines = (
            f"quantile {quantile:g}: {line}"
            for quantile, line in zip(self.quantiles, self.boundaries, strict=True)
        )
        return "\n".join((f"{counted(self.members, 'network')}{left_out}", *lines))


def boundary_band(
    scores: Iterable[Score | Fit],
    *,
    quantiles: ArrayLike = (0.1, 0.5, 0.9),
    window: WindowLike = 2.0,
    resolution: SupportsIndex = 201,
) -> BoundaryBand:
    r"""Trace the quantiles of the boundary over several networks.

    At each point the quantile of the networks' scores is taken, interpolated linearly between two
    of them; its zero level is that quantile of the boundary. Beyond the lines of 0.1 and 0.9, about
    90 % of the networks or more agree on the class.

    Parameters
    ----------
    scores
        Score functions, each of which takes float64 points of shape (n, 2) and returns n scores;
        or `Fit`\ s, of which those that diverged are left out, and those whose scores in the window
        are not finite.
    quantiles
        Which quantiles: at least one, increasing, in [0, 1].
    window, resolution
        As for `boundary`.

    Returns
    -------
    BoundaryBand
        A boundary for each quantile, and the region between the outermost two.

    Raises
    ------
    InputError
        If there is nothing to take quantiles of, a network has not two features or not one score a
        point, or an argument is out of range.
    """
    wanted = _quantiles(quantiles)
    grid = Grid(window, resolution)
    entries, diverged = _usable(scores)
    found_levels = []
    for one in entries:
        try:
            found_levels.append(_one_score(grid, _function(one)))
        except NotFiniteError:
            # A network on its way to divergence, whose weights are finite and scores are not.
            if not isinstance(one, Fit):
                raise
            diverged += 1
    if not found_levels:
        raise InputError("scores must be finite in the window for at least one network")
    levels = np.stack(found_levels)
    found = np.quantile(levels, wanted, axis=0, overwrite_input=True)
    return BoundaryBand(
        window=grid.window,
        quantiles=wanted,
        boundaries=tuple(zero_level(grid, level) for level in found),
        region=_region(grid, found[0], found[-1]),
        members=len(levels),
        diverged=diverged,
    )


def _quantiles(quantiles: ArrayLike) -> tuple[float, ...]:
    wanted = rates("quantiles", quantiles)
    if wanted.ndim != 1 or not wanted.size or not (np.diff(wanted) > 0).all():
        raise InputError(
            f"quantiles must be a list of at least one, from low to high, got {quantiles!r}"
        )
    return tuple(wanted.tolist())


def _usable(scores: Iterable[Score | Fit]) -> tuple[list[Score | Fit], int]:
    """Return what did not diverge, and how many fits did."""
    try:
        entries = list(scores)
    except TypeError:
        raise InputError(
            "scores must be several score functions or fits, such as the Fits that fit returns; "
            f"got one {type(scores).__name__}: give it to boundary, or put it in a list"
        ) from None
    usable = [one for one in entries if not (isinstance(one, Fit) and one.status == "diverged")]
    if not usable:
        raise InputError(
            "scores must hold at least one network that did not diverge, got "
            + (f"{len(entries)} that did" if entries else "none")
        )
    return usable, len(entries) - len(usable)


def _function(one: Score | Fit) -> Score:
    if isinstance(one, Fit):
        if one.inputs != 2:
            raise InputError(
                f"a boundary needs networks of two features, got one of {one.inputs} ({one.spec}): "
                "train on two of the columns, or give score functions of two features"
            )
        return one.model.infer
    if not callable(one):
        raise InputError(f"scores must be score functions or fits, got a {type(one).__name__}")
    return one


def _one_score(grid: Grid, function: Score) -> Array:
    levels = grid.scores(function)
    if levels.ndim != 2:
        raise InputError(
            f"a band is of networks with one score a point, got {levels.shape[2]}: quantiles of "
            "several scores do not tell where the largest one changes; draw the boundary of each "
            "network alone"
        )
    return levels


def _region(grid: Grid, lowest: Array, highest: Array) -> tuple[Line, ...]:
    """Return the rings of lowest < 0 < highest; `lowest` is nowhere above `highest`."""
    if np.array_equal(lowest, highest) or (lowest > 0).all() or (highest < 0).all():
        return ()
    # The area where the highest is above 0 less that where the lowest is. Made of the lines of
    # either, it is right also where it is thinner than a cell.
    above, holes = grid.areas(highest), grid.areas(lowest)
    return tuple(grid.stored(ring) for ring in (*above, *(ring[::-1] for ring in holes)))
