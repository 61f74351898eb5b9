"""Intervals that may be looked at after every example: how often any of them misses."""

import functools
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from backproof import risk
from backproof.risk.interval import interval_bounds
from backproof.risk.methods.method import SIDES, Side

ANYTIME = [name for name, row in risk.METHODS.items() if row.guarantee == "anytime"]
RATES = [0.5, 0.05, 0.01]
CONFIDENCE = 0.9
HORIZON = 1500
SEQUENCES = 4000

Whole = NDArray[np.int64]


@functools.cache
def holding(method: str, p: float, side: Side) -> tuple[Whole, Whole]:
    """Return, for 1 to `HORIZON` examples, the first and the last count whose interval holds p.

    By bisection over the counts, whose ends grow with them.
    """
    m = np.arange(1, HORIZON + 1)

    def first(end: int, holds: Callable[[NDArray[np.float64]], NDArray[np.bool_]]) -> Whole:
        below, from_ = np.full(m.shape, -1), m + 1
        while (from_ - below > 1).any():
            middle = np.clip((below + from_) // 2, 0, m)
            true = holds(interval_bounds(middle, m, CONFIDENCE, method, side)[end])
            open_ = from_ - below > 1
            from_ = np.where(open_ & true, middle, from_)
            below = np.where(open_ & ~true, middle, below)
        return from_

    return first(1, lambda upper: upper >= p), first(0, lambda lower: lower > p) - 1


def ever_misses(method: str, p: float, side: Side) -> int:
    """Return how many simulated sequences have, at any size, an interval that misses p."""
    first, last = holding(method, p, side)
    rng = np.random.default_rng([ANYTIME.index(method) if method in ANYTIME else 9, int(1 / p)])
    errors = np.zeros(SEQUENCES, dtype=int)
    missed = np.zeros(SEQUENCES, dtype=bool)
    for start, end in zip(first, last, strict=True):
        errors += rng.random(SEQUENCES) < p
        missed |= (errors < start) | (errors > end)
    return int(missed.sum())


def crossing_probability(method: str, p: float, side: Side, horizon: int) -> float:
    """Return the probability of ever missing p, from the law of the count that never did."""
    first, last = holding(method, p, side)
    law, counts, missed = np.zeros(horizon + 2), np.arange(horizon + 2), 0.0
    law[0] = 1.0
    for start, end in zip(first[:horizon], last[:horizon], strict=True):
        law[1:] = law[1:] * (1 - p) + law[:-1] * p
        law[0] *= 1 - p
        outside = (counts < start) | (counts > end)
        missed += law[outside].sum()
        law[outside] = 0.0
    assert missed + law.sum() == pytest.approx(1, abs=1e-12)
    return float(missed)


def test_there_is_a_method_to_look_at() -> None:
    assert "beta-binomial" in ANYTIME


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("p", RATES)
@pytest.mark.parametrize("method", ANYTIME)
def test_few_sequences_are_ever_missed(method: str, p: float, side: Side) -> None:
    missed = ever_misses(method, p, side)
    found = stats.binomtest(missed, SEQUENCES, 1 - CONFIDENCE, alternative="greater")
    assert found.pvalue > 1e-4


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("p", RATES)
@pytest.mark.parametrize("method", ANYTIME)
def test_the_chance_of_ever_missing_is_at_most_the_miss(method: str, p: float, side: Side) -> None:
    # Nothing is drawn here: every sequence counts with its probability.
    chance = crossing_probability(method, p, side, HORIZON)
    assert chance <= 1 - CONFIDENCE
    # Not vacuous: this horizon already uses up a fifth of the miss.
    assert chance > 0.2 * (1 - CONFIDENCE)


@pytest.mark.parametrize("method", ANYTIME)
def test_simulation_and_summation_agree(method: str) -> None:
    for p, side in itertools.product(RATES, SIDES):
        chance = crossing_probability(method, p, side, HORIZON)
        missed = ever_misses(method, p, side)
        assert stats.binomtest(missed, SEQUENCES, chance).pvalue > 1e-4


@pytest.mark.parametrize("p", RATES)
def test_a_method_for_one_size_is_missed_when_looked_at_always(p: float) -> None:
    chance = crossing_probability("clopper-pearson", p, "two-sided", HORIZON)
    missed = ever_misses("clopper-pearson", p, "two-sided")
    assert chance > 2.5 * (1 - CONFIDENCE)
    low = stats.binomtest(missed, SEQUENCES).proportion_ci(0.9999).low
    assert low > 2 * (1 - CONFIDENCE)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("method", ANYTIME)
def test_the_chance_of_missing_grows_with_the_horizon_and_stays(method: str, side: Side) -> None:
    chances = [crossing_probability(method, 0.05, side, h) for h in (50, 200, 1000, HORIZON)]
    assert chances == sorted(chances)
    assert chances[0] < chances[-1] <= 1 - CONFIDENCE


def wealth_below(p: NDArray[np.float64], k: int, m: int) -> NDArray[np.float64]:
    """Return the log of the likelihood mixed over rates below p, over that of p."""
    beta, prior = stats.beta(k + 0.5, m - k + 0.5), stats.beta(0.5, 0.5)
    mixed = beta.logcdf(p) - prior.logcdf(p)
    # The likelihood of p by way of the two densities, from Bayes's rule
    return np.asarray(mixed - beta.logpdf(p) + prior.logpdf(p))


@pytest.mark.parametrize("confidence", [0.01, 0.3, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("m", [1, 2, 5, 20, 100])
@pytest.mark.parametrize("side", ["upper", "lower"])
def test_the_one_sided_set_has_no_hole(side: Side, m: int, confidence: float) -> None:
    # The bound is where the wealth first reaches 1/δ; beyond it the wealth must stay above.
    logits = np.linspace(-25, 25, 4001)
    p = 1 / (1 + np.exp(-logits))
    for k in range(m + 1):
        found = risk.interval(k, m, confidence, "beta-binomial", side)
        errors, bound = (k, found.upper) if side == "upper" else (m - k, 1 - found.lower)
        gained = wealth_below(p, errors, m) >= -np.log1p(-confidence)
        # At a hair's breadth from the bound rounding decides.
        clear = np.abs(np.log(p / bound)) + np.abs(logits - np.log(bound / max(1 - bound, 1e-16)))
        far = clear > 1e-6
        assert (gained == (p > bound))[far & (bound < 1)].all()
        if errors == m:
            assert bound == 1
            assert not gained.any()
