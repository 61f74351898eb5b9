"""What cannot be checked is a clear error that names the argument; what can be is not refused."""
# ruff: noqa: ARG005  (the caller says what a target and a claimed gradient are called with)

import re
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from backproof._core.errors import InputError
from backproof.gradcheck import Verdict, check

AGREE, DISAGREE = Verdict.AGREE, Verdict.DISAGREE
Array = NDArray[Any]
NAN, INF = float("nan"), float("inf")
# PyTorch says once a process that it does not check the indices of a sparse tensor.
SPARSE = pytest.mark.filterwarnings("ignore:Sparse invariant checks are implicitly disabled")


def vector(*values: complex, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.tensor(values or (0.5, 1.5, -1.0), dtype=dtype)


def square(x: Any) -> Any:
    return x**2


def array() -> Array:
    return vector().numpy()


def refused(*message: str, **arguments: Any) -> Callable[..., None]:
    """Expect an `InputError` whose message has all these texts."""

    def run(target: Any, *inputs: Any) -> None:
        with pytest.raises(InputError) as caught:
            check(target, *inputs, **arguments)
        assert isinstance(caught.value, ValueError)
        for part in message:
            assert part in str(caught.value)

    return run


# Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", -1),
        ("seed", 1.5),
        ("seed", "a"),
        ("seed", None),
        *((name, value) for name in ("false_alarm", "miss") for value in (0, 1, -0.1, 2, INF, NAN)),
        *((name, value) for name in ("false_alarm", "miss") for value in ("small", None, 1j)),
        ("order", 0),
        ("order", 3),
        ("order", 1.0),
        ("order", "2"),
        ("order", None),
        ("loss", 3),
        ("loss", "mse"),
        ("loss", torch.zeros(())),
        ("gradient", 3),
        ("gradient", np.zeros(3)),
    ],
)
def test_a_wrong_setting_is_refused_by_name(name: str, value: Any) -> None:
    refused(name, **{name: value})(square, vector())


@pytest.mark.parametrize("value", [0, np.int64(7), 2**70])
def test_any_whole_number_is_a_seed(value: Any) -> None:
    assert check(square, vector(), seed=value).seed == int(value)


# The target and its inputs


@pytest.mark.parametrize("target", [None, 3, "x", vector(), np.zeros(3), {"a": 1}])
def test_a_target_that_cannot_be_called(target: Any) -> None:
    refused("target must be a module or another callable", type(target).__name__)(target, vector())


@pytest.mark.parametrize("inputs", [(), (1,), ("a", None), (torch.arange(3),), ([{}, ()],)])
def test_no_input_can_be_moved(inputs: tuple[Any, ...]) -> None:
    def function(*_: Any) -> Tensor:
        return vector()

    refused("nothing to check", "no input of the function")(function, *inputs)


@pytest.mark.parametrize("inputs", [(np.arange(3),), ("a",), (np.array([None]),), (True,), ()])
def test_no_array_can_be_moved(inputs: tuple[Any, ...]) -> None:
    refused("nothing to check", "no input of the function", gradient=lambda *_: 1.0)(
        lambda *_: 1.0, *inputs
    )


def test_a_module_without_anything_to_check() -> None:
    for module in (nn.ReLU(), nn.Linear(3, 1).requires_grad_(False)):
        refused("nothing to check", "no parameter of the module")(module, vector())


def test_arrays_without_a_claimed_gradient() -> None:
    refused("gradient is missing", "gradient=")(square, array())


def test_a_claimed_gradient_beside_a_module() -> None:
    refused("gradient=", "module", gradient=square)(nn.Linear(3, 1).double(), vector())


def test_a_dtype_that_there_is_no_tensor_of() -> None:
    if np.dtype(np.longdouble).itemsize == 8:
        pytest.skip("long double is double here")
    refused("x has dtype", "float64", gradient=lambda x, v: 2 * v * x)(
        lambda x: x**2, np.ones(3, np.longdouble)
    )


def test_an_array_of_the_other_byte_order() -> None:
    point = array().astype(array().dtype.newbyteorder())
    try:
        report = check(lambda x: x**2, point, gradient=lambda x, v: 2 * v * x)
    except InputError as error:
        assert "x" in str(error).split()  # noqa: PT017  (to refuse it is as good)
    else:
        assert report.verdict is AGREE


