"""The law of the number of errors, against enumeration and SciPy's binomials."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from backproof import risk
from backproof._core.errors import InputError
from backproof.risk.binomial import probabilities, quantile

CASES = [
    ((0.1,), (5,)),
    ((0.1, 0.4), (3, 4)),
    ((0.0, 0.7), (6, 2)),
    ((1.0, 0.3), (2, 5)),
    ((0.2, 0.5, 0.9), (2, 3, 4)),
    ((0.3, 0.6), (0, 4)),
]


@pytest.mark.parametrize(("rates", "counts"), CASES)
def test_the_law_is_that_of_every_outcome_enumerated(
    rates: tuple[float, ...], counts: tuple[int, ...]
) -> None:
    each = [rate for rate, count in zip(rates, counts, strict=True) for _ in range(count)]
    expected = np.zeros(len(each) + 1)
    for outcome in itertools.product((False, True), repeat=len(each)):
        chances = [p if wrong else 1 - p for p, wrong in zip(each, outcome, strict=True)]
        expected[sum(outcome)] += np.prod(chances)
    np.testing.assert_allclose(risk.sampling_law(rates, counts).probabilities, expected, atol=1e-14)


def test_the_law_of_a_large_set_is_the_convolution_of_binomials() -> None:
    k = np.arange(501)
    expected = np.convolve(stats.binom.pmf(k, 500, 0.013), stats.binom.pmf(k, 500, 0.021))
    law = risk.sampling_law([0.013, 0.021], [500, 500])
    np.testing.assert_allclose(law.probabilities, expected, rtol=1e-10, atol=1e-300)


@settings(deadline=None, derandomize=True, max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 300)), min_size=1, max_size=4))
def test_a_law_sums_to_one_and_has_the_moments_of_its_classes(
    classes: list[tuple[float, int]],
) -> None:
    rates, counts = zip(*classes, strict=True)
    law = risk.sampling_law(rates, counts)
    m = sum(counts)
    assert law.examples == m
    assert sum(law.probabilities) == pytest.approx(1, abs=1e-11)
    assert min(law.probabilities) >= 0
    assert law.mean == pytest.approx(sum(p * n for p, n in classes) / m, abs=1e-11)
    variance = sum(n * p * (1 - p) for p, n in classes) / m**2
    assert law.standard_deviation**2 == pytest.approx(variance, abs=1e-11)


def test_fixed_class_counts_spread_less_than_independent_examples() -> None:
    law = risk.sampling_law([0.0, 0.2], [500, 500])
    assert law.standard_deviation < 0.99 * float(stats.binom.std(1000, 0.1)) / 1000


def test_the_order_of_the_classes_does_not_matter() -> None:
    first = risk.sampling_law([0.1, 0.4], [30, 50]).probabilities
    second = risk.sampling_law([0.4, 0.1], [50, 30]).probabilities
    np.testing.assert_allclose(first, second, rtol=1e-12, atol=1e-300)


def test_a_law_comes_back_from_json() -> None:
    law = risk.sampling_law([0.1, 0.4], [3, 5])
    assert risk.SamplingLaw.from_json(law.to_json()) == law


def test_a_law_reads_as_mean_and_deviation() -> None:
    law = risk.sampling_law([0.5], [100])
    assert str(law) == "test error of 100 examples: 50.0000% ± 5.0000% (standard deviation)"


@pytest.mark.parametrize(
    ("rates", "counts", "message"),
    [
        ([0.1], [1, 2], "one count for each of 1 error rates"),
        ([], [], "one count for each of 0 error rates"),
        ([0.1, 0.2], [0, 0], "at least one example; got \\[0, 0\\]"),
        ([0.1, -0.1], [1, 1], "error rate must lie in \\[0, 1\\], got -0.1"),
        ([1.1], [1], "error rate must lie in"),
        ([float("nan")], [1], "error rate must lie in"),
        ([0.1], [-1], "counts must be at least 0, got -1"),
        ([0.1], [2.5], "counts must be a whole number"),
    ],
)
def test_a_law_that_cannot_be_is_refused(
    rates: Sequence[float], counts: Sequence[int], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        risk.sampling_law(rates, counts)


@pytest.mark.parametrize("n", [0, 1, 2, 17, 1000, 10_000])
@pytest.mark.parametrize("p", [0.0, 1e-9, 0.0167, 0.3, 0.5, 0.999, 1.0])
def test_binomial_probabilities_are_scipys(n: int, p: float) -> None:
    k = np.arange(n + 1)
    expected = stats.binom.pmf(k, n, p)
    # log C(n, k) is a difference of numbers up to log n! = 8e4: rounded at a few eps · 8e4
    np.testing.assert_allclose(probabilities(n, p), expected, rtol=1e-10, atol=1e-290)


@pytest.mark.parametrize("n", [1, 100, 10_000])
@pytest.mark.parametrize("p", [0.0, 1e-9, 0.0167, 0.5, 1.0])
def test_binomial_probabilities_sum_to_one(n: int, p: float) -> None:
    assert probabilities(n, p).sum() == pytest.approx(1, abs=1e-10)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.floats(1e-9, 1 - 1e-9), st.integers(1, 100_000), st.floats(0, 1))
def test_binomial_quantiles_are_scipys(q: float, n: int, p: float) -> None:
    found, expected = float(quantile(q, n, p)), float(stats.binom.ppf(q, n, p))
    if found != expected:  # only where the distribution function meets q within its rounding
        smaller = min(found, expected)
        assert abs(found - expected) == 1
        assert float(stats.binom.cdf(smaller, n, p)) == pytest.approx(q, rel=1e-9)


def test_a_quantile_is_the_smallest_count_that_reaches_it() -> None:
    # Binomial(2, 1/2) reaches 1/4, 3/4 and 1, exactly representable
    q = np.array([0.1, 0.25, np.nextafter(0.25, 1), 0.75, np.nextafter(0.75, 1), 1.0])
    assert quantile(q, 2, 0.5).tolist() == [0, 0, 1, 1, 2, 2]


def test_quantiles_broadcast() -> None:
    q, p = np.array([[0.1], [0.9]]), np.array([0.2, 0.5, 0.8])
    expected = stats.binom.ppf(q, 50, p)
    assert np.array_equal(quantile(q, 50, p), expected)


def test_the_law_of_many_examples_is_found_quickly_and_right() -> None:
    law = risk.sampling_law((0.001, 0.002), (300_000, 300_000))
    assert law.examples == 600_000
    assert sum(law.probabilities) == pytest.approx(1, abs=1e-9)
    assert law.mean == pytest.approx(0.0015, rel=1e-9)
    variance = (0.001 * 0.999 + 0.002 * 0.998) * 300_000
    assert law.standard_deviation == pytest.approx(variance**0.5 / 600_000, rel=1e-9)
