"""What every interval method must do; a new row of the table is tested without a new line here."""

import functools
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from backproof import risk

METHODS = sorted(risk.METHODS)
GUARANTEED = [name for name in METHODS if risk.METHODS[name].guarantee == "finite-sample"]
SIZES = [1, 2, 7, 30, 100]
# No binomial distribution function takes these tails exactly, so no quantile lies on a tie.
CONFIDENCES = [0.613, 0.8, 0.9, 0.95, 0.99, 0.9999]

Side = Literal["two-sided", "upper", "lower"]
Ends = tuple[NDArray[np.float64], NDArray[np.float64]]


@functools.cache
def ends(method: str, m: int, confidence: float) -> Ends:
    every = [risk.interval(k, m, confidence, method) for k in range(m + 1)]
    return np.array([i.lower for i in every]), np.array([i.upper for i in every])


def worst_coverage(method: str, m: int, confidence: float) -> float:
    """Return the least probability of covering, over a grid and both sides of every end."""
    lower, upper = ends(method, m, confidence)
    at_ends = np.concatenate([np.nextafter(e, d) for e in (lower, upper) for d in (-1.0, e, 2.0)])
    p = np.clip(np.concatenate((at_ends, np.linspace(0, 1, 301))), 0, 1)[:, None]
    covered = (lower <= p) & (p <= upper)
    return float((stats.binom.pmf(np.arange(m + 1), m, p) * covered).sum(axis=1).min())


def test_the_table_has_methods_of_either_kind() -> None:
    assert {"clopper-pearson", "hoeffding"} <= set(GUARANTEED)
    assert "bootstrap-percentile" not in GUARANTEED


@pytest.mark.parametrize("side", ["two-sided", "upper", "lower"])
@pytest.mark.parametrize("method", METHODS)
def test_an_interval_says_how_it_came_about(method: str, side: Side) -> None:
    found = risk.interval(3, 10, 0.9, method, side)
    row = risk.METHODS[method]
    assert (found.estimate, found.confidence) == (0.3, 0.9)
    assert (found.method, found.side, found.guarantee) == (method, side, row.guarantee)
    assert found.assumptions == row.assumptions != ""
    assert found.source == row.source != ""


@pytest.mark.parametrize("method", METHODS)
def test_an_interval_comes_back_from_json(method: str) -> None:
    found = risk.interval(3, 10, 0.9, method)
    assert risk.Interval.from_json(found.to_json()) == found


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("m", SIZES)
@pytest.mark.parametrize("method", METHODS)
def test_an_interval_holds_the_estimate_within_0_and_1(
    method: str, m: int, confidence: float
) -> None:
    lower, upper = ends(method, m, confidence)
    estimate = np.arange(m + 1) / m
    assert ((lower >= 0) & (lower <= estimate) & (estimate <= upper) & (upper <= 1)).all()


@pytest.mark.parametrize("m", SIZES)
@pytest.mark.parametrize("method", METHODS)
def test_more_confidence_makes_no_interval_narrower(method: str, m: int) -> None:
    lower, upper = zip(*(ends(method, m, c) for c in CONFIDENCES), strict=True)
    assert (np.diff(lower, axis=0) <= 0).all()
    assert (np.diff(upper, axis=0) >= 0).all()


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("m", SIZES)
@pytest.mark.parametrize("method", sorted(set(METHODS) - {"bootstrap-bca"}))  # it has a pole
def test_more_errors_move_no_end_down(method: str, m: int, confidence: float) -> None:
    lower, upper = ends(method, m, confidence)
    assert (np.diff(lower) >= 0).all()
    assert (np.diff(upper) >= 0).all()


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("m", SIZES)
@pytest.mark.parametrize("method", METHODS)
def test_right_and_wrong_swapped_mirror_the_interval(
    method: str, m: int, confidence: float
) -> None:
    lower, upper = ends(method, m, confidence)
    # a bound near 1 is rounded at eps; a bound near 0 is not
    np.testing.assert_allclose(lower, 1 - upper[::-1], rtol=0, atol=1e-14)


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("m", SIZES)
@pytest.mark.parametrize("method", GUARANTEED)
def test_a_guaranteed_method_covers_at_the_worst_error_rate(
    method: str, m: int, confidence: float
) -> None:
    # sums of up to 101 probabilities, each good to a few eps
    assert worst_coverage(method, m, confidence) >= confidence - 1e-12


@pytest.mark.parametrize("side", ["upper", "lower"])
@pytest.mark.parametrize("method", GUARANTEED)
def test_a_guaranteed_one_sided_bound_covers_at_the_worst_error_rate(
    method: str, side: Side
) -> None:
    m = 40
    every = [risk.interval(k, m, 0.95, method, side) for k in range(m + 1)]
    lower, upper = np.array([i.lower for i in every]), np.array([i.upper for i in every])
    at = lower if side == "lower" else upper
    p = np.concatenate([np.nextafter(at, d) for d in (-1.0, 2.0)] + [np.linspace(0, 1, 301)])
    p = np.clip(p, 0, 1)[:, None]
    covered = (lower <= p) & (p <= upper)
    coverage = (stats.binom.pmf(np.arange(m + 1), m, p) * covered).sum(axis=1)
    assert coverage.min() >= 0.95 - 1e-12


def test_one_sided_clopper_pearson_attains_its_confidence() -> None:
    # Not only safe but sharp: just above an upper bound, coverage is the confidence itself.
    m, k = 40, 5
    p = risk.interval(k, m, 0.95, side="upper").upper
    assert stats.binom.sf(k, m, p) == pytest.approx(0.95, rel=1e-12)


@pytest.mark.parametrize("m", SIZES)
def test_the_bootstraps_percentiles_do_not_cover(m: int) -> None:
    assert worst_coverage("bootstrap-percentile", m, 0.95) < 0.1
