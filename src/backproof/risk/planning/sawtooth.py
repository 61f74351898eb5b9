"""Sizes for which a test error is close to the true error, whatever that is, by the exact law.

The probability of a larger deviation, at its worst over the true error, is a saw-tooth in m, so
its last tooth above δ has to be found; bisection would stop at any.
"""

from fractions import Fraction
from math import ceil, floor, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from backproof.risk.binomial import Array, at_least, at_most
from backproof.risk.planning.search import first_size, normal_size, summit


def two_sided_size(margin: Fraction, miss: float) -> int:
    """Return the smallest m with sup_p P(abs(K/m - p) > ε) <= δ for it and every larger m.

    For m examples, let N = floor(2·ε·m). Whatever the true error p, the test errors within the
    margin are at least N consecutive counts, and exactly N for the worst p. While N stays the
    same, more examples spread the binomial over the same number of counts, so the guarantee
    weakens with m and is weakest at the last m of the tooth; the next m gains a count. The
    guarantee therefore holds from the first m of a tooth on, where it holds at the end of that
    tooth and of every later one; from `_safe_size` on it holds anyway.
    """
    safe = _safe_size(margin, miss / 2)
    tooth = floor(2 * margin * safe)
    while tooth > 0 and two_sided_miss(_last_of_tooth(tooth, margin), margin) <= miss:
        tooth -= 1
    return min(safe, _last_of_tooth(tooth, margin) + 1)


def one_sided_size(margin: Fraction, miss: float) -> int:
    """Return the smallest m with sup_p P(p - K/m > ε) <= δ for it and every larger m.

    That probability falls with m without teeth, as all comparisons with an exhaustive search have
    shown. The other side, P(K/m - p > ε), is its mirror image.
    """
    guess = normal_size(float(margin), miss) + ceil(1 / margin)
    return first_size(lambda m: one_sided_miss(m, margin) <= miss, guess)


def _safe_size(margin: Fraction, tail: float) -> int:
    """Return a size from which on each tail is known to hold.

    P(K <= k) <= Φ(-√(2m·kl((k+1)/m, p))) by Zubkov and Serov (2013), Theory Probab. Appl. 57,
    539-544, and kl >= 2 (p - (k+1)/m)² by Pinsker's inequality; with k < m (p - ε) the tail is at
    most Φ(-2√m (ε - 1/m)), which falls with m.
    """
    z, e = max(0.0, float(-ndtri(tail))), float(margin)
    root = (z + sqrt(z * z + 16 * e)) / (4 * e)  # √m with 2√m (ε - 1/m) = z
    return max(ceil(root * root), ceil(1 / e)) + 1


def _last_of_tooth(counts: int, margin: Fraction) -> int:
    """Return the largest m with floor(2·ε·m) = counts."""
    return ceil(Fraction(counts + 1) / (2 * margin)) - 1


def two_sided_miss(m: int, margin: Fraction) -> float:
    """Return the supremum over p of P(abs(K/m - p) > ε), K ~ Binomial(m, p).

    Between the points at which a count enters or leaves the margin the probability of the counts
    inside has no inner minimum, so its infimum is approached at such a point: just above
    p = j/m + ε, where the counts j+1, …, j+N are inside. (Just below p = j/m - ε is its mirror
    image.) It is taken to have a single valley in j, as all comparisons with an exhaustive search
    have shown.
    """
    inside = floor(2 * margin * m)
    # p < 1; j = -1 stands for p just above ε - 1/m, where the counts 0, …, N-1 are inside.
    return summit(lambda j: _outside(j, inside, m, margin), -1, ceil(m * (1 - margin)) - 1)


def one_sided_miss(m: int, margin: Fraction) -> float:
    """Return the supremum over p of P(p - K/m > ε), approached just above a p = j/m + ε."""
    return summit(
        lambda j: at_most(j, m, _above(j, m, margin)), 0, max(0, ceil(m * (1 - margin)) - 1)
    )


def _outside(j: NDArray[np.int64], inside: int, m: int, margin: Fraction) -> Array:
    """Return P(K <= j or K > j + inside) for K ~ Binomial(m, j/m + ε)."""
    p = _above(j, m, margin)
    return np.asarray(at_most(j, m, p) + at_least(j + inside + 1, m, p))


def _above(j: NDArray[np.int64], m: int, margin: Fraction) -> Array:
    return np.clip(j / m + float(margin), 0.0, 1.0)
