"""Intervals from the binomial law itself: they cover whatever the true error rate is."""

from collections.abc import Callable

import numpy as np

from backproof.risk.binomial import (
    at_least,
    at_most,
    beta_quantile,
    beta_upper_quantile,
    first_count,
)
from backproof.risk.methods.method import Array, Bounds, Method, equal_tails
from backproof.risk.roots import rate_root

# Fixed class counts make the number of errors a sum of unequal Bernoulli variables, which is more
# concentrated about its mean than the binomial: Hoeffding (1956).
_INDEPENDENT = (
    "independent examples of the distribution that the error rate is about, drawn at random or "
    "with fixed class counts"
)
_FIXED_COUNTS = "for fixed class counts Hoeffding (1956), Ann. Math. Statist. 27, 713-721"

# Many a rate is an end of two counts' intervals at once; both have to hold it in spite of rounding.
_OUTWARD = 1e-12


def clopper_pearson_lower(k: Array, m: Array, tail: float) -> Array:
    """Return the rate p with P(K >= k; p) = tail; 0 where k = 0."""
    # Where k = 0 the beta law has a parameter 0; the 1 only keeps SciPy quiet.
    return np.where(k == 0, 0.0, beta_quantile(tail, np.maximum(k, 1), m - k + 1))


def clopper_pearson_upper(k: Array, m: Array, tail: float) -> Array:
    """Return the rate p with P(K <= k; p) = tail; 1 where k = m."""
    return np.where(k == m, 1.0, beta_upper_quantile(tail, k + 1, np.maximum(m - k, 1)))


def _clopper_pearson(k: Array, m: Array, tail: float) -> Bounds:
    return clopper_pearson_lower(k, m, tail), clopper_pearson_upper(k, m, tail)


def _blaker(k: Array, m: Array, miss: float) -> Bounds:
    # The acceptability of p is P(K >= k) + P(K <= j), j the largest count whose lower tail is no
    # larger than the upper tail of k (above p = k/m the other way about). The interval is
    # the hull of the rates with an acceptability above δ.
    tail = miss / 2
    lower = _blaker_end(
        k,
        m,
        miss,
        outermost=clopper_pearson_lower(k, m, tail),
        innermost=clopper_pearson_lower(k, m, 0.5),
        near=at_least,
        far=at_most,
        far_count=lambda p: first_count(lambda j, m, p: at_most(j, m, p) > tail, m, p) - 1,
        inward=1,
    )
    upper = _blaker_end(
        k,
        m,
        miss,
        outermost=clopper_pearson_upper(k, m, tail),
        innermost=clopper_pearson_upper(k, m, 0.5),
        near=at_most,
        far=at_least,
        far_count=lambda p: first_count(lambda j, m, p: at_least(j + 1, m, p) <= tail, m, p) + 1,
        inward=-1,
    )
    return np.where(k == 0, 0.0, lower), np.where(k == m, 1.0, upper)


def _blaker_end(
    k: Array,
    m: Array,
    miss: float,
    *,
    outermost: Array,
    innermost: Array,
    near: Callable[..., Array],
    far: Callable[..., Array],
    far_count: Callable[[Array], Array],
    inward: int,
) -> Array:
    """Return one end of the interval.

    Going inward from Clopper and Pearson's end, the near tail grows from δ/2 and the far tail of
    the count j found there falls, until at some rate the far tail of the next count is no larger
    than the near one. There acceptability jumps to twice the near tail, above δ; the end is there,
    or before, where the sum of the two tails of k and j has reached δ. That sum, one minus the
    probability of a run of counts, has a single valley, so it crosses δ once.
    """
    j = far_count(outermost)
    jump = rate_root(
        lambda p, k, m, j: near(k, m, p) - far(j + inward, m, p), outermost, innermost, k, m, j
    )
    crossing = rate_root(
        lambda p, k, m, j: near(k, m, p) + far(j, m, p) - miss, outermost, jump, k, m, j
    )
    reached = near(k, m, jump) + far(j, m, jump) > miss
    end = np.where(reached, crossing, jump)
    return np.asarray(end - inward * _OUTWARD * end * (1 - end))


def _bentkus(k: Array, m: Array, tail: float) -> Bounds:
    # P(sum <= k) <= e P(K <= k) for whole k: Clopper and Pearson's bounds at tail / e.
    return _clopper_pearson(k, m, tail / np.e)


CLOPPER_PEARSON = equal_tails(
    _clopper_pearson,
    guarantee="finite-sample",
    assumptions=_INDEPENDENT,
    source=f"Clopper and Pearson (1934), Biometrika 26, 404-413; {_FIXED_COUNTS}",
)
BLAKER = Method(
    two_sided=_blaker,
    # Ordering by one tail alone, Blaker's construction is Clopper and Pearson's.
    one_sided=_clopper_pearson,
    guarantee="finite-sample",
    assumptions="independent examples of the distribution that the error rate is about",
    source=("Blaker (2000), Canad. J. Statist. 28, 783-798; one-sided Clopper and Pearson (1934)"),
)
BENTKUS = equal_tails(
    _bentkus,
    guarantee="finite-sample",
    assumptions="independent examples; any loss with range 1",
    source="Bentkus (2004), Ann. Probab. 32, 1650-1673",
)
