"""Interval ends in high-precision arithmetic, from their definitions alone.

Legend: k errors among m examples, p a rate; x the end under test; tail the probability of missing
on its side, δ the miss of the interval; a, b parameters of a beta law, n = a + b.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from mpmath import mp, mpf  # type: ignore[import-untyped]

Real = Any  # mpmath has no types
End = str  # "lower" or "upper"

mp.dps = 40
_NODES, _WEIGHTS = ([mpf(float(v)) for v in rule] for rule in np.polynomial.legendre.leggauss(16))
_FEW = 10  # trials, whose probabilities are as quickly added
_NEGLIGIBLE = -38  # the log of what is left out, relative to the density at x: 3e-17


def tail_over_kernel(a: Real, b: Real, x: Real, away: int) -> Real:
    """Return the integral of t^(a-1) (1-t)^(b-1) from x to 0 (away -1) or 1, over x^a (1-x)^b.

    On the scale of the logit the integrand is t^a (1-t)^b: log-concave, without a singularity, and
    about as wide as sqrt(1/a + 1/b).
    """
    n, step = a + b, away * min(mp.sqrt(1 / a + 1 / b), mpf(2))
    total, start = mpf(0), mpf(0)
    while True:
        offsets = [start + step * (1 + node) / 2 for node in _NODES]
        logs = [a * s - n * mp.log1p(x * mp.expm1(s)) for s in offsets]
        total += sum(w * mp.exp(v) for w, v in zip(_WEIGHTS, logs, strict=True)) * abs(step) / 2
        start += step
        if logs[-1] < _NEGLIGIBLE and logs[-1] < logs[0]:
            return total


def kernel(a: Real, b: Real, x: Real) -> Real:
    """Return x^a (1-x)^b / B(a, b)."""
    log_beta = mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)
    return mp.exp(a * mp.log(x) + b * mp.log1p(-x) - log_beta)


def beta_tails(a: Real, b: Real, x: Real) -> tuple[Real, Real]:
    """Return P(X <= x) and P(X >= x) for X ~ Beta(a, b): the smaller one summed, from its side."""
    a, b, x = mpf(a), mpf(b), mpf(x)
    away = -1 if x < a / (a + b) else 1
    tail = kernel(a, b, x) * tail_over_kernel(a, b, x, away)
    return (tail, 1 - tail) if away < 0 else (1 - tail, tail)


def at_most(k: int, m: int, p: Real) -> Real:
    """Return P(K <= k) for K ~ Binomial(m, p)."""
    if k < 0 or k >= m:
        return mpf(k >= m)
    return _some(range(k + 1), m, p) if m <= _FEW else beta_tails(k + 1, m - k, p)[1]


def at_least(k: int, m: int, p: Real) -> Real:
    """Return P(K >= k) for K ~ Binomial(m, p)."""
    if k <= 0 or k > m:
        return mpf(k <= 0)
    return _some(range(k, m + 1), m, p) if m <= _FEW else beta_tails(k, m - k + 1, p)[0]


def _some(counts: range, m: int, p: Real) -> Real:
    return mp.fsum(mp.binomial(m, j) * p**j * (1 - p) ** (m - j) for j in counts)


def deviate(tail: Real) -> Real:
    """Return the normal deviate that is exceeded with probability `tail`."""
    return mp.sqrt(2) * mp.erfinv(1 - 2 * tail)


# Each of the following returns how far x is from the end it should be, relative to x.
ErrorOf = Callable[[int, int, Real, End, Real], Real]


def _closed(form: Callable[[Real, Real, Real, int], Real]) -> ErrorOf:
    def error(k: int, m: int, tail: Real, end: End, x: Real) -> Real:
        sign = 1 if end == "upper" else -1
        expected = min(max(form(mpf(k), mpf(m), tail, sign), mpf(0)), mpf(1))
        return x if expected == 0 else x / expected - 1

    return error


def _hoeffding(k: Real, m: Real, tail: Real, sign: int) -> Real:
    return k / m + sign * mp.sqrt(-mp.log(tail) / (2 * m))


def _normal(k: Real, m: Real, tail: Real, sign: int) -> Real:
    return k / m + sign * deviate(tail) * mp.sqrt(k * (m - k) / m**3)


def _agresti_coull(k: Real, m: Real, tail: Real, sign: int) -> Real:
    z = deviate(tail)
    return _normal(k + z**2 / 2, m + z**2, tail, sign)


def _wilson(k: Real, m: Real, tail: Real, sign: int) -> Real:
    z = deviate(tail)
    q = k / m
    with mp.workdps(80):  # the two terms cancel where an end is 0
        root = z * mp.sqrt(q * (1 - q) / m + z**2 / (4 * m**2))
        end = (q + z**2 / (2 * m) + sign * root) / (1 + z**2 / m)
    return mp.chop(end, mpf(10) ** -60)


def _beta(shape: Callable[[int, int, End], tuple[Real, Real]], divisor: Real = 1) -> ErrorOf:
    def error(k: int, m: int, tail: Real, end: End, x: Real) -> Real:
        if (end, k) in (("lower", 0), ("upper", m)):
            return x - (end == "upper")
        a, b = shape(k, m, end)
        below, above = beta_tails(a, b, x)
        excess = below - tail / divisor if end == "lower" else tail / divisor - above
        return excess * (1 - x) / kernel(mpf(a), mpf(b), x)

    return error


def _clopper_pearson_shape(k: int, m: int, end: End) -> tuple[Real, Real]:
    return (k, m - k + 1) if end == "lower" else (k + 1, m - k)


def _jeffreys_shape(k: int, m: int, end: End) -> tuple[Real, Real]:
    return k + mpf(1) / 2, m - k + mpf(1) / 2


def _chernoff(k: int, m: int, tail: Real, end: End, x: Real) -> Real:
    if (end, k) in (("lower", 0), ("upper", m)):
        return x - (end == "upper")
    q = mpf(k) / m
    wrong = k * mp.log(q / x) if k else mpf(0)
    right = (m - k) * mp.log((1 - q) / (1 - x)) if k < m else mpf(0)
    return (wrong + right + mp.log(tail)) * (1 - x) / (m * (x - q))


def _beta_binomial(k: int, m: int, miss: Real, end: End, x: Real, *, one_sided: bool) -> Real:
    """Judge a rate at which the wealth, the likelihoods' mixture over that of x, is 1/δ."""
    if (end, k) in (("lower", 0), ("upper", m)):
        return x - (end == "upper")
    a, b = _jeffreys_shape(k, m, end)
    odds = mp.sqrt(x * (1 - x))  # x^½ (1-x)^½, the kernel of the prior, without 1/π
    # The mass on one side in units of the kernel at x, and its share of the prior.
    if not one_sided:
        mass, prior = 1 / kernel(a, b, x), mp.pi
        slope = mpf(0)
    else:
        toward = -1 if end == "upper" else 1
        angle = mp.asin(mp.sqrt(x)) if end == "upper" else mp.asin(mp.sqrt(1 - x))
        mass = 1 / kernel(a, b, x) - tail_over_kernel(a, b, x, -toward)
        prior = 2 * angle
        slope = -toward * (1 / mass - odds / prior)
    slope += (m - k) * x - k * (1 - x)  # x (1-x) d/dx of -log likelihood
    return mp.log(odds * mass / prior * miss) * (1 - x) / slope


