"""Intervals that cover in the limit of many examples: widely used, without a guarantee."""

import numpy as np
from scipy.special import log_ndtr, ndtri

from backproof.risk.binomial import (
    at_most,
    beta_quantile,
    beta_upper_quantile,
    first_count,
    log_at_least,
    probability,
    quantile,
    upper_quantile,
)
from backproof.risk.methods.method import Array, Bounds, equal_tails

_MANY = "independent examples, many of them"
_MANY_ERRORS = "independent examples, many of them and many errors"


def _normal(k: Array, m: Array, tail: float) -> Bounds:
    mean = k / m
    margin = -ndtri(tail) * np.sqrt(mean * (1 - mean) / m)
    return np.clip(mean - margin, 0.0, 1.0), np.clip(mean + margin, 0.0, 1.0)


def _wilson(k: Array, m: Array, tail: float) -> Bounds:
    # The roots p of (k/m - p)² = z² p (1 - p) / m. The smaller one is their product over the
    # larger one's numerator, since the difference would cancel.
    z = -ndtri(tail)
    mean, square = k / m, z * z / m
    radical = z * np.sqrt((mean * (1 - mean) + square / 4) / m)
    numerator = mean + square / 2 + np.abs(radical)
    larger = np.where(k == m, 1.0, numerator / (1 + square))
    smaller = np.where(k == 0, 0.0, mean * mean / np.where(k == 0, 1.0, numerator))
    # One-sided bounds of a confidence below one half lie on the other side of the estimate.
    return (smaller, larger) if z >= 0 else (larger, smaller)


def _agresti_coull(k: Array, m: Array, tail: float) -> Bounds:
    z = -ndtri(tail)
    trials = m + z * z
    mean = (k + z * z / 2) / trials
    margin = z * np.sqrt(mean * (1 - mean) / trials)
    return np.clip(mean - margin, 0.0, 1.0), np.clip(mean + margin, 0.0, 1.0)


def _jeffreys(k: Array, m: Array, tail: float) -> Bounds:
    a, b = k + 0.5, m - k + 0.5
    lower, upper = beta_quantile(tail, a, b), beta_upper_quantile(tail, a, b)
    return np.where(k == 0, 0.0, lower), np.where(k == m, 1.0, upper)


def _bootstrap_percentile(k: Array, m: Array, tail: float) -> Bounds:
    # Resampling m examples with k errors draws Binomial(m, k/m) errors, so the percentiles of
    # infinitely many resamples are that binomial's quantiles.
    mean = k / m
    return quantile(tail, m, mean) / m, upper_quantile(tail, m, mean) / m


def _bootstrap_bca(k: Array, m: Array, tail: float) -> Bounds:
    # Bias z0 from the share of resamples below k, ties counted half; acceleration a, a sixth of
    # the skewness of the mean. Both are known in closed form for a binomial.
    mean = k / m
    degenerate = (k == 0) | (k == m)  # without any spread every resample is the test set
    spread = np.where(degenerate, 1.0, np.sqrt(m * mean * (1 - mean)))
    z0 = ndtri(at_most(k - 1, m, mean) + probability(k, m, mean) / 2)
    a = (1 - 2 * mean) / (6 * spread)
    # Counts in logs of their tails, since few errors and much confidence lead beyond all floats.
    above = _last_count(log_ndtr(-_bca_level(-ndtri(tail), z0, a)), m, mean, np.less_equal)
    below = _last_count(log_ndtr(_bca_level(ndtri(tail), z0, a)), m, (m - k) / m, np.less)
    lower, upper = (m - below) / m, above / m
    return np.where(degenerate, mean, lower), np.where(degenerate, mean, upper)


def _last_count(log_tail: Array, m: Array, p: Array, falls_to: np.ufunc) -> Array:
    """Return the smallest count beyond which the upper tail falls to the given one."""
    return first_count(
        lambda k, m, p, log_tail: falls_to(log_at_least(k + 1, m, p), log_tail), m, p, log_tail
    )


def _bca_level(z: float, z0: Array, a: Array) -> Array:
    """Return where the resamples' law is cut, as a normal deviate."""
    moved = z0 + z
    stretch = 1 - a * moved
    # Far out the formula has a pole; what lies beyond it is the end of the law.
    with np.errstate(divide="ignore"):
        return np.where(stretch > 0, z0 + moved / stretch, np.where(moved < 0, -np.inf, np.inf))


NORMAL = equal_tails(
    _normal,
    guarantee="asymptotic",
    assumptions=_MANY_ERRORS,
    source="de Moivre (1738), Laplace (1812); also called Wald's",
)
WILSON = equal_tails(
    _wilson,
    guarantee="asymptotic",
    assumptions=_MANY,
    source="Wilson (1927), J. Amer. Statist. Assoc. 22, 209-212",
)
AGRESTI_COULL = equal_tails(
    _agresti_coull,
    guarantee="asymptotic",
    assumptions=_MANY,
    source="Agresti and Coull (1998), Amer. Statist. 52, 119-126",
)
JEFFREYS = equal_tails(
    _jeffreys,
    guarantee="asymptotic",
    assumptions=_MANY,
    source="Brown, Cai and DasGupta (2001), Statist. Sci. 16, 101-133, section 3.1.1",
)
BOOTSTRAP_PERCENTILE = equal_tails(
    _bootstrap_percentile,
    guarantee="asymptotic",
    assumptions=_MANY_ERRORS,
    source="Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13",
)
BOOTSTRAP_BCA = equal_tails(
    _bootstrap_bca,
    guarantee="asymptotic",
    assumptions=_MANY_ERRORS,
    source="Efron (1987), J. Amer. Statist. Assoc. 82, 171-185",
)
