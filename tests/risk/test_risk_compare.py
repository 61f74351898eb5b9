"""Two models: the tests against SciPy and plain sums, the intervals by enumeration."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, stats

from backproof._core.errors import InputError
from backproof.risk.compare import compare
from backproof.risk.compare_counts import compare_counts, compare_rates
from backproof.risk.comparison import Comparison
from backproof.risk.mcnemar import mcnemar_p_value
from backproof.risk.mean import mean_interval
from backproof.risk.tails import (
    log_threshold,
    paired_difference_bounds,
    rate_difference_bounds,
)

Array = NDArray[np.float64]
Paired = Callable[[int, int, int], tuple[float, float]]
TAIL = 0.025


def test_mcnemars_reference_values() -> None:
    assert mcnemar_p_value(25, 15) == pytest.approx(0.15386, abs=5e-6)
    assert mcnemar_p_value(15, 25, "mid-p") == pytest.approx(0.11728, abs=5e-6)


@pytest.mark.parametrize("pair", [(0, 0), (0, 1), (3, 3), (0, 20), (7, 19), (160, 200), (0, 900)])
def test_mcnemar_is_the_exact_binomial_test(pair: tuple[int, int]) -> None:
    b, c = pair
    expected = stats.binomtest(b, b + c).pvalue if b + c else 1.0
    assert mcnemar_p_value(b, c) == pytest.approx(expected, rel=1e-11)
    tie = math.comb(b + c, b) / 2 ** (b + c)
    # the observed count in half: of the exact test with b = c, min(1, ·) has cut that much off
    middle = 1.0 if b == c else expected - tie
    assert mcnemar_p_value(b, c, "mid-p") == pytest.approx(middle, rel=1e-10)


def test_mcnemar_of_enormous_counts_is_the_normal_limit() -> None:
    n = 2**53
    apart = 2**27  # z = 2 * 2**27 / sqrt(2**53) = 2√2
    found = mcnemar_p_value(n // 2 + apart, n // 2 - apart)
    assert found == pytest.approx(math.erfc(2 * math.sqrt(2) / math.sqrt(2)), rel=1e-6)


@pytest.mark.parametrize("tail", [1e-9, 0.025, 0.4])
@pytest.mark.parametrize("least", [0.05, 0.3, 0.999, 1.0])
def test_the_threshold_is_the_quantile_of_the_product(least: float, tail: float) -> None:
    c = float(np.exp(log_threshold(least, tail)))
    # P(Q <= c / P^w), over a uniform P; the bend lies where c / P^w is 1
    bend = c ** (1 / least)
    rest = integrate.quad(
        lambda u: c * math.exp(u * (1 - least)), math.log(bend), 0.0, epsabs=0.0, limit=200
    )[0]
    assert bend + rest == pytest.approx(tail, rel=1e-7)


def trinomial(b: NDArray[Any], c: NDArray[Any], m: int, psi: float, theta: float) -> Array:
    n = b + c
    probability = stats.binom.pmf(n, m, psi) * stats.binom.pmf(b, n, theta)
    return np.asarray(probability, dtype=float)


def pairs(m: int) -> tuple[NDArray[Any], NDArray[Any]]:
    b, c = np.meshgrid(np.arange(m + 1), np.arange(m + 1), indexing="ij")
    inside = b + c <= m
    return b[inside], c[inside]


def guaranteed(b: int, c: int, m: int) -> tuple[float, float]:
    return paired_difference_bounds(b, c, m, TAIL)


def normal(b: int, c: int, m: int) -> tuple[float, float]:
    middle = (b - c) / m
    margin = 1.96 * math.sqrt(max((b + c) / m - middle**2, 0.0) / m)
    return middle - margin, middle + margin


@cache
def all_bounds(method: Paired, m: int) -> tuple[Array, Array]:
    b, c = pairs(m)
    found = np.array([method(int(i), int(j), m) for i, j in zip(b, c, strict=True)])
    return found[:, 0], found[:, 1]


def largest_misses(method: Paired, m: int) -> tuple[float, float]:
    """The largest probabilities of missing on one side, and on either."""
    b, c = pairs(m)
    lower, upper = all_bounds(method, m)
    one, both = 0.0, 0.0
    for theta in np.concatenate((np.linspace(0, 1, 21), (0.001, 0.49, 0.501, 0.999))):
        balance = 2 * theta - 1
        rates = np.concatenate((np.linspace(0, 1, 15), (0.001, 0.02)))
        if balance:
            # the worst cases lie just outside the ends of an interval
            ends = np.concatenate((lower, upper)) / balance
            ends = ends[(ends > 0) & (ends < 1)]
            rates = np.concatenate((rates, ends[::7] * (1 + 1e-9), ends[::7] * (1 - 1e-9)))
        for psi in rates:
            law = trinomial(b, c, m, psi, theta)
            above = float(law[psi * balance < lower].sum())
            below = float(law[psi * balance > upper].sum())
            one, both = max(one, above, below), max(both, above + below)
    return one, both


@pytest.mark.parametrize("m", [1, 5, 14])
def test_the_paired_interval_covers_whatever_the_truth(m: int) -> None:
    one, both = largest_misses(guaranteed, m)
    assert one <= TAIL + 1e-9
    assert both <= 2 * TAIL + 1e-9


def test_the_paired_interval_is_not_idle() -> None:
    assert largest_misses(guaranteed, 14)[0] > TAIL / 2


def test_an_interval_without_a_guarantee_is_found_out() -> None:
    assert largest_misses(normal, 14)[1] > 4 * TAIL


@pytest.mark.parametrize(
    "case", [(0, 0, 9), (3, 0, 20), (0, 3, 20), (9, 4, 60), (4, 9, 60), (40, 8, 90), (8, 40, 90)]
)
def test_the_upper_end_is_the_largest_difference_that_is_not_refuted(
    case: tuple[int, int, int],
) -> None:
    b, c, m = case
    theta, psi = np.linspace(0, 1, 1201)[1:-1], np.linspace(0, 1, 1200)[1:-1, None]
    balance = np.abs(2 * theta - 1)
    slope = balance / np.sqrt(1 - balance**2)
    x, y = np.clip(slope, 0.05, 1), np.clip(1 / np.maximum(slope, 1e-9), 0.5, 1)
    fewer = stats.binom.cdf(b + c, m, psi)
    more = stats.binom.sf(b + c - 1, m, psi)
    share = np.where(theta >= 0.5, fewer, more)
    split = stats.binom.cdf(b, b + c, theta)
    with np.errstate(divide="ignore"):
        product = x * np.log(share) + y * np.log(split)
    allowed = product > log_threshold(np.minimum(x, y), TAIL)
    largest = float((psi * (2 * theta - 1))[allowed].max())
    found = paired_difference_bounds(b, c, m, TAIL)[1]
    assert largest <= found + 1e-12
    assert found == pytest.approx(largest, abs=4e-3)  # two steps of the grid


@pytest.mark.parametrize("m", [14, 200, 10_000])
def test_the_paired_interval_agrees_with_the_exact_test(m: int) -> None:
    for n in (14, 3, 9) if m == 14 else (40, 90):
        for b in range(n + 1):
            found = compare_counts(b, n - b, m, confidence=0.9)
            excludes = found.lower > 0 or found.upper < 0
            if excludes:
                assert found.p_value <= 0.1
            if found.p_value <= 0.09:
                assert excludes, (b, n - b)


@pytest.mark.parametrize("counts", [(30, 10, 400), (200, 120, 5000), (60, 58, 1000)])
def test_the_paired_interval_is_shorter_than_betting(counts: tuple[int, int, int]) -> None:
    b, c, m = counts
    losses = np.repeat([1.0, -1.0, 0.0], [b, c, m - b - c])
    orders = [mean_interval(losses, low=-1, high=1, seed=seed) for seed in range(20)]
    lower, upper = paired_difference_bounds(b, c, m, TAIL)
    assert upper - lower < np.mean([found.upper - found.lower for found in orders])


def test_enormous_paired_counts_give_the_normal_limit() -> None:
    m = 2**53
    b, c = 2**50 + 2**28, 2**50
    lower, upper = paired_difference_bounds(b, c, m, TAIL)
    margin = 1.959964 * math.sqrt(b + c) / m
    middle = (b - c) / m
    assert lower == pytest.approx(middle - margin, abs=0.02 * margin)
    assert upper == pytest.approx(middle + margin, abs=0.02 * margin)


@pytest.mark.parametrize("confidence", [1e-6, 0.5, 1 - 1e-6, 1 - 1e-12])
@pytest.mark.parametrize("counts", [(2, 4, 6298), (0, 31, 33), (1, 0, 1), (5, 10**7, 10**9)])
def test_extreme_confidences_give_intervals_too(
    counts: tuple[int, int, int], confidence: float
) -> None:
    found = compare_counts(*counts, confidence=confidence)
    assert -1 <= found.lower <= found.difference <= found.upper <= 1


def normal_rates(k: int, m: int, j: int, n: int) -> tuple[float, float]:
    p, q = k / m, j / n
    margin = 1.96 * math.sqrt(p * (1 - p) / m + q * (1 - q) / n)
    return p - q - margin, p - q + margin


@cache
def worst_miss_of_rates(exact: bool, m: int, n: int) -> tuple[float, float]:
    k, j = (x.ravel() for x in np.meshgrid(np.arange(m + 1), np.arange(n + 1), indexing="ij"))
    rows = [
        rate_difference_bounds(int(a), m, int(b), n, TAIL)
        if exact
        else normal_rates(int(a), m, int(b), n)
        for a, b in zip(k, j, strict=True)
    ]
    lower, upper = np.array(rows).T
    ends = np.unique(np.concatenate((lower, upper)))
    one, both = 0.0, 0.0
    for p in np.linspace(0, 1, 31):
        others = np.concatenate((np.linspace(0, 1, 31), p - ends + 1e-9, p - ends - 1e-9))
        for q in others[(others >= 0) & (others <= 1)]:
            law = stats.binom.pmf(k, m, p) * stats.binom.pmf(j, n, q)
            above, below = float(law[p - q < lower].sum()), float(law[p - q > upper].sum())
            one, both = max(one, above, below), max(both, above + below)
    return one, both


def test_the_unpaired_interval_covers_whatever_the_truth() -> None:
    one, both = worst_miss_of_rates(True, 6, 11)
    assert TAIL / 4 < one <= TAIL + 1e-9
    assert both <= 2 * TAIL + 1e-9


def test_an_unpaired_interval_without_a_guarantee_is_found_out() -> None:
    assert worst_miss_of_rates(False, 6, 11)[1] > 4 * TAIL


def test_the_unpaired_interval_is_shorter_than_that_of_two_separate_ones() -> None:
    lower, upper = rate_difference_bounds(30, 500, 80, 700, TAIL)
    alone = 1 - math.sqrt(1 - TAIL)
    first = stats.binomtest(30, 500).proportion_ci(1 - 2 * alone)
    second = stats.binomtest(80, 700).proportion_ci(1 - 2 * alone)
    assert upper - lower < 0.8 * ((first.high - second.low) - (first.low - second.high))


@pytest.mark.parametrize("table", [(1, 9, 11, 14), (0, 5, 0, 7), (5, 5, 0, 4), (3, 40, 12, 31)])
def test_fishers_test_is_the_sum_of_the_tables_no_more_probable(
    table: tuple[int, int, int, int],
) -> None:
    k, m, j, n = table
    weights = [math.comb(m, i) * math.comb(n, k + j - i) for i in range(k + j + 1)]
    expected = sum(w for w in weights if w <= weights[k]) / sum(weights)
    found = compare_rates(k, m, j, n)
    assert found.p_value == pytest.approx(expected, rel=1e-9)
    assert found.difference == pytest.approx(k / m - j / n)
    assert found.lower <= found.difference <= found.upper


def some_errors(seed: int, m: int = 300) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    draws = np.random.default_rng(seed).random((2, m))
    return draws[0] < 0.1, draws[1] < 0.25


def test_arrays_are_compared_as_their_counts() -> None:
    a, b = some_errors(0)
    found = compare(a, b.astype(int))
    expected = compare_counts(int((a & ~b).sum()), int((b & ~a).sum()), len(a))
    assert (found.lower, found.upper) == (expected.lower, expected.upper)
    assert found.p_value == expected.p_value
    assert found.error_a == pytest.approx(a.mean())
    assert found.error_b == pytest.approx(b.mean())
    assert found.difference == pytest.approx(a.mean() - b.mean())
    assert expected.error_a is None
    assert found.conclusion == "A has the smaller error at confidence 0.95"


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("bounded", [True, False])
def test_exchanging_the_models_exchanges_the_ends(bounded: bool, paired: bool) -> None:
    scale = 0.8 if bounded else 1.0
    a, b = (scale * x for x in some_errors(1))
    one, other = compare(a, b, paired=paired), compare(b, a, paired=paired)
    assert one.p_value == pytest.approx(other.p_value, rel=1e-9)
    assert (one.lower, one.upper) == pytest.approx((-other.upper, -other.lower), rel=1e-9)
    assert one.difference == -other.difference < 0


def test_predictions_are_compared_by_their_mistakes() -> None:
    rng = np.random.default_rng(2)
    truth = rng.choice(["cat", "dog", "eel"], 200)
    a, b = (np.where(rng.random(200) < share, "cow", truth) for share in (0.1, 0.3))
    assert compare(a, b, y_true=truth) == compare(a != truth, b != truth)


def test_mid_p_is_labelled_and_changes_nothing_else() -> None:
    exact, middle = compare_counts(25, 15, 100), compare_counts(25, 15, 100, test="mid-p")
    assert (exact.test_guarantee, middle.test_guarantee) == ("finite-sample", "asymptotic")
    assert middle.guarantee == "finite-sample"
    assert middle.p_value == pytest.approx(0.11728, abs=5e-6)
    assert (middle.lower, middle.upper) == (exact.lower, exact.upper)


def bounded(seed: int, shift: float, n: int = 60) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.beta(2, 4, n), np.clip(rng.beta(2, 4, n) + shift, 0, 1)


@pytest.mark.parametrize("paired", [True, False])
def test_betting_tells_apart_exactly_where_its_interval_excludes_0(paired: bool) -> None:
    outcomes = set()
    for seed in range(60):
        found = compare(*bounded(seed, 0.02 * (seed % 10)), paired=paired, seed=seed)
        excludes = found.lower > 0 or found.upper < 0
        assert excludes == found.told_apart
        assert found.lower <= found.difference <= found.upper
        outcomes.add(excludes)
    assert outcomes == {True, False}


def share_of_small_p_values(shift: float, paired: bool, level: float) -> tuple[int, int]:
    sets = 300
    found = [compare(*bounded(1000 + i, shift), paired=paired, seed=i).p_value for i in range(sets)]
    return sum(p <= level for p in found), sets


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("level", [0.05, 0.3])  # also where the bets are tuned to another one
def test_betting_seldom_tells_equal_means_apart(paired: bool, level: float) -> None:
    few, sets = share_of_small_p_values(0.0, paired, level)
    assert stats.binomtest(few, sets, level, alternative="greater").pvalue > 0.001


@pytest.mark.parametrize("paired", [True, False])
def test_betting_often_tells_different_means_apart(paired: bool) -> None:
    many, sets = share_of_small_p_values(0.25, paired, 0.05)
    assert many > 0.9 * sets


def test_the_range_of_losses_only_scales_the_result() -> None:
    a, b = bounded(3, 0.1)
    found, scaled = compare(a, b), compare(10 * a - 4, 10 * b - 4, low=-4, high=6)
    assert scaled.p_value == pytest.approx(found.p_value, rel=1e-6)
    assert scaled.lower == pytest.approx(10 * found.lower, rel=1e-6)
    assert scaled.upper == pytest.approx(10 * found.upper, rel=1e-6)


@pytest.mark.parametrize("kind", [int, str, object])
def test_a_cluster_counts_once_however_large_it_is(kind: type) -> None:
    a, b = bounded(4, 0.1, 40)
    sizes = np.arange(40) % 3 + 1
    keys: NDArray[Any] = np.repeat(np.arange(40), sizes).astype(kind)
    order = np.random.default_rng(0).permutation(len(keys))
    large_a, large_b = (np.repeat(x, sizes)[order] for x in (a, b))
    found, alone = compare(large_a, large_b, clusters=keys[order]), compare(a, b)
    assert found.clusters == 40
    assert found.examples == len(keys)
    assert found.p_value == pytest.approx(alone.p_value, rel=1e-9)
    assert found.lower == pytest.approx(alone.lower, rel=1e-9)
    assert found.error_a == pytest.approx(a.mean())


def test_clusters_of_errors_are_compared_by_their_means() -> None:
    a = np.array([1, 0, 1, 1, 0, 0])
    found = compare(a, np.zeros(6), clusters=["x", "x", "y", "z", "z", "z"])
    assert found.difference == pytest.approx((1 / 2 + 1 + 1 / 3) / 3)
    assert found.only_a is None


@pytest.mark.parametrize(
    "options", [{}, {"paired": False}, {"clusters": [0, 0, 1, 2]}, {"high": 2.0}, {"test": "mid-p"}]
)
@pytest.mark.parametrize("losses", [[0, 1, 0, 1], [1, 1, 1, 1], [0, 0, 0, 0]])
def test_identical_models_are_not_told_apart(losses: list[int], options: dict[str, Any]) -> None:
    found = compare(losses, losses, **options)
    assert found.p_value == pytest.approx(1.0)
    assert found.difference == 0.0
    assert found.lower <= 0.0 <= found.upper
    assert "not told apart" in found.conclusion


@pytest.mark.parametrize("options", [{}, {"paired": False}, {"clusters": [7]}, {"high": 2.0}])
@pytest.mark.parametrize("pair", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_one_example_says_next_to_nothing(pair: tuple[int, int], options: dict[str, Any]) -> None:
    found = compare([pair[0]], [pair[1]], **options)
    assert found.p_value == 1.0
    assert found.lower <= found.difference <= found.upper
    assert found.upper - found.lower > 0.9


def test_all_wrong_against_all_right_is_told_apart() -> None:
    found = compare(np.ones(50), np.zeros(50))
    assert found.upper == 1.0
    assert found.lower > 0.75
    assert found.p_value == pytest.approx(2.0**-49)
    assert found.conclusion == "B has the smaller error at confidence 0.95"


def test_a_comparison_reads_as_text() -> None:
    assert str(compare_counts(25, 15, 1000)) == (
        "A and B are not told apart at confidence 0.95 (p = 0.1539).\n"
        "Error of A minus error of B: +1.0000% (0.95 interval -0.3845% to +2.5534%).\n"
        "A alone wrong on 25, B alone on 15; 1000 examples seen by both.\n"
        "Interval: combined exact tails, finite-sample. Test: exact McNemar, finite-sample.\n"
        "Assumes independent examples of one distribution, seen by both models."
    )
    text = str(compare([0.5, 3.0], [1.0, 2.0], high=4, clusters=["x", "x"]))
    assert "A 1.75, B 1.5; 2 examples seen by both in 1 cluster, each counted once." in text
    assert "1 example of A and 2 of B." in str(compare([0], [1, 0], paired=False))


@pytest.mark.parametrize("options", [{}, {"paired": False}, {"clusters": [1, 2, 3]}])
def test_a_comparison_survives_json(options: dict[str, Any]) -> None:
    found = compare([0, 1, 1], [1, 1, 0], **options)
    assert Comparison.from_json(found.to_json()) == found


LABELS = ["x", "y"]


@pytest.mark.parametrize(
    ("a", "b", "options", "message"),
    [
        ([0, 1], [0, 1, 1], {}, "got 2 of a, 3 of b: for different examples there is paired=False"),
        ([], [], {}, "a: losses must hold at least one loss"),
        ([0, 1], [], {"paired": False}, "b: losses must hold at least one loss"),
        ([0, 1], [np.nan, 1], {}, "b: losses must lie in .* got 1 that do not, the first at index"),
        ([0, 2], [0, 1], {}, r"a: losses must lie in \[0, 1\], got 1 .* index 1: 2"),
        ([[0, 1]], [0, 1], {}, "a: losses must have one dimension"),
        (["0", "1"], [0, 1], {}, "a: losses must be real numbers"),
        ([0, 1], [0, 1], {"low": 1.0}, "low must be below high"),
        ([0, 1], [0, 1], {"confidence": 1.0}, "confidence must lie strictly between 0 and 1"),
        ([0, 1], [0, 1], {"test": "chi2"}, "test must be one of exact, mid-p"),
        ([0, 1], [0, 1], {"test": "mid-p", "paired": False}, "mid-p.*is a variant of McNemar's"),
        ([0, 0.5], [0, 1], {"test": "mid-p"}, "mid-p.*is a variant of McNemar's"),
        ([0, 1], [0, 1], {"test": "mid-p", "clusters": [1, 2]}, "mid-p.*is a variant"),
        ([0, 1], [0, 1], {"seed": -1}, "seed must be at least 0"),
        ([0, 1], [0, 1], {"clusters": [1]}, "the losses and clusters must be of one length"),
        (
            [0, 1],
            [0, 1],
            {"clusters": [1, np.nan]},
            "clusters must have a label .* got 1 .* index 1",
        ),
        (
            [0, 1],
            [0, 1],
            {"clusters": [None, "x"]},
            "clusters must have a label .* got 1 .* index 0",
        ),
        ([0, 1], [0, 1], {"clusters": [1, 2], "paired": False}, "clusters belongs to examples"),
        (LABELS, LABELS, {"y_true": LABELS, "paired": False}, "y_true belongs to examples"),
        (LABELS, ["x"], {"y_true": LABELS}, "y_true and b must be of one length"),
        ([0, 1], [0, 1], {"y_true": LABELS}, "labels of one kind"),
        ([0, 1], [0, np.nan], {"y_true": [0, 1]}, "b must have a label .* got 1"),
        (LABELS, LABELS, {"y_true": LABELS, "high": 2.0}, "with y_true every loss is 0 or 1"),
    ],
)
def test_bad_input_is_refused(a: Any, b: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        compare(a, b, **options)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ((-1, 0, 5), "only_a must be at least 0"),
        ((3, 3, 5), "must be at most the number of examples 5 together, got 6"),
        ((0.5, 0, 5), "only_a must be a whole number"),
        ((0, 0, 0), "examples must be at least 1"),
        ((0, 0, 2**53 + 1), "examples must be at most"),
    ],
)
def test_bad_counts_are_refused(counts: tuple[Any, Any, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        compare_counts(*counts)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ((6, 5, 0, 5), "a: errors must be at most the number of examples 5, got 6"),
        ((0, 5, 0, 0), "b: examples must be at least 1"),
        ((0, 5, 0, 2**31 + 1), "b: Fisher's test is for at most"),
    ],
)
def test_bad_rates_are_refused(counts: tuple[int, int, int, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        compare_rates(*counts)
