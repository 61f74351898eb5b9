"""Intervals for means against closed forms, brute force and the intervals for error rates."""

import math
from typing import Literal

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from backproof import risk
from backproof._core.errors import InputError
from backproof.risk.betting import betting_bounds
from backproof.risk.losses import LossSummary, summarise
from backproof.risk.mean import MeanInterval, mean_interval
from backproof.risk.mean_methods import MEAN_METHODS

Array = NDArray[np.float64]
Side = Literal["two-sided", "upper", "lower"]

SIDES: list[Side] = ["two-sided", "upper", "lower"]
SUMS = [name for name, row in MEAN_METHODS.items() if not row.needs_losses]
SHARED = ["hoeffding", "bentkus", "chernoff-kl"]  # also methods for error rates
WRONG = np.repeat([0.0, 1.0], [900, 100])


def capital(losses: list[float], m: float, tail: float, sign: int) -> float:
    """The largest capital over time, with plain loops, as in section 4 of the paper."""
    n = len(losses)
    wealth, largest = 1.0, 0.0
    total, squares, variance = 0.5, 0.25, 0.25
    room = m if sign > 0 else 1 - m
    for t, x in enumerate(losses, start=1):
        bet = 1.2 * math.sqrt(2 * math.log(1 / tail) / (n * variance))
        wealth *= 1 + sign * (min(bet, 0.75 / room) if room > 0 else bet) * (x - m)
        largest = max(largest, wealth)
        total += x
        squares += (x - total / (t + 1)) ** 2
        variance = squares / (t + 1)
    return largest


@pytest.mark.parametrize("tail", [0.3, 0.025, 1e-4])
@pytest.mark.parametrize("n", [1, 3, 40, 150])
@pytest.mark.parametrize("law", ["beta", "coin", "uniform", "constant"])
def test_betting_refutes_exactly_the_means_at_which_the_capital_is_reached(
    law: str, n: int, tail: float
) -> None:
    draw = np.random.default_rng(n)
    losses = {
        "beta": draw.beta(2, 18, n),
        "coin": (draw.random(n) < 0.2).astype(float),
        "uniform": draw.random(n),
        "constant": np.full(n, 0.7),
    }[law]
    lower, upper = betting_bounds(losses, tail)
    x, mean = losses.tolist(), float(losses.mean())
    for m in np.linspace(0.0, 1.0, 101).tolist():
        below, above = capital(x, m, tail, 1), capital(x, m, tail, -1)
        if m < min(lower, mean) - 1e-9:
            assert below >= 1 / tail
        elif lower + 1e-9 < m < mean:
            assert below < 1 / tail
        if m > max(upper, mean) + 1e-9:
            assert above >= 1 / tail
        elif mean < m < upper - 1e-9:
            assert above < 1 / tail
    if 0 < lower < mean:
        assert capital(x, lower, tail, 1) == pytest.approx(1 / tail, rel=1e-9)
    if mean < upper < 1:
        assert capital(x, upper, tail, -1) == pytest.approx(1 / tail, rel=1e-9)


def test_the_capital_is_a_fair_game() -> None:
    # Every path of 8 losses 0 or 1, each with its probability: the capital is reached on few.
    rate, tail = 0.3, 0.2
    paths = (np.arange(256)[:, None] >> np.arange(8)) & 1
    chances = np.prod(np.where(paths == 1, rate, 1 - rate), axis=1)
    bounds = np.array([betting_bounds(path.astype(float), tail) for path in paths])
    for missed in (bounds[:, 0] > rate, bounds[:, 1] < rate):
        assert 0 < chances[missed].sum() <= tail


def test_betting_is_the_mirror_image_for_mirrored_losses() -> None:
    losses = np.random.default_rng(0).beta(2, 18, 300)
    lower, upper = betting_bounds(losses, 0.05)
    mirrored = betting_bounds(1 - losses, 0.05)
    assert mirrored == pytest.approx((1 - upper, 1 - lower), abs=1e-13)


