"""How the error of a central difference falls with its step: the law behind the V-shaped curve.

Going down from large steps, the truncation error C·ε^p dominates and the curve falls with the
order p; below the best step the rounding error ν/ε dominates and it rises again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from backproof._core.errors import InputError
from backproof._core.numbers import with_margin
from backproof._core.results import Result

_NEGLIGIBLE = 0.01  # rounding below this share of the difference leaves the order untouched
FEWEST_STEPS = 5
"""Points behind a fitted order: three coefficients, two degrees of freedom."""

_CONFIDENCE = 0.95
_HIDDEN = "not measurable, rounding hides the truncation error at nearly every step"

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ErrorLaw(Result):
    """What a curve of differences against steps says about the numeric derivative."""

    order: float | None
    """Fitted order p of the truncation error; ``None`` where too few steps show it."""
    order_margin: float | None
    """Half-width of the 95 % interval of the order, from the scatter about the fit."""
    truncation_range: tuple[float, float] | None
    """Smallest and largest step behind the order."""
    rounding: float | None
    """ν of the rounding law ν/ε, the error of a difference of two values over 2."""
    best_step: float
    """The step with the smallest difference."""
    floor: float
    """The smallest difference."""
    reason: str
    """Why there is no order; empty where there is one."""

    def __str__(self) -> str:
        order = self.reason
        if self.order is not None and self.order_margin is not None:
            order = with_margin(self.order, self.order_margin)
        return f"order {order}; floor {self.floor:.1e} at ε = {self.best_step:.1e}"


def error_law(steps: Sequence[float], differences: Sequence[float]) -> ErrorLaw:
    """Fit the order of the truncation error and the level of the rounding error.

    Parameters
    ----------
    steps
        Steps ε > 0, strictly decreasing, at least 5.
    differences
        Absolute differences at these steps, at least 0; a root mean square over directions
        scatters less than a single one.

    Returns
    -------
    ErrorLaw
        The order is the coefficient p of log d = log C + p·log ε + c·ε², fitted by least squares
        over the largest steps down to where rounding reaches 1 % of the difference; c·ε² is the
        next term of the Taylor series, which would otherwise bias the order. The scatter grows
        towards small steps, so the margin comes from the covariance HC3 of MacKinnon and White
        (1985), which holds whatever the scatter of each point, with Student's quantile.

    Raises
    ------
    InputError
        If the arguments are not as described.
    """
    epsilon = np.asarray(steps, dtype=np.float64)
    d = np.asarray(differences, dtype=np.float64)
    if epsilon.ndim != 1 or epsilon.shape != d.shape or len(d) < FEWEST_STEPS:
        raise InputError(
            f"expected as many differences as steps and at least {FEWEST_STEPS}, "
            f"got {d.size} and {epsilon.size}"
        )
    if not ((np.diff(epsilon) < 0).all() and epsilon[-1] > 0 and np.isfinite(epsilon[0])):
        raise InputError("steps must be finite, positive and strictly decreasing")
    if not (np.isfinite(d).all() and (d >= 0).all()):
        raise InputError("differences must be finite and at least 0")

    best = int(np.argmin(d))
    rounding = _rounding(epsilon, d)
    clean = _truncation_points(epsilon, d, rounding)
    measurable = clean >= FEWEST_STEPS
    order, margin = _fit_order(epsilon[:clean], d[:clean]) if measurable else (None, None)
    return ErrorLaw(
        order=order,
        order_margin=margin,
        truncation_range=(float(epsilon[clean - 1]), float(epsilon[0])) if measurable else None,
        rounding=rounding,
        best_step=float(epsilon[best]),
        floor=float(d[best]),
        reason="" if measurable else _HIDDEN,
    )


def _rounding(epsilon: Array, d: Array) -> float | None:
    """Return the median of d·ε below the valley of the curve, where rounding alone is left."""
    # A running median: a single difference may be small by luck, at the last step even.
    smooth = [np.median(d[max(0, place - 2) : place + 3]) for place in range(len(d))]
    product = (d * epsilon)[int(np.argmin(smooth)) + 1 :]
    return float(np.median(product)) if len(product) else None


def _truncation_points(epsilon: Array, d: Array, rounding: float | None) -> int:
    """Return how many of the largest steps show the truncation error alone."""
    noise = 0.0 if rounding is None else rounding / epsilon
    hidden = np.nonzero((d == 0) | (noise > _NEGLIGIBLE * d))[0]
    return int(hidden[0]) if len(hidden) else len(d)


def _fit_order(epsilon: Array, d: Array) -> tuple[float, float]:
    """Return the order and its margin by least squares; see `error_law`."""
    columns = np.stack((np.ones_like(epsilon), np.log(epsilon), epsilon**2), axis=1)
    # Columns of like size, so that the smallest ε² are not lost.
    scale = np.abs(columns).max(axis=0)
    design = columns / scale
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ design.T @ np.log(d)
    residual = np.log(d) - design @ coefficients
    # i point, j and k coefficient
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    meat = (design.T * (residual / (1 - leverage)) ** 2) @ design
    covariance = inverse @ meat @ inverse
    quantile = float(stdtrit(len(d) - 3, (1 + _CONFIDENCE) / 2))
    return (
        float(coefficients[1] / scale[1]),
        float(quantile * np.sqrt(covariance[1, 1]) / scale[1]),
    )
