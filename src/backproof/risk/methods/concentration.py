"""Intervals from bounds on moments: they hold for any loss with range 1."""

import numpy as np

from backproof.risk.binomial import divergence
from backproof.risk.methods.method import Array, Bounds, equal_tails
from backproof.risk.roots import rate_root


def hoeffding(k: Array, m: Array, tail: float) -> Bounds:
    """Return the mean k/m minus and plus √(ln(1/tail) / 2m), k the sum of the losses."""
    margin = np.sqrt(-np.log(tail) / (2 * m))
    mean = k / m
    return np.maximum(mean - margin, 0.0), np.minimum(mean + margin, 1.0)


def chernoff_kl(k: Array, m: Array, tail: float) -> Bounds:
    """Return the rates p with m·kl(k/m, p) = ln(1/tail), k the sum of the losses."""
    mean = k / m

    def excess(p: Array, mean: Array, m: Array) -> Array:
        return np.asarray(divergence(mean, p) + np.log(tail) / m)

    lower = rate_root(excess, 0.0, mean, mean, m)
    upper = rate_root(excess, mean, 1.0, mean, m)
    return np.where(k == 0, 0.0, lower), np.where(k == m, 1.0, upper)


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
