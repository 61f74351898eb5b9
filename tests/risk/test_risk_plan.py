"""Sample sizes against the published ones and against every size tried out."""

from fractions import Fraction
from math import ceil, exp, floor, log
from typing import Any, Literal

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
    with pytest.raises(InputError, match=f"one of {', '.join(risk.PLANS)}, got 'wald'"):
        risk.plan(0.1, 0.9, "wald")


@pytest.mark.parametrize("method", ["hoeffding", "exact", "clopper-pearson", "mcnemar"])
@pytest.mark.parametrize("margin", [9e-7, 1e-160, 1e-200])
def test_a_margin_beyond_all_sizes_is_refused(margin: float, method: str) -> None:
    with pytest.raises(InputError, match="margin must be at least 1e-06"):
        risk.plan(margin, 0.9, method)


PLANNED = ["bentkus", "beta-binomial", "clopper-pearson"]  # whose promise is about the interval


@pytest.mark.parametrize("margin", ["1e-3", "1e-4", "1e-6"])
def test_an_exact_plan_is_found_at_any_margin(margin: str) -> None:
    # Close to (z / 2 margin)², which it must exceed, and it is the end of a tooth.
    found = risk.plan(float(margin), 0.95, "exact").examples
    normal = (stats.norm.isf(0.025) / (2 * float(margin))) ** 2
    assert normal < found < normal * (1 + 3 * float(margin))


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("margin", ["0.3", "0.1", "0.07", "0.03"])
def test_the_exact_one_sided_number_is_the_first_that_does(margin: str, confidence: float) -> None:
    exact = Fraction(margin)
    miss = float(1 - Fraction(str(confidence)))

    def worst(m: int) -> float:
        # P(p - K/m > margin) jumps up just above every p = j/m + margin
        j = np.arange(0, ceil(m * (1 - exact)))
        return float(np.max(stats.binom.cdf(j, m, j / m + float(exact)), initial=0.0))

    last = max(1, ceil(-log(miss) / (2 * float(margin) ** 2)))
    fails = [m for m in range(1, last + 1) if worst(m) > miss]
    for side in ("upper", "lower"):
        found = risk.plan(float(margin), confidence, "exact", side)
        assert found.examples == max(fails, default=0) + 1


@pytest.mark.parametrize("side", ["two-sided", "upper", "lower"])
@pytest.mark.parametrize("margin", [0.9, 0.5, 0.3, 0.17, 0.1])
@pytest.mark.parametrize("method", PLANNED)
def test_an_intervals_number_is_the_last_that_fails_plus_one(
    method: str, margin: float, side: Literal["two-sided", "upper", "lower"]
) -> None:
    found = risk.plan(margin, 0.9, method, side).examples

    def width(m: int) -> float:
        every = risk.interval(np.arange(m + 1), np.full(m + 1, m), 0.9, method, side)
        if side == "two-sided":
            return float((every.upper - every.lower).max() / 2)
        up = side == "upper"
        return float(np.max(every.upper - every.estimate if up else every.estimate - every.lower))

    fails = [m for m in range(max(1, found - 2), found + 25) if width(m) > margin]
    slack = method == "beta-binomial" and side == "two-sided"  # planned for half an error too
    assert max(fails, default=0) + 1 in ((found, found - 1) if slack else (found,))


@pytest.mark.parametrize(
    ("margin", "confidence", "examples"),
    [(0.01, 0.99, 16_684), (0.01, 0.95, 9_701), (0.05, 0.95, 402)],
)
def test_clopper_pearson_needs_the_known_numbers(
    margin: float, confidence: float, examples: int
) -> None:
    assert risk.plan(margin, confidence, "clopper-pearson").examples == examples


@pytest.mark.parametrize(
    ("margin", "confidence", "examples"),
    [(0.01, 0.99, 16_588), (0.01, 0.95, 9_604), (0.05, 0.95, 385)],
)
def test_the_normal_approximation_needs_the_known_numbers_and_is_labelled(
    margin: float, confidence: float, examples: int
) -> None:
    found = risk.plan(margin, confidence, "normal")
    assert (found.examples, found.guarantee) == (examples, "asymptotic")


