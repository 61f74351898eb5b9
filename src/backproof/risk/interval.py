"""Confidence intervals for an error rate from the number of errors among the examples."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, SupportsIndex

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from backproof._core.checks import open_unit
from backproof._core.errors import InputError
from backproof._core.results import Result
from backproof.risk.counts import checked_counts
from backproof.risk.law import binomial_quantile

Side = Literal["two-sided", "upper", "lower"]
Guarantee = Literal["finite-sample", "asymptotic"]
Counts = NDArray[np.int64]
Bounds = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Interval(Result):
    """An interval for the true error rate."""

    estimate: float
    """Errors over examples."""
    lower: float
    """Lower end; 0 for side ``upper``."""
    upper: float
    """Upper end; 1 for side ``lower``."""
    confidence: float
    """Nominal probability of covering the true error rate."""
    side: Side
    """``two-sided``, or the side that is bounded: ``upper`` or ``lower``."""
    method: str
    """Name of the method, a key of `METHODS`."""
    guarantee: Guarantee
    """``finite-sample``: covers at least with the nominal probability, whatever the true error
    rate and the number of examples; ``asymptotic``: only in the limit of many examples."""
    assumptions: str
    """What the examples must be for that."""
    source: str
    """Where the method comes from."""

    def __str__(self) -> str:
        return (
            f"{self.estimate:.4%} ({self.confidence:.6g} {self.side} {self.lower:.4%} to "
            f"{self.upper:.4%}, {self.method}, {self.guarantee})"
        )


@dataclass(frozen=True, kw_only=True)
class Method:
    """One row of the table of methods."""

    bounds: Callable[[Counts, int, float], Bounds]
    """From errors, examples and the probability of missing on one side to both bounds."""
    guarantee: Guarantee
    """See `Interval.guarantee`."""
    assumptions: str
    """See `Interval.assumptions`."""
    source: str
    """See `Interval.source`."""


def _hoeffding(errors: Counts, examples: int, tail: float) -> Bounds:
    margin = np.sqrt(np.log(1 / tail) / (2 * examples))
    estimate = errors / examples
    return np.maximum(estimate - margin, 0.0), np.minimum(estimate + margin, 1.0)


def _clopper_pearson(errors: Counts, examples: int, tail: float) -> Bounds:
    # Beta quantiles solve P(K >= k; p) = tail and P(K <= k; p) = tail. At k = 0 and k = m one of
    # the parameters is 0 and the bound is that end of [0, 1]; the 1s only keep SciPy quiet.
    none, all_wrong = errors == 0, errors == examples
    lower = betaincinv(np.where(none, 1, errors), examples - errors + 1, tail)
    upper = betaincinv(errors + 1, np.where(all_wrong, 1, examples - errors), 1 - tail)
    return np.where(none, 0.0, lower), np.where(all_wrong, 1.0, upper)


def _bootstrap_percentile(errors: Counts, examples: int, tail: float) -> Bounds:
    # Resampling m examples with k errors draws Binomial(m, k/m) errors, so the percentiles of
    # infinitely many resamples are that binomial's quantiles.
    estimate = errors / examples
    lower = binomial_quantile(np.asarray(tail), examples, estimate)
    upper = binomial_quantile(np.asarray(1 - tail), examples, estimate)
    return lower / examples, upper / examples


METHODS: dict[str, Method] = {
    "clopper-pearson": Method(
        bounds=_clopper_pearson,
        guarantee="finite-sample",
        # Fixed class counts make the number of errors a sum of unequal Bernoulli variables, which
        # is more concentrated about its mean than the binomial: Hoeffding (1956).
        assumptions=(
            "independent examples of the distribution that the error rate is about, drawn at "
            "random or with fixed class counts"
        ),
        source=(
            "Clopper and Pearson (1934), Biometrika 26, 404-413; for fixed class counts Hoeffding "
            "(1956), Ann. Math. Statist. 27, 713-721"
        ),
    ),
    "hoeffding": Method(
        bounds=_hoeffding,
        guarantee="finite-sample",
        assumptions="independent examples; any loss with range 1",
        source="Hoeffding (1963), J. Amer. Statist. Assoc. 58, 13-30, Theorem 2",
    ),
    "bootstrap-percentile": Method(
        bounds=_bootstrap_percentile,
        guarantee="asymptotic",
        assumptions="independent examples, many of them and many errors",
        source="Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13",
    ),
}
"""Every method by its name."""


def interval(
    errors: SupportsIndex,
    examples: SupportsIndex,
    confidence: float = 0.95,
    method: str = "clopper-pearson",
    side: Side = "two-sided",
) -> Interval:
    """Return an interval for the true error rate.

    Parameters
    ----------
    errors
        Number of examples that were classified wrongly, 0 to `examples`.
    examples
        Number of independent test examples, at least 1.
    confidence
        Probability of covering, in (0, 1).
    method
        A key of `METHODS`.
    side
        ``two-sided`` with equal tails, or one bound: ``upper`` or ``lower``.

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    k, m = checked_counts(errors, examples)
    lower, upper = interval_bounds(np.array([k]), m, confidence, method, side)
    row = METHODS[method]
    return Interval(
        estimate=k / m,
        lower=float(lower[0]),
        upper=float(upper[0]),
        confidence=float(confidence),
        side=side,
        method=method,
        guarantee=row.guarantee,
        assumptions=row.assumptions,
        source=row.source,
    )


def interval_bounds(
    errors: Counts, examples: int, confidence: float, method: str, side: Side = "two-sided"
) -> Bounds:
    """Return the lower and upper bounds for an array of error counts.

    Parameters
    ----------
    errors
        Error counts from 0 to `examples`, any shape.
    examples
        Number of examples behind each count.
    confidence, method, side
        As for `interval`.

    Returns
    -------
    lower, upper : numpy.ndarray
        In the shape of `errors`, rates in [0, 1].

    Raises
    ------
    InputError
        If confidence, method or side is none.
    """
    miss = 1 - open_unit("confidence", confidence)
    if method not in METHODS:
        raise InputError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if side not in ("two-sided", "upper", "lower"):
        raise InputError(f"side must be two-sided, upper or lower, got {side!r}")
    tail = miss / 2 if side == "two-sided" else miss
    lower, upper = METHODS[method].bounds(errors, examples, tail)
    if side == "upper":
        lower = np.zeros_like(lower)
    if side == "lower":
        upper = np.ones_like(upper)
    return lower, upper
