"""The gradient of the gradient: what double backward gives, against what it should."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from backproof._core.errors import InputError
from backproof.gradcheck import GradientReport, Verdict, check


def points(*shape: int, seed: int = 3, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape)).to(dtype)


def verdicts(report: GradientReport) -> dict[str, str]:
    return {one.name: one.verdict.value for one in report.tensors}


def sine(backward: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Return sin with the claimed gradient `backward` of upstream and x."""

    class Sine(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x.sin()

        @staticmethod
        def backward(ctx: Any, *upstream: Tensor) -> Tensor:
            x: Tensor = ctx.saved_tensors[0]
            return backward(upstream[0], x)

    def function(x: Tensor) -> Tensor:
        result: Tensor = Sine.apply(x)  # type: ignore[no-untyped-call]
        return result

    return function


class Cosine(torch.autograd.Function):
    """Cosine with a derivative that has the wrong sign."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.cos()

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Tensor:
        x: Tensor = ctx.saved_tensors[0]
        return upstream[0] * x.sin()


def summed(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda *inputs: function(*inputs).sum()


# Right ones.


_RIGHT: dict[str, tuple[Callable[..., Any], tuple[Tensor, ...]]] = {
    "exp": (torch.exp, (points(4),)),
    "a sum of exp": (summed(torch.exp), (points(4),)),
    "custom": (sine(lambda g, x: g * x.cos()), (points(4),)),
    "a sum of custom": (summed(sine(lambda g, x: g * x.cos())), (points(4),)),
    "several inputs": (lambda a, b: a * b.exp(), (points(4), points(4, seed=4))),
    "matrices": (lambda a, b: (a @ b).tanh(), (points(2, 3), points(3, 2, seed=4))),
    "several outputs": (lambda a: (a.sin(), a.prod()), (points(4),)),
    "one number": (lambda a: a**3, (torch.tensor(1.3, dtype=torch.float64),)),
    "complex": (torch.exp, (torch.complex(points(3), points(3, seed=4)),)),
    "complex to real": (
        lambda z: (z * z.conj()).real.sum(),
        (torch.complex(points(3), points(3, seed=4)),),
    ),
    "not holomorphic": (
        lambda z: z * z.conj().sin(),
        (torch.complex(points(3), points(3, seed=4)),),
    ),
}


@pytest.mark.parametrize("name", _RIGHT)
def test_right_second_derivatives_agree(name: str) -> None:
    function, inputs = _RIGHT[name]
    report = check(function, *inputs, order=2)
    assert report.verdict == "agree"
    assert report.order == 2
    assert set(verdicts(report).values()) == {"agree"}
    # All but those that are zero were put to the proof.
    assert all(one.resolution is not None and one.resolution < 1e-6 for one in report.tensors)


def test_cotangents_are_checked_where_there_are_several_outputs() -> None:
    assert [*verdicts(check(torch.exp, points(4), order=2))] == ["input 0", "cotangent"]
    assert [*verdicts(check(lambda a: a.exp().sum(), points(4), order=2))] == ["a"]
    several = check(lambda a: (a.sin(), a.prod()), points(4), order=2)
    assert [*verdicts(several)] == ["a", "cotangent[0]", "cotangent[1]"]


def test_a_module_with_a_loss() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    report = check(module, points(5, 3), loss=lambda y: (y**2).mean(), order=2)
    assert report.verdict == "agree"
    assert [*verdicts(report)] == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_float32_goes_by_its_shadow() -> None:
    report = check(torch.exp, points(4, dtype=torch.float32), order=2)
    assert report.verdict == "agree"
    assert "float64 shadow" in report.precision


# Wrong ones.


def constant_cosine(g: Tensor, x: Tensor) -> Tensor:
    return g * x.cos().detach()


def constant_upstream(g: Tensor, x: Tensor) -> Tensor:
    return g.detach() * x.cos()


def wrong_derivative(g: Tensor, x: Tensor) -> Tensor:
    cosine: Tensor = Cosine.apply(x)  # type: ignore[no-untyped-call]
    return g * cosine


@pytest.mark.parametrize(
    ("backward", "wrong"),
    [(constant_cosine, "x"), (wrong_derivative, "x"), (constant_upstream, "cotangent")],
)
def test_a_wrong_double_backward_behind_a_right_backward(
    backward: Callable[[Tensor, Tensor], Tensor], wrong: str
) -> None:
    function = sine(backward)
    assert check(function, points(4)).verdict == "agree"
    report = check(function, points(4), order=2)
    assert (report.verdict, report.order) == ("disagree", 2)
    assert verdicts(report) == {
        name: "disagree" if name == wrong else "agree" for name in ("x", "cotangent")
    }


def test_the_wrong_second_derivatives_are_given() -> None:
    (one,) = check(summed(sine(wrong_derivative)), points(4), order=2).tensors
    assert [entry.index for entry in one.wrong] == [(0,), (1,), (2,), (3,)]
    for entry in one.wrong:
        # The second derivative of Σ sin is -sin, the claimed one +sin; both are multiplied by a
        # random cotangent of the gradient, which cancels in the ratio.
        assert entry.claimed is not None
        assert entry.numeric / entry.claimed == pytest.approx(-1, rel=1e-8)
    assert one.diagnosis.startswith("sign")


def test_of_several_inputs_the_wrong_one_is_named() -> None:
    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
            ctx.save_for_backward(a, b)
            return a**2 * b.exp()

        @staticmethod
        def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor]:
            a: Tensor = ctx.saved_tensors[0]
            b: Tensor = ctx.saved_tensors[1]
            by_a = 2 * a * b.exp()
            # Right in value; what depends on b twice is forgotten for the second time.
            by_b = a**2 * (b.exp().detach() * 1.0)
            return upstream[0] * by_a, upstream[0] * by_b

    report = check(Product.apply, points(3), points(3, seed=4), order=2)
    assert verdicts(report) == {"a": "agree", "b": "disagree", "cotangent": "agree"}


def test_a_wrong_complex_one() -> None:
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, z: Tensor) -> Tensor:
            ctx.save_for_backward(z)
            return z * z

        @staticmethod
        def backward(ctx: Any, *upstream: Tensor) -> Tensor:
            z: Tensor = ctx.saved_tensors[0]
            # Right at the point, but frozen there.
            return upstream[0] * 2 * z.detach().conj()

    z = torch.complex(points(3), points(3, seed=4))
    assert check(Square.apply, z).verdict == "agree"
    report = check(Square.apply, z, order=2)
    assert verdicts(report) == {"z": "disagree", "cotangent": "agree"}
    assert {entry.part for entry in report.tensors[0].wrong} == {"real", "imaginary"}


def test_a_wrong_gradient_is_reported_before_its_own_gradient() -> None:
    function = sine(lambda g, x: 1.1 * g * x.cos())
    report = check(function, points(4), order=2)
    assert (report.verdict, report.order) == ("disagree", 1)
    assert [*verdicts(report)] == ["x"]


def test_once_differentiable_is_no_agreement() -> None:
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x.sin()

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, *upstream: Tensor) -> Tensor:
            x: Tensor = ctx.saved_tensors[0]
            return upstream[0] * x.cos()

    assert check(Once.apply, points(4)).verdict == "agree"
    report = check(Once.apply, points(4), order=2)
    assert report.verdict != "agree"
    assert report.tensors[0].reason or report.tensors[0].diagnosis


# Nothing to see.


def test_a_linear_function_of_several_outputs_is_vacuous_in_its_input() -> None:
    report = check(lambda x: 3 * x, points(4), order=2)
    assert report.verdict == "agree"
    assert {one.name: one.label for one in report.tensors} == {"x": "vacuous", "cotangent": ""}


_CONSTANT = torch.ones(4, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize(
    "function",
    [lambda x: (3 * x).sum(), lambda x: _CONSTANT.sum() + x.detach().sum() * 0],
    ids=["linear", "constant"],
)
def test_of_a_constant_gradient_it_is_noted_that_the_second_derivative_is_zero(
    function: Callable[[Tensor], Tensor],
) -> None:
    report = check(function, points(4), order=2)
    assert (report.verdict, report.order) == ("agree", 2)
    assert "the second derivative is zero" in report.notes[-1]
    assert report.notes[-1] in str(report)


def staircase(x: Tensor) -> Tensor:
    class Quantised(torch.autograd.Function):
        @staticmethod
        def forward(_ctx: Any, x: Tensor) -> Tensor:
            return (4096 * x).round() / 4096

        @staticmethod
        def backward(_ctx: Any, *upstream: Tensor) -> Tensor:
            return upstream[0]

    result: Tensor = Quantised.apply(x)  # type: ignore[no-untyped-call]
    return result


def test_a_gradient_that_could_not_be_told_does_not_agree_because_its_own_does() -> None:
    x = torch.linspace(0.11, 2.01, 5, dtype=torch.float64)
    assert check(staircase, x).verdict is Verdict.UNRESOLVED
    assert check(staircase, x, order=2).verdict is not Verdict.AGREE


def test_a_kink_raises_no_warning() -> None:
    check(torch.relu, torch.zeros(3, dtype=torch.float64), order=2)


def test_functions_of_arrays_have_none() -> None:
    def value(x: NDArray[np.float64]) -> float:
        return float(np.exp(x).sum())

    with pytest.raises(InputError, match="order=2 needs a PyTorch target"):
        check(value, points(4).numpy(), gradient=np.exp, order=2)
