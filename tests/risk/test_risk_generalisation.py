"""The generalisation gap: the test interval moved by the training error."""

import math
import subprocess
import sys
from collections.abc import Callable

import mpmath  # type: ignore[import-untyped]
import pytest
from scipy import stats

from backproof import risk
from backproof._core.errors import InputError


@pytest.mark.parametrize("known", [0.0, 0.01, 0.5, 1.0])
def test_the_gap_is_the_interval_less_the_training_error(known: float) -> None:
    expected = stats.binomtest(30, 1000).proportion_ci(0.95)
    found = risk.gap(known, risk.interval(30, 1000))
    assert found.estimate == pytest.approx(0.03 - known, abs=1e-15)
    assert found.lower == pytest.approx(expected.low - known, abs=1e-10)
    assert found.upper == pytest.approx(expected.high - known, abs=1e-10)
    assert found.training_error == known


def test_a_gap_may_be_negative() -> None:
    assert risk.gap(0.5, risk.interval(0, 1000)).upper < 0


def test_the_gap_covers_as_often_as_the_interval() -> None:
    # Exactly: the event is the same for every count.
    error, known = 0.1, 0.04
    for k in range(101):
        test = risk.interval(k, 100, 0.9)
        moved = risk.gap(known, test)
        covers = moved.lower <= error - known <= moved.upper
        assert covers == (test.lower <= error <= test.upper)


@pytest.mark.parametrize("known", [-0.01, 1.01, float("nan"), float("inf")])
def test_a_training_error_that_cannot_be_is_refused(known: float) -> None:
    with pytest.raises(InputError, match=r"training_error must lie in \[0, 1\], got"):
        risk.gap(known, risk.interval(1, 10))


def test_a_gap_comes_back_from_json() -> None:
    found = risk.gap(0.01, risk.interval(1, 10))
    assert risk.Gap.from_json(found.to_json()) == found


def test_a_gap_reads_as_percentages() -> None:
    found = risk.Gap(estimate=0.01, lower=-0.005, upper=0.02, training_error=0.0)
    assert str(found) == "1.0000% (-0.5000% to 2.0000%)"


def test_risk_imports_neither_torch_nor_matplotlib() -> None:
    code = "import backproof.risk, sys; print(*({'torch', 'matplotlib'} & set(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == []


def test_the_pac_bayes_bound_is_the_published_one() -> None:
    # Dziugaite and Roy (2017) print .161 for their network on MNIST
    found = risk.pac_bayes(0.028, 5144, 55_000, confidence=0.975)
    assert found.upper == pytest.approx(0.1607, abs=5e-5)
    assert (found.lower, found.side, found.guarantee) == (0.0, "upper", "finite-sample")


@pytest.mark.parametrize("error", [0.0, 0.01, 0.3, 1.0])
@pytest.mark.parametrize("divergence", [0.0, 3.0, 800.0])
@pytest.mark.parametrize("m", [1, 7, 8, 1000])
def test_the_pac_bayes_bound_spends_its_budget(error: float, divergence: float, m: int) -> None:
    upper = risk.pac_bayes(error, divergence, m, confidence=0.9).upper
    factor = 2 * math.sqrt(m) if m >= 8 else m + 1
    budget = (divergence + math.log(factor / 0.1)) / m
    with mpmath.workdps(30):
        q, p = mpmath.mpf(error), mpmath.mpf(upper)
        spent = (q * mpmath.log(q / p) if q else 0) + (
            (1 - q) * mpmath.log((1 - q) / (1 - p)) if q < 1 and p < 1 else 0
        )
    if upper < 1 - 1e-12:
        assert float(spent) == pytest.approx(budget, rel=1e-9)
    else:  # nothing but 1 is that far
        assert error == 1.0 or budget > -math.log(1e-12) * (1 - error) - 1


def test_the_compression_bound_is_the_published_one() -> None:
    found = risk.compression_bound(5, 1000, 20)
    assert found.upper == pytest.approx(0.11997, abs=1e-5)
    assert found.estimate == 5 / 980


@pytest.mark.parametrize(("k", "m", "d"), [(0, 10, 0), (2, 50, 3), (40, 300, 30), (7, 8, 1)])
def test_the_compression_bound_shares_its_miss(k: int, m: int, d: int) -> None:
    upper = risk.compression_bound(k, m, d, confidence=0.9).upper
    with mpmath.workdps(40):
        tail = mpmath.mpf(0.1) / (m * mpmath.binomial(m, d))
        p = mpmath.mpf(upper)
        below = mpmath.fsum(
            mpmath.binomial(m - d, j) * p**j * (1 - p) ** (m - d - j) for j in range(k + 1)
        )
    assert k == m - d or float(below / tail) == pytest.approx(1, rel=1e-6)


def test_a_compression_bound_beyond_the_smallest_float_is_still_a_bound() -> None:
    # Its tail, about 1e-500, is no float64; Chernoff's bound at that tail is above the exact one.
    found = risk.compression_bound(30, 2000, 400).upper
    with mpmath.workdps(700):
        tail = mpmath.mpf("0.05") / (2000 * mpmath.binomial(2000, 400))
        p = mpmath.mpf(found)
        below = mpmath.fsum(
            mpmath.binomial(1600, j) * p**j * (1 - p) ** (1600 - j) for j in range(31)
        )
    assert below <= tail
    assert found < 1


def test_all_wrong_bounds_nothing() -> None:
    assert risk.compression_bound(10, 10, 0).upper == 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: risk.pac_bayes(1.5, 1, 10), "empirical_error must lie in"),
        (lambda: risk.pac_bayes(0.1, -1, 10), "divergence must be finite and at least 0"),
        (lambda: risk.pac_bayes(0.1, float("inf"), 10), "divergence must be finite"),
        (lambda: risk.pac_bayes(0.1, 1, 0), "examples must be at least 1"),
        (lambda: risk.compression_bound(1, 10, 10), "kept must be below"),
        (lambda: risk.compression_bound(9, 10, 2), "errors must be at most the 8"),
        (lambda: risk.compression_bound(-1, 10, 2), "errors must be at least 0"),
    ],
)
def test_what_a_bound_cannot_be_about_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