@pytest.mark.parametrize(("confidence", "examples"), [(0.95, 299), (0.99, 459)])
def test_zero_errors_need_the_known_numbers(confidence: float, examples: int) -> None:
    assert risk.plan(0.01, confidence, "zero-errors", "upper").examples == examples
    assert risk.interval(0, examples, confidence, side="upper").upper <= 0.01
    assert risk.interval(0, examples - 1, confidence, side="upper").upper > 0.01


@pytest.mark.parametrize("side", ["two-sided", "upper", "lower"])
@pytest.mark.parametrize("expected", [0.0, 0.05, 0.3, 1.0])
@pytest.mark.parametrize("method", ["clopper-pearson", "exact", "bentkus", "beta-binomial"])
def test_an_expected_errors_number_is_the_last_that_fails_plus_one(
    method: str, expected: float, side: Literal["two-sided", "upper", "lower"]
) -> None:
    margin, exact = 0.08, Fraction(str(expected))
    found = risk.plan(margin, 0.9, method, side, expected).examples
    name = "clopper-pearson" if method == "exact" else method
    sizes = np.arange(1, found + 150)
    more = np.array([ceil(exact * int(m)) for m in sizes])
    less = np.array([floor(exact * int(m)) for m in sizes])
    above = risk.interval(more, sizes, 0.9, name, side).upper - expected
    below = expected - risk.interval(less, sizes, 0.9, name, side).lower
    reach = {"upper": above, "lower": below, "two-sided": np.maximum(above, below)}[side]
    fails = sizes[reach > margin]
    assert found == max(fails, default=0) + 1


def test_an_expected_error_of_five_percent_saves_most_examples() -> None:
    # 3129 is the first number that does; later ones, up to 3201, fail again.
    def fits(m: int) -> bool:
        return stats.beta.ppf(0.99, ceil(m / 20) + 1, m - ceil(m / 20)) <= 0.06

    assert fits(3129)
    assert not fits(3201)
    assert all(fits(m) for m in range(3202, 3600))
    assert risk.plan(0.01, 0.99, side="upper", expected=0.05).examples == 3202


def power_by_enumeration(m: int, difference: float, disagreement: float, miss: float) -> float:
    total = 0.0
    theta = (1 + difference / disagreement) / 2
    for n in range(m + 1):
        b = np.arange(n + 1)
        p_value = np.minimum(1, 2 * stats.binom.cdf(np.minimum(b, n - b), n, 0.5))
        rejects = stats.binom.pmf(b, n, theta)[p_value <= miss].sum()
        total += float(stats.binom.pmf(n, m, disagreement)) * float(rejects)
    return total


@pytest.mark.parametrize(
    ("difference", "disagreement"), [(0.3, 0.5), (0.2, 0.2), (0.25, 1.0), (0.4, 0.45)]
)
def test_mcnemars_number_has_the_power_and_every_larger_one_too(
    difference: float, disagreement: float
) -> None:
    found = risk.plan(difference, 0.95, "mcnemar", disagreement=disagreement)
    powers = [
        power_by_enumeration(m, difference, disagreement, 0.05)
        for m in range(max(1, found.examples - 3), found.examples + 40)
    ]
    assert min(powers[-40:]) >= 0.8 > powers[-41]
    assert (found.power, found.disagreement) == (0.8, disagreement)


def test_mcnemars_teeth_are_all_seen_where_everything_is_discordant() -> None:
    # n = m then, and the power is the rejection probability itself: a saw-tooth of period two
    m = np.arange(1, 6000)
    critical = stats.binom.ppf(0.025, m, 0.5) - 1
    exact = 2 * stats.binom.cdf(critical + 1, m, 0.5) <= 0.05
    critical = np.where(exact, critical + 1, critical)
    power = stats.binom.cdf(critical, m, 0.525) + stats.binom.sf(m - critical - 1, m, 0.525)
    expected = int(m[power < 0.8].max()) + 1
    assert risk.plan(0.05, 0.95, "mcnemar").examples == expected


