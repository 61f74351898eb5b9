"""The binomial law, accurate in relative terms far into its tails and for up to 1e12 trials.

Legend: m trials, k errors, p the rate of errors; a, b the parameters of a beta law, n = a + b.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import (
    betainc,
    betaincc,
    betainccinv,
    betaincinv,
    gammainccinv,
    gammaincinv,
    gammaln,
    xlog1py,
    xlogy,
)

Array = NDArray[np.float64]
Numbers = float | NDArray[Any]

_HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)
# Where Stirling's series, cut after five terms, is exact to 1e-16.
_SERIES_FROM = 16.0
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)
# log1p(u) = 2 (r + r³/3 + r⁵/5 + …) with r = u / (2 + u); below this |u| nine terms suffice.
_SMALL = 0.1
_ATANH = tuple(1 / (2 * n + 3) for n in range(8))
# SciPy's inverses are good to 1e-8 for small quantiles; Newton's method doubles the digits.
_POLISHING_STEPS = 2
_UNDERFLOW = 1e-290  # probabilities below it are added up in logs
_TAIL_TERMS = 400


def _floats(value: Any) -> Array:
    return np.asarray(value, dtype=np.float64)


def divergence(q: Numbers, p: Numbers) -> Array:
    """Return kl(q, p) = q log(q/p) + (1-q) log((1-q)/(1-p)), accurate for p near q.

    Parameters
    ----------
    q, p
        Rates in [0, 1], broadcast against each other; infinite where p forbids what q has.
    """
    q, p = np.asarray(q, dtype=float), np.asarray(p, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        wrong = np.where(q > 0, q * _excess(p - q, q, p), p)
        right = np.where(q < 1, (1 - q) * _excess(q - p, 1 - q, 1 - p), 1 - p)
    return _floats(wrong + right)


def _excess(difference: Array, before: Array, after: Array) -> Array:
    """Return u - log(1 + u) for u = (after - before) / before, without cancellation."""
    u = difference / before
    r = u / (2 + u)
    series = np.polynomial.polynomial.polyval(r * r, _ATANH)
    near = r * (u - 2 * r * r * series)
    # Far below 1 + u keeps nothing of a small `after`.
    far = u - np.where(u < -0.5, np.log(after / before), np.log1p(u))
    return np.where(np.abs(u) < _SMALL, near, far)


def _stirling_remainder(z: Array) -> Array:
    """Return log Γ(z) - ((z - ½) log z - z + ½ log 2π), for z > 0."""
    large = np.maximum(z, _SERIES_FROM)
    series = np.polynomial.polynomial.polyval(large**-2.0, _STIRLING) / large
    small = np.minimum(z, _SERIES_FROM)
    direct = gammaln(small) - ((small - 0.5) * np.log(small) - small + _HALF_LOG_2PI)
    return np.where(z >= _SERIES_FROM, series, direct)


def log_beta_kernel(a: Numbers, b: Numbers, x: Numbers) -> Array:
    """Return log(x^a (1-x)^b / B(a, b)): the log of x (1-x) times the beta density at x.

    By the saddle point form of Loader (2000), "Fast and accurate computation of binomial
    probabilities", which has no cancellation however large a and b are.

    Parameters
    ----------
    a, b
        Parameters above 0.
    x
        Points in [0, 1].
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    n = a + b
    remainder = _stirling_remainder(n) - _stirling_remainder(a) - _stirling_remainder(b)
    constant = 0.5 * (np.log(a) + np.log(b) - np.log(n)) - _HALF_LOG_2PI + remainder
    return _floats(constant - n * divergence(a / n, x))


def probability(k: Numbers, m: Numbers, p: Numbers) -> Array:
    """Return P(K = k) for K ~ Binomial(m, p), elementwise, 0 <= k <= m."""
    k, m, p = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (k, m, p)))
    inside = (k > 0) & (k < m)
    inner_k, inner_m = np.where(inside, k, 1.0), np.where(inside, m, 2.0)
    with np.errstate(divide="ignore", under="ignore"):
        log_choices = np.log(inner_m / (inner_k * (inner_m - inner_k)))
        some = np.exp(log_choices + log_beta_kernel(inner_k, inner_m - inner_k, p))
        all_alike = np.exp(np.where(k == 0, xlog1py(m, -p), xlogy(m, p)))
    return np.where(inside, some, all_alike)


def probabilities(m: int, p: float) -> Array:
    """Return P(K = k) of Binomial(m, p) for k = 0, …, m."""
    return probability(np.arange(m + 1), m, p)


def at_most(k: Numbers, m: Numbers, p: Numbers) -> Array:
    """Return P(K <= k) for K ~ Binomial(m, p), elementwise; k may lie outside 0, …, m."""
    k, m = np.asarray(k, dtype=float), np.asarray(m, dtype=float)
    inner = np.clip(k, 0, m - 1)  # where the beta law has positive parameters
    value = betaincc(inner + 1, np.maximum(m - inner, 1), p)
    return _floats(np.where(k < 0, 0.0, np.where(k >= m, 1.0, value)))


