"""Coverage, exact and observed, against plain sums and counts."""

import numpy as np
import pytest
from scipy import stats

from backproof import risk
from backproof._core.errors import InputError

METHODS = sorted(risk.METHODS)


def covers(method: str, k: int, m: int, error: float, confidence: float) -> bool:
    found = risk.interval(k, m, confidence, method)
    return found.lower <= error <= found.upper


@pytest.mark.parametrize("error", [0.0, 0.001, 0.1, 0.5, 0.93, 1.0])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
@pytest.mark.parametrize("m", [1, 50])
@pytest.mark.parametrize("method", METHODS)
def test_coverage_is_the_sum_over_the_counts_that_cover(
    method: str, m: int, confidence: float, error: float
) -> None:
    each = [
        float(stats.binom.pmf(k, m, error)) * covers(method, k, m, error, confidence)
        for k in range(m + 1)
    ]
    found = risk.coverage(method, m, error, confidence)
    assert found == pytest.approx(sum(each), abs=1e-12)


def test_coverage_under_a_law_is_the_sum_over_its_counts() -> None:
    law = risk.sampling_law([0.05, 0.3], [20, 20])
    each = [
        p * covers("clopper-pearson", k, 40, 0.175, 0.9) for k, p in enumerate(law.probabilities)
    ]
    found = risk.coverage("clopper-pearson", 40, 0.175, 0.9, law=law)
    assert found == pytest.approx(sum(each), abs=1e-13)
    assert found != pytest.approx(risk.coverage("clopper-pearson", 40, 0.175, 0.9), abs=1e-4)


@pytest.mark.parametrize(
    ("error", "bootstrap", "clopper_pearson", "hoeffding"),
    [
        (0.001, 0.632, 0.981, 1.000),
        (0.005, 0.955, 0.980, 1.000),
        (0.01, 0.964, 0.976, 1.000),
        (0.1, 0.953, 0.955, 1.000),
        (0.3, 0.955, 0.955, 0.997),
    ],
)
def test_coverage_of_a_thousand_examples_is_the_tabulated_one(
    error: float, bootstrap: float, clopper_pearson: float, hoeffding: float
) -> None:
    assert round(risk.coverage("bootstrap-percentile", 1000, error), 3) == bootstrap
    assert round(risk.coverage("clopper-pearson", 1000, error), 3) == clopper_pearson
    assert round(risk.coverage("hoeffding", 1000, error), 3) == hoeffding


@pytest.mark.parametrize("error", [-0.1, 1.1, float("nan")])
def test_an_error_rate_that_cannot_be_is_refused(error: float) -> None:
    with pytest.raises(InputError, match=r"error must lie in \[0, 1\], got"):
        risk.coverage("hoeffding", 10, error)


def test_a_law_about_another_size_is_refused() -> None:
    law = risk.sampling_law([0.1], [11])
    with pytest.raises(InputError, match="the law is about 11 examples, not 10"):
        risk.coverage("hoeffding", 10, 0.1, law=law)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(InputError, match="method must be one of"):
        risk.coverage("wald", 10, 0.1)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("examples", [0, -3, 3.5])
def test_a_size_that_cannot_be_is_refused(examples: int) -> None:
    with pytest.raises(InputError, match="examples must be"):
        risk.coverage("clopper-pearson", examples, 0.5)


@pytest.mark.parametrize("method", METHODS)
def test_observed_coverage_counts_the_sets_that_cover(method: str) -> None:
    law = risk.sampling_law([0.1], [60])
    errors = np.random.default_rng(0).binomial(60, 0.1, size=500)
    found = risk.observed_coverage(method, errors, 0.8, error=0.1, law=law)
    assert found.covered == sum(covers(method, int(k), 60, 0.1, 0.8) for k in errors)
    assert 0 < found.covered < 500 or method == "hoeffding"
    assert found.observed == found.covered / 500
    assert (found.method, found.confidence, found.examples, found.sets) == (method, 0.8, 60, 500)


