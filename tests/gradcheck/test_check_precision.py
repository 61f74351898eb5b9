"""Targets of less than float64: a float64 shadow where it runs, else the dtype's own larger floor.

With a shadow the formula is checked to many digits, and rounding is reported beside it. Without
one, the resolution is stated and has to be honest.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from backproof.gradcheck.check import check
from backproof.gradcheck.report import GradientReport, TensorCheck
from backproof.gradcheck.verdict import Verdict

Function = Callable[..., Any]
Factor = Callable[[Tensor], Any]
"""From the upstream gradient to what it is multiplied by."""
LOW = [torch.float32, torch.bfloat16, torch.float16]
SEEDS = (0, 1)


class Weighted(torch.autograd.Function):
    """The identity, with a gradient that is multiplied by a factor."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, factor: Factor) -> Tensor:
        ctx.factor = factor
        return a.clone()

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        return upstream[0] * ctx.factor(upstream[0]), None


def weighted(a: Tensor, factor: Factor) -> Tensor:
    result: Tensor = Weighted.apply(a, factor)  # type: ignore[no-untyped-call]
    return result


def right(_: Tensor) -> float:
    return 1.0


def by(value: float) -> Factor:
    return lambda _: value


def entry(place: int, value: float) -> Factor:
    def factors(upstream: Tensor) -> Tensor:
        result = torch.ones_like(upstream)
        result.reshape(-1)[place] = value
        return result

    return factors


def below_float64(value: float) -> Factor:
    """Return a factor that is there in low precision alone."""
    return lambda upstream: 1.0 if upstream.dtype == torch.float64 else value


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def unit(dtype: torch.dtype) -> float:
    return torch.finfo(dtype).eps / 2


def name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def only(report: GradientReport) -> TensorCheck:
    (one,) = report.tensors
    return one


class Net(nn.Module):
    """6-12-3 units; the first weight's gradient is multiplied by a factor."""

    def __init__(self, factor: Factor = right) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.hidden = nn.Linear(6, 12)
        self.out = nn.Linear(12, 3)
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        weight = weighted(self.hidden.weight, self.factor)
        result: Tensor = self.out(torch.tanh(functional.linear(x, weight, self.hidden.bias)))
        return result


BATCH = normal(5, 6)
POINT = normal(6, seed=1)


def plain(factor: Factor) -> Function:
    return lambda x: torch.sin(weighted(x, factor)).sum()


def many(factor: Factor) -> Function:
    return lambda x: torch.sin(weighted(x, factor))


def closed(factor: Factor, dtype: torch.dtype) -> Function:
    """Return a function that fails in float64, by the dtype of a matrix that it closes over."""
    matrix = normal(8, 6, seed=3).to(dtype)
    return lambda x: torch.tanh(matrix @ weighted(x, factor))


def pinned(factor: Factor, dtype: torch.dtype) -> Function:
    """Return a function that refuses all dtypes but one."""
    inner = closed(factor, dtype)

    def refusing(x: Tensor) -> Tensor:
        assert x.dtype == dtype, f"written for {dtype}"
        total: Tensor = inner(x).sum()
        return total

    return refusing


# With a shadow


@pytest.mark.parametrize("dtype", LOW, ids=name)
@pytest.mark.parametrize("make", [plain, many], ids=["one output", "many outputs"])
def test_a_function_is_checked_on_its_shadow(
    make: Callable[[Factor], Function], dtype: torch.dtype
) -> None:
    for seed in SEEDS:
        report = check(make(right), POINT.to(dtype), seed=seed)
        one = only(report)
        assert report.precision == f"float64 shadow of {name(dtype)}"
        assert (one.verdict, one.label) == (Verdict.AGREE, ""), one
        assert one.dtype == name(dtype)
        assert one.resolution is not None
        assert one.resolution < 1e-9  # float64's, whatever the dtype
        assert one.rounding is not None
        assert 0 < one.rounding < 4 * unit(dtype)  # two roundings: of the sine's slope, and after


