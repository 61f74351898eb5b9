"""Losses of the fused kernel: scores into derivatives.

Each function of a dtype returns the compiled one that turns the scores s (k, n) of m points into
the derivatives of a mean over `points` points, in place, and returns the sum of their losses. They
work in float64 whatever the scores are: that is a small part of the work.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from backproof.training.engines.elementary import LOOPS, exponential, log1p_of_unit

_exp = exponential("float64")


def _logistic(real: Any) -> Any:
    @njit(**LOOPS)  # type: ignore[untyped-decorator]
    def losses_of(s: Any, t: Any, start: int, m: int, points: int) -> float:
        total = 0.0
        s0 = s[0]
        for n in range(m):
            label = np.float64(t[start + n])
            margin = label * np.float64(s0[n])
            size = abs(margin)
            e = _exp(-(700.0 if size > 700.0 else size))  # exp(-700) is still a normal number
            total += log1p_of_unit(e) + (0.0 if margin > 0 else -margin)
            probability = (e if margin > 0 else 1.0) / (1.0 + e)
            s0[n] = real(-label * probability / points)
        return total

    return losses_of


def _softmax(real: Any) -> Any:
    @njit(**LOOPS)  # type: ignore[untyped-decorator]
    def losses_of(s: Any, t: Any, start: int, m: int, points: int) -> float:
        total = 0.0
        for n in range(m):
            most = s[0, n]
            for k in range(1, len(s)):
                most = s[k, n] if s[k, n] > most else most
            normaliser = 0.0
            for k in range(len(s)):
                normaliser += math.exp(np.float64(s[k, n]) - np.float64(most))
            of_class = int(t[start + n])
            total += math.log(normaliser) - (np.float64(s[of_class, n]) - np.float64(most))
            for k in range(len(s)):
                share = math.exp(np.float64(s[k, n]) - np.float64(most)) / normaliser
                s[k, n] = real((share - (1.0 if k == of_class else 0.0)) / points)
        return total

    return losses_of


def _squared(real: Any) -> Any:
    @njit(**LOOPS)  # type: ignore[untyped-decorator]
    def losses_of(s: Any, t: Any, start: int, m: int, points: int) -> float:
        total = 0.0
        s0 = s[0]
        for n in range(m):
            distance = np.float64(s0[n]) - np.float64(t[start + n])
            total += distance * distance
            s0[n] = real(2.0 * distance / points)
        return total

    return losses_of


LOSSES: dict[str, Callable[[Any], Any]] = {
    "logistic": _logistic,
    "softmax": _softmax,
    "squared": _squared,
}
"""The losses by their names."""