def test_a_constant_loss_of_none_has_the_closed_form() -> None:
    # Bets of c / (1 - m), as the plug-in ones are larger: ∏ (1 + c m / (1 - m)) = 1 / tail.
    growth = 0.025 ** (-1 / 20) - 1
    expected = growth / (0.75 + growth)
    assert betting_bounds(np.zeros(20), 0.025)[1] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("method", "lower", "upper"),
    [
        ("hoeffding", 0.05705, 0.14295),
        ("chernoff-kl", 0.07620, 0.12772),
        ("bentkus", 0.07880, 0.12452),
        ("empirical-bernstein", 0.06167, 0.13833),
    ],
)
def test_a_hundred_in_a_thousand_has_the_tabulated_interval(
    method: str, lower: float, upper: float
) -> None:
    found = mean_interval(WRONG, method=method)
    assert (round(found.lower, 5), round(found.upper, 5)) == (lower, upper)


def test_betting_on_a_hundred_in_a_thousand_is_near_the_tabulated_interval() -> None:
    found = [mean_interval(WRONG, seed=seed) for seed in range(50)]
    # The table has one shuffle, to three digits; shuffles differ.
    assert np.median([each.lower for each in found]) == pytest.approx(0.076, abs=0.004)
    assert np.median([each.upper for each in found]) == pytest.approx(0.129, abs=0.004)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.data())
def test_losses_that_are_errors_have_the_interval_of_the_error_rate(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 3000))
    k = data.draw(st.integers(0, n))
    confidence = data.draw(st.sampled_from([0.6, 0.95, 0.9999]))
    method, side = data.draw(st.sampled_from(SHARED)), data.draw(st.sampled_from(SIDES))
    found = mean_interval(np.arange(n) < k, confidence, method, side=side)
    expected = risk.interval(k, n, confidence, method, side)
    assert (found.estimate, found.lower, found.upper) == (
        expected.estimate,
        min(expected.lower, k / n),
        max(expected.upper, k / n),
    )


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.9999])
def test_empirical_bernstein_has_the_closed_form(confidence: float) -> None:
    losses = np.random.default_rng(0).beta(2, 18, 2000)
    for side, share in (("two-sided", 2), ("upper", 1), ("lower", 1)):
        log = math.log(2 * share / (1 - confidence))
        margin = math.sqrt(2 * losses.var(ddof=1) * log / 2000) + 7 * log / (3 * 1999)
        found = mean_interval(losses, confidence, "empirical-bernstein", side=side)  # type: ignore[arg-type]
        lower = 0.0 if side == "upper" else max(losses.mean() - margin, 0.0)
        upper = 1.0 if side == "lower" else losses.mean() + margin
        assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=1e-13)


def test_bentkus_rounds_the_sum_away_from_each_bound() -> None:
    losses = [0.31] * 40  # 12.4 in all
    found = mean_interval(losses, 0.9, "bentkus")
    tail = 0.05 / math.e
    assert stats.binom.cdf(13, 40, found.upper) == pytest.approx(tail, rel=1e-9)
    assert stats.binom.sf(11, 40, found.lower) == pytest.approx(tail, rel=1e-9)


def test_bentkus_takes_a_sum_for_whole_that_only_rounding_has_moved() -> None:
    losses = np.arange(1000) < 100
    unit = mean_interval(losses, method="bentkus")
    moved = mean_interval(losses * 0.3 + 0.1, method="bentkus", low=0.1, high=0.1 + 0.3)
    assert moved.upper == pytest.approx(0.1 + 0.3 * unit.upper, rel=1e-11)
    assert moved.lower == pytest.approx(0.1 + 0.3 * unit.lower, rel=1e-11)


def test_chernoff_solves_its_equation_for_a_fractional_sum() -> None:
    losses = np.random.default_rng(0).random(50)
    found = mean_interval(losses, 0.9, "chernoff-kl")
    with mpmath.workdps(40):
        q = mpmath.mpf(math.fsum(losses)) / 50
        for end in (found.lower, found.upper):
            p = mpmath.mpf(end)
            divergence = q * mpmath.log(q / p) + (1 - q) * mpmath.log((1 - q) / (1 - p))
            assert float(50 * divergence) == pytest.approx(math.log(20), rel=1e-11)


