"""The two programs, run under the tape and compared with what they should give.

Every observed value is read off the tensors of the run. The expected numbers are plain Python
arithmetic on the closed forms, so that PyTorch is not compared with itself.
"""

import contextlib
import inspect
import math
import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from backproof._core.errors import InputError
from backproof.tape import programs
from backproof.tape.findings import Finding
from backproof.tape.records import Observation, ProgramRun
from backproof.tape.session import explain

# Each program is a chain of fewer than eight float32 operations, each wrong by half an epsilon at
# most; the differences in them (y - t, e - 5) lose less than a factor of two.
_ROUNDING = 8 * 2.0**-23


def run_programs() -> tuple[ProgramRun, ...]:
    """Run and explain both programs, on the CPU and with gradients, whatever the caller has set."""
    with contextlib.ExitStack() as stack, torch.inference_mode(False), torch.enable_grad():
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        return run_program_a(), run_program_b()


def run_step(
    x: Tensor,
    t: Tensor,
    parameters: Sequence[Tensor],
    activation: Callable[[Tensor], Tensor] = torch.tanh,
) -> ProgramRun:
    """Run and explain one step of a network with one hidden layer: its loss and its gradients.

    Parameters
    ----------
    x
        Points, shape (n, d).
    t
        Labels -1 and +1, shape (n,).
    parameters
        W1 (d, H), b1 (H,), w (H,) and b (); they are copied.
    activation
        Of the hidden layer.

    Raises
    ------
    InputError
        If there are not four parameters.
    """
    if len(parameters) != 4:
        raise InputError(f"parameters must be W1, b1, w and b, got {len(parameters)} tensors")
    W1, b1, w, b = (one.detach().clone().requires_grad_() for one in parameters)
    with torch.inference_mode(False), torch.enable_grad(), explain() as session:
        loss = programs.one_step(x, t, W1, b1, w, b, activation)
    return ProgramRun(
        name="one-step",
        title="One step: the loss, and the gradient of every parameter",
        source=_source(programs.one_step),
        observations=(),
        graph=session.graph_of(loss, "One step: l = mean log(1 + exp(-t s))"),
        findings=session.findings,
    )


def run_program_a() -> ProgramRun:
    """Run program A: a loss of one weight, its gradient, and two ways to take a step."""
    with explain() as session:
        w = programs.weight()
        before = w.grad
        values = programs.program_a(w)
        values["l"].backward()
    graph = session.graph_of(values["l"], "Program A: l = (y - t)² + w², y = max(a·w, 0)")
    rebinding, findings = _rebinding()
    observations = (
        *_integer_tensors(),
        *_forward_a(values),
        *_tape_a(values),
        _observe("gradient that reaches y: 2(y - t)", 2 * (6 - 3), graph.node("y").gradient),
        _observe("w.grad before backward", None, before),
        _observe("w.grad after backward: 2(y - t)a + 2w", 2 * (6 - 3) * 6 + 2 * 1, w.grad),
        *rebinding,
        *_data_step(),
    )
    return ProgramRun(
        name="program-a",
        title="Program A: what is recorded, and two ways to take a step",
        source=_source(
            programs.weight, programs.program_a, programs.step_by_rebinding, programs.step_by_data
        ),
        observations=observations,
        graph=graph,
        findings=findings,
    )


def run_program_b() -> ProgramRun:
    """Run program B: names that go away do no harm, a value that goes away does."""
    with explain() as session:
        w = programs.weight()
        loss = programs.program_b(w)
        loss.backward()  # type: ignore[no-untyped-call]
    expected = 2 * (math.e - 5) * math.e
    error, findings = _division()
    observations = (
        _observe("w.grad with del: 2(e - 5)e", expected, w.grad),
        _observe(
            "w.grad without del: 2(e - 5)e", expected, _gradient(programs.program_b_without_del)
        ),
        _observe(
            "w.grad after rebinding every name: 2(e - 5)e",
            expected,
            _gradient(programs.program_b_with_rebinding),
        ),
        _observe("backward after y /= 2 raises", "RuntimeError", _kind(error)),
        _observe("the error speaks of a version", True, "version" in str(error)),
    )
    return ProgramRun(
        name="program-b",
        title="Program B: deleting names is harmless, writing into values is not",
        source=_source(
            programs.weight,
            programs.program_b,
            programs.program_b_without_del,
            programs.program_b_with_rebinding,
            programs.program_b_with_division,
        ),
        observations=observations,
        graph=session.graph_of(loss, "Program B: l = (exp(w) - a)²"),
        findings=findings,
    )


