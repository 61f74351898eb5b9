"""The bootstrap of any statistic of counts, drawn in the space of counts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from backproof._core import seeds
from backproof._core.checks import one_of, open_unit, whole_number
from backproof._core.results import ArrayResult, Result
from backproof.risk.confusion import Confusion, Confusions
from backproof.risk.methods.method import SIDES, Guarantee, Side
from backproof.risk.metrics.statistics import checked_values, prepared
from backproof.risk.resampling import clusters_of, examples_of

Method = Literal["percentile", "basic", "bca"]

SOURCES: dict[str, str] = {
    "percentile": "Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13",
    "basic": "Davison and Hinkley (1997), Bootstrap Methods and their Application, section 5.2.1",
    "bca": "Efron (1987), J. Amer. Statist. Assoc. 82, 171-185",
}
"""Every kind of bootstrap interval, and where it comes from."""

# The same value reached by another sum differs by a few roundings; ties count half in the bias.
_TIE = 1e-12


@dataclass(frozen=True, kw_only=True)
class BootstrapInterval(Result):
    """A bootstrap interval for the true value of a statistic."""

    statistic: str
    """Name of the statistic."""
    estimate: float | None
    """Its value on the examples; ``None`` where it is undefined."""
    lower: float | None
    """Lower end; ``None`` where there is none and the statistic's range is not known."""
    upper: float | None
    """Upper end; ``None`` where there is none and the statistic's range is not known."""
    confidence: float
    """Nominal probability of covering the true value."""
    side: Side
    """``two-sided``, or the side that is bounded: ``upper`` or ``lower``."""
    method: str
    """``bootstrap-percentile``, ``bootstrap-basic`` or ``bootstrap-bca``."""
    guarantee: Guarantee
    """``asymptotic``: it covers in the limit of many examples."""
    assumptions: str
    """What the examples must be for that."""
    source: str
    """Where the method comes from."""
    seed: int
    """Seed of the draws."""

    def __str__(self) -> str:
        estimate, lower, upper = (
            "none" if value is None else f"{value:.4f}"
            for value in (self.estimate, self.lower, self.upper)
        )
        return (
            f"{self.statistic} {estimate} ({self.confidence:.6g} {self.side} {lower} to {upper}, "
            f"{self.method}, {self.guarantee})"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Bootstrap(ArrayResult):
    """Replicates of a statistic."""

    statistic: str
    """Name of the statistic."""
    estimate: float | None
    """Its value on the examples; ``None`` where it is undefined."""
    replicates: NDArray[np.float64]
    """Its values on the resampled examples, those left out where it is undefined."""
    undefined: int
    """How many were left out."""
    examples: int
    """Number of examples."""
    clusters: int | None
    """Number of clusters, where whole clusters were drawn; otherwise ``None``."""
    low: float | None
    """Least value of the statistic; ``None`` where it is not known."""
    high: float | None
    """Greatest value of the statistic; ``None`` where it is not known."""
    bias: float | None
    """Normal deviate of the share of replicates below the estimate, ties counted half (z₀)."""
    acceleration: float | None
    """A sixth of the skewness of the jackknife's values, those undefined left out (a)."""
    seed: int
    """Seed of the draws."""

    @property
    def varies(self) -> bool:
        """Whether the replicates differ; where they do not, they say nothing of a spread."""
        return len(self.replicates) > 0 and bool(self.replicates.min() < self.replicates.max())

    def interval(
        self, confidence: float = 0.95, method: Method = "percentile", side: Side = "two-sided"
    ) -> BootstrapInterval:
        """Return an interval for the true value of the statistic.

        Parameters
        ----------
        confidence
            Nominal probability of covering, in (0, 1).
        method
            ``percentile``, ``basic`` (the percentiles mirrored at the estimate) or ``bca``
            (percentiles corrected for bias and skewness).
        side
            ``two-sided`` with equal tails, or one bound: ``upper`` or ``lower``.

        Returns
        -------
        BootstrapInterval
            Where the estimate is undefined it is the whole range.

        Raises
        ------
        InputError
            If an argument is out of range.
        """
        miss = 1 - open_unit("confidence", confidence)
        one_of("method", method, SOURCES)
        one_of("side", side, SIDES)
        lower, upper = self.low, self.high
        if self.estimate is not None and len(self.replicates):
            ends = self._ends(self.estimate, method, miss / 2 if side == "two-sided" else miss)
            lower = lower if side == "upper" else ends[0]
            upper = upper if side == "lower" else ends[1]
        return BootstrapInterval(
            statistic=self.statistic,
            estimate=self.estimate,
            lower=lower,
            upper=upper,
            confidence=float(confidence),
            side=side,
            method=f"bootstrap-{method}",
            guarantee="asymptotic",
            assumptions=f"independent {'examples' if self.clusters is None else 'clusters'}, many",
            source=SOURCES[method],
            seed=self.seed,
        )

    def _ends(self, estimate: float, method: str, tail: float) -> tuple[float, float]:
        if method == "bca":
            lower, upper = self._quantile(self._bca(tail)), self._quantile(self._bca(1 - tail))
        else:
            lower, upper = self._quantile(tail), self._quantile(1 - tail)
        if method == "basic":
            lower, upper = 2 * estimate - upper, 2 * estimate - lower
        low = -np.inf if self.low is None else self.low
        high = np.inf if self.high is None else self.high
        return float(np.clip(lower, low, high)), float(np.clip(upper, low, high))

    def _quantile(self, level: float) -> float:
        return float(np.quantile(self.replicates, level, method="inverted_cdf"))

    def _bca(self, level: float) -> float:
        """Return the level of the percentile that stands for `level`."""
        bias, acceleration = self.bias or 0.0, self.acceleration or 0.0
        moved = bias + float(ndtri(level))
        stretch = 1 - acceleration * moved
        # Beyond the pole of the formula lies the end of the law.
        return float(ndtr(bias + moved / stretch)) if stretch > 0 else float(moved > 0)

    def __str__(self) -> str:
        undefined = f", {self.undefined} undefined" if self.undefined else ""
        mean = f"{self.replicates.mean():.4f}" if len(self.replicates) else "none"
        estimate = "undefined" if self.estimate is None else f"{self.estimate:.4f}"
        return (
            f"{self.statistic} {estimate}: {len(self.replicates)} replicates of {self.examples} "
            f"examples, mean {mean}{undefined}"
        )


def bootstrap(
    counts: ArrayLike | Confusion | Confusions,
    statistic: str | Callable[..., Any] = "error",
    *,
    replicates: SupportsIndex = 10_000,
    seed: SupportsIndex = 0,
    clustered: bool = False,
) -> Bootstrap:
    """Resample examples with replacement, as often as asked.

    Drawing m examples with replacement from m that lie in cells gives multinomial numbers of them
    in the cells, so these are drawn at once; the cost does not depend on m.

    Parameters
    ----------
    counts
        Numbers of examples in cells, at least one example. For ``error``, ``accuracy`` and
        ``micro-f1``: (errors, right), or a confusion matrix (K, K), true classes in rows, as for
        the other metrics; binary ones take two classes, the positive one second, or the larger
        label of a `Confusion`. For ``difference``, model A's error minus B's: [[both right, only
        B wrong], [only A wrong, both wrong]]. For ``auc``: (S, 2), a row for each different
        score, ascending, with its negatives and positives. For a callable: any shape.
    statistic
        Name of a statistic, or a callable that takes tables of shape ``(B, *cells)`` and returns B
        values; those not finite count as undefined.
    replicates
        Number of resampled test sets, at least 1.
    seed
        Seed of the draws.
    clustered
        Whether the first axis of `counts` is one of clusters, to be drawn whole.

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    count = whole_number("replicates", replicates, at_least=1)
    generator = seeds.generator(seed, "risk.bootstrap")
    row, table = prepared(counts, statistic, clustered)
    cells = table.shape[1:] if clustered else table.shape
    units = clusters_of(table) if clustered else examples_of(table)

    def values(tables: NDArray[np.int64]) -> NDArray[np.float64]:
        return checked_values(row.value, tables.reshape(-1, *cells))

    def left_out() -> NDArray[np.float64]:
        if row.left_out is not None and not clustered:
            return row.left_out(table)[table > 0]
        return np.concatenate([values(chunk) for chunk in units.each_left_out()])

    estimate = float(values(units.total[None])[0])
    drawn = np.concatenate([values(chunk) for chunk in units.replicates(generator, count)])
    defined = drawn[np.isfinite(drawn)]
    known = bool(np.isfinite(estimate))
    return Bootstrap(
        statistic=row.name,
        estimate=estimate if known else None,
        replicates=defined,
        undefined=count - len(defined),
        examples=int(units.total.sum()),
        clusters=len(table) if clustered else None,
        low=row.low,
        high=row.high,
        bias=_bias(defined, estimate) if known and len(defined) else None,
        acceleration=_acceleration(left_out(), units.weights) if known else None,
        seed=seeds.check_seed(seed),
    )


def _bias(replicates: NDArray[np.float64], estimate: float) -> float:
    tie = _TIE * max(1.0, abs(estimate))
    below = (replicates < estimate - tie).sum() + (replicates <= estimate + tie).sum()
    # An infinite deviate would say more than so many replicates can.
    share = np.clip(below / 2, 0.5, len(replicates) - 0.5) / len(replicates)
    return float(ndtri(share))


def _acceleration(left_out: NDArray[np.float64], weights: NDArray[np.int64]) -> float:
    """Return Σ w (mean - v)³ / 6 (Σ w (mean - v)²)^1.5, v with one unit left out, w like ones."""
    defined = np.isfinite(left_out)
    value, weight = left_out[defined], weights[defined].astype(float)
    if not len(value):
        return 0.0
    deviation = np.average(value, weights=weight) - value
    scale = float(np.abs(deviation).max())
    # Nothing but rounding is left where no unit matters.
    if scale <= np.finfo(float).eps * float(np.abs(value).max()):
        return 0.0
    unit = deviation / scale  # cubes of small numbers would underflow
    return float((weight * unit**3).sum() / (6 * (weight * unit**2).sum() ** 1.5))
