"""Intervals that hold at every number of examples at once, so one may stop when one likes."""

from collections.abc import Callable

import numpy as np
from scipy.special import betainc, betaincc

from backproof.risk.binomial import Numbers, log_beta_kernel
from backproof.risk.methods.method import Array, Bounds, Method
from backproof.risk.roots import rate_root

_PRIOR = 0.5  # both parameters of the mixing beta law: Jeffreys's, which loses least in the worst

_LogWealth = Callable[[Array, Array, Array], Array]


def log_wealth(p: Numbers, k: Numbers, m: Numbers) -> Array:
    """Return the log of the mixture likelihood ratio against p, a martingale under p.

    It is the density of the mixing beta law at p over that of its posterior (Dickey's ratio).
    """
    with np.errstate(divide="ignore"):
        prior = -np.log(np.pi) + 0.5 * (np.log(p) + np.log1p(-p))
    return np.asarray(prior - log_beta_kernel(k + _PRIOR, m - k + _PRIOR, p))


def log_wealth_from_below(p: Numbers, k: Numbers, m: Numbers) -> Array:
    """Return the same with only rates below p mixed: it grows where p is too large."""
    share = betainc(k + _PRIOR, m - k + _PRIOR, p) / _prior_share(p, 1 - p)
    return log_wealth(p, k, m) + np.log(share)


def log_wealth_from_above(p: Numbers, k: Numbers, m: Numbers) -> Array:
    """Return the same with only rates above p mixed: it grows where p is too small."""
    share = betaincc(k + _PRIOR, m - k + _PRIOR, p) / _prior_share(1 - p, p)
    return log_wealth(p, k, m) + np.log(share)


def _prior_share(p: Numbers, complement: Numbers) -> Array:
    """Return the share of the mixing law, the arcsine law, below p; by symmetry, above 1 - p."""
    # SciPy's betaincc of ½, ½ is off by up to 1e-10 for arguments below 1e-14.
    return np.asarray(2 / np.pi * np.arctan2(np.sqrt(p), np.sqrt(complement)))


def _two_sided(k: Array, m: Array, miss: float) -> Bounds:
    return _where_wealth_is_gained(k, m, miss, log_wealth, log_wealth)


def _one_sided(k: Array, m: Array, miss: float) -> Bounds:
    return _where_wealth_is_gained(k, m, miss, log_wealth_from_above, log_wealth_from_below)


def _where_wealth_is_gained(
    k: Array, m: Array, miss: float, below: _LogWealth, above: _LogWealth
) -> Bounds:
    """Return the rates below and above k/m at which the wealth reaches 1/δ (Ville's inequality)."""
    mean = k / m
    lower = rate_root(lambda p, k, m: below(p, k, m) + np.log(miss), 0.0, mean, k, m)
    upper = rate_root(lambda p, k, m: above(p, k, m) + np.log(miss), mean, 1.0, k, m)
    return np.where(k == 0, 0.0, lower), np.where(k == m, 1.0, upper)


BETA_BINOMIAL = Method(
    two_sided=_two_sided,
    one_sided=_one_sided,
    guarantee="anytime",
    assumptions=(
        "independent examples in the order of their arrival; the number of them may depend on "
        "what was seen"
    ),
    source=(
        "Robbins (1970), Ann. Math. Statist. 41, 1397-1409; Howard, Ramdas, McAuliffe and Sekhon "
        "(2021), Ann. Statist. 49, 1055-1080"
    ),
)
