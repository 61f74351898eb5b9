"""The generalisation gap: the test interval moved by the training error."""

import subprocess
import sys

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
