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
_FEWEST = 5  # points behind a fitted order: three coefficients, two degrees of freedom
_CONFIDENCE = 0.95
_HIDDEN = "not measurable, rounding hides the truncation error at nearly every step"

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ErrorLaw(Result):
    """What a curve of differences against steps says about the numeric derivative."""

    order: float | None
    """Fitted order p of the truncation error; ``None`` where too few steps show it."""
    order_margin: float | None
    """Half-width of the 95 % Student interval of the order, from the scatter about the fit."""
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
        next term of the Taylor series, which would otherwise bias the order.

    Raises
    ------
    InputError
        If the arguments are not as described.
    """
    epsilon = np.asarray(steps, dtype=np.float64)
    d = np.asarray(differences, dtype=np.float64)
    if epsilon.ndim != 1 or epsilon.shape != d.shape or len(d) < _FEWEST:
        raise InputError(
            f"expected as many differences as steps and at least {_FEWEST}, "
            f"got {d.size} and {epsilon.size}"
        )
    if not (np.diff(epsilon) < 0).all() or epsilon[-1] <= 0:
        raise InputError("steps must be positive and strictly decreasing")
    if not (np.isfinite(d).all() and (d >= 0).all()):
        raise InputError("differences must be finite and at least 0")

    best = int(np.argmin(d))
    rounding = _rounding(epsilon, d, best)
    clean = _truncation_points(epsilon, d, rounding)
    measurable = clean >= _FEWEST
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


def _rounding(epsilon: Array, d: Array, best: int) -> float | None:
    """Return the median of d·ε below the best step, where rounding alone is left."""
    product = (d * epsilon)[best + 1 :]
    return float(np.median(product)) if len(product) else None


def _truncation_points(epsilon: Array, d: Array, rounding: float | None) -> int:
    """Return how many of the largest steps show the truncation error alone."""
    noise = 0.0 if rounding is None else rounding / epsilon
    hidden = np.nonzero((d == 0) | (noise > _NEGLIGIBLE * d))[0]
    return int(hidden[0]) if len(hidden) else len(d)


def _fit_order(epsilon: Array, d: Array) -> tuple[float, float]:
    design = np.stack((np.ones_like(epsilon), np.log(epsilon), epsilon**2), axis=1)
    # Columns of like size, so that the smallest ε² are not lost.
    scale = np.abs(design).max(axis=0)
    coefficients, _, _, _ = np.linalg.lstsq(design / scale, np.log(d), rcond=None)
    residual = np.log(d) - design / scale @ coefficients
    freedom = len(d) - 3
    variance = float(residual @ residual) / freedom
    covariance = variance * np.linalg.inv((design / scale).T @ (design / scale))
    quantile = float(stdtrit(freedom, (1 + _CONFIDENCE) / 2))
    return (
        float(coefficients[1] / scale[1]),
        float(quantile * np.sqrt(covariance[1, 1]) / scale[1]),
    )
