"""How many test examples a given accuracy of the test error needs."""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, log

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from backproof._core.checks import open_unit
from backproof._core.errors import InputError
from backproof._core.results import Result

_SMALLEST_MARGIN = {"hoeffding": 1e-9, "exact": 1e-3}
_EXACT_SOURCE = (
    "exact binomial probabilities, the true error at its worst; for fixed class counts Hoeffding "
    "(1956), Ann. Math. Statist. 27, 713-721"
)


@dataclass(frozen=True, kw_only=True)
class Plan(Result):
    """A sample size that guarantees the accuracy of a test error."""

    examples: int
    """The smallest number m of test examples for which, with it and with every larger number,
    P(|test error - true error| > margin) <= 1 - confidence by this method."""
    margin: float
    """Largest deviation of the test error from the true error that is accepted."""
    confidence: float
    """Probability that the deviation is no larger."""
    method: str
    """``hoeffding`` or ``exact``."""
    assumptions: str
    """What the examples and the loss must be."""
    source: str
    """Where the method comes from."""

    def __str__(self) -> str:
        return (
            f"{self.examples} examples for ± {self.margin:g} at confidence {self.confidence:g} "
            f"({self.method})"
        )


def plan(margin: float, confidence: float, method: str = "hoeffding") -> Plan:
    """Return how many test examples bring the test error within `margin` of the true error.

    Parameters
    ----------
    margin
        Accepted deviation, in (0, 1).
    confidence
        Probability of keeping it, in (0, 1), whatever the true error is.
    method
        ``hoeffding``: for any loss with range 1, m >= ln(2/δ) / (2 margin²); ``exact``: for the
        0/1 loss, whose number of errors is binomial, the smallest number that does.

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    # As the decimal that the user wrote: 2·m·0.01 must be whole where it is whole on paper.
    exact_margin = Fraction(str(open_unit("margin", margin)))
    miss = float(1 - Fraction(str(open_unit("confidence", confidence))))
    if method not in _METHODS:
        raise InputError(f"method must be one of {', '.join(_METHODS)}, got {method!r}")
    if exact_margin < Fraction(str(_SMALLEST_MARGIN[method])):
        raise InputError(
            f"margin must be at least {_SMALLEST_MARGIN[method]:g} for the method {method}, got "
            f"{margin:g}: choose a larger one"
            + (", or the method hoeffding" if method == "exact" else "")
        )
    examples, assumptions, source = _METHODS[method](exact_margin, miss)
    return Plan(
        examples=examples,
        margin=float(margin),
        confidence=float(confidence),
        method=method,
        assumptions=assumptions,
        source=source,
    )


def _hoeffding(margin: Fraction, miss: float) -> tuple[int, str, str]:
    return (
        max(1, ceil(log(2 / miss) / (2 * float(margin) ** 2))),
        "independent examples; any loss with range 1",
        "Hoeffding (1963), J. Amer. Statist. Assoc. 58, 13-30, Theorem 2",
    )


def _exact(margin: Fraction, miss: float) -> tuple[int, str, str]:
    """Walk down the saw-tooth of the worst-case probability of a larger deviation.

    For m examples, let N = floor(2·margin·m). Whatever the true error p, the test errors within
    the margin are at least N consecutive counts, and exactly N for the worst p. While N stays the
    same, more examples spread the binomial over the same number of counts, so the guarantee
    weakens with m and is weakest at the last m of the tooth; the next m gains a count. The
    guarantee therefore holds from the first m of a tooth on, where it holds at the end of that
    tooth and of every later one; from Hoeffding's number on it holds by his theorem.
    """
    safe, _, _ = _hoeffding(margin, miss)
    tooth = floor(2 * margin * safe)
    while tooth > 0 and _worst_miss(_last_of_tooth(tooth, margin), margin) <= miss:
        tooth -= 1
    return (
        min(safe, _last_of_tooth(tooth, margin) + 1),
        "independent examples, drawn at random or with fixed class counts; 0/1 loss",
        _EXACT_SOURCE,
    )


def _last_of_tooth(counts: int, margin: Fraction) -> int:
    """Return the largest m with floor(2·margin·m) = counts."""
    return ceil(Fraction(counts + 1) / (2 * margin)) - 1


def _worst_miss(m: int, margin: Fraction) -> float:
    """Return the supremum over p of P(|K/m - p| > margin), K ~ Binomial(m, p).

    Between the points at which a count enters or leaves the margin the probability of the counts
    inside has no inner minimum, so its infimum is approached at such a point: just above
    p = j/m + margin, where the counts j+1, …, j+N are inside. (Just below p = j/m - margin is its
    mirror image.) It is taken to have a single valley in j, as all comparisons with an exhaustive
    search have shown, which a search on ever finer grids descends into.
    """
    inside = floor(2 * margin * m)
    # p < 1; j = -1 stands for p just above margin - 1/m, where the counts 0, …, N-1 are inside.
    low, high = -1, ceil(m * (1 - margin)) - 1
    while True:
        stride = max(1, (high - low) // 64)
        grid = np.append(np.arange(low, high, stride), high)
        probability = _within(grid, inside, m, margin)
        if stride == 1:
            return float(1 - probability.min())
        lowest = int(grid[np.argmin(probability)])
        low, high = max(low, lowest - stride), min(high, lowest + stride)


def _within(j: NDArray[np.int64], inside: int, m: int, margin: Fraction) -> NDArray[np.float64]:
    """Return P(j < K <= j + inside) for K ~ Binomial(m, j/m + margin)."""
    p = np.clip(j / m + float(margin), 0.0, 1.0)
    below = np.where(j < 0, 0.0, bdtr(np.maximum(j, 0), m, p))
    return np.asarray(bdtr(np.minimum(j + inside, m), m, p) - below, dtype=np.float64)


_METHODS = {"hoeffding": _hoeffding, "exact": _exact}