@pytest.mark.parametrize(
    "value",
    [None, 1.5, "text", [], {"a": [None]}],
    ids=["None", "number", "text", "empty list", "nested"],
)
def test_a_target_without_a_tensor(value: Any) -> None:
    refused("nothing to check", "target to return a tensor")(lambda x: value, vector())
    refused("nothing to check", "target to return a tensor", loss=lambda y: value)(square, vector())


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.detach() ** 2,
        lambda x: x.argmax(),
        lambda x: x > 0,
        lambda x: torch.ones(3, dtype=torch.float64),
        lambda x: {"a": (x.sign().detach(), x.round().long())},
    ],
    ids=["detached", "integer", "boolean", "constant", "nested"],
)
def test_a_target_without_anything_differentiable(function: Callable[[Tensor], Any]) -> None:
    refused("nothing to check", "does not depend on any checked tensor")(function, vector())


@pytest.mark.parametrize("value", [None, "text", 3, np.arange(3), []])
def test_a_function_of_arrays_without_a_floating_value(value: Any) -> None:
    refused("nothing to check", gradient=lambda x: x)(lambda x: value, array())


# Empty tensors


def test_an_empty_tensor() -> None:
    refused("y is empty", "(0, 3)")(lambda x, y: x * y.sum(), vector(), torch.zeros(0, 3))
    refused("x is empty", "(0,)", gradient=lambda x: x)(lambda x: x.sum(), np.zeros(0))


def test_an_empty_parameter() -> None:
    class Empty(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.zeros(2, 0))

        def forward(self, x: Tensor) -> Tensor:
            return x.sum() + self.w.sum()

    refused("w is empty", "(2, 0)")(Empty(), vector())


def test_an_empty_tensor_that_is_held_fixed() -> None:
    report = check(lambda x, y: x**2 + y.sum(), vector().requires_grad_(), torch.zeros(0))
    assert report.verdict is AGREE


def test_an_empty_output() -> None:
    refused("nothing to check", "output is empty")(lambda x: x[:0], vector())
    refused("nothing to check", gradient=lambda x, v: x)(lambda x: x[:0], array())


@SPARSE
@pytest.mark.parametrize("others", [(), (vector(2.0),)], ids=["alone", "beside another"])
def test_a_sparse_tensor_without_stored_entries(others: tuple[Tensor, ...]) -> None:
    def function(s: Tensor, *factors: Tensor) -> Tensor:
        return sum(factors, start=s.to_dense())

    empty = torch.zeros(2, 2, dtype=torch.float64).to_sparse()
    refused("s ", "entr")(function, empty, *others)


# NaN and Inf at the point


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_a_point_that_is_not_finite(bad: float) -> None:
    x = torch.ones(2, 3, dtype=torch.float64)
    x[1, 2] = bad
    refused("b is not finite", "(1, 2)")(lambda a, b: a * b, torch.ones(2, 3), x)
    refused("x is not finite", "(1, 2)", gradient=lambda x, v: v)(lambda x: x * 1, x.numpy())


def test_a_complex_point_that_is_not_finite() -> None:
    z = vector(1, complex(0, NAN), 2, dtype=torch.complex128)
    refused("z is not finite", "(1,)")(lambda z: z**2, z)


@SPARSE
def test_a_sparse_point_that_is_not_finite() -> None:
    s = torch.diag(vector(1, INF, 2)).to_sparse()
    refused("s is not finite", "(1, 1)")(lambda s: s.to_dense() ** 2, s)


def test_a_nested_point_that_is_not_finite() -> None:
    refused("batch['x'][1] is not finite", "(0,)")(
        lambda batch: batch["x"][1] ** 2, {"x": [vector(), vector(NAN)]}
    )


def test_a_parameter_that_is_not_finite() -> None:
    module = nn.Sequential(nn.Tanh(), nn.Linear(3, 2).double())
    with torch.no_grad():
        module.get_parameter("1.weight")[0, 2] = NAN
    refused("1.weight is not finite", "(0, 2)")(module, vector())


