"""The table of plans: what is promised, and the number of examples that keeps it."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, expm1, log, log1p, sqrt

import numpy as np
from scipy.special import ndtri

from backproof.risk.interval import METHODS
from backproof.risk.methods.method import SIDES, Guarantee, Side
from backproof.risk.planning import paired, sawtooth, widths
from backproof.risk.planning.search import smallest_margin

_ANY_LOSS = "independent examples; any loss with range 1"
_AS_EXPECTED = "if the test error is as expected, the interval's ends lie within the margin of it"
_TELLS_APART = "the exact test tells two models apart whose errors differ by the margin"
_ERRORS = "independent examples, drawn at random or with fixed class counts; 0/1 loss"


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a plan is asked for besides its margin; all of it checked."""

    confidence: float
    """Probability of keeping the margin."""
    side: Side
    """Which deviations count."""
    expected: float | None
    """The error rate that is expected, if any is."""
    power: float
    """Probability of telling two models apart."""
    disagreement: float
    """Share of examples on which exactly one of two models is wrong."""

    @property
    def miss(self) -> float:
        """Probability δ of a larger deviation; of the decimal that was written."""
        return float(1 - Fraction(str(self.confidence)))

    @property
    def tail(self) -> float:
        """Probability of a larger deviation on a side that is bounded."""
        return self.miss / 2 if self.side == "two-sided" else self.miss


@dataclass(frozen=True, kw_only=True)
class PlanMethod:
    """One row of the table."""

    examples: Callable[[Fraction, Terms], int]
    """The number of examples for a margin."""
    margin: Callable[[int, Terms], float]
    """The margin for a number of examples."""
    promise: str
    """What holds then, in words."""
    guarantee: Guarantee
    """As for an interval method."""
    assumptions: str
    """What the examples and the loss must be."""
    source: str
    """Where the method comes from."""
    sides: tuple[Side, ...] = SIDES
    """The sides that it can be asked about."""
    expected_promise: str = ""
    """What holds where an error is expected; empty where that changes nothing."""
    compares: bool = False
    """Whether it is about two models."""

    @property
    def knows_expected(self) -> bool:
        """Whether an expected error changes its number."""
        return bool(self.expected_promise)


def _hoeffding_examples(margin: Fraction, terms: Terms) -> int:
    return max(1, ceil(-log(terms.tail) / (2 * float(margin) ** 2)))


def _hoeffding_margin(m: int, terms: Terms) -> float:
    return min(1.0, sqrt(-log(terms.tail) / (2 * m)))


def _exact_examples(margin: Fraction, terms: Terms) -> int:
    if terms.expected is not None:
        return _width_examples("clopper-pearson", margin, terms)
    if terms.side == "two-sided":
        return sawtooth.two_sided_size(margin, terms.miss)
    return sawtooth.one_sided_size(margin, terms.miss)


def _exact_margin(m: int, terms: Terms) -> float:
    if terms.expected is not None:
        return _width_margin("clopper-pearson", m, terms)
    miss = sawtooth.two_sided_miss if terms.side == "two-sided" else sawtooth.one_sided_miss
    return smallest_margin(lambda margin: miss(m, Fraction(margin)) <= terms.miss)


def _width_examples(method: str, margin: Fraction, terms: Terms) -> int:
    wide, confidence, side = float(margin), terms.confidence, terms.side
    if terms.expected is not None:
        return widths.expected_size(method, wide, confidence, side, terms.expected)
    if method == "beta-binomial":
        return widths.anytime_size(wide, terms.miss, side)
    return widths.worst_size(method, wide, confidence, side)


def _width_margin(method: str, m: int, terms: Terms) -> float:
    confidence, side, expected = terms.confidence, terms.side, terms.expected
    if expected is None:
        return widths.worst_width(method, m, confidence, side)
    return float(widths.expected_width(method, np.array([m]), confidence, side, expected)[0])


def _normal_spread(terms: Terms) -> float:
    error = 0.5 if terms.expected is None else terms.expected
    return max(0.0, float(-ndtri(terms.tail))) * sqrt(error * (1 - error))


def _normal_examples(margin: Fraction, terms: Terms) -> int:
    return max(1, ceil((_normal_spread(terms) / float(margin)) ** 2))


def _normal_margin(m: int, terms: Terms) -> float:
    return min(1.0, _normal_spread(terms) / sqrt(m))


def _zero_errors_examples(margin: Fraction, terms: Terms) -> int:
    return max(1, ceil(log(terms.miss) / log1p(-float(margin))))


def _zero_errors_margin(m: int, terms: Terms) -> float:
    return -expm1(log(terms.miss) / m)


def _mcnemar_examples(margin: Fraction, terms: Terms) -> int:
    return paired.paired_size(float(margin), terms.miss, terms.power, terms.disagreement)


def _mcnemar_margin(m: int, terms: Terms) -> float:
    share = terms.disagreement
    found = smallest_margin(
        lambda part: (
            paired.paired_power(np.array([m]), part * share, terms.miss, share)[0] >= terms.power
        )
    )
    return found * share


def _of_interval(method: str) -> PlanMethod:
    row = METHODS[method]
    return PlanMethod(
        examples=lambda margin, terms: _width_examples(method, margin, terms),
        margin=lambda m, terms: _width_margin(method, m, terms),
        promise="the interval's ends lie within the margin",
        guarantee=row.guarantee,
        assumptions=row.assumptions,
        source=row.source,
        expected_promise=_AS_EXPECTED,
    )


PLANS: dict[str, PlanMethod] = {
    "hoeffding": PlanMethod(
        examples=_hoeffding_examples,
        margin=_hoeffding_margin,
        promise="the test error lies within the margin of the true error",
        guarantee="finite-sample",
        assumptions=_ANY_LOSS,
        source="Hoeffding (1963), J. Amer. Statist. Assoc. 58, 13-30, Theorem 2",
    ),
    "exact": PlanMethod(
        examples=_exact_examples,
        margin=_exact_margin,
        promise="the test error lies within the margin of the true error",
        guarantee="finite-sample",
        assumptions=_ERRORS,
        source=(
            "exact binomial probabilities, the true error at its worst; for fixed class counts "
            "Hoeffding (1956), Ann. Math. Statist. 27, 713-721"
        ),
        expected_promise=_AS_EXPECTED,
    ),
    "clopper-pearson": _of_interval("clopper-pearson"),
    "bentkus": _of_interval("bentkus"),
    "beta-binomial": _of_interval("beta-binomial"),
    "normal": PlanMethod(
        examples=_normal_examples,
        margin=_normal_margin,
        promise="the interval's ends lie within the margin",
        guarantee="asymptotic",
        assumptions=METHODS["normal"].assumptions,
        source=METHODS["normal"].source,
        expected_promise=_AS_EXPECTED,
    ),
    "zero-errors": PlanMethod(
        examples=_zero_errors_examples,
        margin=_zero_errors_margin,
        promise="with no error among them, the true error is at most the margin",
        guarantee="finite-sample",
        assumptions=_ERRORS,
        source="Clopper and Pearson (1934), Biometrika 26, 404-413, with no errors",
        sides=("upper",),
    ),
    "mcnemar": PlanMethod(
        examples=_mcnemar_examples,
        margin=_mcnemar_margin,
        promise=_TELLS_APART,
        guarantee="finite-sample",
        assumptions="independent examples, both models tested on the same ones; 0/1 loss",
        source="McNemar (1947), Psychometrika 12, 153-157; exact unconditional power",
        sides=("two-sided",),
        expected_promise=_TELLS_APART,
        compares=True,
    ),
}
"""Every plan by its name."""
