"""The law of the error: synthetic curves whose order and rounding level are known."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from backproof._core.errors import InputError
from backproof.gradcheck import ErrorLaw, error_law

Array = NDArray[np.float64]
Curve = Callable[[int, int], Array]

_STEPS = np.logspace(-1, -12, 45)
_C, _NU = 2.0, 3e-16
_REPEATS = 200


def rounded(p: int, seed: int) -> Array:
    """Return a truncation error with the rounding error, of either sign, added to it."""
    rng = np.random.default_rng([seed, p])
    noise = _NU / _STEPS * rng.standard_normal(len(_STEPS))
    return np.asarray(np.abs(_C * _STEPS**p + noise))


def scattered(p: int, seed: int) -> Array:
    """Return a truncation error that scatters by 2 % at every step, and rounding."""
    rng = np.random.default_rng([seed, p])
    truncation = _C * _STEPS**p * np.exp(0.02 * rng.standard_normal(len(_STEPS)))
    return np.asarray(np.abs(truncation + _NU / _STEPS * rng.standard_normal(len(_STEPS))))


def rms(p: int, seed: int) -> Array:
    """Return the root mean square over 8 directions of a truncation and a rounding error."""
    rng = np.random.default_rng([seed, p])
    noise = _NU / _STEPS * rng.standard_normal((8, len(_STEPS)))
    return np.asarray(np.sqrt(((_C * _STEPS**p + noise) ** 2).mean(axis=0)))


_CURVES = [rounded, scattered, rms]


def law(d: Array, steps: Array = _STEPS) -> ErrorLaw:
    return error_law(steps.tolist(), d.tolist())


def fitted(found: ErrorLaw) -> tuple[float, float]:
    assert found.order is not None
    assert found.order_margin is not None
    return found.order, found.order_margin


@pytest.mark.parametrize("curve", _CURVES)
@pytest.mark.parametrize("p", [1, 2, 4])
def test_the_interval_covers_the_order_as_often_as_it_says(curve: Curve, p: int) -> None:
    pairs = [fitted(law(curve(p, seed))) for seed in range(_REPEATS)]
    covered = sum(abs(order - p) <= margin for order, margin in pairs)
    # At 95 % coverage fewer than 178 of 200 have probability 3e-4. More is allowed: the interval
    # is robust, not sharp; how wide it may be is the next test.
    assert stats.binomtest(covered, _REPEATS, 0.95, alternative="less").pvalue > 1e-3, covered


@pytest.mark.parametrize("curve", _CURVES)
@pytest.mark.parametrize("p", [1, 2, 4])
def test_the_interval_is_narrow(curve: Curve, p: int) -> None:
    # The noise is at most 2 %, and the order is read over a decade at least.
    margins = [fitted(law(curve(p, seed)))[1] for seed in range(_REPEATS)]
    assert np.median(margins) < 0.05


@pytest.mark.parametrize("curve", _CURVES)
@pytest.mark.parametrize("p", [1, 2, 4])
def test_the_order_is_near(curve: Curve, p: int) -> None:
    for seed in range(_REPEATS):
        assert fitted(law(curve(p, seed)))[0] == pytest.approx(p, abs=0.1)


@pytest.mark.parametrize("p", [1, 2, 4])
def test_an_exact_power_has_its_order_to_rounding(p: int) -> None:
    order, margin = fitted(law(_C * _STEPS**p))
    assert order == pytest.approx(p, abs=1e-9)
    assert margin < 1e-9


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_the_order_does_not_depend_on_the_scale(scale: float) -> None:
    d = scattered(2, 0)
    found, expected = law(scale * d), law(d)
    assert fitted(found)[0] == pytest.approx(fitted(expected)[0], rel=1e-9)
    assert found.best_step == expected.best_step


def test_the_next_term_of_the_series_does_not_bias_the_order() -> None:
    # sinh: the central difference of exp at 0 is off by sinh(ε)/ε - 1 = ε²/6 + ε⁴/120 + …
    steps = np.logspace(0, -3, 25)
    d = np.where(steps > 0, np.sinh(steps) / steps - 1, 0)
    # Without the term the order of the largest steps would be 2.05.
    assert fitted(law(d, steps))[0] == pytest.approx(2, abs=2e-3)


@pytest.mark.parametrize("p", [1, 2, 4])
def test_the_rounding_level_is_right_to_a_factor_two(p: int) -> None:
    # The median of |z| is 0.67 for one direction; near 1 for the root mean square over 8.
    levels = np.array([law(rms(p, seed)).rounding for seed in range(_REPEATS)], dtype=float)
    assert (levels > _NU / 2).all()
    assert (levels < 2 * _NU).all()


@pytest.mark.parametrize("p", [1, 2, 4])
def test_the_best_step_is_near_the_optimum(p: int) -> None:
    # The minimum of C·ε^p + ν/ε; chance and the square root move it by a few of four a decade.
    optimum = (_NU / (p * _C)) ** (1 / (p + 1))
    steps = np.array([law(rms(p, seed)).best_step for seed in range(_REPEATS)])
    assert abs(np.median(np.log10(steps / optimum))) < 0.3
    assert np.abs(np.log10(steps / optimum)).max() < 1


@pytest.mark.parametrize("curve", _CURVES)
@pytest.mark.parametrize("seed", range(5))
def test_the_best_step_is_the_argmin_and_the_floor_the_minimum(curve: Curve, seed: int) -> None:
    d = curve(2, seed)
    found = law(d)
    assert found.best_step == _STEPS[d.argmin()]
    assert found.floor == d.min()


@pytest.mark.parametrize("seed", range(20))
def test_the_range_of_the_order_ends_before_rounding(seed: int) -> None:
    found = law(rms(2, seed))
    assert found.truncation_range is not None
    smallest, largest = found.truncation_range
    assert largest == _STEPS[0]
    # Rounding reaches 1 % of C·ε² at (100 ν/C)^(1/3); a factor 2 in ν and one step of the ladder.
    assert smallest == pytest.approx((100 * _NU / _C) ** (1 / 3), rel=1)


@pytest.mark.parametrize("seed", range(20))
def test_rounding_alone_has_no_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    d = _NU / _STEPS * np.sqrt((rng.standard_normal((8, len(_STEPS))) ** 2).mean(axis=0))
    found = law(d)
    assert (found.order, found.order_margin, found.truncation_range) == (None, None, None)
    assert "not measurable" in found.reason
    assert found.rounding == pytest.approx(_NU, rel=0.5)


def test_no_difference_at_all_has_no_order() -> None:
    found = law(np.zeros_like(_STEPS))
    assert found.order is None
    assert found.reason
    assert found.floor == 0


def test_a_lucky_last_difference_does_not_make_an_order_of_the_rounding() -> None:
    # By chance the difference at the smallest step is the smallest: the curve is a V all the same.
    d = _C * _STEPS**2 + _NU / _STEPS
    expected = fitted(law(d))[0]
    d[-1] = d.min() / 2
    assert fitted(law(d))[0] == pytest.approx(expected, abs=0.05)


def test_an_order_has_no_reason() -> None:
    assert law(_STEPS**2).reason == ""


def test_without_a_step_below_the_best_there_is_no_rounding_level() -> None:
    assert law(_STEPS**2).rounding is None


@pytest.mark.parametrize(
    ("steps", "differences"),
    [
        ([1e-1, 1e-2, 1e-3, 1e-4], [1.0] * 4),
        ([1e-1, 1e-2, 1e-3, 1e-4, 1e-5], [1.0] * 4),
        ([1e-1, 1e-2, 1e-3, 1e-4, 1e-5], [[1.0] * 5]),
        ([], []),
        ([1e-5, 1e-4, 1e-3, 1e-2, 1e-1], [1.0] * 5),
        ([1e-1, 1e-2, 1e-2, 1e-4, 1e-5], [1.0] * 5),
        ([1e-1, 1e-2, 1e-3, 1e-4, 0.0], [1.0] * 5),
        ([1e-1, 1e-2, 1e-3, 1e-4, -1e-5], [1.0] * 5),
        ([1e-1, np.nan, 1e-3, 1e-4, 1e-5], [1.0] * 5),
        ([np.inf, 1e-2, 1e-3, 1e-4, 1e-5], [1.0] * 5),
        ([1e-1, 1e-2, 1e-3, 1e-4, 1e-5], [1.0, 1.0, np.nan, 1.0, 1.0]),
        ([1e-1, 1e-2, 1e-3, 1e-4, 1e-5], [1.0, 1.0, np.inf, 1.0, 1.0]),
        ([1e-1, 1e-2, 1e-3, 1e-4, 1e-5], [1.0, 1.0, -1.0, 1.0, 1.0]),
    ],
)
def test_bad_curves_are_refused(steps: Any, differences: Any) -> None:
    with pytest.raises(InputError):
        error_law(steps, differences)


@pytest.mark.parametrize("d", [_C * _STEPS**2 + _NU / _STEPS, _NU / _STEPS, _STEPS**2])
def test_json_gives_the_law_back(d: Array) -> None:
    found = law(d)
    assert ErrorLaw.from_json(found.to_json()) == found


def test_the_text_gives_the_order_or_the_reason() -> None:
    found = replace(law(rms(2, 0)), order=1.9998, order_margin=0.0003, best_step=1e-5, floor=2e-11)
    assert re.match(r"order 1\.99980* ± 0\.00030*; floor 2\.0e-11 at ε = 1\.0e-05", str(found))
    assert "not measurable" in str(law(_NU / _STEPS))