def at_least(k: Numbers, m: Numbers, p: Numbers) -> Array:
    """Return P(K >= k) for K ~ Binomial(m, p), elementwise; k may lie outside 0, …, m."""
    k, m = np.asarray(k, dtype=float), np.asarray(m, dtype=float)
    inner = np.clip(k, 1, np.maximum(m, 1))
    value = betainc(inner, np.maximum(m, 1) - inner + 1, p)
    return _floats(np.where(k <= 0, 1.0, np.where(k > m, 0.0, value)))


def log_at_least(k: Numbers, m: Numbers, p: Numbers) -> Array:
    """Return log P(K >= k) for K ~ Binomial(m, p), elementwise, where P underflows too.

    There it is the first of its terms times the sum of their ratios, of which as many are added as
    a tail of so small a mean needs.
    """
    k, m, p = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (k, m, p)))
    value = at_least(k, m, p)
    with np.errstate(divide="ignore"):
        log_value = np.array(np.log(value))
    far = (value < _UNDERFLOW) & (k <= m)
    log_value[far] = _log_sum_from(k[far], m[far], p[far])
    return log_value


def _log_sum_from(k: Array, m: Array, p: Array) -> Array:
    """Return log P(K >= k) for k far above the mean, arrays of shape (n,)."""
    below = k < m
    i, n = np.where(below, k, 1.0), np.where(below, m, 2.0)  # the values at k = m are not used
    first = np.log(n / (i * (n - i))) + log_beta_kernel(i, n - i, p)
    step = np.arange(_TAIL_TERMS)[:, None]
    ratios = np.maximum(n - i - step, 0) / (i + 1 + step) * (p / (1 - p))
    some = first + np.log1p(np.cumprod(ratios, axis=0).sum(axis=0))
    return np.where(below, some, xlogy(m, p))


def quantile(tail: Numbers, m: Numbers, p: Numbers) -> Array:
    """Return the smallest k with P(K <= k) >= tail for Binomial(m, p), elementwise."""
    return first_count(lambda k, m, p, tail: at_most(k, m, p) >= tail, m, p, tail)


def upper_quantile(tail: Numbers, m: Numbers, p: Numbers) -> Array:
    """Return the smallest k with P(K > k) <= tail: the quantile of 1 - tail, for any small tail."""
    return first_count(lambda k, m, p, tail: at_least(k + 1, m, p) <= tail, m, p, tail)


def first_count(holds: Callable[..., NDArray[np.bool_]], m: Numbers, *args: Numbers) -> Array:
    """Return the smallest k in 0, …, m from which ``holds(k, m, *args)`` is true, elementwise.

    By bisection. It is taken to be true at m.
    """
    most, *rest = np.broadcast_arrays(np.asarray(m, dtype=float), *args)
    low, high = np.full(most.shape, -1.0), np.array(most)
    while np.any(high - low > 1):
        middle = np.floor((low + high) / 2)
        enough = holds(middle, most, *rest)
        open_ = high - low > 1
        high = np.where(open_ & enough, middle, high)
        low = np.where(open_ & ~enough, middle, low)
    return high


def beta_quantile(tail: Numbers, a: Numbers, b: Numbers) -> Array:
    """Return x with P(X <= x) = tail for X ~ Beta(a, b), elementwise, a and b above 0."""
    x = _floats(betaincinv(a, b, tail))
    for _ in range(_POLISHING_STEPS):
        x = x - _newton_step(_floats(betainc(a, b, x)) - tail, a, b, x)
    return np.where(_is_gamma(a, b), _rate_of(_floats(gammaincinv(a, tail)), a, b), x)


def beta_upper_quantile(tail: Numbers, a: Numbers, b: Numbers) -> Array:
    """Return x with P(X > x) = tail for X ~ Beta(a, b), elementwise, a and b above 0."""
    x = _floats(betainccinv(a, b, tail))
    for _ in range(_POLISHING_STEPS):
        x = x + _newton_step(_floats(betaincc(a, b, x)) - tail, a, b, x)
    return np.where(_is_gamma(a, b), _rate_of(_floats(gammainccinv(a, tail)), a, b), x)


def _is_gamma(a: Numbers, b: Numbers) -> NDArray[np.bool_]:
    # SciPy's functions lose digits there, and what the limit law neglects, of order (a / b)², is
    # below the rounding.
    return (np.asarray(a) < 100) & (np.asarray(b) > 1e8)


def _rate_of(time: Array, a: Numbers, b: Numbers) -> Array:
    """Return the quantile of a beta law from that of its limit law, a gamma law.

    Didonato and Morris (1992), ACM Trans. Math. Software 18, 360-373, section 9.
    """
    scale = np.asarray(b) + (np.asarray(a) - 1) / 2
    return _floats(-np.expm1(-time / scale))


def _newton_step(excess: Array, a: Numbers, b: Numbers, x: Array) -> Array:
    with np.errstate(all="ignore"):
        step = excess * x * (1 - x) * np.exp(-log_beta_kernel(a, b, x))
    # No step where the density is lost, or where it would leave the neighbourhood.
    return np.where(np.abs(step) < 1e-3 * np.minimum(x, 1 - x), step, 0.0)
