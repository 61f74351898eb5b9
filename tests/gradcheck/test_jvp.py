"""Forward mode against reverse mode: adjoint to rounding, or not, or not there at all."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from backproof._core.errors import InputError
from backproof.gradcheck import AdjointCheck, JvpReport, Verdict, check_jvp

# PyTorch itself uses what it calls deprecated, the first time that forward mode is used.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is:DeprecationWarning")


def points(*shape: int, seed: int = 3, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape)).to(dtype)


def complex_points(*shape: int) -> Tensor:
    return torch.complex(points(*shape), points(*shape, seed=4))


def only(report: JvpReport) -> AdjointCheck:
    (one,) = report.tensors
    return one


class Exponential(torch.autograd.Function):
    """The exponential with a right backward pass and no forward mode."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.exp()

    @staticmethod
    def setup_context(ctx: Any, _inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(output)
        ctx.save_for_forward(output)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Tensor:
        y: Tensor = ctx.saved_tensors[0]
        return upstream[0] * y.conj()


def exponential(factor: float) -> Callable[[Tensor], Tensor]:
    """Return the exponential with `factor` times its jvp."""

    class Forward(Exponential):
        @staticmethod
        def jvp(ctx: Any, *tangents: Tensor) -> Tensor:
            y: Tensor = ctx.saved_tensors[0]
            return factor * tangents[0] * y

    def function(x: Tensor) -> Tensor:
        result: Tensor = Forward.apply(x)  # type: ignore[no-untyped-call]
        return result

    return function


# Agreement.

_OPERATIONS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "exp": (torch.exp, (points(4),)),
    "log": (torch.log, (points(4).exp(),)),
    "tanh": (torch.tanh, (points(2, 3),)),
    "sum": (torch.sum, (points(2, 3),)),
    "product": (torch.prod, (points(4),)),
    "softmax": (lambda x: x.softmax(-1), (points(2, 3),)),
    "cumsum": (lambda x: x.cumsum(0), (points(2, 3),)),
    "matrix product": (torch.matmul, (points(2, 3), points(3, 4, seed=4))),
    "solve": (torch.linalg.solve, (points(3, 3) + 3 * torch.eye(3), points(3, seed=4))),
    "determinant": (torch.linalg.det, (points(3, 3),)),
    "convolution": (nn.functional.conv1d, (points(1, 2, 8), points(3, 2, 3, seed=4))),
    "layer norm": (lambda x: nn.functional.layer_norm(x, (5,)), (points(2, 5),)),
    "sorted": (lambda x: x.sort().values, (points(5),)),
    "indexed": (lambda x: x[[0, 2, 2]], (points(3),)),
    "transposed": (lambda x: x.T @ x, (points(2, 3),)),
    "linear": (lambda x: 3 * x, (points(4),)),
    "several outputs": (lambda x: (x.sin(), {"y": x.prod()}), (points(4),)),
    "nested inputs": (lambda pair: pair[0] * pair[1]["b"], ([points(3), {"b": points(3)}],)),
    "one number": (lambda x: x**3, (torch.tensor(1.3, dtype=torch.float64),)),
    "custom": (exponential(1.0), (points(4),)),
    "float32": (torch.tanh, (points(40, dtype=torch.float32),)),
    "complex": (lambda z: z.exp() * z, (complex_points(3),)),
    "complex, not holomorphic": (lambda z: z * z.conj().sin(), (complex_points(3),)),
    "complex to real": (torch.abs, (complex_points(3),)),
    "custom complex": (exponential(1.0), (complex_points(3),)),
    "real to complex": (torch.fft.fft, (points(6),)),
    "at a kink": (torch.relu, (torch.zeros(3, dtype=torch.float64),)),
}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", _OPERATIONS)
def test_operations_of_pytorch_agree(name: str, seed: int) -> None:
    function, inputs = _OPERATIONS[name]
    report = check_jvp(function, *inputs, seed=seed)
    assert report.verdict == "agree", str(report)
    for one in report.tensors:
        assert one.verdict == "agree"
        assert one.forward is not None
        assert one.reverse is not None
        assert abs(one.forward - one.reverse) <= one.tolerance
        assert one.reason == ""