@pytest.mark.parametrize(
    ("function", "place"),
    [
        (lambda x: x.sqrt(), "number 2 of 3"),
        (lambda x: (x.sum(), (x - 0.5).reciprocal()), "number 1 of 4"),
        (lambda x: torch.complex(x, x.log()), "number 5 of 6"),
    ],
    ids=["NaN", "Inf in the second output", "imaginary part"],
)
def test_a_value_that_is_not_finite(function: Callable[[Tensor], Any], place: str) -> None:
    refused("value is not finite at the point", place)(function, vector())


def test_a_loss_that_is_not_finite() -> None:
    refused("value is not finite at the point", "number 0 of 1", loss=lambda y: (y * INF).sum())(
        square, vector()
    )


def test_what_is_held_fixed_may_be_infinite() -> None:
    mask = vector(0, -INF, 0)
    report = check(lambda x, m: (x + m).softmax(0), vector().requires_grad_(), mask)
    assert report.verdict is AGREE


def test_values_that_are_not_finite_beside_the_point_only() -> None:
    # Domain x > 0, and x is near its edge.
    report = check(lambda x: x.sqrt(), vector(1e-3, 1.0))
    assert report.verdict is AGREE
    report = check(lambda x: doubled(lambda g: 2.002 * g)(x.sqrt()), vector(1e-3, 1.0))
    assert report.verdict is DISAGREE


def test_a_function_of_arrays_that_warns_outside_its_domain() -> None:
    # As everywhere here, a warning is an error: "invalid value encountered in sqrt".
    report = check(np.sqrt, np.array([1e-3, 1.0]), gradient=lambda x, v: v / (2 * np.sqrt(x)))
    assert report.verdict is AGREE


# What is claimed


@pytest.mark.parametrize(
    ("claimed", "message"),
    [
        (lambda x, v: np.zeros(4), "shape (4,)"),
        (lambda x, v: np.zeros((1, 3)), "shape (1, 3)"),
        (lambda x, v: 1.0, "shape ()"),
        (lambda x, v: np.zeros((2, 3)), "a sum over the broadcast axis"),
        (lambda x, v: None, "None"),
        (lambda x, v: v * 1j, "dtype complex128"),
        (lambda x, v: v.astype(np.float32), "dtype float32"),
        (lambda x, v: v.astype(np.int64), "dtype int64"),
        (lambda x, v: v > 0, "dtype bool"),
        (lambda x, v: np.array([None] * 3), "dtype object"),
        (lambda x, v: "abc", "shape ()"),
    ],
)
def test_a_claimed_gradient_of_the_wrong_kind(claimed: Callable[..., Any], message: str) -> None:
    refused("gradient= returned", message, "for x", "expected", gradient=claimed)(square, array())


@pytest.mark.parametrize(
    ("claimed", "message"),
    [
        (lambda a, b, v: (v, None), "None for b"),
        (lambda a, b, v: {"a": v, "b": v[:2]}, "shape (2,) for b"),
        (lambda a, b, v: [v], "1 gradients: expected 2, one for each of a, b"),
        (lambda a, b, v: (v, v, v), "3 gradients: expected 2"),
        (lambda a, b, v: {"a": v}, "a, b"),
        (lambda a, b, v: (), "0 gradients: expected 2"),
    ],
)
def test_claimed_gradients_that_do_not_fit_the_inputs(
    claimed: Callable[..., Any], message: str
) -> None:
    refused("gradient= returned", message, gradient=claimed)(lambda a, b: a * b, array(), array())


def test_a_claim_without_a_cotangent_for_an_array() -> None:
    refused("gradient= neither takes a cotangent", gradient=lambda x: 2 * x)(square, array())


def test_a_claimed_gradient_of_tensors_of_the_wrong_kind() -> None:
    refused("gradient= returned shape (2,) for x", gradient=lambda x: x[:2])(
        lambda x: x.sum(), vector()
    )


def test_a_claimed_gradient_with_nan_is_wrong() -> None:
    report = check(lambda x: x**2, array(), gradient=lambda x, v: np.where(x > 1, NAN, 2 * v * x))
    assert report.verdict is DISAGREE
    assert "first at (1,)" in report.tensors[0].reason


def test_a_claimed_gradient_with_another_name() -> None:
    refused("gradient=", "x", gradient=lambda x, v: {"y": 2 * v * x})(square, array())


