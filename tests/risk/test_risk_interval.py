"""Intervals against SciPy's exact test, high-precision arithmetic and closed forms."""

import math
from typing import Literal

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from backproof import risk
from backproof._core.errors import InputError

Side = Literal["two-sided", "upper", "lower"]

# A two-sided interval is SciPy's for the two-sided test; an upper bound belongs to "less".
ALTERNATIVE: dict[Side, Literal["two-sided", "less", "greater"]] = {
    "two-sided": "two-sided",
    "upper": "less",
    "lower": "greater",
}
CONFIDENCES = [0.5, 0.9, 0.95, 0.99, 0.9999, 0.999999]


def tail_below(k: int, m: int, p: float) -> float:
    """P(K <= k), by adding the terms with 40 digits."""
    with mpmath.workdps(40):
        q = mpmath.mpf(p)
        terms = (mpmath.binomial(m, j) * q**j * (1 - q) ** (m - j) for j in range(k + 1))
        return float(mpmath.fsum(terms))


@settings(deadline=None, derandomize=True, max_examples=150)
@given(st.data())
def test_clopper_pearson_is_scipys_exact_interval(data: st.DataObject) -> None:
    m = data.draw(st.integers(1, 2000))
    k = data.draw(st.integers(0, m))
    confidence = data.draw(st.sampled_from(CONFIDENCES))
    side = data.draw(st.sampled_from(list(ALTERNATIVE)))
    expected = stats.binomtest(k, m, alternative=ALTERNATIVE[side]).proportion_ci(confidence)
    found = risk.interval(k, m, confidence, side=side)
    # SciPy finds the root by Brent's method, to 2e-12
    assert found.lower == pytest.approx(expected.low, abs=1e-10)
    assert found.upper == pytest.approx(expected.high, abs=1e-10)


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("m", [1, 2, 20, 1000, 1_000_000])
def test_no_errors_have_the_closed_form(m: int, confidence: float) -> None:
    found = risk.interval(0, m, confidence)
    with mpmath.workdps(40):
        tail = (1 - mpmath.mpf(confidence)) / 2
        expected = float(1 - tail ** (mpmath.mpf(1) / m))
    assert found.lower == 0.0
    # 1 - confidence is rounded in float64: eps / 1e-6 of the tail, at the highest confidence
    assert found.upper == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("m", [1, 2, 20, 1000, 1_000_000])
def test_only_errors_have_the_closed_form(m: int, confidence: float) -> None:
    found = risk.interval(m, m, confidence)
    with mpmath.workdps(40):
        tail = (1 - mpmath.mpf(confidence)) / 2
        expected = float(tail ** (mpmath.mpf(1) / m))
    assert found.upper == 1.0
    assert found.lower == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("m", [1, 20, 1_000_000])
def test_one_error_has_the_closed_form_below(m: int, confidence: float) -> None:
    with mpmath.workdps(40):
        tail = (1 - mpmath.mpf(confidence)) / 2
        expected = float(1 - (1 - tail) ** (mpmath.mpf(1) / m))
    assert risk.interval(1, m, confidence).lower == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999999])
@pytest.mark.parametrize(("k", "m"), [(1, 10), (5, 10), (9, 10), (3, 1000), (30, 1_000_000)])
def test_clopper_pearson_leaves_the_tail_on_either_side(k: int, m: int, confidence: float) -> None:
    found = risk.interval(k, m, confidence)
    tail = (1 - confidence) / 2
    assert tail_below(k, m, found.upper) == pytest.approx(tail, rel=1e-8)
    assert 1 - tail_below(k - 1, m, found.lower) == pytest.approx(tail, rel=1e-8)


@pytest.mark.parametrize(
    ("k", "m", "lower", "upper"),
    [
        (81, 263, 0.252737, 0.367622),
        (15, 148, 0.057844, 0.161650),
        (0, 20, 0.0, 0.168433),
        (1, 29, 0.000873, 0.177644),
        (3, 10, 0.066740, 0.652453),
        (3, 1000, 0.000619, 0.008742),
    ],
)
def test_clopper_pearson_gives_the_textbook_intervals(
    k: int, m: int, lower: float, upper: float
) -> None:
    found = risk.interval(k, m)
    assert (round(found.lower, 6), round(found.upper, 6)) == (lower, upper)


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize(("k", "m"), [(0, 1), (1, 1), (100, 1000), (500, 1000), (7, 1_000_000)])
def test_hoeffding_has_the_closed_form(k: int, m: int, confidence: float) -> None:
    two = math.sqrt(math.log(2 / (1 - confidence)) / (2 * m))
    one = math.sqrt(math.log(1 / (1 - confidence)) / (2 * m))
    both = risk.interval(k, m, confidence, "hoeffding")
    above = risk.interval(k, m, confidence, "hoeffding", side="upper")
    below = risk.interval(k, m, confidence, "hoeffding", side="lower")
    # a few roundings of numbers up to 1
    assert both.lower == pytest.approx(max(k / m - two, 0), abs=1e-14)
    assert both.upper == pytest.approx(min(k / m + two, 1), abs=1e-14)
    assert above.upper == pytest.approx(min(k / m + one, 1), abs=1e-14)
    assert below.lower == pytest.approx(max(k / m - one, 0), abs=1e-14)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(st.data())
