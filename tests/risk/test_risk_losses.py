"""Summaries of losses against exact rational arithmetic, and merged in every order."""

from fractions import Fraction
from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backproof._core.errors import InputError
from backproof.risk.losses import LossSummary, summarise

UNIT = st.floats(0.0, 1.0)


def exact_sums(losses: list[float]) -> tuple[Fraction, Fraction]:
    exact = [Fraction(x) for x in losses]
    mean = sum(exact, Fraction(0)) / len(exact)
    return sum(exact, Fraction(0)), sum(((x - mean) ** 2 for x in exact), Fraction(0))


def assert_close(found: LossSummary, losses: list[float], shards: int = 1) -> None:
    total, squares = exact_sums(losses)
    assert found.examples == len(losses)
    # One rounding of the total a shard; the squares are those of differences of numbers up to 1,
    # each of them off by a few roundings.
    assert found.total == pytest.approx(float(total), rel=shards * 2**-52)
    assert found.squared_deviations == pytest.approx(
        float(squares), rel=1e-13, abs=shards * len(losses) * 2.0**-100
    )


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.lists(UNIT, min_size=1, max_size=60))
def test_the_sums_are_the_exact_ones_rounded(losses: list[float]) -> None:
    assert_close(summarise(losses), losses)


def test_a_large_offset_costs_no_more_digits_than_the_losses_have_lost() -> None:
    losses = (1e6 + np.random.default_rng(0).random(1000)).tolist()
    shards = [summarise(losses[i : i + 10], 1e6, 1e6 + 1) for i in range(0, 1000, 10)]
    _, squares = exact_sums(losses)
    whole = summarise(losses, 1e6, 1e6 + 1).squared_deviations
    # mean / standard deviation is 3e6: the means of the shards are good to 3e6 roundings
    assert whole == pytest.approx(float(squares), rel=1e-14)
    assert reduce(add, shards).squared_deviations == pytest.approx(float(squares), rel=1e-9)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.data())
def test_the_order_of_merging_changes_nothing_beyond_rounding(data: st.DataObject) -> None:
    shards = data.draw(st.lists(st.lists(UNIT, min_size=1, max_size=20), min_size=1, max_size=8))
    summaries = [summarise(shard) for shard in data.draw(st.permutations(shards))]
    while len(summaries) > 1:  # any tree of pairs
        at = data.draw(st.integers(0, len(summaries) - 2))
        summaries[at : at + 2] = [summaries[at] + summaries[at + 1]]
    assert_close(summaries[0], [x for shard in shards for x in shard], shards=len(shards))


def test_a_thousand_shards_keep_the_accuracy() -> None:
    losses = np.random.default_rng(0).beta(2, 18, 5000)
    merged = reduce(add, [summarise(part) for part in np.split(losses, 1000)])
    assert_close(merged, losses.tolist(), shards=1000)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.float16, np.float32, float])
def test_losses_of_every_real_type_are_summed(dtype: type) -> None:
    found = summarise(np.array([0, 1, 1, 0, 0], dtype=dtype))
    assert (found.examples, found.total) == (5, 2.0)
    assert found.squared_deviations == pytest.approx(1.2, rel=1e-15)


def test_the_mean_lies_in_the_range() -> None:
    losses = [0.1] * 3  # their sum, rounded, over 3 is more than 0.1
    assert sum(losses) / 3 > 0.1
    assert summarise(losses, 0.0, 0.1).mean == 0.1


def test_a_range_far_from_zero_is_summarised() -> None:
    found = summarise(1e15 + np.array([0.0, 1, 0, 1]), 1e15, 1e15 + 1)
    assert found.squared_deviations == 1.0


def test_ranges_that_differ_are_refused() -> None:
    with pytest.raises(InputError, match=r"got \[0, 1\] and \[0, 2\]: summarise both"):
        summarise([0.5]) + summarise([0.5], 0, 2)


def test_only_summaries_are_added() -> None:
    with pytest.raises(TypeError):
        summarise([0.5]) + 1.0  # type: ignore[operator]


def test_a_summary_comes_back_from_json() -> None:
    found = summarise([0.1, 0.7, 1.0])
    assert LossSummary.from_json(found.to_json()) == found


def test_a_summary_reads_as_a_sentence() -> None:
    assert str(summarise([0.0, 1.0])) == "2 losses in [0, 1], mean 0.5, standard deviation 0.5"


@pytest.mark.parametrize(
    ("examples", "total", "squares", "message"),
    [
        (0, 0.0, 0.0, "examples must be at least 1, got 0"),
        (10, 11.0, 0.0, r"total must lie in \[0, 10\].*got 11"),
        (10, -1.0, 0.0, r"total must lie in \[0, 10\].*got -1"),
        (10, float("nan"), 0.0, "total must lie in"),
        (10, 5.0, 2.6, r"squared_deviations must lie in \[0, 2.5\].*got 2.6"),
        (10, 5.0, -0.1, "squared_deviations must lie in"),
        (10, 5.0, float("nan"), "squared_deviations must lie in"),
    ],
)
def test_sums_that_no_losses_have_are_refused(
    examples: int, total: float, squares: float, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        LossSummary(examples=examples, total=total, squared_deviations=squares, low=0.0, high=1.0)


def test_a_record_with_such_sums_is_refused() -> None:
    data = summarise([0.5]).to_dict() | {"total": 3.0}
    with pytest.raises(InputError, match=r"not a LossSummary.*total must lie in"):
        LossSummary.from_dict(data)


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ([], "at least one loss, got none"),
        (0.5, r"one dimension.*got shape \(\)"),
        ([[0.5]], r"one dimension.*got shape \(1, 1\)"),
        ([[0.5], [0.5, 0.5]], r"array of shape \(n,\)"),
        (["0.5"], "real numbers, got an array of <U3"),
        ([0.5 + 0j], "real numbers, got an array of complex128"),
        ([None, 0.5], "real numbers, got an array of object"),
        ([0.5, 1.5, -1.0], r"\[0, 1\], got 2 that do not, the first at index 1: 1.5"),
        ([0.5, 0.5, float("nan")], "got 1 that do not, the first at index 2: nan"),
        ([float("inf"), 0.5], "got 1 that do not, the first at index 0: inf"),
    ],
)
def test_losses_that_cannot_be_are_refused(losses: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        summarise(losses)


@pytest.mark.parametrize(
    ("low", "high"), [(1, 0), (1, 1), (float("nan"), 1), (0, float("inf")), (-1e308, 1e308)]
)
def test_a_range_that_cannot_be_is_refused(low: float, high: float) -> None:
    with pytest.raises(InputError, match="low must be below high, and both be finite"):
        summarise([0.5], low, high)


def test_ends_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="low and high must be numbers, got None and 1"):
        summarise([0.5], None, 1)  # type: ignore[arg-type]