def test_a_claimed_gradient_in_another_order_than_its_dictionary() -> None:
    def gradient(g: dict[str, Array], v: Array) -> dict[str, Array]:
        return {"b": 2 * v * g["a"] * g["b"], "a": v * g["b"] ** 2}

    report = check(
        lambda g: g["a"] * g["b"] ** 2, {"a": array(), "b": array() + 3}, gradient=gradient
    )
    assert report.verdict is AGREE


class Doubled(torch.autograd.Function):
    """Twice its input; what it claims is set by each test."""

    claim: Callable[[Tensor], Any]

    @staticmethod
    def forward(ctx: Any, x: Tensor, claim: Callable[[Tensor], Any]) -> Tensor:
        ctx.claim = claim
        return 2 * x

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Any:
        return ctx.claim(upstream[0]), None


def doubled(claim: Callable[[Tensor], Any]) -> Callable[[Tensor], Tensor]:
    def function(x: Tensor) -> Tensor:
        result: Tensor = Doubled.apply(x, claim)  # type: ignore[no-untyped-call]
        return result

    return function


def test_a_backward_pass_that_returns_none_is_wrong() -> None:
    report = check(doubled(lambda g: None), vector())
    assert report.verdict is DISAGREE
    assert "None" in report.tensors[0].diagnosis


def test_a_backward_pass_that_rounds_to_integers_is_wrong() -> None:
    assert check(doubled(lambda g: (2 * g).long()), vector()).verdict is DISAGREE


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (lambda g: g.new_zeros(4), "expected shape compatible with"),
        (lambda g: 2 * g + 0j, "complex"),
        (lambda g: cast("dict[str, Any]", {})["planted"], "planted"),
    ],
    ids=["shape", "complex", "its own exception"],
)
def test_a_backward_pass_that_raises(claim: Callable[[Tensor], Any], message: str) -> None:
    with pytest.raises(Exception, match=message) as caught:
        check(doubled(claim), vector())
    notes: list[str] = getattr(caught.value, "__notes__", [])
    assert any("raised by the claimed gradient" in note for note in notes)


def test_a_claimed_gradient_that_raises() -> None:
    def gradient(x: Array, v: Array) -> Array:
        raise KeyError("planted")

    with pytest.raises(KeyError, match="planted") as caught:
        check(square, array(), gradient=gradient)
    notes: list[str] = getattr(caught.value, "__notes__", [])
    assert any("raised by the claimed gradient" in note for note in notes)


# A target that raises


class OwnError(Exception):
    """Of the target's own making."""


def numbered(error: type[Exception], first: int) -> tuple[Callable[[Tensor], Tensor], list[int]]:
    """A function that raises from its `first` evaluation on, and a list as long as its calls."""
    calls: list[int] = []

    def function(x: Tensor) -> Tensor:
        calls.append(1)
        if len(calls) >= first:
            raise error("planted")
        return x.exp()

    return function, calls


def note_of(error: BaseException) -> str:
    notes = getattr(error, "__notes__", [])
    assert notes, "no note says where it was raised"
    return str(notes[0])


@pytest.mark.parametrize("first", [1, 2, 3, 4, 5, 12, 30], ids=lambda n: f"from {n} on")
@pytest.mark.parametrize("error", [KeyError, OwnError])
def test_an_exception_says_where_it_was_raised(error: type[Exception], first: int) -> None:
    function, _ = numbered(error, first)
    with pytest.raises(error, match="planted") as caught:
        check(function, vector())
    assert "of the gradient check" in note_of(caught.value)
    assert re.search(r"raised at evaluation \d+ ", note_of(caught.value))


@pytest.mark.parametrize("first", [1, 2])
def test_an_exception_at_the_point_itself(first: int) -> None:
    function, calls = numbered(ValueError, first)
    with pytest.raises(ValueError, match="planted") as caught:
        check(function, vector())
    assert f"raised at evaluation {first} of" in note_of(caught.value)
    assert "at the point itself" in note_of(caught.value)
    assert len(calls) == first  # not tried again


@pytest.mark.parametrize("first", [4, 9, 20])
@pytest.mark.parametrize("error", [ValueError, RuntimeError])
def test_a_target_that_has_stopped_to_work_is_not_taken_for_one_with_a_small_domain(
    error: type[Exception], first: int
) -> None:
    function, _ = numbered(error, first)
    with pytest.raises(error, match="planted") as caught:
        check(function, vector())
    assert "raised at evaluation" in note_of(caught.value)