def test_the_bootstraps_percentiles_are_the_binomials(data: st.DataObject) -> None:
    m = data.draw(st.integers(1, 2000))
    k = data.draw(st.integers(0, m))
    confidence = data.draw(st.sampled_from([0.51, 0.9, 0.95, 0.99]))
    found = risk.interval(k, m, confidence, "bootstrap-percentile")
    tail = (1 - confidence) / 2
    # At k = 0 and k = m the law is one point; SciPy's ppf agrees.
    assert found.lower == stats.binom.ppf(tail, m, k / m) / m
    assert found.upper == stats.binom.ppf(1 - tail, m, k / m) / m


def test_resampling_finds_the_same_percentiles() -> None:
    wrong = np.arange(100) < 20
    replicates = np.random.default_rng(0).choice(wrong, (40_000, 100)).mean(axis=1)
    lower, upper = np.percentile(replicates, [10, 90], method="inverted_cdf")
    found = risk.interval(20, 100, 0.8, "bootstrap-percentile")
    assert (found.lower, found.upper) == (lower, upper)


@pytest.mark.parametrize("method", sorted(risk.METHODS))
def test_one_side_leaves_the_other_open(method: str) -> None:
    above = risk.interval(30, 100, 0.9, method, "upper")
    below = risk.interval(30, 100, 0.9, method, "lower")
    assert (above.lower, below.upper) == (0.0, 1.0)
    assert 0.3 < above.upper < 1.0
    assert 0.0 < below.lower < 0.3


@pytest.mark.parametrize("method", sorted(set(risk.METHODS) - {"blaker", "beta-binomial"}))
@pytest.mark.parametrize("k", [0, 3, 30, 97, 100])
def test_one_side_is_a_two_sided_bound_at_half_the_miss(method: str, k: int) -> None:
    both = risk.interval(k, 100, 0.9, method)
    above = risk.interval(k, 100, 0.95, method, "upper")
    below = risk.interval(k, 100, 0.95, method, "lower")
    assert above.upper == pytest.approx(both.upper, rel=1e-12)
    assert below.lower == pytest.approx(both.lower, rel=1e-12)


def test_counts_may_be_numpys() -> None:
    assert risk.interval(np.int32(3), np.uint64(10)) == risk.interval(3, 10)


@pytest.mark.parametrize(
    ("errors", "examples", "message"),
    [
        (-1, 10, "errors must be at least 0, got -1"),
        (11, 10, "errors must be at most the number of examples 10, got 11"),
        (0, 0, "examples must be at least 1, got 0"),
        (0, -5, "examples must be at least 1, got -5"),
        (0.1, 10, "errors must be a whole number"),
        (1, 10.0, "examples must be a whole number"),
        ("1", 10, "errors must be a whole number"),
        (1, None, "examples must be a whole number"),
    ],
)
def test_counts_that_cannot_be_are_refused(errors: object, examples: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        risk.interval(errors, examples)  # type: ignore[call-overload]


@pytest.mark.parametrize("confidence", [0, 1, -0.5, 95, float("nan"), float("inf"), "high", None])
def test_a_confidence_that_cannot_be_is_refused(confidence: float) -> None:
    with pytest.raises(InputError, match=r"confidence must .*between 0 and 1, got"):
        risk.interval(1, 10, confidence)


def test_an_unknown_method_is_refused_naming_the_known() -> None:
    with pytest.raises(InputError, match=f"one of {', '.join(risk.METHODS)}, got 'wald'"):
        risk.interval(1, 10, method="wald")


def test_an_unknown_side_is_refused_naming_the_known() -> None:
    with pytest.raises(InputError, match="two-sided, upper, lower, got 'both'"):
        risk.interval(1, 10, side="both")  # type: ignore[call-overload]


def test_an_interval_reads_as_percentages() -> None:
    assert str(risk.interval(0, 20)) == (
        "0.0000% (0.95 two-sided 0.0000% to 16.8433%, clopper-pearson, finite-sample)"
    )
