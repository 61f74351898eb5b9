"""Quotes: what is shown holds, has the digits it deserves, and reads as it should."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backproof import risk
from backproof.risk.metrics.guaranteed import BALANCED_ACCURACY, F1, MACRO_F1
from backproof.risk.wording import method_name, percent, quote, shown


@dataclass(frozen=True, kw_only=True)
class Found:
    """The least that can be quoted."""

    estimate: float | None
    lower: float
    upper: float
    confidence: float = 0.95
    side: Any = "two-sided"
    method: str = "clopper-pearson"
    guarantee: Any = "finite-sample"


def exact(value: float) -> Fraction:
    """Return the number that a float is shown as."""
    return Fraction(repr(value))


def numbers(found: Found, name: str) -> tuple[Fraction, Fraction, Fraction, Fraction]:
    """Return the shown estimate and ends as rates, and one unit of their last digit."""
    value, bounds = shown(found, name)
    ends = bounds.removeprefix(f"{percent(found.confidence)} CI ")
    scale = 100 if ends.endswith(" %") else 1
    low, high = ends.removesuffix(" %").replace(" to ", "–").split("–")
    digits = {len(text.partition(".")[2]) for text in (value.removesuffix(" %"), low, high)}
    assert len(digits) == 1
    unit = Fraction(1, 10 ** digits.pop())
    shown_ones = (Fraction(text) / scale for text in (value.removesuffix(" %"), low, high))
    estimate, lower, upper = shown_ones
    return estimate, lower, upper, unit / scale


def test_the_designs_example_reads_as_it_should() -> None:
    found = risk.interval(866, 26492)
    assert quote(found, 26492, sampling="i.i.d.") == (
        "error 3.27 % (95 % CI 3.05–3.50 %, Clopper–Pearson, finite-sample, m = 26492, i.i.d.)"
    )


RATES = st.floats(0, 1, allow_subnormal=True)


@given(st.lists(RATES, min_size=3, max_size=3).map(sorted), st.sampled_from(["error", "auc"]))
@example([0.0, 0.0, 0.0], "error")
@example([1.0, 1.0, 1.0], "error")
@example([0.07, 0.07, 0.07], "error")
@example([0.0305000001, 0.0327, 0.0349999999], "error")
@example([0.0, 0.5, 1 - 2**-53], "error")
@example([5e-324, 5e-324, 5e-324], "error")
@example([0.1, 0.1, 0.1 + 1e-16], "error")
@example([0.3 - 2**-54, 0.3, 0.1 + 0.2], "auc")
def test_the_shown_range_holds_the_interval_and_hardly_more(ends: list[float], name: str) -> None:
    low, estimate, high = ends
    value, lower, upper, unit = numbers(Found(estimate=estimate, lower=low, upper=high), name)
    assert exact(low) - unit < lower <= exact(low)
    assert exact(high) <= upper < exact(high) + unit
    assert abs(value - exact(estimate)) <= unit / 2
    assert float(lower) <= low
    assert float(upper) >= high


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3).map(sorted))
@example([-1e-9, 0.0, 1e-9])
@example([-0.4, -0.001, 0.4])
def test_negative_ends_are_rounded_outward_too(ends: list[float]) -> None:
    low, estimate, high = ends
    found = Found(estimate=estimate, lower=low, upper=high)
    value, lower, upper, unit = numbers(found, "mcc")
    assert exact(low) - unit < lower <= exact(low)
    assert exact(high) <= upper < exact(high) + unit
    assert abs(value - exact(estimate)) <= unit / 2


@given(st.floats(1e-9, 1), RATES)
def test_the_width_is_shown_with_about_two_digits(width: float, at: float) -> None:
    low = at * (1 - width)
    high = low + width
    _, _, _, unit = numbers(Found(estimate=low, lower=low, upper=high), "error")
    units = (high - low) / float(unit)
    # at least one digit of it, at most three; a range of more than ten per cent has whole ones
    assert units >= 9.99
    assert units < 101


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Found(estimate=0.5, lower=0.0, upper=1.0), ("50 %", "95 % CI 0–100 %")),
        (Found(estimate=None, lower=0.0, upper=1.0), ("undefined", "95 % CI 0–100 %")),
        (Found(estimate=0.2, lower=0.2, upper=0.2), ("20.00 %", "95 % CI 20.00–20.00 %")),
        (Found(estimate=0.07, lower=0.07, upper=0.14), ("7.0 %", "95 % CI 7.0–14.0 %")),
        (
            Found(estimate=1e-7, lower=0.99e-7, upper=1.01e-7),
            ("0.00001000 %", "95 % CI 0.00000990–0.00001010 %"),
        ),
        (
            Found(estimate=0.5, lower=0.5, upper=0.5 + 1e-15),
            ("50.000000000000 %", "95 % CI 50.000000000000–50.000000000001 %"),
        ),
    ],
)
def test_digits_follow_the_width(found: Found, expected: tuple[str, str]) -> None:
    assert shown(found, "error") == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        # a bound is shown as precisely as that end of a two-sided interval, not by the other end
        (
            Found(estimate=0.0327, lower=0.03055, upper=1.0, side="lower"),
            ("3.27 %", "95 % lower bound 3.05 %"),
        ),
        (
            Found(estimate=0.971, lower=0.0, upper=0.97812, side="upper"),
            ("97.1 %", "95 % upper bound 97.9 %"),
        ),
        (
            Found(estimate=0.0, lower=0.0, upper=0.0029912, side="upper"),
            ("0.00 %", "95 % upper bound 0.30 %"),
        ),
        (
            Found(estimate=None, lower=0.0, upper=1.0, side="upper"),
            ("undefined", "95 % upper bound 100 %"),
        ),
        (
            Found(estimate=1.0, lower=0.0, upper=1.0, side="upper"),
            ("100.00 %", "95 % upper bound 100.00 %"),
        ),
    ],
)
def test_one_bound_is_named_and_rounded_outward(found: Found, expected: tuple[str, str]) -> None:
    assert shown(found, "error") == expected


@given(RATES, RATES, st.sampled_from(["upper", "lower"]))
def test_a_shown_bound_holds(one: float, other: float, side: str) -> None:
    low, high = sorted((one, other))
    found = (
        Found(estimate=low, lower=0.0, upper=high, side=side)
        if side == "upper"
        else Found(estimate=high, lower=low, upper=1.0, side=side)
    )
    text = shown(found, "error")[1].removeprefix(f"95 % {side} bound ").removesuffix(" %")
    unit = Fraction(1, 100 * 10 ** len(text.partition(".")[2]))
    excess = Fraction(text) / 100 - exact(high if side == "upper" else low)
    assert 0 <= (excess if side == "upper" else -excess) < unit


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kappa", ("-0.21", "95 % CI -0.30 to -0.11")),
        ("old: mcc", ("-0.21", "95 % CI -0.30 to -0.11")),
        ("auc", ("-0.21", "95 % CI -0.30 to -0.11")),
        ("error", ("-21 %", "95 % CI -30 to -11 %")),
    ],
)
def test_only_rates_are_in_percent(name: str, expected: tuple[str, str]) -> None:
    assert shown(Found(estimate=-0.21, lower=-0.295, upper=-0.115), name) == expected


def test_nothing_is_shown_as_minus_zero() -> None:
    found = Found(estimate=-0.001, lower=-0.6, upper=-0.0)
    assert shown(found, "mcc") == ("0.00", "95 % CI -0.60 to 0.00")


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [
        (0.95, "95 %"),
        (0.99, "99 %"),
        (0.999, "99.9 %"),
        (0.999999999999, "99.9999999999 %"),
        (0.5, "50 %"),
        (0.9, "90 %"),
        (0.1, "10 %"),
        (0.005, "0.5 %"),
        (1 - 0.05 / 3, "98.33 %"),
        (1 - 0.05 / 7, "99.286 %"),
        (1 - 0.05 / 2000, "99.9975 %"),
    ],
)
def test_a_confidence_in_percent(confidence: float, expected: str) -> None:
    assert percent(confidence) == expected


@given(st.floats(0.01, 1, exclude_max=True))
@example(1 - 2**-53)
def test_a_confidence_is_never_rounded_to_certainty(confidence: float) -> None:
    said = Fraction(percent(confidence).removesuffix(" %")) / 100
    missing = 1 - exact(confidence)
    assert said < 1
    assert abs(said - exact(confidence)) <= missing / 200


def test_every_method_has_a_name_that_can_be_read() -> None:
    own = {row.name for row in (F1, BALANCED_ACCURACY, MACRO_F1)}
    for key in {*risk.METHODS, *risk.MEAN_METHODS, *own, "bounded-differences"}:
        name = method_name(key)
        assert "-" not in name.removeprefix("beta-"), key
    assert method_name("mine") == "mine"


def test_parts_that_say_nothing_are_left_out() -> None:
    found = Found(estimate=0.5, lower=0.0, upper=1.0, method="wilson", guarantee="asymptotic")
    assert (
        quote(found, 3, name="share") == "share 50 % (95 % CI 0–100 %, Wilson, asymptotic, m = 3)"
    )
