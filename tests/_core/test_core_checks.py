"""Arguments out of range are refused with what was expected and what came."""

from collections.abc import Callable

import numpy as np
import pytest

from backproof._core.checks import open_unit, positive, whole_number
from backproof._core.errors import InputError


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), np.array(3)])
def test_a_whole_number_becomes_an_int(value: int) -> None:
    number = whole_number("n", value, at_least=3)
    assert number == 3
    assert type(number) is int


@pytest.mark.parametrize("value", [2.5, 3.0, np.float64(3), "3", None, [3]])
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    with pytest.raises(InputError, match="n must be a whole number of at least 0, got"):
        whole_number("n", value, at_least=0)  # type: ignore[arg-type]


def test_a_number_too_small_is_refused() -> None:
    with pytest.raises(InputError, match="n must be at least 3, got 2"):
        whole_number("n", 2, at_least=3)


def test_a_number_too_large_is_refused() -> None:
    assert whole_number("n", 4, at_least=3, at_most=4) == 4
    with pytest.raises(InputError, match="n must be at most 4, got 5"):
        whole_number("n", 5, at_least=3, at_most=4)


@pytest.mark.parametrize("value", [5e-324, 0.5, np.float32(0.5), np.nextafter(1, 0)])
def test_a_number_inside_the_unit_interval_passes(value: float) -> None:
    number = open_unit("p", value)
    assert number == value
    assert type(number) is float


@pytest.mark.parametrize("value", [0, 1, -0.1, 1.1, float("nan"), float("inf"), -float("inf")])
def test_a_number_outside_the_open_unit_interval_is_refused(value: float) -> None:
    with pytest.raises(InputError, match=f"p must lie strictly between 0 and 1, got {value:g}"):
        open_unit("p", value)


@pytest.mark.parametrize("value", [5e-324, 1, np.float32(0.5), 1.7e308])
def test_a_positive_number_passes(value: float) -> None:
    number = positive("h", value)
    assert number == value
    assert type(number) is float


@pytest.mark.parametrize("value", [0, -0.0, -1, float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_positive_and_finite_is_refused(value: float) -> None:
    with pytest.raises(InputError, match=f"h must be finite and above 0, got {value:g}"):
        positive("h", value)


@pytest.mark.parametrize("check", [open_unit, positive])
@pytest.mark.parametrize("value", ["abc", None, [0.5]])
def test_what_is_no_number_is_refused(check: Callable[[str, object], float], value: object) -> None:
    with pytest.raises(InputError, match=r"x must be a number .*, got"):
        check("x", value)