def test_the_note_counts_the_calls() -> None:
    function, _ = numbered(KeyError, 7)
    with pytest.raises(KeyError) as caught:
        check(function, vector())
    assert "raised at evaluation 7 of" in note_of(caught.value)


@pytest.mark.parametrize("first", [1, 2])
def test_a_loss_that_raises(first: int) -> None:
    loss, _ = numbered(OwnError, first)
    with pytest.raises(OwnError, match="planted") as caught:
        check(square, vector(), loss=loss)
    assert f"raised at evaluation {first} of" in note_of(caught.value)


@pytest.mark.parametrize("first", [1, 2, 3, 9])
def test_a_function_of_arrays_that_raises(first: int) -> None:
    calls: list[int] = []

    def function(x: Array) -> Any:
        calls.append(1)
        if len(calls) >= first:
            raise OwnError("planted")
        return np.exp(x)

    with pytest.raises(OwnError, match="planted") as caught:
        check(function, array(), gradient=lambda x, v: v * np.exp(x))
    assert f"raised at evaluation {first} of" in note_of(caught.value)


def test_a_call_that_does_not_fit_the_target() -> None:
    with pytest.raises(TypeError, match="positional argument") as caught:
        check(lambda x: x, vector(), vector())
    assert "raised at evaluation 1 of" in note_of(caught.value)


DOMAIN_ERRORS = [
    ValueError,
    RuntimeError,
    np.linalg.LinAlgError,
    ZeroDivisionError,
    FloatingPointError,
    AssertionError,
    IndexError,  # a table that is left
    KeyError,
    OwnError,
]


@pytest.mark.parametrize("error", DOMAIN_ERRORS)
@pytest.mark.parametrize(("factor", "verdict"), [(2.0, AGREE), (2.002, DISAGREE)])
@pytest.mark.parametrize("radius", [1e-1, 1e-4])
def test_a_function_with_a_small_domain_is_judged(
    error: type[Exception], factor: float, verdict: Verdict, radius: float
) -> None:
    def function(x: Tensor) -> Tensor:
        if (x.detach() - vector()).abs().max() > radius:
            raise error("outside")
        return doubled(lambda g: factor * g)(x).exp()

    assert check(function, vector()).verdict is verdict


def log_density(scale: Tensor) -> Tensor:
    """It raises ValueError for scales that are not positive."""
    normal: Any = torch.distributions.Normal(0.0, scale)
    density: Tensor = normal.log_prob(vector(0.3, -1.0))
    return density


class Noise(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(vector(0.01, 2.0))

    def forward(self) -> Tensor:
        return log_density(self.scale)


def test_a_domain_that_ends_near_the_point() -> None:
    assert check(Noise()).verdict is AGREE
    assert check(log_density, vector(0.01, 2.0)).verdict is AGREE


def test_a_domain_without_any_neighbours() -> None:
    # It has a value at the point and nowhere else.
    def function(x: Tensor) -> Tensor:
        if not torch.equal(x.detach(), vector()):
            raise ValueError("outside")
        return x.exp()

    with pytest.raises(ValueError, match="outside") as caught:
        check(function, vector())
    assert "from the point" in note_of(caught.value)


# Outputs that change


def test_an_output_that_changes_its_shape_at_the_point() -> None:
    # 0.5 is in or out, on either side of the point.
    refused("output changed its size from 1 to 2")(lambda x: x[x > 0.5] ** 2, vector())
    refused("output changed its size", gradient=lambda x, v: np.zeros_like(x))(
        lambda x: x[x > 0.5] ** 2, array()
    )


def test_an_output_that_changes_its_shape_from_call_to_call() -> None:
    calls: list[int] = []

    def function(x: Tensor) -> Tensor:
        calls.append(1)
        return x.exp()[: 1 + len(calls) % 2]

    refused("output changed its size", "between two evaluations")(function, vector())


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, AGREE), (1.5, DISAGREE)])
def test_an_output_that_changes_its_shape_in_large_steps_only(
    factor: float, verdict: Verdict
) -> None:
    def function(x: Tensor) -> Tensor:
        y = doubled(lambda g: 2 * factor * g)(x)
        return y[x > 0] ** 2

    assert check(function, vector(0.5, 0.02, -0.3)).verdict is verdict