def _integer_tensors() -> list[Observation]:
    found = []
    for number in (1, 4):
        tensor = torch.tensor(number)
        found.append(_observe(f"dtype of torch.tensor({number})", "int64", _dtype(tensor)))
        error = _error(tensor.requires_grad_)
        found.append(
            _observe(
                f"requiring a gradient of torch.tensor({number}) raises",
                "RuntimeError",
                _kind(error),
            )
        )
    return found


def _forward_a(values: dict[str, torch.Tensor]) -> list[Observation]:
    w, x, t, b = 1, 2, 3, 4
    a = x + b
    y = max(a * w, 0)
    expected = {"a": a, "y": y, "l": (y - t) ** 2 + w**2}
    return [
        *(_observe(f"dtype of {name}", "float32", _dtype(values[name])) for name in "wxtb"),
        *(_observe(name, number, values[name]) for name, number in expected.items()),
    ]


def _tape_a(values: dict[str, torch.Tensor]) -> list[Observation]:
    # Only w requires a gradient; y and l are computed from it.
    computed = {"x": False, "t": False, "b": False, "a": False, "w": False, "y": True, "l": True}
    rows = [
        _observe(f"{name} has a grad_fn", expected, values[name].grad_fn is not None)
        for name, expected in computed.items()
    ]
    node = values["y"].grad_fn
    return [
        *rows,
        _observe("w is a leaf", True, values["w"].is_leaf),
        # Python's max compares and returns one of its arguments, which is no tensor operation.
        _observe("grad_fn of y = max(a * w, 0)", "MulBackward0", node.name() if node else None),
    ]


def _rebinding() -> tuple[list[Observation], tuple[Finding, ...]]:
    with explain() as session, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        leaf = programs.weight()
        programs.program_a(leaf)["l"].backward()
        w, grad = programs.step_by_rebinding(leaf)
        kinds = [w.category.__name__ for w in caught if "leaf" in str(w.message)]
        programs.program_a(w)["l"].backward()
        again = w.grad
    rows = [
        _observe("w is a leaf after w = w - 0.1 * w.grad", False, w.is_leaf),
        _observe("its value: 1 - 0.1 · 38", 1 - 0.1 * 38, w),
        _observe("its .grad", None, grad),
        _observe("PyTorch warns of a non-leaf tensor", "UserWarning", ", ".join(kinds)),
        _observe("its .grad after calling backward again", None, again),
    ]
    return rows, session.findings


def _data_step() -> list[Observation]:
    w = programs.weight()
    programs.program_a(w)["l"].backward()
    programs.step_by_data(w)
    return [
        _observe("w is a leaf after w.data = w.data - 0.1 * w.grad", True, w.is_leaf),
        _observe("the value of w: 1 - 0.1 · 38", 1 - 0.1 * 38, w),
    ]


def _gradient(program: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor | None:
    w = programs.weight()
    program(w).backward()  # type: ignore[no-untyped-call]
    return w.grad


def _division() -> tuple[BaseException | None, tuple[Finding, ...]]:
    with explain() as session:
        loss = programs.program_b_with_division(programs.weight())
        error = _error(loss.backward)
    return error, session.findings


def _error(action: Callable[[], object]) -> BaseException | None:
    try:
        action()
    except Exception as error:
        return error
    return None


def _kind(error: BaseException | None) -> str:
    return "no error" if error is None else type(error).__name__


def _observe(
    what: str,
    expected: float | str | None,
    observed: torch.Tensor | float | str | None,
) -> Observation:
    wanted, found = _plain(expected), _plain(observed)
    return Observation(what=what, expected=wanted, observed=found, holds=_agree(wanted, found))


def _plain(value: torch.Tensor | float | str | None) -> float | str:
    if isinstance(value, torch.Tensor):
        value = value.item()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        # A result has no NaN: what went wrong is then shown in words, and equals no number.
        return float(value) if math.isfinite(value) else str(value)
    return str(value)


def _agree(expected: float | str, observed: float | str) -> bool:
    if isinstance(expected, str) or isinstance(observed, str):
        return expected == observed
    return abs(observed - expected) <= _ROUNDING * abs(expected)


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _source(*functions: Callable[..., object]) -> str:
    return "\n\n".join(inspect.getsource(function) for function in functions)