EQUAL_TAILS: dict[str, ErrorOf] = {
    "clopper-pearson": _beta(_clopper_pearson_shape),
    "bentkus": _beta(_clopper_pearson_shape, mp.e),
    "jeffreys": _beta(_jeffreys_shape),
    "chernoff-kl": _chernoff,
    "hoeffding": _closed(_hoeffding),
    "normal": _closed(_normal),
    "agresti-coull": _closed(_agresti_coull),
    "wilson": _closed(_wilson),
}
"""Methods whose end leaves `tail` on its side, δ/2 where there are two, with their errors."""


def relative_error(
    method: str, k: int, m: int, confidence: float, side: str, end: End, x: float
) -> float:
    """Return how far x is from the end it should be, relative to x, by a step of Newton's."""
    miss = 1 - mpf(confidence)
    # The nearest number below 1, where x was rounded to it: there are still two sides.
    rate = mpf(x if x < 1 or (end, k) == ("upper", m) else np.nextafter(1.0, 0.0))
    if method == "beta-binomial":
        one_sided = side != "two-sided"
        return float(_beta_binomial(k, m, miss, end, rate, one_sided=one_sided))
    return float(EQUAL_TAILS[method](k, m, miss / 2 if side == "two-sided" else miss, end, rate))


def bootstrap_level(method: str, k: int, m: int, tail: Real, end: End) -> Real:
    """Return the lower or upper tail at which resampled counts of k in m errors are cut."""
    if method == "bootstrap-percentile":
        return tail
    q = mpf(k) / m
    below, through = at_most(k - 1, m, q), at_most(k, m, q)
    z0 = -deviate((below + through) / 2)
    moved = z0 + deviate(tail) * (1 if end == "upper" else -1)
    stretch = 1 - (1 - 2 * q) / (6 * mp.sqrt(m * q * (1 - q))) * moved
    if stretch <= 0:
        return mpf((moved < 0) == (end == "upper"))
    cut = z0 + moved / stretch
    return mp.ncdf(cut) if end == "lower" else mp.ncdf(-cut)