def test_an_expected_error_bounds_the_disagreement() -> None:
    found = risk.plan(0.02, 0.95, "mcnemar", expected=0.1)
    assert found.disagreement == pytest.approx(0.18, rel=1e-12)
    assert found.examples < risk.plan(0.02, 0.95, "mcnemar").examples


@pytest.mark.parametrize("side", ["two-sided", "upper"])
@pytest.mark.parametrize("method", sorted(risk.PLANS))
def test_the_margin_of_a_plan_is_no_larger_than_the_planned_one(
    method: str, side: Literal["two-sided", "upper"]
) -> None:
    if side not in risk.PLANS[method].sides:
        with pytest.raises(InputError, match=f"{method} plans are"):
            risk.plan(0.07, 0.95, method, side)
        return
    m = risk.plan(0.07, 0.95, method, side).examples
    back = risk.plan_margin(m, 0.95, method, side)
    assert back.examples == m
    assert 0.05 < back.margin <= 0.07 * (1 + 1e-9)


@pytest.mark.parametrize("m", [1, 2, 7, 40])
@pytest.mark.parametrize("confidence", [0.6, 0.95])
def test_the_exact_margin_is_the_smallest_that_holds(m: int, confidence: float) -> None:
    found = risk.plan_margin(m, confidence, "exact").margin
    miss = 1 - confidence
    assert worst_miss(m, str(round(found * (1 + 1e-9), 12))) <= miss * (1 + 1e-7)
    smaller = round(found * (1 - 1e-6), 12)
    assert worst_miss(m, str(smaller)) > miss


def test_all_plans_stand_side_by_side() -> None:
    found = {one.method: one.examples for one in risk.plans(0.01, 0.99)}
    assert set(found) == set(risk.PLANS) - {"zero-errors"}
    assert (found["hoeffding"], found["exact"]) == (26_492, 16_650)
    one_sided = {one.method for one in risk.plans(0.01, 0.99, "upper")}
    assert one_sided == set(risk.PLANS) - {"mcnemar"}
    with_expected = {one.method for one in risk.plans(0.01, 0.99, expected=0.05)}
    assert "hoeffding" not in with_expected
    for one in risk.plans(examples=500, confidence=0.9):
        assert one == risk.plan_margin(500, 0.9, one.method)


def test_a_curve_of_plans_goes_through_its_plan() -> None:
    chosen = risk.plans(0.02, 0.9)
    for one, curve in zip(chosen, risk.plan_curves(chosen, points=3), strict=True):
        margins = [point.margin for point in curve]
        assert margins == pytest.approx([0.005, 0.02, 0.08], rel=1e-12)
        assert curve[1].examples == pytest.approx(one.examples, abs=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "hoeffding", "expected": 0.05}, "hoeffding knows no expected error"),
        ({"method": "exact", "power": 0.9}, "power and disagreement are for mcnemar"),
        ({"method": "exact", "disagreement": 0.9}, "power and disagreement are for mcnemar"),
        ({"method": "mcnemar", "disagreement": 0.05}, "disagreement must be at least"),
        ({"method": "mcnemar", "power": 1.0}, "power must"),
        ({"method": "mcnemar", "side": "upper"}, "mcnemar plans are two-sided"),
        ({"method": "zero-errors"}, "zero-errors plans are upper"),
        ({"side": "both"}, "side must be one of"),
        ({"expected": 1.5}, "expected must lie in"),
    ],
)
def test_what_a_plan_does_not_know_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        risk.plan(0.1, 0.9, **arguments)


@pytest.mark.parametrize("given", [{}, {"margin": 0.1, "examples": 10}])
def test_either_a_margin_or_a_number_is_planned_with(given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="either a margin or a number of examples"):
        risk.plans(**given)


@pytest.mark.parametrize("examples", [0, -3, 2**60, 1.5, "many"])
def test_a_number_of_examples_that_cannot_be_is_refused(examples: Any) -> None:
    with pytest.raises(InputError, match="examples must be"):
        risk.plan_margin(examples, 0.9)