@pytest.mark.parametrize("dtype", LOW, ids=name)
def test_a_module_is_checked_on_its_shadow(dtype: torch.dtype) -> None:
    for seed in SEEDS:
        report = check(Net().to(dtype), BATCH.to(dtype), seed=seed)
        assert report.precision == f"float64 shadow of {name(dtype)}"
        for one in report.tensors:
            assert (one.verdict, one.label) == (Verdict.AGREE, ""), one
            assert one.resolution is not None
            assert one.resolution < 1e-8
            assert one.rounding is not None
            # A few roundings in each of two layers.
            assert one.rounding < 8 * unit(dtype)
            assert f"rounding to {name(dtype)}" in str(one)


@pytest.mark.parametrize("dtype", LOW, ids=name)
@pytest.mark.parametrize("value", [1.01, 1 + 1e-5])
def test_the_shadow_shows_errors_below_the_dtypes_rounding(
    value: float, dtype: torch.dtype
) -> None:
    for seed in SEEDS:
        for make in (plain, many):
            report = check(make(by(value)), POINT.to(dtype), seed=seed)
            one = only(report)
            assert one.verdict is Verdict.DISAGREE, report
            # A wrong formula, in the dtype too: rounding is what that adds, and that is small.
            assert one.rounding is not None
            assert one.rounding < 8 * unit(dtype)


@pytest.mark.parametrize("dtype", LOW, ids=name)
def test_one_wrong_entry_is_named(dtype: torch.dtype) -> None:
    for seed in SEEDS:
        one = only(check(plain(entry(3, 1.01)), POINT.to(dtype), seed=seed))
        assert one.verdict is Verdict.DISAGREE
        assert [wrong.index for wrong in one.wrong] == [(3,)]


@pytest.mark.parametrize("dtype", LOW, ids=name)
@pytest.mark.parametrize("factor", [by(1.01), entry(7, 1.01)], ids=["all", "one entry"])
def test_a_wrong_tensor_of_a_module_is_named(factor: Factor, dtype: torch.dtype) -> None:
    report = check(Net(factor).to(dtype), BATCH.to(dtype))
    wrong = [one.name for one in report.tensors if one.verdict is Verdict.DISAGREE]
    assert wrong == ["hidden.weight"]
    (found,) = (one for one in report.tensors if one.name == "hidden.weight")
    if factor(torch.ones(72)) is not factor(torch.ones(72)):  # it builds a tensor: one entry
        assert [one.index for one in found.wrong] == [(1, 1)]


@pytest.mark.parametrize("dtype", LOW, ids=name)
def test_kinks_and_flat_places_are_known_in_low_precision(dtype: torch.dtype) -> None:
    x = POINT.clone()
    x[2] = 0
    one = only(check(lambda x: torch.relu(x).sum(), x.to(dtype)))
    assert (one.verdict, one.label) == (Verdict.AGREE, "subgradient")
    report = check(lambda x: torch.softmax(x, 0).sum(), x.to(dtype))
    assert (report.verdict, report.vacuous) == (Verdict.AGREE, 1)
    assert only(report).rounding is None  # relative to zero there is none


@pytest.mark.parametrize("dtype", LOW, ids=name)
def test_the_target_is_left_in_its_dtype(dtype: torch.dtype) -> None:
    net, x = Net().to(dtype), POINT.to(dtype).requires_grad_()
    check(net, BATCH.to(dtype))
    check(plain(right), x)
    assert {parameter.dtype for parameter in net.parameters()} == {x.dtype} == {dtype}
    assert x.grad is None


