"""Kinks, jumps, steps and flat places: what may be claimed there, and what has to be found.

A kink inside the step is recognised and the step shrunk. Exactly on one, a claim between the
slopes to both sides is accepted and labelled `subgradient`. Where nothing can be learned the
label is `vacuous`, and a function too noisy to decide is unresolved: no silent pass.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from backproof.gradcheck.check import check
from backproof.gradcheck.report import GradientReport, TensorCheck
from backproof.gradcheck.verdict import Verdict

Function = Callable[..., Any]
Formula = Callable[[Tensor], Tensor]
SEEDS = range(2)


def normal(count: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(count))


def with_zeros(count: int, *places: int) -> Tensor:
    """Return an ordinary point with a few entries exactly on the kink."""
    x = normal(count)
    x[list(places)] = 0
    return x


def beside(distance: float) -> Tensor:
    x = normal(5)
    x[1] = distance
    return x


def at(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def claiming(function: Formula, gradient: Formula) -> Function:
    """Return a function whose backward pass claims a gradient of our own."""

    class Claiming(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return function(x)

        @staticmethod
        def backward(ctx: Any, *upstream: Tensor) -> Tensor:
            return upstream[0] * gradient(*ctx.saved_tensors)

    apply: Function = Claiming.apply
    return apply


def only(report: GradientReport) -> TensorCheck:
    (one,) = report.tensors
    return one


def judged(function: Function, x: Tensor, seeds: range = SEEDS) -> list[TensorCheck]:
    return [only(check(function, x, seed=seed)) for seed in seeds]


def places(one: TensorCheck) -> list[tuple[int, ...]]:
    return [wrong.index for wrong in one.wrong]


def relu_sum(x: Tensor) -> Tensor:
    return torch.relu(x).sum()


def relu_slope(at_zero: float) -> Formula:
    return lambda x: torch.where(x == 0, at_zero, (x > 0).to(x.dtype))


def sorted_sum(x: Tensor) -> Tensor:
    return (torch.sort(x).values * at(1, 2, 3, 4)).sum()


def rows(x: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(x.reshape(-1, 2), dim=1)
    return norms


TIE = at(1, 2, 2, 0.5)
ON_KINKS: dict[str, tuple[Function, Tensor]] = {
    "relu": (relu_sum, with_zeros(5, 1)),
    "relu, many outputs": (torch.relu, with_zeros(5, 1)),
    "relu, 3 of 500": (relu_sum, with_zeros(500, 3, 70, 400)),
    "relu, 3 of 500, many outputs": (torch.relu, with_zeros(500, 3, 70, 400)),
    "relu, all entries": (relu_sum, 0 * normal(4)),
    "relu in a network": (
        lambda x: torch.tanh(normal(20, seed=3).reshape(4, 5) @ torch.relu(x)).sum(),
        with_zeros(5, 1, 2),
    ),
    "abs": (lambda x: x.abs().sum(), with_zeros(5, 1)),
    "abs, all entries": (lambda x: x.abs().sum(), 0 * normal(4)),
    "abs, scalar": (torch.abs, torch.tensor(0.0, dtype=torch.float64)),
    "abs times one million": (lambda x: 1e6 * x.abs().sum(), with_zeros(5, 1)),
    "max, tie": (torch.max, TIE),
    "amax, tie": (torch.amax, TIE),
    "min, tie": (torch.min, -TIE),
    "maximum": (lambda x: torch.maximum(x, 2 - x).sum(), at(1, 2, 1, 0.5)),
    "clamp": (lambda x: x.clamp(0, 1).sum(), at(0, 1, 0.5, 2, -1)),
    "clamp, many outputs": (lambda x: x.clamp(0, 1), at(0, 1, 0.5, 2, -1)),
    "median, tie of two": (torch.median, at(1, 1, 3, 5, -3)),
    "sort, tie": (sorted_sum, TIE),
    "topk, tie": (lambda x: x.topk(2).values.sum(), at(1, 2, 1, 0.5)),
    "norm at zero": (torch.linalg.vector_norm, 0 * normal(3)),
    "norms of rows": (lambda x: rows(x).sum(), at(0, 0, 1, 2)),
    "hardtanh": (lambda x: functional.hardtanh(x).sum(), at(1, -1, 0.3)),
    "leaky relu": (lambda x: functional.leaky_relu(x).sum(), with_zeros(5, 1)),
    "relu6": (lambda x: functional.relu6(x).sum(), at(6, 1, 0)),
    "elu": (lambda x: functional.elu(x, 2.0).sum(), at(0, 1, -3)),
    "softshrink": (lambda x: functional.softshrink(x).sum(), at(0.5, 1, 2)),
    "l1 loss": (lambda x: functional.l1_loss(x, at(1, 2, 3)), at(1, 2.5, 0)),
}


@pytest.mark.parametrize("name", ON_KINKS)
def test_a_subgradient_is_accepted_on_the_kink(name: str) -> None:
    function, x = ON_KINKS[name]
    for one in judged(function, x, range(1)):
        assert (one.verdict, one.label) == (Verdict.AGREE, "subgradient"), one
        assert "kink" in one.reason


@pytest.mark.parametrize("claimed", [0.0, 0.3, 1.0])
def test_any_value_between_the_slopes_is_accepted(claimed: float) -> None:
    for one in judged(claiming(relu_sum, relu_slope(claimed)), with_zeros(5, 1)):
        assert (one.verdict, one.label) == (Verdict.AGREE, "subgradient"), one


@pytest.mark.parametrize(
    ("function", "x"),
    [
        pytest.param(lambda x: functional.huber_loss(x, at(1, 2, 3)), at(2, 2.5, 0), id="huber"),
        pytest.param(lambda x: torch.relu(x).square().sum(), with_zeros(5, 1), id="relu squared"),
        pytest.param(lambda x: (x * x.abs()).sum(), with_zeros(5, 1), id="x |x|"),
    ],
)
def test_a_kink_of_the_slope_alone_is_none(function: Function, x: Tensor) -> None:
    """The derivative is continuous: a plain AGREE, with the kink seen as truncation error."""
    for one in judged(function, x):
        assert (one.verdict, one.label) == (Verdict.AGREE, ""), one


# Kinks inside the step


@pytest.mark.parametrize("exponent", range(3, 11))
@pytest.mark.parametrize(
    ("function", "point"),
    [
        pytest.param(relu_sum, beside, id="relu"),
        pytest.param(lambda x: (x * (x - 1).abs()).sum(), lambda d: at(1 - d, 3, -2), id="abs"),
        pytest.param(torch.amax, lambda d: at(1, 2 + d, 2, 0.5), id="amax"),
    ],
)
def test_steps_shrink_below_a_kink(
    function: Function, point: Callable[[float], Tensor], exponent: int
) -> None:
    """A kink at 1e-10 leaves steps of 1e-10, along which rounding is 1e-6 of the change.

    Student's quantile and four directions make about 1e-3 of that, the resolution asked for.
    """
    for one in judged(function, point(10.0**-exponent)):
        assert (one.verdict, one.label) == (Verdict.AGREE, ""), one
        assert one.resolution is not None
        assert one.resolution < 1e-12 * 10.0**exponent


@pytest.mark.parametrize("exponent", [3, 5, 7, 9])
def test_an_error_of_a_tenth_beside_a_kink_is_found(exponent: int) -> None:
    wrong = claiming(relu_sum, lambda x: (x > 0) * at(1, 1.1, 1, 1, 1))
    for one in judged(wrong, beside(10.0**-exponent)):
        assert one.verdict is Verdict.DISAGREE
        assert places(one) == [(1,)]


@pytest.mark.parametrize("exponent", [3, 5, 7, 9])
def test_the_slope_of_the_kinks_other_side_is_found(exponent: int) -> None:
    """A comparison with a threshold that is off by a little, so that one entry is on the wrong
    side of it."""
    distance = 10.0**-exponent
    wrong = claiming(relu_sum, lambda x: (x > 2 * distance).to(x.dtype))
    for one in judged(wrong, beside(distance)):
        assert one.verdict is Verdict.DISAGREE
        assert places(one) == [(1,)]


@pytest.mark.parametrize("exponent", [12, 13, 14])
def test_beside_a_kink_too_near_to_step_inside_there_is_no_false_alarm(exponent: int) -> None:
    for function in (relu_sum, torch.relu):
        for one in judged(function, beside(10.0**-exponent)):
            assert one.verdict is not Verdict.DISAGREE, one


# Wrong on the kink


def entry(place: int, claimed: float, otherwise: Formula) -> Formula:
    def gradient(x: Tensor) -> Tensor:
        result = otherwise(x).clone()
        if x[place] == 0:
            result[place] = claimed
        return result

    return gradient


def unit(x: Tensor) -> Tensor:
    return x / torch.linalg.vector_norm(x) if x.any() else torch.full_like(x, 1.5)


def leaky_slope(x: Tensor) -> Tensor:
    return (x > 0) + 0.01 * (x < 0).to(x.dtype)


def clamp_slope(x: Tensor) -> Tensor:
    slope = ((x > 0) & (x < 1)).to(x.dtype)
    return torch.where(x == 1, -0.2, torch.where(x == 0, 0.5, slope))


def tie_slope(x: Tensor) -> Tensor:
    return at(0, 1.5, -0.5, 0) if x[1] == x[2] else (x == x.max()).to(x.dtype)


OUTSIDE: dict[str, tuple[Function, Tensor, list[int]]] = {
    **{
        f"relu {claimed}": (claiming(relu_sum, relu_slope(claimed)), with_zeros(5, 1), [1])
        for claimed in (-1.0, -0.01, 1.01, 1.5, 2.0, 1e6)
    },
    "relu, many outputs": (claiming(torch.relu, relu_slope(1.5)), with_zeros(5, 1), [1]),
    "relu, 3 of 500": (
        claiming(relu_sum, relu_slope(2.0)),
        with_zeros(500, 3, 70, 400),
        [3, 70, 400],
    ),
    "relu, 1 of 3 of 500": (
        claiming(relu_sum, entry(70, -0.3, relu_slope(0.5))),
        with_zeros(500, 3, 70, 400),
        [70],
    ),
    "relu, all entries": (claiming(relu_sum, relu_slope(2.0)), 0 * normal(4), [0, 1, 2, 3]),
    "abs 1.2": (
        claiming(lambda x: x.abs().sum(), entry(1, 1.2, torch.sign)),
        with_zeros(5, 1),
        [1],
    ),
    "leaky relu 0": (
        claiming(lambda x: functional.leaky_relu(x).sum(), leaky_slope),
        with_zeros(5, 1),
        [1],
    ),
    "clamp": (
        claiming(lambda x: x.clamp(0, 1).sum(), clamp_slope),
        at(0, 1, 0.5, 2, -1),
        [1],
    ),
    "norm at zero": (claiming(torch.linalg.vector_norm, unit), 0 * normal(3), [0, 1, 2]),
    "max, tie": (claiming(torch.max, tie_slope), TIE, [1, 2]),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_value_outside_the_slopes_is_wrong(name: str) -> None:
    function, x, wrong = OUTSIDE[name]
    for one in judged(function, x, range(1)):
        assert one.verdict is Verdict.DISAGREE, one
        assert places(one) == [(place,) for place in wrong]


def test_a_scalar_at_the_edge_of_a_clamp() -> None:
    for one in judged(lambda x: x.clamp(0, 1), torch.tensor(1.0, dtype=torch.float64)):
        assert (one.verdict, one.label) == (Verdict.AGREE, "subgradient"), one


def test_a_wrong_value_of_a_scalar_is_found() -> None:
    for one in judged(claiming(torch.relu, relu_slope(2.0)), torch.zeros((), dtype=torch.float64)):
        assert one.verdict is Verdict.DISAGREE, one
        assert places(one) == [()]


def test_few_kinks_do_not_hide_another_entry() -> None:
    """Entry 100 is not on a kink, and off by a tenth."""
    off = 0.1 * (torch.arange(500) == 100)
    wrong = claiming(relu_sum, lambda x: (x > 0) + off)
    for one in judged(wrong, with_zeros(500, 3, 70, 400)):
        assert one.verdict is Verdict.DISAGREE
        assert places(one) == [(100,)]


@pytest.mark.parametrize(
    "gradient",
    [
        pytest.param(lambda x: 1.01 * (x > 0), id="scaled"),
        pytest.param(lambda x: (x < 0).to(x.dtype), id="other side"),
        pytest.param(lambda x: torch.where(x.abs() < 0.1, 0.5, (x > 0) * 1.0), id="smoothed"),
        pytest.param(lambda x: (x > 0) * at(1, 1, 1, 1.01, 1), id="another entry"),
    ],
)
def test_a_formula_wrong_around_the_kink_is_found(gradient: Formula) -> None:
    for one in judged(claiming(relu_sum, gradient), with_zeros(5, 1)):
        assert one.verdict is Verdict.DISAGREE, one


# Steps and jumps


def straight_through(quantum: float) -> Function:
    return claiming(lambda x: quantum * torch.round(x / quantum), torch.ones_like)


@pytest.mark.parametrize("quantum", [1.0, 0.1, 1 / 255, 1e-3, 1e-4])
@pytest.mark.parametrize("many", [False, True])
def test_straight_through_estimates_do_not_pass(quantum: float, many: bool) -> None:
    estimate = straight_through(quantum)
    for one in judged(estimate if many else lambda x: estimate(x).sum(), normal(5)):
        assert one.verdict is not Verdict.AGREE, one
        assert one.verdict is Verdict.DISAGREE or one.reason


def test_a_straight_through_estimate_in_a_product_does_not_pass() -> None:
    estimate = straight_through(1 / 8)
    for one in judged(lambda x: (estimate(x) * x).sum(), normal(50)):
        assert one.verdict is not Verdict.AGREE, one


def jump(x: Tensor) -> Tensor:
    return ((x > 0) + x).sum()


@pytest.mark.parametrize("distance", [1e-3, 1e-5, 1e-7])
def test_jumps_beside_the_point_are_stepped_below(distance: float) -> None:
    for one in judged(jump, beside(distance)):
        assert (one.verdict, one.label) == (Verdict.AGREE, ""), one


def test_a_jump_at_the_point_is_no_plain_pass() -> None:
    for one in judged(jump, with_zeros(5, 1)):
        assert one.verdict is not Verdict.AGREE or one.label, one


# Nothing to learn


@pytest.mark.parametrize(
    ("function", "x"),
    [
        pytest.param(torch.sign, normal(5), id="sign"),
        pytest.param(lambda x: torch.round(x).sum(), normal(5), id="round"),
        pytest.param(relu_sum, -1 - normal(5).abs(), id="dead relu"),
        pytest.param(lambda x: x.clamp(0, 1).sum(), 2 + normal(5).abs(), id="clamped"),
        pytest.param(lambda x: x.square().sum(), 0 * normal(5), id="stationary"),
    ],
)
def test_a_flat_place_is_vacuous(function: Function, x: Tensor) -> None:
    for seed in SEEDS:
        report = check(function, x, seed=seed)
        one = only(report)
        assert (one.verdict, one.label) == (Verdict.AGREE, "vacuous"), one
        assert one.reason
        assert one.resolution is None  # nothing of a stated size would have been found
        assert report.vacuous == 1
        assert "1 vacuous" in str(report)
        assert "vacuous" in str(one)


@pytest.mark.parametrize("claimed", [1.0, 1e-3, 1e-9])
def test_a_slope_claimed_at_a_flat_place_is_wrong(claimed: float) -> None:
    wrong = claiming(lambda x: torch.floor(x).sum(), lambda x: torch.full_like(x, claimed))
    for one in judged(wrong, normal(5)):
        assert one.verdict is not Verdict.AGREE, one


@pytest.mark.parametrize("slope", [1.0, 1e-3, 1e-9])
def test_no_slope_claimed_where_there_is_one_is_wrong(slope: float) -> None:
    wrong = claiming(lambda x: 5 + slope * torch.sin(x).sum(), torch.zeros_like)
    for one in judged(wrong, normal(5)):
        assert one.verdict is Verdict.DISAGREE, one


def test_only_the_flat_tensors_are_counted() -> None:
    def mixed(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        return torch.sin(a).sum() + torch.round(b).sum() + 0 * c.sum()

    for seed in SEEDS:
        report = check(mixed, normal(5), normal(4, seed=1), normal(3, seed=2), seed=seed)
        assert [one.label for one in report.tensors] == ["", "vacuous", "vacuous"]
        assert report.vacuous == 2


def noisy(size: float, factor: float) -> Function:
    """Return sin with noise that changes from call to call, and a gradient off by a factor."""
    rng = np.random.default_rng(0)
    return claiming(
        lambda x: torch.sin(x).sum() + size * float(rng.standard_normal()),
        lambda x: factor * torch.cos(x),
    )


@pytest.mark.parametrize("size", [0.1, 1.0, 1e3])
@pytest.mark.parametrize("factor", [1.0, 1.5, -1.0])
def test_a_function_too_noisy_is_unresolved(size: float, factor: float) -> None:
    """Even steps of 1 move the function by about 1: noise of 0.1 leaves nothing certain to 1e-6.

    A wrong gradient may be found out all the same, a right one must not be.
    """
    for seed in SEEDS:
        report = check(noisy(size, factor), normal(5), seed=seed)
        assert report.verdict is not Verdict.AGREE, report
        assert only(report).reason or factor != 1
        if factor == 1:
            assert report.verdict is Verdict.UNRESOLVED, report
            assert "noisy" in only(report).reason


# Several entries at once, and jumps


THREE = at(1, 1, 1, 5, -3)


def test_any_of_three_tied_is_no_mistake_for_the_median() -> None:
    """Beside the point are more kinks within the steps, so that it may be left unresolved."""
    for one in judged(torch.median, THREE, range(3)):
        assert one.verdict is not Verdict.DISAGREE, one


def jump_slope(at_zero: float) -> Formula:
    return lambda x: torch.where(x == 0, at_zero, 1.0).to(x.dtype)


@pytest.mark.parametrize("claimed", [7.0, 1e3, -3.0])
def test_a_jump_has_no_subgradient(claimed: float) -> None:
    for one in judged(claiming(jump, jump_slope(claimed)), with_zeros(5, 1)):
        assert one.verdict is not Verdict.AGREE, one


def every_winner(x: Tensor) -> Tensor:
    return (x == x.max()).to(x.dtype)


def most_of(x: Tensor) -> Tensor:
    return x / torch.linalg.vector_norm(x) if x.any() else torch.full_like(x, 0.9)


def scaled_median(factor: float) -> Function:
    def gradient(x: Tensor) -> Tensor:
        median = torch.median(x)
        return factor * (torch.arange(len(x)) == int(torch.nonzero(x == median)[0]))

    return claiming(torch.median, gradient)


@pytest.mark.parametrize(
    ("function", "x"),
    [
        pytest.param(claiming(torch.max, every_winner), TIE, id="max, every winner"),
        pytest.param(claiming(torch.linalg.vector_norm, most_of), 0 * normal(3), id="norm"),
        pytest.param(scaled_median(2.0), THREE, id="median doubled"),
        pytest.param(scaled_median(-1.0), THREE, id="median negated"),
    ],
)
def test_what_lies_outside_the_convex_hull_is_no_subgradient(function: Function, x: Tensor) -> None:
    for one in judged(function, x):
        assert one.verdict is not Verdict.AGREE, one


class Checkpointed(nn.Module):
    """A dead unit and a live one; the forward pass is run again during the backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.stack((torch.zeros(3), torch.ones(3))).double())

    def forward(self, x: Tensor) -> Tensor:
        hidden = checkpoint(self._hidden, x, use_reentrant=False)
        assert isinstance(hidden, Tensor)
        return hidden

    def _hidden(self, x: Tensor) -> Tensor:
        y = x @ self.w.T
        return functional.relu(y) * torch.exp(y)


def test_what_is_computed_again_sees_the_parameters_it_was_computed_with() -> None:
    report = check(Checkpointed(), normal(3).reshape(1, 3))
    assert report.verdict is Verdict.AGREE
    assert report.tensors[0].label == "subgradient"