def test_an_input_without_influence_agrees() -> None:
    report = check_jvp(lambda a, b: a * 2 + 0 * b, points(3), points(3))
    assert [(one.name, one.verdict) for one in report.tensors] == [("a", "agree"), ("b", "agree")]
    assert (report.tensors[1].forward, report.tensors[1].reverse) == (0, 0)


def normalised(x: Tensor, bias: Tensor) -> Tensor:
    return nn.functional.batch_norm(x + bias, None, None, training=True)


_CANCELLING: dict[str, tuple[Callable[..., Any], tuple[Tensor, ...]]] = {
    "a bias before batch norm": (normalised, (points(5, 4), points(4, seed=4))),
    "a sum of softmax": (lambda x: x.softmax(-1).sum(), (points(5, 3),)),
    "deviations from a mean": (lambda x: (x - x.mean()).sum(), (points(5, 3),)),
    "sine and cosine": (lambda x: x.sin() ** 2 + x.cos() ** 2, (points(5),)),
}


@pytest.mark.parametrize("name", _CANCELLING)
def test_derivatives_that_cancel_agree(name: str) -> None:
    function, inputs = _CANCELLING[name]
    verdicts = [check_jvp(function, *inputs, seed=seed).verdict for seed in range(4)]
    assert set(verdicts) == {Verdict.AGREE}


@pytest.mark.parametrize("factor", [1 + 1e-9, 1.1])
def test_cancelling_derivatives_hide_no_error_of_the_others(factor: float) -> None:
    wrong = exponential(factor)

    def function(x: Tensor, bias: Tensor) -> Tensor:
        return normalised(wrong(x), bias) ** 3

    report = check_jvp(function, points(5, 4), points(4, seed=4))
    assert [one.verdict for one in report.tensors] == [Verdict.DISAGREE, Verdict.AGREE]


def test_a_module_with_a_loss() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    report = check_jvp(module, points(5, 3), loss=lambda y: (y**2).mean())
    assert report.verdict == "agree"
    assert [one.name for one in report.tensors] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert report.tensors[0].shape == (4, 3)


def test_a_module_is_left_as_it_was() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout()).double()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = torch.get_rng_state()
    assert check_jvp(module, points(5, 3)).verdict == "agree"
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())


def test_inference_mode_is_no_obstacle() -> None:
    with torch.inference_mode():
        assert check_jvp(torch.exp, points(4)).verdict == "agree"


# Disagreement.


@pytest.mark.parametrize("x", [points(4), complex_points(4)], ids=["real", "complex"])
@pytest.mark.parametrize("factor", [1 + 1e-9, 1.01, 2.0, 0.0, -1.0])
def test_a_wrong_jvp_disagrees(factor: float, x: Tensor) -> None:
    report = check_jvp(exponential(factor), x)
    assert report.verdict == "disagree"
    one = only(report)
    assert one.forward is not None
    assert one.reverse is not None
    assert one.forward == pytest.approx(factor * one.reverse, rel=1e-12, abs=1e-12)
    assert abs(one.forward - one.reverse) > one.tolerance


def test_a_wrong_backward_disagrees_too() -> None:
    class Wrong(Exponential):
        @staticmethod
        def backward(ctx: Any, *upstream: Tensor) -> Tensor:
            y: Tensor = ctx.saved_tensors[0]
            return upstream[0] * y * 1.1

        @staticmethod
        def jvp(ctx: Any, *tangents: Tensor) -> Tensor:
            y: Tensor = ctx.saved_tensors[0]
            return tangents[0] * y

    assert check_jvp(Wrong.apply, points(4)).verdict == "disagree"