def test_mixed_dtypes_are_all_shadowed() -> None:
    def mixed(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        return torch.sin(a).sum() + (b * b).sum() + torch.tanh(c).sum()

    inputs = POINT.float(), POINT.half(), POINT
    report = check(mixed, *inputs)
    assert report.verdict is Verdict.AGREE
    assert report.precision == "float64 shadow of float16, float32, float64"
    assert [one.dtype for one in report.tensors] == ["float32", "float16", "float64"]
    for one, given in zip(report.tensors, inputs, strict=True):
        assert one.rounding is not None
        # Through a sum in float64, upstream ones: the rounding of the tensor's own dtype only.
        assert one.rounding <= 4 * unit(given.dtype)


# Right in float64 and wrong below it


@pytest.mark.parametrize("value", [1.01, 1.1, 2.0, 0.0, -1.0, float("nan")])
def test_wrong_in_float32_alone(value: float) -> None:
    for seed in SEEDS:
        one = only(check(plain(below_float64(value)), POINT.float(), seed=seed))
        assert one.verdict is Verdict.DISAGREE, one
        assert one.reason == "right in float64, wrong in float32"
        assert one.dtype == "float32"


def test_wrong_in_float32_alone_in_a_module() -> None:
    report = check(Net(below_float64(1.01)), BATCH.float())
    wrong = {one.name: one.reason for one in report.tensors if one.verdict is Verdict.DISAGREE}
    assert wrong == {"hidden.weight": "right in float64, wrong in float32"}


@pytest.mark.parametrize("value", [2.0, 0.0, -1.0, float("nan")])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=name)
def test_wrong_in_half_precision_alone(dtype: torch.dtype, value: float) -> None:
    """An error many times any rounding is no rounding: at least UNRESOLVED, with the reason."""
    for seed in SEEDS:
        one = only(check(plain(below_float64(value)), POINT.to(dtype), seed=seed))
        assert one.verdict is not Verdict.AGREE, one


def test_wrong_in_float32_alone_beside_an_offset() -> None:
    doubled = below_float64(2.0)
    for seed in SEEDS:
        report = check(lambda x: 1e6 + plain(doubled)(x), POINT.float(), seed=seed)
        assert report.verdict is not Verdict.AGREE, report


def test_large_rounding_alone_is_no_error() -> None:
    """Cancellation in the backward pass costs float32 most of its digits, and float64 none."""

    def cancelling(x: Tensor) -> Tensor:
        return ((1e4 + torch.sin(x)) ** 2 - 1e8 - 2e4 * torch.sin(x)).sum()

    for seed in SEEDS:
        report = check(cancelling, POINT.float(), seed=seed)
        assert report.verdict is not Verdict.DISAGREE, report


# Without a shadow


@pytest.mark.parametrize("make", [closed, pinned], ids=["closure", "assertion"])
def test_what_runs_in_float32_only_is_checked_there(
    make: Callable[[Factor, torch.dtype], Function],
) -> None:
    for seed in SEEDS:
        report = check(make(right, torch.float32), POINT.float(), seed=seed)
        one = only(report)
        assert report.precision == "float32 without a float64 shadow"
        assert (one.verdict, one.label) == (Verdict.AGREE, ""), one
        assert one.rounding is None
        assert one.resolution is not None
        # Noise u·|F| over a step of about 1, a quantile near 20 and 30 for four directions make
        # 1e4 times float32's u, some of which the network's slopes take away or add.
        assert 1e2 * unit(torch.float32) < one.resolution < 1e-2


@pytest.mark.parametrize("make", [closed, pinned], ids=["closure", "assertion"])
@pytest.mark.parametrize("value", [1.01, 2.0, 0.0, -1.0])
def test_errors_are_found_in_float32(
    make: Callable[[Factor, torch.dtype], Function], value: float
) -> None:
    for seed in SEEDS:
        report = check(make(by(value), torch.float32), POINT.float(), seed=seed)
        assert report.verdict is Verdict.DISAGREE, report


@pytest.mark.parametrize("place", [0, 3, 5])
def test_one_wrong_entry_is_found_in_float32(place: int) -> None:
    for seed in SEEDS:
        one = only(check(closed(entry(place, 1.1), torch.float32), POINT.float(), seed=seed))
        assert one.verdict is Verdict.DISAGREE
        assert [wrong.index for wrong in one.wrong] == [(place,)]