def is_percentile(k: int, m: int, count: int, level: Real, end: End, slack: int) -> bool:
    """Whether a percentile of Binomial(m, k/m) lies within `slack` of `count`."""
    q, first, last = mpf(k) / m, count - slack - 1, count + slack
    if end == "lower":
        before = first < 0 or at_most(first, m, q) < level
        return bool(before and level <= at_most(last, m, q))
    return bool(at_least(last + 1, m, q) <= level < at_least(first + 1, m, q))


def acceptability(p: Real, k: int, m: int) -> Real:
    """Return Blaker's acceptability: P(the smaller tail of K is no larger than that of k)."""
    p = mpf(p)
    upper, lower = at_least(k, m, p), at_most(k, m, p)
    if lower < upper:
        return acceptability(1 - p, m - k, m)
    if upper == 1:
        return upper
    # The largest j with P(K <= j) <= upper lies below k.
    j, beyond = -1, k
    while beyond - j > 1:
        middle = (j + beyond) // 2
        j, beyond = (middle, beyond) if at_most(middle, m, p) <= upper else (j, middle)
    return min(upper + at_most(j, m, p), mpf(1))


def blaker(k: int, m: int, miss: Real) -> tuple[Real, Real]:
    """Return the hull of the rates with an acceptability above δ, found on a fine grid, m small."""
    logits = np.linspace(-45.0, 45.0, 6001)
    p, q = 1 / (1 + np.exp(-logits)), 1 / (1 + np.exp(logits))
    choose = np.array([float(mp.binomial(m, j)) for j in range(m + 1)])
    counts = np.arange(m + 1)
    law = choose * p[:, None] ** counts * q[:, None] ** (m - counts)
    tails = np.minimum(law.cumsum(axis=1), law[:, ::-1].cumsum(axis=1)[:, ::-1])
    no_larger = tails <= tails[:, k : k + 1] * (1 + 1e-14)
    kept = np.flatnonzero((law * no_larger).sum(axis=1) > float(miss))
    lower = mpf(0) if k == 0 else _change(k, m, miss, logits[kept[0] - 1], logits[kept[0]])
    upper = mpf(1) if k == m else _change(k, m, miss, logits[kept[-1] + 1], logits[kept[-1]])
    return lower, upper


def _change(k: int, m: int, miss: Real, outside: float, inside: float) -> Real:
    """Bisect for the rate at which the acceptability comes to be above δ."""
    out, into = mpf(outside), mpf(inside)
    while abs(into - out) > mpf(10) ** -15:
        middle = (out + into) / 2
        kept = acceptability(1 / (1 + mp.exp(-middle)), k, m) > miss
        out, into = (out, middle) if kept else (middle, into)
    return 1 / (1 + mp.exp(-into))
