"""The kernel's elementary functions: against mpmath in 120 bits, and at the ends of their range."""

from collections.abc import Callable
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

from backproof.training.engines import elementary

Values = NDArray[np.floating]
DTYPES = ("float64", "float32")


def over_arrays(function: Callable[[Any], Any]) -> Callable[[Values], Values]:
    """Compile a loop over an array, as the kernel's loops are compiled."""

    @njit(**elementary.LOOPS)  # type: ignore[untyped-decorator]
    def apply(values: Any) -> Any:
        found = np.empty_like(values)
        for n in range(len(values)):
            found[n] = function(values[n])
        return found

    return apply  # type: ignore[no-any-return]


def exact(function: Callable[[Any], Any], values: Values) -> list[Any]:
    with mpmath.workprec(120):
        return [function(mpmath.mpf(float(value))) for value in values]


def absolute_error(found: Values, expected: list[Any]) -> float:
    with mpmath.workprec(120):
        pairs = zip(found, expected, strict=True)
        return max(float(abs(mpmath.mpf(float(value)) - true)) for value, true in pairs)


def relative_error(found: Values, expected: list[Any]) -> float:
    with mpmath.workprec(120):
        pairs = zip(found, expected, strict=True)
        return max(float(abs(mpmath.mpf(float(value)) / true - 1)) for value, true in pairs)


def around_zero(dtype: str, end: float) -> Values:
    """Return numbers of all sizes up to `end`, and both zeros."""
    rng = np.random.default_rng(0)
    sizes = np.concatenate([rng.uniform(0, end, 3000), end * 10.0 ** rng.uniform(-30, 0, 2000)])
    signs = rng.choice([-1.0, 1.0], len(sizes))
    return np.concatenate([sizes * signs, [0.0, -0.0]]).astype(dtype)


def logistic(a: Any) -> Any:
    return 1 / (1 + mpmath.exp(-a))


# The ranges in which exp is a normal number; beyond them the functions that use it saturate.
@pytest.mark.parametrize(("dtype", "end"), [("float64", 705.0), ("float32", 86.0)])
def test_exp_is_right_to_two_units_in_the_last_place(dtype: str, end: float) -> None:
    values = around_zero(dtype, end)
    found = over_arrays(elementary.exponential(dtype))(values)
    # The polynomial's remainder is 1 eps, its evaluation rounds by about as much.
    assert relative_error(found, exact(mpmath.exp, values)) < 2 * np.finfo(dtype).eps


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("end", [1.0, 25.0])
def test_tanh_is_right_to_two_units_in_the_last_place_of_one(dtype: str, end: float) -> None:
    values = around_zero(dtype, end)
    found = over_arrays(elementary.hyperbolic_tangent(dtype)[0])(values)
    # 2 / (exp(2a) + 1), up to 2, is rounded to half an eps of 2; exp adds a fraction of that.
    assert absolute_error(found, exact(mpmath.tanh, values)) < 2 * np.finfo(dtype).eps


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("end", [1.0, 25.0, 200.0])
def test_sigmoid_is_right_to_a_unit_in_the_last_place_of_one(dtype: str, end: float) -> None:
    values = around_zero(dtype, end)
    found = over_arrays(elementary.sigmoid(dtype)[0])(values)
    assert absolute_error(found, exact(logistic, values)) < np.finfo(dtype).eps


def test_the_logarithm_is_right_to_two_units_in_the_last_place() -> None:
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.uniform(0, 1, 5000), 10 ** rng.uniform(-300, 0, 2000), [1.0]])
    found = over_arrays(elementary.log1p_of_unit)(values)
    # Three roundings of half an eps each: of the quotient, of the polynomial and of the product.
    assert relative_error(found, exact(mpmath.log1p, values)) < 2 * np.finfo(np.float64).eps


def test_the_logarithm_of_one_plus_nothing_is_nothing() -> None:
    assert over_arrays(elementary.log1p_of_unit)(np.zeros(1)).tolist() == [0.0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_relu_is_that_of_numpy(dtype: str) -> None:
    values = around_zero(dtype, 1e30)
    found = over_arrays(elementary.rectifier(dtype)[0])(values)
    assert np.array_equal(found, np.maximum(values, 0))


@pytest.mark.parametrize("dtype", DTYPES)
def test_infinities_and_huge_numbers_saturate(dtype: str) -> None:
    huge = float(np.finfo(dtype).max)
    values = np.array([-np.inf, -huge, -1000.0, 1000.0, huge, np.inf], dtype)
    tanh = over_arrays(elementary.hyperbolic_tangent(dtype)[0])(values)
    assert tanh.tolist() == [-1.0] * 3 + [1.0] * 3
    sigmoid = over_arrays(elementary.sigmoid(dtype)[0])(values)
    assert (sigmoid[:3] < 1e-34).all()  # σ(-80), where it saturates
    assert sigmoid[3:].tolist() == [1.0] * 3
    relu = over_arrays(elementary.rectifier(dtype)[0])(values)
    assert relu.tolist() == [0.0] * 3 + values[3:].tolist()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "make", [elementary.hyperbolic_tangent, elementary.sigmoid, elementary.rectifier]
)
def test_nan_stays_nan_among_numbers(dtype: str, make: Any) -> None:
    # 64 numbers, so that the loop runs in vectors.
    values = np.where(np.arange(64) % 5 == 0, np.nan, np.linspace(-9, 9, 64)).astype(dtype)
    found = over_arrays(make(dtype)[0])(values)
    assert np.array_equal(np.isnan(found), np.isnan(values))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_exponential_of_nan_is_nan(dtype: str) -> None:
    values = np.full(64, np.nan, dtype)
    assert np.isnan(over_arrays(elementary.exponential(dtype))(values)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("make", "slope"),
    [
        (elementary.hyperbolic_tangent, lambda a: mpmath.sech(a) ** 2),
        (elementary.sigmoid, lambda a: logistic(a) * (1 - logistic(a))),
        (elementary.rectifier, lambda a: mpmath.mpf(1) if a > 0 else mpmath.mpf(0)),
    ],
)
def test_derivatives_follow_from_the_values(dtype: str, make: Any, slope: Any) -> None:
    values = around_zero(dtype, 30.0)
    values = values[(np.abs(values) > 1e-20) | (values == 0)]  # a kink is not looked at from aside
    function, derivative = (over_arrays(one) for one in make(dtype))
    # |df'/df| is at most 2: twice the error of the value, and two roundings.
    error = absolute_error(derivative(function(values)), exact(slope, values))
    assert error < 6 * np.finfo(dtype).eps
