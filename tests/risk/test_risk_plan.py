"""Sample sizes against the published ones and against every size tried out."""

from contextlib import suppress
from fractions import Fraction
from math import ceil, exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from backproof import risk
from backproof._core.errors import InputError

Integers = NDArray[np.int64]
GRID = 200


def worst_miss(m: int, margin: str) -> float:
    """Return the supremum over p of P(|K/m - p| > margin), the counts inside found exactly.

    In units of 1 / (m · denominator · GRID) counts, margins and error rates are all integers. The
    error rates are a dense grid, and both sides of every point where a count enters or leaves.
    """
    exact = Fraction(margin)
    unit = m * exact.denominator * GRID
    counts = np.arange(m + 1) * (unit // m)
    reach = int(exact * unit)
    edges = np.unique(np.concatenate((counts - reach, counts + reach)))
    edges = edges[(edges >= 0) & (edges <= unit)]
    grid = np.arange(GRID + 1) * (unit // GRID)
    every = []
    for p, above, below in (
        (grid, 0, 0),
        (edges[edges < unit], 1, 0),  # just above an edge
        (edges[edges > 0], 0, 1),  # just below an edge
    ):
        # p moves by half a unit: the counts then inside are told by doubled integers
        away = 2 * counts - (2 * p + above - below)[:, None]
        inside = np.abs(away) <= 2 * reach
        every.append(
            (stats.binom.pmf(np.arange(m + 1), m, p[:, None] / unit) * ~inside).sum(axis=1)
        )
    return float(np.concatenate(every).max())


@pytest.mark.parametrize(
    ("margin", "confidence", "method", "examples"),
    [
        (0.01, 0.99, "hoeffding", 26_492),
        (0.01, 0.95, "hoeffding", 18_445),
        (0.05, 0.95, "hoeffding", 738),
        (0.01, 0.99, "exact", 16_650),
        (0.01, 0.95, "exact", 9_700),
        (0.05, 0.95, "exact", 400),
    ],
)
def test_a_plan_is_the_published_one(
    margin: float, confidence: float, method: str, examples: int
) -> None:
    assert risk.plan(margin, confidence, method).examples == examples


@settings(deadline=None, derandomize=True)
@given(st.floats(1e-4, 0.999), st.floats(1e-6, 1 - 1e-6))
def test_hoeffdings_number_is_the_smallest_that_his_bound_allows(
    margin: float, confidence: float
) -> None:
    m = risk.plan(margin, confidence).examples
    miss = 1 - confidence
    assert 2 * exp(-2 * m * margin**2) <= miss * (1 + 1e-9)
    assert m == 1 or 2 * exp(-2 * (m - 1) * margin**2) > miss * (1 - 1e-9)


@pytest.mark.parametrize(
    ("margin", "confidence"),
    [
        ("0.1", "0.9"),
        ("0.1", "0.5"),
        ("0.12", "0.95"),
        ("0.15", "0.8"),
        ("0.2", "0.95"),
        ("0.25", "0.5"),
        ("0.3", "0.99"),
        ("0.3", "0.1"),
        ("0.45", "0.9"),
        ("0.5", "0.9"),
        ("0.6", "0.7"),
        ("0.9", "0.95"),
        ("0.07", "0.3"),
    ],
)
def test_the_exact_number_is_the_first_from_which_every_size_does(
    margin: str, confidence: str
) -> None:
    miss = float(1 - Fraction(confidence))
    last = max(1, ceil(log(2 / miss) / (2 * float(margin) ** 2)))
    fails = [m for m in range(1, last + 1) if worst_miss(m, margin) > miss]
    expected = max(fails, default=0) + 1
    assert risk.plan(float(margin), float(confidence), "exact").examples == expected


@pytest.mark.parametrize(
    ("examples", "margin", "confidence"),
    [(400, "0.05", "0.95"), (9_700, "0.01", "0.95"), (16_650, "0.01", "0.99")],
)
def test_a_large_exact_plan_holds_and_one_less_does_not(
    examples: int, margin: str, confidence: str
) -> None:
    def worst(m: int) -> float:
        # The fewest counts inside are found just above j/m + margin, and all of them matter.
        exact = Fraction(margin)
        j = np.arange(0, int((1 - exact) * m))
        inside = int(2 * exact * m)
        p = j / m + float(exact)
        law = stats.binom(m, p)
        return float((1 - law.cdf(j + inside) + law.cdf(j)).max())

    miss = float(1 - Fraction(confidence))
    assert worst(examples) <= miss < worst(examples - 1)


@pytest.mark.parametrize("method", ["hoeffding", "exact"])
def test_a_smaller_margin_or_more_confidence_needs_no_fewer(method: str) -> None:
    by_margin = [risk.plan(e, 0.95, method).examples for e in (0.3, 0.1, 0.05, 0.02)]
    by_confidence = [risk.plan(0.05, c, method).examples for c in (0.5, 0.9, 0.99, 0.9999)]
    assert by_margin == sorted(by_margin)
    assert by_confidence == sorted(by_confidence)


@pytest.mark.parametrize("method", ["hoeffding", "exact"])
def test_a_plan_says_how_it_came_about(method: str) -> None:
    found = risk.plan(0.05, 0.95, method)
    assert (found.margin, found.confidence, found.method) == (0.05, 0.95, method)
    assert found.assumptions != ""
    assert found.source != ""
    assert risk.Plan.from_json(found.to_json()) == found


def test_a_plan_reads_as_a_sentence() -> None:
    assert str(risk.plan(0.01, 0.99)) == "26492 examples for ± 0.01 at confidence 0.99 (hoeffding)"


@pytest.mark.parametrize("name", ["margin", "confidence"])
@pytest.mark.parametrize("value", [0, 1, -0.1, 2, float("nan"), float("inf"), "abc", None])
def test_a_number_outside_0_and_1_is_refused(name: str, value: float) -> None:
    numbers = {"margin": 0.1, "confidence": 0.9} | {name: value}
    with pytest.raises(InputError, match=f"{name} must .*between 0 and 1, got"):
        risk.plan(numbers["margin"], numbers["confidence"])


def test_an_unknown_method_is_refused_naming_the_known() -> None:
    with pytest.raises(InputError, match="one of hoeffding, exact, got 'wald'"):
        risk.plan(0.1, 0.9, "wald")


@pytest.mark.parametrize("margin", [1e-160, 1e-200])
def test_a_margin_beyond_all_sizes_is_counted_or_refused(margin: float) -> None:
    with suppress(InputError):
        assert risk.plan(margin, 0.9).examples > 1e300