def test_one_wrong_entry_is_enough() -> None:
    class Wrong(Exponential):
        @staticmethod
        def jvp(ctx: Any, *tangents: Tensor) -> Tensor:
            y: Tensor = ctx.saved_tensors[0]
            changed = tangents[0] * y
            changed[3] *= 1.5
            return changed

    assert check_jvp(Wrong.apply, points(200)).verdict == "disagree"


def test_of_several_tensors_the_wrong_one_is_named() -> None:
    wrong = exponential(1.1)
    report = check_jvp(lambda a, b: wrong(a) * b.sin(), points(3), points(3))
    assert [(one.name, one.verdict) for one in report.tensors] == [
        ("a", Verdict.DISAGREE),
        ("b", Verdict.AGREE),
    ]
    assert report.verdict == "disagree"


def test_a_mistake_in_both_modes_is_beyond_it() -> None:
    # Both are right derivatives of another function: adjoint to each other all the same.
    class Both(Exponential):
        @staticmethod
        def backward(ctx: Any, *upstream: Tensor) -> Tensor:
            y: Tensor = ctx.saved_tensors[0]
            return upstream[0] * y * 1.1

        @staticmethod
        def jvp(ctx: Any, *tangents: Tensor) -> Tensor:
            y: Tensor = ctx.saved_tensors[0]
            return tangents[0] * y * 1.1

    assert check_jvp(Both.apply, points(4)).verdict == "agree"


@pytest.mark.parametrize("factor", [0.0, 2.0])
def test_gross_errors_show_in_low_precision(factor: float) -> None:
    x = points(300, dtype=torch.float32)
    assert check_jvp(exponential(factor), x).verdict == "disagree"
    assert check_jvp(exponential(factor), x.half()).verdict == "disagree"


def test_an_error_of_a_fifth_does_not_agree_in_bfloat16() -> None:
    x = points(300, dtype=torch.bfloat16)
    assert check_jvp(exponential(1.2), x).verdict == "disagree"
    assert check_jvp(exponential(1.0), x).verdict == "agree"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("factor", [1.0, 1.2])
def test_what_runs_in_low_precision_alone_does_not_agree(factor: float, dtype: torch.dtype) -> None:
    function = exponential(factor)

    def low(x: Tensor) -> Tensor:
        if x.dtype != dtype:
            raise TypeError(f"expected {dtype}")
        return function(x)

    assert check_jvp(low, points(300, dtype=dtype)).verdict != "agree"


# What cannot be told.


def test_without_a_jvp_nothing_is_told() -> None:
    report = check_jvp(Exponential.apply, points(4))
    assert report.verdict == "unresolved"
    one = only(report)
    assert (one.verdict, one.forward) == ("unresolved", None)
    assert one.reason.startswith("no forward mode: ")
    assert "jvp" in one.reason
    assert one.reason in str(report)
    assert len(str(report).splitlines()) == 1


def test_a_jvp_that_is_not_implemented_is_not_told_either() -> None:
    class Unfinished(Exponential):
        @staticmethod
        def jvp(_ctx: Any, *tangents: Tensor) -> Tensor:
            raise NotImplementedError("to do")

    report = check_jvp(Unfinished.apply, points(4))
    assert report.verdict == "unresolved"
    assert "to do" in only(report).reason


def test_a_jvp_that_refuses_without_a_word_is_not_told_either() -> None:
    class Silent(Exponential):
        @staticmethod
        def jvp(_ctx: Any, *tangents: Tensor) -> Tensor:
            raise NotImplementedError

    report = check_jvp(Silent.apply, points(4))
    assert report.verdict == "unresolved"
    assert only(report).reason == "no forward mode: NotImplementedError"


def test_only_what_passes_the_custom_function_is_without_forward_mode() -> None:
    def function(a: Tensor, b: Tensor) -> Tensor:
        first: Tensor = Exponential.apply(a)  # type: ignore[no-untyped-call]
        return first + b.sin()

    report = check_jvp(function, points(3), points(3))
    assert report.verdict == "unresolved"
    assert report.tensors[0].verdict == "unresolved"