LOSSES = st.lists(st.sampled_from([0.0, 1.0, 0.5, 0.1, 1e-300, 1 - 2**-53]) | st.floats(0, 1))


@settings(deadline=None, derandomize=True, max_examples=300)
@given(LOSSES.filter(bool), st.sampled_from([1e-6, 0.3, 0.95, 1 - 1e-12]), st.sampled_from(SIDES))
def test_an_interval_holds_the_sample_mean_and_stays_in_the_range(
    losses: list[float], confidence: float, side: Side
) -> None:
    for method in MEAN_METHODS:
        found = mean_interval(losses, confidence, method, side=side)
        assert 0.0 <= found.lower <= found.estimate <= found.upper <= 1.0
        assert found.estimate == pytest.approx(np.mean(losses), rel=1e-14, abs=1e-300)


@pytest.mark.parametrize("losses", [np.sort(WRONG), np.sort(WRONG)[::-1], WRONG[::-1].copy()])
def test_sorted_losses_are_like_any_others(losses: Array) -> None:
    found = mean_interval(losses)
    assert found == mean_interval(np.random.default_rng(5).permutation(WRONG))
    assert 0.07 < found.lower < 0.1 < found.upper < 0.14


def test_without_a_shuffle_sorted_losses_still_give_an_interval() -> None:
    lower, upper = betting_bounds(WRONG, 0.025)
    assert lower <= 0.1 <= upper


@pytest.mark.parametrize("method", MEAN_METHODS)
@pytest.mark.parametrize("n", [1, 2, 50])
def test_losses_all_alike_work(method: str, n: int) -> None:
    none, all_, half = (mean_interval(np.full(n, x), method=method) for x in (0.0, 1.0, 0.5))
    assert (none.lower, all_.upper) == (0.0, 1.0)
    assert none.upper == pytest.approx(1 - all_.lower, abs=1e-12)
    assert half.lower == pytest.approx(1 - half.upper, abs=1e-12)
    assert half.lower < 0.5


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("method", MEAN_METHODS)
@pytest.mark.parametrize(("low", "high"), [(-3.0, 5.0), (0.0, 1e-6), (1e6, 1e6 + 4)])
def test_another_range_moves_and_stretches_the_interval(
    low: float, high: float, method: str, side: Side
) -> None:
    losses = np.random.default_rng(0).integers(0, 65, 400) / 64  # dyadic: scaled without rounding
    unit = mean_interval(losses, method=method, side=side)
    width = high - low
    moved = mean_interval(low + width * losses, method=method, side=side, low=low, high=high)
    for name in ("estimate", "lower", "upper"):
        expected = low + width * getattr(unit, name)
        assert getattr(moved, name) == pytest.approx(expected, abs=1e-8 * width)


@pytest.mark.parametrize("method", MEAN_METHODS)
def test_one_bound_spends_the_whole_miss(method: str) -> None:
    losses = np.random.default_rng(0).beta(2, 5, 500)
    both = mean_interval(losses, 0.9, method)
    above = mean_interval(losses, 0.95, method, side="upper")
    below = mean_interval(losses, 0.95, method, side="lower")
    assert (above.lower, below.upper) == (0.0, 1.0)
    assert above.upper == pytest.approx(both.upper, rel=1e-12)
    assert below.lower == pytest.approx(both.lower, rel=1e-12)


@pytest.mark.parametrize("method", MEAN_METHODS)
def test_more_confidence_never_makes_an_interval_narrower(method: str) -> None:
    losses = np.random.default_rng(0).random(300)
    found = [mean_interval(losses, c, method) for c in (0.5, 0.9, 0.99, 0.9999)]
    assert (np.diff([each.lower for each in found]) < 0).all()
    assert (np.diff([each.upper for each in found]) > 0).all()


