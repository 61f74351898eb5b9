"""From training error to true error: the gap that a test set shows, and bounds without one."""

from dataclasses import dataclass
from math import exp, log, sqrt
from typing import SupportsIndex

import numpy as np
from scipy.special import gammaln

from backproof._core.checks import not_negative, open_unit, rate, whole_number
from backproof._core.errors import InputError
from backproof._core.results import Result
from backproof.risk.counts import checked_examples
from backproof.risk.interval import Interval
from backproof.risk.methods.concentration import largest_rate
from backproof.risk.methods.exact import clopper_pearson_upper

_UNDERFLOW = -700.0  # logs below it belong to tails that no float64 holds


@dataclass(frozen=True, kw_only=True)
class Gap(Result):
    """True error minus training error."""

    estimate: float
    """Test error minus training error."""
    lower: float
    """Lower end of the interval for the gap."""
    upper: float
    """Upper end of the interval for the gap."""
    training_error: float
    """Error rate on the training set, a known number."""

    def __str__(self) -> str:
        return f"{self.estimate:.4%} ({self.lower:.4%} to {self.upper:.4%})"


def gap(training_error: float, interval: Interval) -> Gap:
    """Return the generalisation gap with its interval.

    The training error is known, so the interval of the true error, moved by it, covers the gap
    with the same probability and the same guarantee.

    Parameters
    ----------
    training_error
        Error rate on the training set, in [0, 1].
    interval
        Interval for the true error, from test examples that were not trained on.

    Raises
    ------
    InputError
        If `training_error` is out of range.
    """
    known = rate("training_error", training_error)
    return Gap(
        estimate=interval.estimate - known,
        lower=interval.lower - known,
        upper=interval.upper - known,
        training_error=known,
    )


def pac_bayes(
    empirical_error: float, divergence: float, examples: SupportsIndex, confidence: float = 0.95
) -> Interval:
    """Return an upper bound on the true error of a randomised predictor, from its training data.

    kl(R̂, R) <= (KL + ln(2√m / δ)) / m with probability 1 - δ for every posterior at once.

    Parameters
    ----------
    empirical_error
        Mean training error R̂ of predictors drawn from the posterior, in [0, 1].
    divergence
        Kullback-Leibler divergence KL of the posterior from a prior that was chosen without the
        training data, in nats, at least 0.
    examples
        Number m of training examples.
    confidence
        Probability of holding, in (0, 1).

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    error = rate("empirical_error", empirical_error)
    m, miss = checked_examples(examples), 1 - open_unit("confidence", confidence)
    nats = not_negative("divergence", divergence)
    # Maurer's 2√m is proved for m >= 8; Langford and Seeger's m + 1 for every m.
    factor = 2 * sqrt(m) if m >= 8 else m + 1
    return _upper_bound(
        error,
        float(largest_rate(error, (nats + log(factor / miss)) / m)),
        confidence,
        method="pac-bayes",
        assumptions=(
            "independent training examples; a prior chosen without them; a predictor drawn from "
            "the posterior for each decision; any loss with range 1"
        ),
        source="Maurer (2004), A note on the PAC-Bayesian theorem, arXiv cs/0411099, Theorem 5",
    )


def compression_bound(
    errors: SupportsIndex,
    examples: SupportsIndex,
    kept: SupportsIndex,
    confidence: float = 0.95,
) -> Interval:
    """Return an upper bound on the true error of a predictor that few training examples determine.

    The other m - d examples are a test set for each of the C(m, d) choices of d examples to keep;
    the miss is shared among these and among the m possible d.

    Parameters
    ----------
    errors
        Errors on the examples that were not kept.
    examples
        Number m of training examples.
    kept
        Number d of them from which alone the predictor can be made again, in any order; below m.
    confidence
        Probability of holding, in (0, 1).

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    m, d = checked_examples(examples), whole_number("kept", kept, at_least=0)
    if d >= m:
        raise InputError(f"kept must be below the number of examples {m}, got {d}")
    k = whole_number("errors", errors, at_least=0)
    if k > m - d:
        raise InputError(f"errors must be at most the {m - d} examples not kept, got {k}")
    miss = 1 - open_unit("confidence", confidence)
    choices = gammaln(m + 1) - gammaln(d + 1) - gammaln(m - d + 1)
    log_tail = log(miss) - log(m) - float(choices)
    return _upper_bound(
        k / (m - d),
        _binomial_bound(k, m - d, log_tail),
        confidence,
        method="compression",
        assumptions=(
            "independent training examples; the predictor depends on the kept ones alone, "
            "whatever their order; 0/1 loss"
        ),
        source=(
            "Littlestone and Warmuth (1986), Relating data compression and learnability; Langford "
            "(2005), J. Mach. Learn. Res. 6, 273-306, Theorem 3.8"
        ),
    )


def _binomial_bound(k: int, m: int, log_tail: float) -> float:
    """Return the rate p with P(K <= k; p) = tail, or Chernoff's bound where that underflows."""
    if log_tail < _UNDERFLOW:
        return float(largest_rate(k / m, -log_tail / m))
    return float(clopper_pearson_upper(np.array(k), np.array(m), exp(log_tail)))


def _upper_bound(
    estimate: float,
    upper: float,
    confidence: float,
    *,
    method: str,
    assumptions: str,
    source: str,
) -> Interval:
    return Interval(
        estimate=estimate,
        lower=0.0,
        upper=upper,
        confidence=float(confidence),
        side="upper",
        method=method,
        guarantee="finite-sample",
        assumptions=assumptions,
        source=source,
    )