@pytest.mark.filterwarnings("ignore:Sparse invariant checks:UserWarning")
def test_sparse_tensors_have_no_forward_mode() -> None:
    sparse = torch.eye(3, dtype=torch.float64).to_sparse()
    report = check_jvp(lambda s: (s.to_dense() ** 2).sum(), sparse)
    assert report.verdict == "unresolved"
    assert only(report).reason == "no forward mode for s, which is sparse"


def test_what_the_target_raises_comes_through() -> None:
    def refuse(x: Tensor) -> Tensor:
        raise ZeroDivisionError("not today")

    with pytest.raises(ZeroDivisionError, match="not today"):
        check_jvp(refuse, points(3))


@pytest.mark.parametrize(
    ("inputs", "options", "said"),
    [
        ((torch.arange(3),), {}, "nothing to check"),
        ((), {}, "nothing to check"),
        ((np.ones(3),), {}, "nothing to check"),
        ((torch.ones(0),), {}, "empty"),
        ((torch.ones(3),), {"seed": -1}, "seed"),
        ((torch.ones(3),), {"seed": 0.5}, "seed"),
    ],
    ids=["integers", "no inputs", "arrays", "empty", "seed below 0", "seed"],
)
def test_what_cannot_be_used_is_refused(
    inputs: tuple[Any, ...], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        check_jvp(lambda *x: x[0] * 1 if x else 0, *inputs, **options)


@pytest.mark.parametrize(
    ("target", "options"), [("exp", {}), (torch.exp, {"loss": 3})], ids=["target", "loss"]
)
def test_what_is_no_callable_is_refused(target: Any, options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        check_jvp(target, points(3), **options)


def test_a_point_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InputError, match="not finite"):
        check_jvp(torch.exp, torch.tensor([1.0, float("nan")]))


@pytest.mark.parametrize(
    "call",
    [
        "check_jvp(torch.exp, torch.ones(2, dtype=torch.float64))",
        "check_jvp(lambda s: s.to_dense(), torch.eye(2, dtype=torch.float64).to_sparse())",
    ],
    ids=["dense", "sparse"],
)
def test_there_are_no_warnings(call: str) -> None:
    # PyTorch warns once a process: only a fresh one tells.
    code = (
        "import warnings, torch\n"
        "from backproof.gradcheck import check_jvp\n"
        "warnings.simplefilter('error')\n" + call
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# The result.


@pytest.mark.parametrize(
    "function", [torch.exp, Exponential.apply, exponential(1.1)], ids=["right", "none", "wrong"]
)
def test_json_brings_everything_back(function: Callable[..., Any]) -> None:
    report = check_jvp(function, points(4))
    back = JvpReport.from_json(report.to_json())
    assert back == report
    assert str(back) == str(report)


def test_json_brings_back_a_jvp_that_is_not_finite() -> None:
    report = check_jvp(exponential(float("nan")), points(4))
    assert report.verdict == "disagree"
    assert JvpReport.from_json(report.to_json()) == report


def test_a_seed_may_be_of_numpy() -> None:
    report = check_jvp(torch.exp, points(4), seed=np.int64(3))  # type: ignore[arg-type]
    assert JvpReport.from_json(report.to_json()) == report


def test_the_same_seed_gives_the_same_report() -> None:
    first, again, other = (check_jvp(torch.exp, points(4), seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.tensors != other.tensors


def test_text_has_a_line_a_tensor() -> None:
    wrong = exponential(1.1)
    report = check_jvp(lambda a, b: wrong(a) * b.sin(), points(3), points(1, 3))
    first, second = str(report).splitlines()
    assert first.split(maxsplit=1)[0] == "DISAGREE"
    assert first.split(maxsplit=1)[1].startswith("a (3,): forward and reverse mode differ by ")
    assert second.split(maxsplit=1)[0] == "AGREE"
    assert "b (1, 3): " in second
