"""Taylor remainders: order 2 of a right gradient, order 1 of a wrong one, none where it is hid."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from backproof._core.errors import InputError
from backproof.gradcheck import Remainders, Taylor, TaylorVerdict, taylor


def points(*shape: int, seed: int = 3, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape)).to(dtype)


def off(error: float) -> Callable[[Tensor], Tensor]:
    """Return Σ exp x with a gradient that is off by the relative `error`."""

    class Off(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x.exp().sum()

        @staticmethod
        def backward(ctx: Any, *upstream: Tensor) -> Tensor:
            x: Tensor = ctx.saved_tensors[0]
            return upstream[0] * (1 + error) * x.exp()

    def function(x: Tensor) -> Tensor:
        result: Tensor = Off.apply(x)  # type: ignore[no-untyped-call]
        return result

    return function


def only(found: Taylor) -> Remainders:
    (one,) = found.tensors
    return one


def order(found: Taylor) -> float:
    one = only(found)
    assert one.order is not None
    return one.order


# Right and wrong.

_RIGHT: dict[str, tuple[Callable[..., Any], tuple[Tensor, ...]]] = {
    "exp": (torch.exp, (points(4),)),
    "custom": (off(0.0), (points(4),)),
    "quadratic": (lambda x: (x**2).sum(), (points(4),)),
    "large numbers": (lambda x: (1e8 * x).sin().sum(), (1e-8 * points(4),)),
    "small numbers": (lambda x: 1e-30 * x.exp().sum(), (points(4),)),
    "several inputs": (lambda a, b: (a * b).exp(), (points(4), points(4, seed=4))),
    "complex": (torch.exp, (torch.complex(points(3), points(3, seed=4)),)),
    "complex to real": (
        lambda z: (z.abs() ** 2).sum(),
        (torch.complex(points(3), points(3, seed=4)),),
    ),
    "float32": (torch.exp, (points(4, dtype=torch.float32),)),
    "one number": (lambda x: x.exp(), (torch.tensor(0.7, dtype=torch.float64),)),
}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", _RIGHT)
def test_right_gradients_have_order_two(name: str, seed: int) -> None:
    function, inputs = _RIGHT[name]
    found = taylor(function, *inputs, seed=seed)
    assert len(found.tensors) == len(inputs)
    for one in found.tensors:
        assert one.verdict is TaylorVerdict.RIGHT
        assert one.order == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("error", [1e-2, 0.1, 1.0, 100.0, -0.1, -1.0, -2.0])
def test_wrong_gradients_have_order_one(error: float, seed: int) -> None:
    found = taylor(off(error), points(4), seed=seed)
    assert only(found).verdict is TaylorVerdict.WRONG
    assert order(found) == pytest.approx(1, abs=0.1)


def test_small_errors_show_at_fine_steps() -> None:
    # The quadratic term is below an error e of the slope at steps below e.
    steps = [1e-2 * 2.0**-k for k in range(30)]
    for error in (1e-4, 1e-6):
        assert only(taylor(off(error), points(4), steps=steps)).verdict is TaylorVerdict.WRONG
    assert only(taylor(off(0.0), points(4), steps=steps)).verdict is TaylorVerdict.RIGHT


def test_an_order_on_its_way_from_two_to_one_is_not_right() -> None:
    found = [taylor(off(error), points(4)) for error in (3e-5, 1e-4, 3e-4)]
    between = [only(one) for one in found if 1.2 < order(one) < 1.8]
    assert between
    assert all(one.verdict is not TaylorVerdict.RIGHT for one in between)


def test_of_several_tensors_the_wrong_one_is_named() -> None:
    wrong = off(0.1)
    found = taylor(lambda a, b: wrong(a) + b.exp().sum(), points(3), points(3, seed=4))
    assert [(one.tensor, one.verdict) for one in found.tensors] == [("a", "wrong"), ("b", "right")]


def test_a_gradient_that_is_missing_is_wrong() -> None:
    assert only(taylor(lambda x: (x.detach() ** 2 * x).sum(), points(4))).verdict == "wrong"


def test_a_module_with_a_loss() -> None:
    module = nn.Linear(3, 2).double()
    found = taylor(module, points(4, 3), loss=lambda y: (y**2).sum())
    assert [(one.tensor, one.shape) for one in found.tensors] == [
        ("weight", (2, 3)),
        ("bias", (2,)),
    ]
    assert {one.verdict for one in found.tensors} == {TaylorVerdict.RIGHT}


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "right"), (1.1, "wrong")])
def test_a_function_of_arrays(factor: float, verdict: str) -> None:
    def value(x: NDArray[np.float64]) -> float:
        return float(np.exp(x).sum())

    found = taylor(value, points(4).numpy(), gradient=lambda x: factor * np.exp(x))
    assert only(found).verdict == verdict


# Orders above two, and none.


@pytest.mark.parametrize("power", [3, 4])
def test_functions_without_a_second_derivative_have_a_higher_order(power: int) -> None:
    found = taylor(lambda x: (x**power).sum(), torch.zeros(3, dtype=torch.float64))
    assert only(found).verdict is TaylorVerdict.RIGHT
    assert order(found) == pytest.approx(power, abs=0.01)


_HIDDEN: dict[str, tuple[Callable[..., Any], Tensor]] = {
    "linear": (lambda x: (3 * x).sum(), points(4)),
    "linear of several outputs": (lambda x: 3 * x, points(4)),
    "affine": (lambda x: 3 * x.sum() + 7, points(4)),
    "constant": (lambda x: (0 * x).sum(), points(4)),
    "beside a large number": (lambda x: x.exp().sum() + 1e14, points(4)),
    "half precision": (torch.exp, points(4, dtype=torch.float16)),
}


@pytest.mark.parametrize("name", _HIDDEN)
def test_nothing_is_told_from_rounding(name: str) -> None:
    function, x = _HIDDEN[name]
    one = only(taylor(function, x))
    assert one.verdict is TaylorVerdict.INCONCLUSIVE
    assert one.order is None
    assert "none above rounding" in str(one)


def test_a_wrong_gradient_of_a_linear_function_shows() -> None:
    # Its remainder is the error of the slope and nothing else.
    class Triple(torch.autograd.Function):
        @staticmethod
        def forward(_ctx: Any, x: Tensor) -> Tensor:
            return 3 * x.sum()

        @staticmethod
        def backward(_ctx: Any, *upstream: Tensor) -> Tensor:
            return upstream[0] * 2 * torch.ones(4, dtype=torch.float64)

    found = taylor(Triple.apply, points(4))
    assert only(found).verdict is TaylorVerdict.WRONG
    assert order(found) == pytest.approx(1, abs=1e-6)


def test_steps_that_reach_into_rounding_do_not_spoil_the_order() -> None:
    steps = [10.0**-k for k in range(1, 15)]
    found = taylor(torch.exp, points(4), steps=steps)
    assert only(found).verdict is TaylorVerdict.RIGHT
    assert order(found) == pytest.approx(2, abs=0.1)
    assert only(found).remainders[-1] < 1e3 * only(found).noise


# Remainders.


def test_remainders_are_those_of_the_function() -> None:
    # Of Σ x² the remainder is h²‖u‖², whatever the point; at a quarter of the step a sixteenth.
    found = taylor(lambda x: (x**2).sum(), points(4), steps=[0.4, 0.1, 0.025])
    first, second, third = only(found).remainders
    assert first / second == pytest.approx(16, rel=1e-10)
    assert second / third == pytest.approx(16, rel=1e-10)


def test_steps_are_in_units_of_the_tensor() -> None:
    # Σ x² at 1000 x has steps 1000 times as long.
    near, far = (taylor(lambda x: (x**2).sum(), k * points(4)) for k in (1.0, 1e3))
    ratio = np.array(only(far).remainders) / only(near).remainders
    # The finest remainders are 1e-9 of the value, which is rounded at 1e-16 of it.
    assert ratio == pytest.approx(1e6, rel=1e-5)


def test_steps_are_sorted_and_kept() -> None:
    found = taylor(torch.exp, points(4), steps=[0.01, 0.1, 0.001])
    assert found.steps == (0.1, 0.01, 0.001)
    assert len(only(found).remainders) == 3
    assert list(only(found).remainders) == sorted(only(found).remainders, reverse=True)


def test_steps_may_be_an_array() -> None:
    steps = np.logspace(-1, -3, 8)
    assert taylor(torch.exp, points(4), steps=steps).steps == tuple(steps)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "steps",
    [
        (),
        (0.1,),
        (0.1, 0.01),
        (0.1, 0.1, 0.01),
        (0.1, 0.01, 0.0),
        (0.1, 0.01, -0.001),
        (0.1, 0.01, float("nan")),
        (0.1, 0.01, float("inf")),
        (0.1, 0.01, "small"),
        (0.1, 0.01, None),
    ],
    ids=str,
)
def test_steps_have_to_be_distinct_and_positive(steps: Any) -> None:
    with pytest.raises(InputError, match="step"):
        taylor(torch.exp, points(4), steps=steps)


@pytest.mark.parametrize("steps", [0.1, 5, None])
def test_steps_have_to_be_several(steps: Any) -> None:
    with pytest.raises(InputError, match="steps"):
        taylor(torch.exp, points(4), steps=steps)


@pytest.mark.parametrize("refusing", [False, True])
def test_a_step_out_of_the_domain_is_named(refusing: bool) -> None:
    def logarithm(x: Tensor) -> Tensor:
        if refusing and bool((x <= 0).any()):
            raise ValueError("expected positive numbers")
        return x.log()

    x = torch.full((3,), 0.5, dtype=torch.float64)
    with pytest.raises(InputError, match=r"along x at the step 50: use smaller steps"):
        taylor(logarithm, x, steps=[50.0, 1e-2, 1e-3])
    assert only(taylor(logarithm, x, steps=[1e-2, 1e-3, 1e-4])).verdict is TaylorVerdict.RIGHT


# The result.


def test_the_same_seed_gives_the_same_remainders() -> None:
    first, again, other = (taylor(torch.exp, points(4), seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.tensors != other.tensors
    assert [first.seed, other.seed] == [1, 2]


@pytest.mark.parametrize("seed", [-1, 0.5, "one"])
def test_seeds_have_to_be_whole_numbers(seed: Any) -> None:
    with pytest.raises(InputError, match="seed"):
        taylor(torch.exp, points(4), seed=seed)


@pytest.mark.parametrize("name", ["linear", "half precision"])
def test_json_brings_back_what_is_hidden(name: str) -> None:
    function, x = _HIDDEN[name]
    found = taylor(function, x)
    assert Taylor.from_json(found.to_json()) == found


def test_json_brings_everything_back() -> None:
    found = taylor(off(0.1), points(4), seed=2)
    back = Taylor.from_json(found.to_json())
    assert back == found
    assert str(back) == str(found)
    assert isinstance(only(back).verdict, TaylorVerdict)


def test_text_has_a_line_a_tensor() -> None:
    wrong = off(0.1)
    found = taylor(lambda a, b: wrong(a) + b.exp().sum(), points(3), points(2, 2))
    first, second = str(found).splitlines()
    assert first.split(maxsplit=1) == ["WRONG", f"a (3,): order {found.tensors[0].order:.3f}"]
    assert second.split(maxsplit=1) == ["RIGHT", f"b (2, 2): order {found.tensors[1].order:.3f}"]


def test_a_point_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InputError, match="x is not finite at index"):
        taylor(lambda x: x.exp(), torch.tensor([1.0, float("nan")]))