@pytest.mark.parametrize("method", SUMS)
def test_a_summary_serves_as_well_as_the_losses(method: str) -> None:
    losses = np.random.default_rng(0).uniform(1, 4, 300)
    summary = summarise(losses[:100], 0, 5) + summarise(losses[100:], 0, 5)
    whole = mean_interval(losses, method=method, low=0, high=5)
    for found in (
        mean_interval(summary, method=method),
        mean_interval(summary, method=method, low=0, high=5),
    ):
        assert (found.low, found.high, found.examples) == (0.0, 5.0, 300)
        assert found.lower == pytest.approx(whole.lower, rel=1e-12)
        assert found.upper == pytest.approx(whole.upper, rel=1e-12)


def test_betting_on_a_summary_is_refused_with_what_to_do() -> None:
    with pytest.raises(InputError, match=f"give the array.*one of {', '.join(SUMS)}"):
        mean_interval(summarise([0.5]))


def test_another_range_than_the_summarys_is_refused() -> None:
    with pytest.raises(InputError, match=r"own range, here \[0, 5\], got low 0 and high 6"):
        mean_interval(summarise([0.5], 0, 5), method="hoeffding", high=6)


@pytest.mark.parametrize("method", MEAN_METHODS)
def test_the_seed_is_recorded_where_it_matters(method: str) -> None:
    losses = np.random.default_rng(0).random(100)
    first, second = (mean_interval(losses, method=method, seed=seed) for seed in (3, 4))
    shuffles = MEAN_METHODS[method].needs_losses
    assert (first.seed, second.seed) == ((3, 4) if shuffles else (None, None))
    assert (first.upper != second.upper) == shuffles
    assert first == mean_interval(losses, method=method, seed=3)


@pytest.mark.parametrize("method", MEAN_METHODS)
def test_every_method_says_what_it_is(method: str) -> None:
    row = MEAN_METHODS[method]
    found = mean_interval([0.1, 0.2], 0.9, method)
    assert found.guarantee == row.guarantee == "finite-sample"
    assert "independent examples" in found.assumptions
    assert any(year in found.source for year in ("1963", "2004", "2009", "2024"))
    assert (found.method, found.confidence, found.examples) == (method, 0.9, 2)


def test_the_losses_are_left_as_they_were() -> None:
    losses = np.array([0.9, 0.1, 0.5])
    mean_interval(losses)
    assert losses.tolist() == [0.9, 0.1, 0.5]


def test_an_interval_for_a_mean_serves_for_the_gap() -> None:
    found = mean_interval(WRONG)
    assert isinstance(found, risk.Interval)
    assert risk.gap(0.04, found).upper == found.upper - 0.04


@pytest.mark.parametrize("method", MEAN_METHODS)
def test_an_interval_comes_back_from_json(method: str) -> None:
    found = mean_interval([0.1, 0.2], method=method)
    assert MeanInterval.from_json(found.to_json()) == found


def test_an_interval_reads_as_numbers() -> None:
    found = mean_interval(np.zeros(200), method="hoeffding")
    assert str(found) == "0 (0.95 two-sided 0 to 0.0960323, hoeffding, finite-sample)"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"losses": []}, "at least one loss"),
        ({"losses": [[0.1]]}, "one dimension"),
        ({"losses": [0.5, float("nan"), 2.0]}, "got 2 that do not, the first at index 1: nan"),
        ({"low": 1.0}, "low must be below high"),
        ({"method": "wald"}, "method must be one of betting"),
        ({"side": "both"}, "side must be one of two-sided"),
        ({"confidence": 95}, "confidence must lie strictly between 0 and 1, got 95"),
        ({"seed": 0.5}, "seed must be a whole number"),
    ],
)
def test_arguments_that_cannot_be_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        mean_interval(**({"losses": [0.1, 0.2]} | change))  # type: ignore[arg-type]


def test_a_summary_of_a_billion_losses_needs_no_losses() -> None:
    summary = LossSummary(examples=10**9, total=1e8, squared_deviations=9e7, low=0.0, high=1.0)
    for method in SUMS:
        found = mean_interval(summary, method=method)
        assert 0.0999 < found.lower < 0.1 < found.upper < 0.1001