@pytest.mark.parametrize("inside", [torch.float32, torch.float64], ids=name)
def test_float32_inside_is_noticed(inside: torch.dtype) -> None:
    """A cast inside leaves float32's digits, whatever the dtype of the input."""

    def cast(factor: Factor) -> Function:
        return lambda x: torch.sin(weighted(x, factor).float()).sum()

    for seed in SEEDS:
        report = check(cast(right), POINT.to(inside), seed=seed)
        assert report.verdict is Verdict.AGREE, report
        one = only(report)
        assert one.resolution is not None
        assert one.resolution > 1e2 * unit(torch.float32)
        off = check(cast(by(1.01)), POINT.to(inside), seed=seed)
        assert off.verdict is Verdict.DISAGREE, off


class Own(nn.Module):
    """A module with a constant in float32, which conversion does not reach."""

    def __init__(self, factor: Factor = right) -> None:
        super().__init__()
        self.net = Net(factor)
        self.mixing = [normal(3, 3, seed=4).float()]

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.net(x) @ self.mixing[0]
        return mixed


def test_a_module_that_runs_in_float32_only() -> None:
    for seed in SEEDS:
        report = check(Own(), BATCH.float(), seed=seed)
        assert report.precision == "float32 without a float64 shadow"
        assert report.verdict is Verdict.AGREE, report
        assert all(one.rounding is None for one in report.tensors)
    off = check(Own(by(1.03)), BATCH.float())
    assert [one.name for one in off.tensors if one.verdict is Verdict.DISAGREE] == [
        "net.hidden.weight"
    ]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=name)
def test_half_precision_alone_is_never_a_false_alarm_nor_a_silent_pass(dtype: torch.dtype) -> None:
    for seed in SEEDS:
        report = check(pinned(right, dtype), POINT.to(dtype), seed=seed)
        assert report.precision == f"{name(dtype)} without a float64 shadow"
        assert report.verdict is not Verdict.DISAGREE, report
        assert report.verdict is Verdict.AGREE or only(report).reason
        off = check(pinned(by(-1.0), dtype), POINT.to(dtype), seed=seed)
        assert off.verdict is not Verdict.AGREE, off


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=name)
def test_a_wrong_sign_is_found_in_half_precision(dtype: torch.dtype) -> None:
    """Steps of a quarter move the function by some 10 %, of which rounding is a fiftieth."""
    for seed in SEEDS:
        report = check(pinned(by(-1.0), dtype), POINT.to(dtype), seed=seed, localize=False)
        assert report.verdict is Verdict.DISAGREE, report


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=name)
def test_the_reason_in_half_precision_is_true(dtype: torch.dtype) -> None:
    one = only(check(pinned(right, dtype), POINT.to(dtype)))
    assert "finite" not in one.reason


# The stated resolution


