"""What every interval method must do; a new row of the table is tested without a new line here."""

import functools
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from backproof import risk
from backproof._core.errors import InputError

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


SIDES: list[Side] = ["two-sided", "upper", "lower"]
SIZES_TO_1E12 = [1, 2, 3, 10, 1000, 10**6, 10**9, 10**12]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("method", METHODS)
def test_many_intervals_are_the_single_ones(method: str, side: Side) -> None:
    errors, examples = np.array([[0, 1, 5], [2, 9, 10]]), np.array([10, 1000, 10**9])
    found = risk.interval(errors, examples, 0.9, method, side)
    assert found.lower.shape == found.upper.shape == found.estimate.shape == (2, 3)
    for at in np.ndindex(2, 3):
        one = risk.interval(int(errors[at]), int(examples[at[1]]), 0.9, method, side)
        assert found[at] == one


@pytest.mark.parametrize("method", METHODS)
def test_counts_are_broadcast(method: str) -> None:
    column = np.array([[0], [3]])
    found = risk.interval(column, [10, 20, 30], 0.9, method)
    full = risk.interval(np.repeat(column, 3, 1), np.array([[10, 20, 30]] * 2), 0.9, method)
    assert found == full
    assert risk.interval([0, 3], 10, 0.9, method)[1] == risk.interval(3, 10, 0.9, method)
    assert risk.interval(3, [5, 10], 0.9, method)[1] == risk.interval(3, 10, 0.9, method)


@pytest.mark.parametrize("method", METHODS)
def test_many_intervals_come_back_from_json_and_can_be_sliced(method: str) -> None:
    found = risk.interval(np.arange(11), 10, 0.9, method, "upper")
    assert risk.Intervals.from_json(found.to_json()) == found
    part = found[2:5]
    assert isinstance(part, risk.Intervals)
    assert part == risk.interval([2, 3, 4], 10, 0.9, method, "upper")
    assert len(part) == 3
    assert list(part) == [risk.interval(k, 10, 0.9, method, "upper") for k in (2, 3, 4)]
    assert found != part


@pytest.mark.parametrize(
    ("errors", "examples", "message"),
    [
        ([0, -1, 3, -2], 10, r"errors must be at least 0, got 2 .* first at index \(1,\): -1"),
        ([0, 11, 12], 10, r"at most the number of examples, got 2 .* index \(1,\): 11"),
        ([1, 1], [2, 0], r"examples must be at least 1, got 1 .* index \(1,\): 0"),
        ([[0, 1], [5, 1]], 4, r"got 1 .* index \(1, 0\): 5"),
        ([1, 2], [1, 2, 3], r"one shape, got \(2,\) and \(3,\)"),
        ([0.5, 1.0], 4, "errors must be whole numbers, got an array of float64"),
    ],
)
def test_arrays_that_cannot_be_are_refused_saying_where(
    errors: list[int], examples: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        risk.interval(errors, examples)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("confidence", [0.01, 0.5, 0.95, 0.999999, 1 - 1e-12])
@pytest.mark.parametrize("method", METHODS)
def test_the_edges_of_the_range_are_rates_in_their_order(
    method: str, confidence: float, side: Side
) -> None:
    pairs = sorted({(k, m) for m in SIZES_TO_1E12 for k in (0, 1, m - 1, m)})
    errors, examples = np.array(pairs).T
    # Warnings are errors here.
    found = risk.interval(errors, examples, confidence, method, side)
    assert (np.isfinite(found.lower) & np.isfinite(found.upper)).all()
    assert ((found.lower >= 0) & (found.upper <= 1)).all()
    assert side != "two-sided" or (found.lower <= found.upper).all()
