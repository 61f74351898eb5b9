"""Losses in a known range, and the few sums of them that most interval methods need."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backproof._core.checks import whole_number
from backproof._core.errors import InputError
from backproof._core.results import Result

# Sums computed elsewhere may be off by the rounding of many additions.
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class LossSummary(Result):
    """The sums of some losses; those of two shards add up to the sums of both.

    The total is rounded once, and once more at each addition. The squared deviations are off, in
    relative terms, by some rounding errors of 1e-16 times ``1 + |mean| / standard deviation``;
    merging keeps that (Chan, Golub and LeVeque, 1983, Amer. Statist. 37, 242-247). So the order in
    which shards are added changes nothing beyond rounding.

    Raises
    ------
    InputError
        If no losses in the range have these sums.
    """

    examples: int
    """Number of losses, at least 1."""
    total: float
    """Sum of the losses."""
    squared_deviations: float
    """Sum of the squares of the losses' deviations from their mean."""
    low: float
    """Smallest loss that is possible."""
    high: float
    """Largest loss that is possible."""

    def __post_init__(self) -> None:
        n = whole_number("examples", self.examples, at_least=1)
        low, high = checked_range(self.low, self.high)
        slack = _ROUNDING * n * max(abs(low), abs(high))
        if not n * low - slack <= self.total <= n * high + slack:
            raise InputError(
                f"total must lie in [{n * low:g}, {n * high:g}], what {n} losses in "
                f"[{low:g}, {high:g}] can add up to, got {self.total:g}"
            )
        most = n * (high - low) ** 2 / 4
        if not 0.0 <= self.squared_deviations <= most * (1 + _ROUNDING):
            raise InputError(
                f"squared_deviations must lie in [0, {most:g}], what {n} losses in "
                f"[{low:g}, {high:g}] can have, got {self.squared_deviations:g}"
            )

    @property
    def mean(self) -> float:
        """Mean of the losses."""
        return min(max(self.total / self.examples, self.low), self.high)

    def __add__(self, other: "LossSummary") -> "LossSummary":
        """Return the summary of both shards' losses; `InputError` if their ranges differ."""
        if not isinstance(other, LossSummary):
            return NotImplemented
        if (self.low, self.high) != (other.low, other.high):
            raise InputError(
                "summaries of losses can be added if their ranges are equal, got "
                f"[{self.low:g}, {self.high:g}] and [{other.low:g}, {other.high:g}]: summarise "
                "both with one range that holds all losses"
            )
        a, b = self.examples, other.examples
        apart = other.total / b - self.total / a
        between = apart * apart * (a * (b / (a + b)))
        return summary_within(
            a + b,
            self.total + other.total,
            self.squared_deviations + other.squared_deviations + between,
            (self.low, self.high),
        )

    def __str__(self) -> str:
        deviation = math.sqrt(self.squared_deviations / self.examples)
        return (
            f"{self.examples} losses in [{self.low:g}, {self.high:g}], mean {self.mean:.6g}, "
            f"standard deviation {deviation:.6g}"
        )


def summarise(losses: ArrayLike, low: float = 0.0, high: float = 1.0) -> LossSummary:
    """Return the sums of losses, from which most intervals for their mean can be made.

    Parameters
    ----------
    losses
        Losses in [low, high], shape (n,), n at least 1.
    low, high
        The smallest and the largest loss that are possible, whether or not they occur.

    Raises
    ------
    InputError
        If there is no loss, one is out of range or no number, or `low` is not below `high`.
    """
    low, high = checked_range(low, high)
    return summary_of(checked_losses(losses, low, high), low, high)


def summary_of(losses: NDArray[np.float64], low: float, high: float) -> LossSummary:
    """Return the sums of losses that are known to lie in the range."""
    n = len(losses)
    total = math.fsum(losses.tolist())
    deviations = losses - total / n
    # Their own sum is 0 but for the rounding of the mean, which the second term takes out.
    squares = math.fsum((deviations * deviations).tolist())
    return summary_within(n, total, squares - math.fsum(deviations.tolist()) ** 2 / n, (low, high))


def summary_within(n: int, total: float, squares: float, ends: tuple[float, float]) -> LossSummary:
    """Return a summary whose squared deviations rounding has not led out of what is possible."""
    low, high = ends
    most = n * (high - low) ** 2 / 4
    return LossSummary(
        examples=n,
        total=total,
        squared_deviations=min(max(squares, 0.0), most),
        low=low,
        high=high,
    )


def checked_range(low: float, high: float) -> tuple[float, float]:
    """Return the range as two finite ``float``, the first below the second, or `InputError`."""
    try:
        ends = float(low), float(high)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"low and high must be numbers, got {low!r} and {high!r}") from None
    if not (ends[0] < ends[1] and math.isfinite(ends[1] - ends[0])):
        raise InputError(
            f"low must be below high, and both be finite, got low {ends[0]:g} and high {ends[1]:g}"
        )
    return ends


def checked_losses(losses: ArrayLike, low: float, high: float) -> NDArray[np.float64]:
    """Return losses as a ``float64`` array of shape (n,), each in [low, high].

    Raises
    ------
    InputError
        If they are not; the message says how many are not, and which is the first.
    """
    try:
        array = np.asarray(losses)
    except ValueError as error:  # rows of different lengths
        raise InputError(f"losses must be an array of shape (n,): {error}") from None
    if array.ndim != 1:
        raise InputError(
            f"losses must have one dimension, one number an example, got shape {array.shape}"
        )
    if array.size == 0:
        raise InputError("losses must hold at least one loss, got none")
    if array.dtype.kind not in "biuf":
        raise InputError(
            f"losses must be real numbers, got an array of {array.dtype}: convert it with "
            "astype(float)"
        )
    values = array.astype(np.float64)
    wrong = ~((values >= low) & (values <= high))  # NaN too
    if wrong.any():
        first = int(np.argmax(wrong))
        raise InputError(
            f"losses must lie in [{low:g}, {high:g}], got {int(wrong.sum())} that do not, the "
            f"first at index {first}: {values[first]:g}. Give the range that holds every possible "
            "loss as low and high; an example without a loss has to be left out, or counted as "
            "the worst"
        )
    return values
