"""Numbers as people read them."""

import pytest

from backproof._core.numbers import (
    MISSING,
    Style,
    Value,
    formatted,
    ordinal,
    power_of_ten,
    step_name,
)


@pytest.mark.parametrize(
    ("value", "style", "digits", "text"),
    [
        (0.0167737, "percent", 2, "1.68"),
        (0.0167737, "percent", 0, "2"),
        (1, "percent", 1, "100.0"),
        (-0.5, "percent", 1, "-50.0"),
        (1.234e-5, "scientific", 2, "1.23e-05"),
        (0, "scientific", 1, "0.0e+00"),
        (1.2345, "decimal", 3, "1.234"),
        (-2, "decimal", 2, "-2.00"),
        (12345.0, "integer", 3, "12345"),
        (7, "integer", 0, "7"),
        ("word", "decimal", 3, "word"),
        ("word", "percent", 3, "word"),
        (0.5, "text", 3, "0.5"),
        (True, "text", 3, "True"),
        (True, "yes", 3, "yes"),
        (False, "yes", 3, "no"),
    ],
)
def test_a_value_is_shown_in_its_style(value: Value, style: Style, digits: int, text: str) -> None:
    assert formatted(value, style, digits) == text


@pytest.mark.parametrize("style", ["text", "integer", "percent", "scientific", "decimal", "yes"])
def test_what_is_missing_is_a_dash_in_every_style(style: Style) -> None:
    assert formatted(None, style) == MISSING == "–"


def test_three_digits_unless_told() -> None:
    assert formatted(1.0, "decimal") == "1.000"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("1.234e-05", ("1.234", -5)),
        ("-1e+10", ("-1", 10)),
        ("2.5e0", ("2.5", 0)),
        ("1.5", None),
        ("yes", None),
        ("e5", None),
        ("1e", None),
        ("1e2.5", None),
        ("one", None),
        ("", None),
        (MISSING, None),
    ],
)
def test_only_scientific_notation_splits(text: str, parts: tuple[str, int] | None) -> None:
    assert power_of_ten(text) == parts


@pytest.mark.parametrize(
    ("percentile", "text"),
    [
        (0, "0th"),
        (1, "1st"),
        (2, "2nd"),
        (3, "3rd"),
        (4, "4th"),
        (10, "10th"),
        (11, "11th"),
        (12, "12th"),
        (13, "13th"),
        (19, "19th"),
        (20, "20th"),
        (21, "21st"),
        (22, "22nd"),
        (23, "23rd"),
        (37, "37th"),
        (91, "91st"),
        (100, "100th"),
        (36.5, "37th"),
        (36.49, "36th"),
        (0.5, "1st"),
        (1.5, "2nd"),
    ],
)
def test_a_percentile_has_its_ending(percentile: float, text: str) -> None:
    assert ordinal(percentile) == f"the {text} percentile"


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (0.001, "1e-3"),
        (1e-8, "1e-8"),
        (1e-16, "1e-16"),
        (1.0, "1e0"),
        (1, "1e0"),
        (10.0, "1e1"),
        (0.05, "5e-2"),
        (2.5e-7, "2.5e-7"),
        (3e-4, "3e-4"),
        (1e-3 * (1 - 1e-12), "1e-3"),  # a power of ten that was computed
        pytest.param(9.9999e-4, "1e-3"),
    ],
)
def test_a_step_has_a_short_name(step: float, text: str) -> None:
    assert step_name(step) == text


@pytest.mark.parametrize("exponent", range(-30, 31))
def test_every_power_of_ten_is_named_exactly(exponent: int) -> None:
    assert step_name(float(f"1e{exponent}")) == f"1e{exponent}"