class Shifted(torch.autograd.Function):
    """The identity, with an error in a given direction, relative to the size of its gradient."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, error: Tensor) -> Tensor:
        ctx.save_for_backward(error)
        return a.clone()

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        (gradient,) = upstream
        size = torch.linalg.vector_norm(gradient)
        return gradient + size * ctx.saved_tensors[0].to(gradient.dtype), None


INPUT = normal(20, 8, seed=5)
POSITIVE = normal(20, seed=6).sign()


def network(dtype: torch.dtype, error: Tensor) -> Function:
    """Return the loss of a network of 8-24-1 units (241 parameters in one tensor), in one dtype."""
    x, target = INPUT.to(dtype), POSITIVE.to(dtype)

    def loss(parameters: Tensor) -> Tensor:
        p: Tensor = Shifted.apply(parameters, error)  # type: ignore[no-untyped-call]
        hidden = torch.tanh(x @ p[:192].reshape(8, 24) + p[192:216])
        return functional.softplus(-target * (hidden @ p[216:240] + p[240])).mean()

    return loss


PARAMETERS = 0.5 * normal(241, seed=7)


def in_random_direction(size: float, seed: int) -> Tensor:
    direction = normal(241, seed=1000 + seed)
    return direction * (size / float(torch.linalg.vector_norm(direction)))


def with_error(
    dtype: torch.dtype, relative: float, seed: int, miss: float = 1e-6
) -> GradientReport:
    loss = network(dtype, in_random_direction(relative, seed))
    return check(loss, PARAMETERS.to(dtype), seed=seed, miss=miss, localize=False)


def resolution(dtype: torch.dtype, seed: int, miss: float = 1e-6) -> float:
    one = only(with_error(dtype, 0.0, seed, miss))
    assert one.verdict is Verdict.AGREE, one
    assert one.resolution is not None
    return one.resolution


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=name)
def test_an_error_of_the_stated_resolution_is_never_missed(dtype: torch.dtype) -> None:
    """Stated to be missed with probability 1e-6, and so not once in 8 seeds."""
    for seed in range(8):
        report = with_error(dtype, resolution(dtype, seed), seed)
        assert report.verdict is not Verdict.AGREE, report


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=name)
def test_nor_is_it_left_unresolved(dtype: torch.dtype) -> None:
    for seed in range(3):
        report = with_error(dtype, resolution(dtype, seed), seed)
        assert report.verdict is Verdict.DISAGREE, report


class Decayed(torch.autograd.Function):
    """The identity, with a constant added to its gradient: weight decay in the wrong place."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, error: Tensor) -> Tensor:
        ctx.save_for_backward(error)
        return a.clone()

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        return upstream[0] + ctx.saved_tensors[0].to(upstream[0].dtype), None


def test_a_constant_added_to_a_float32_gradient_is_found() -> None:
    """Twice the resolution asked for, and some hundred σ."""
    decayed: Function = Decayed.apply
    loss = network(torch.float32, torch.zeros(241))
    point = PARAMETERS.float().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(point), point)
    size = 0.02 * float(torch.linalg.vector_norm(gradient))
    for seed in range(3):
        error = in_random_direction(size, seed)
        report = check(lambda p, e=error: loss(decayed(p, e)), PARAMETERS.float(), seed=seed)
        assert report.verdict is Verdict.DISAGREE, report


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=name)
def test_the_stated_resolution_is_no_exaggeration(dtype: torch.dtype) -> None:
    """An error of a hundredth of it is within cσ along all four directions, and is not found.

    1e-6 for four directions is 0.032 along each: such an error has a standard deviation of
    0.8·cσ/0.032 along them, a hundredth of which is cσ/4, and σ is conservative.
    """
    for seed in range(4):
        report = with_error(dtype, resolution(dtype, seed) / 100, seed)
        assert report.verdict is Verdict.AGREE, report


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=name)
def test_the_resolution_follows_the_probability_of_a_miss(dtype: torch.dtype) -> None:
    """√(2/π)·cσ/s to the fourth power: 1e-6 and 1/2 are (5e5)^¼ = 26.6 apart."""
    ratio = resolution(dtype, 0) / resolution(dtype, 0, miss=0.5)
    assert ratio == pytest.approx(26.6, rel=0.01)


def test_errors_that_may_be_missed_half_the_time_are_not_missed_more_often() -> None:
    """At most half of 20 are to be missed; 15 and more would have a probability of 2 %."""
    missed = 0
    for seed in range(20):
        size = resolution(torch.float32, seed, miss=0.5)
        missed += with_error(torch.float32, size, seed, miss=0.5).verdict is Verdict.AGREE
    assert missed < 15


def test_float32s_resolution_is_coarser_by_its_rounding() -> None:
    """About the ratio of the unit roundoffs, 5e8, to within what larger steps win back."""
    low, high = resolution(torch.float32, 0), resolution(torch.float64, 0)
    assert 1e5 < low / high < 1e9