@pytest.mark.parametrize("method", METHODS)
def test_covered_sets_are_told_one_by_one(method: str) -> None:
    errors = np.random.default_rng(0).binomial(60, 0.1, size=500)
    found = risk.covered_sets(method, errors, 60, 0.8, error=0.1)
    assert found.tolist() == [covers(method, int(k), 60, 0.1, 0.8) for k in errors]


@pytest.mark.parametrize("errors", [[], [61], [-1]])
def test_sets_that_cannot_be_are_refused(errors: list[int]) -> None:
    with pytest.raises(InputError, match="counts from 0 to 60"):
        risk.covered_sets("hoeffding", errors, 60, 0.8, error=0.1)


@pytest.mark.parametrize("method", METHODS)
def test_observed_coverage_is_near_the_exact_one_beside_it(method: str) -> None:
    law = risk.sampling_law([0.02, 0.1], [100, 100])
    draw = np.random.default_rng(1).binomial
    errors = draw(100, 0.02, size=20_000) + draw(100, 0.1, size=20_000)
    found = risk.observed_coverage(method, errors, 0.9, error=0.06, law=law)
    assert stats.binomtest(found.covered, 20_000, min(found.exact, 1.0)).pvalue > 1e-4
    assert found.exact == risk.coverage(method, 200, 0.06, 0.9, law=law)


def test_the_uncertainty_of_an_observed_coverage_is_its_exact_interval() -> None:
    law = risk.sampling_law([0.1], [60])
    found = risk.observed_coverage("clopper-pearson", [6] * 7 + [60] * 3, 0.9, error=0.1, law=law)
    expected = stats.binomtest(7, 10).proportion_ci(0.95)
    assert found.covered == 7
    assert found.uncertainty.confidence == 0.95
    assert found.uncertainty.lower == pytest.approx(expected.low, abs=1e-10)
    assert found.uncertainty.upper == pytest.approx(expected.high, abs=1e-10)


def test_a_coverage_comes_back_from_json() -> None:
    law = risk.sampling_law([0.1], [60])
    found = risk.observed_coverage("hoeffding", [6, 60], 0.9, error=0.1, law=law)
    assert risk.Coverage.from_json(found.to_json()) == found


def test_a_coverage_reads_as_a_sentence() -> None:
    law = risk.sampling_law([0.0], [60])
    found = risk.observed_coverage("hoeffding", [0, 60], 0.9, error=0.0, law=law)
    assert str(found) == "hoeffding: 1 of 2 covered (50.00%), exactly 100.00%, nominal 0.9"


@pytest.mark.parametrize("errors", [[61], [-1]])
def test_counts_that_cannot_be_are_refused(errors: list[int]) -> None:
    law = risk.sampling_law([0.1], [60])
    with pytest.raises(InputError):
        risk.observed_coverage("hoeffding", errors, 0.9, error=0.1, law=law)


def test_the_worst_coverage_says_what_it_is_about() -> None:
    found = risk.worst_coverage("blaker", 20, 0.9, side="upper")
    assert (found.method, found.confidence, found.side, found.examples) == (
        "blaker",
        0.9,
        "upper",
        20,
    )
    assert risk.WorstCoverage.from_json(found.to_json()) == found
    assert str(found) == (
        f"blaker (0.9, upper) with 20 examples covers with probability {found.coverage:.6f} at "
        f"worst, beside error {found.error:.6g}"
    )


def test_a_one_sided_coverage_is_a_tail_of_the_binomial() -> None:
    upper = [risk.interval(k, 40, 0.9, side="upper").upper for k in range(41)]
    expected = sum(float(stats.binom.pmf(k, 40, 0.1)) for k in range(41) if upper[k] >= 0.1)
    assert risk.coverage("clopper-pearson", 40, 0.1, 0.9, side="upper") == pytest.approx(expected)


def test_sizes_beyond_memory_are_refused() -> None:
    with pytest.raises(InputError, match="examples must be at most 10000000"):
        risk.worst_coverage("hoeffding", 10_000_001)
