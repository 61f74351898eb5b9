"""Intervals from bounds on moments: they hold for any loss with range 1."""

import numpy as np

from backproof.risk.binomial import Numbers, divergence
from backproof.risk.methods.method import Array, Bounds, equal_tails
from backproof.risk.roots import rate_root


def hoeffding(k: Array, m: Array, tail: float) -> Bounds:
    """Return the mean k/m minus and plus √(ln(1/tail) / 2m), k the sum of the losses."""
    margin = np.sqrt(-np.log(tail) / (2 * m))
    mean = k / m
    return np.maximum(mean - margin, 0.0), np.minimum(mean + margin, 1.0)


def chernoff_kl(k: Array, m: Array, tail: float) -> Bounds:
    """Return the rates p with m·kl(k/m, p) = ln(1/tail), k the sum of the losses."""
    budget = -np.log(tail) / m
    return smallest_rate(k / m, budget), largest_rate(k / m, budget)


def smallest_rate(mean: Numbers, budget: Numbers) -> Array:
    """Return the rate p <= mean with kl(mean, p) = budget; 0 where no p above 0 is that far."""
    return np.where(np.asarray(mean) == 0, 0.0, rate_root(_excess, 0.0, mean, mean, budget))


def largest_rate(mean: Numbers, budget: Numbers) -> Array:
    """Return the rate p >= mean with kl(mean, p) = budget; 1 where no p below 1 is that far."""
    return np.where(np.asarray(mean) == 1, 1.0, rate_root(_excess, mean, 1.0, mean, budget))


def _excess(p: Array, mean: Array, budget: Array) -> Array:
    return np.asarray(divergence(mean, p) - budget)


HOEFFDING = equal_tails(
    hoeffding,
    guarantee="finite-sample",
    assumptions="independent examples; any loss with range 1",
    source="Hoeffding (1963), J. Amer. Statist. Assoc. 58, 13-30, Theorem 2",
)
CHERNOFF_KL = equal_tails(
    chernoff_kl,
    guarantee="finite-sample",
    assumptions="independent examples; any loss with range 1",
    source="Hoeffding (1963), J. Amer. Statist. Assoc. 58, 13-30, Theorem 1",
)
