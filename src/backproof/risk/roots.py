"""Rates at which a function of them changes its sign."""

from collections.abc import Callable

import numpy as np
from scipy.special import expit, logit

from backproof.risk.binomial import Array, Numbers

# Beyond these, on the scale of the logit, a rate or its complement is no float64 any more.
_LOWEST, _HIGHEST = -700.0, 36.7
_EPSILON = 2.0**-52


def rate_root(
    function: Callable[..., Array], one_end: Numbers, other_end: Numbers, *args: Numbers
) -> Array:
    """Return the rate between two ends at which ``function(rate, *args)`` is zero.

    Elementwise. The search is on the scale of the logit, so that small rates are found with small
    relative errors. Where the function does not change its sign, the end at which it is nearer to
    zero is returned.

    Parameters
    ----------
    function
        Vectorised, with one change of sign in each interval.
    one_end, other_end
        Ends in [0, 1], in either order.
    *args
        Further arguments of `function`.
    """
    from scipy.optimize.elementwise import find_root  # costs a tenth of a second to import

    low, high = np.minimum(one_end, other_end), np.maximum(one_end, other_end)
    below, above, *rest = np.broadcast_arrays(low, high, *args)
    with np.errstate(divide="ignore"):
        ends = [np.clip(logit(np.asarray(x, float)), _LOWEST, _HIGHEST) for x in (below, above)]
    found = find_root(
        lambda u, *rest: function(expit(u), *rest),
        (ends[0], ends[1]),
        args=tuple(rest),
        tolerances={"xatol": 0.0, "xrtol": _EPSILON, "fatol": 0.0, "frtol": 0.0},
    )
    at_low, at_high = (np.abs(value) for value in found.f_bracket)
    nearer = np.where(at_low < at_high, below, above)
    return np.asarray(np.where(np.isnan(found.x), nearer, expit(found.x)), dtype=np.float64)
