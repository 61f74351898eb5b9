# mypy: disable-error-code="no-untyped-call, operator, arg-type, union-attr"
"""The session: how it is used, what it leaves behind, and what it says when PyTorch lacks parts."""

import contextlib
import functools
import gc
import inspect
import threading
import tracemalloc
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch._dynamo  # some parts of PyTorch load it on first use, which changes global state
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn.modules import module as modules
from torch.optim import optimizer as optimizers

from backproof import gradcheck, tape
from backproof._core.errors import InputError
from backproof.tape import _private
from backproof.tape.recording.records import Records


@pytest.fixture(autouse=True)
def _same_stance() -> Iterator[None]:
    """Let no test leave the compiler off for the next."""
    yield
    torch.compiler.set_stance("default")


def leaf(*values: float) -> Tensor:
    return torch.tensor(values, requires_grad=True)


def train(steps: int, each: Callable[[int], object] = int) -> list[Tensor]:
    """Train a small network; `each` is called after the forward pass of each step."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(5, 3)
    for index in range(steps):
        optimizer.zero_grad()
        loss = model(x).square().mean()
        each(index)
        loss.backward()
        optimizer.step()
    return [loss.detach(), *model.parameters()]


# One mistake of each kind.


def overwrite_saved() -> None:
    y = torch.exp(leaf(1.0, 2.0))
    loss = y.sum()
    y /= 2
    with contextlib.suppress(RuntimeError):
        loss.backward()


def overwrite_silently() -> None:
    hidden = leaf(1.0, 2.0) * 2
    loss = (hidden * hidden).sum()
    hidden.data.mul_(3)
    loss.backward()


def read_gradient_of_result() -> None:
    moved = leaf(1.0).to(torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert moved.grad is None


def ask_integers() -> None:
    with contextlib.suppress(RuntimeError):
        torch.tensor([1, 2], requires_grad=True)


def differentiate_twice() -> None:
    loss = leaf(1.0, 2.0).exp().sum()
    loss.backward()
    with contextlib.suppress(RuntimeError):
        loss.backward()


def detach() -> None:
    w, v = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (w.detach() * v).sum().backward()


def overwrite_leaf() -> None:
    w = leaf(1.0, 2.0)
    with contextlib.suppress(RuntimeError):
        w.add_(1)


def divide_by_zero() -> None:
    w = leaf(0.0, 2.0)
    torch.log(w).sum().backward()


def die() -> None:
    w = leaf(-1.0, -2.0)
    torch.relu(w).sum().backward()


def accumulate() -> None:
    w = leaf(1.0, 2.0)
    optimizer = torch.optim.SGD([w], lr=0.1)
    for _ in range(3):
        w.square().sum().backward()
        optimizer.step()


def step_another() -> None:
    w, v = leaf(1.0, 2.0), leaf(1.0, 2.0)
    optimizer = torch.optim.SGD([v], lr=0.1)
    (w * v).sum().backward()
    optimizer.step()


MISTAKES: dict[str, Callable[[], None]] = {
    "inplace-after-save": overwrite_saved,
    "silent-data-write": overwrite_silently,
    "leaf-inplace": overwrite_leaf,
    "integer-leaf": ask_integers,
    "non-leaf-grad": read_gradient_of_result,
    "backward-twice": differentiate_twice,
    "cut-graph": detach,
    "non-finite": divide_by_zero,
    "dead-gradient": die,
    "accumulated-grad": accumulate,
    "parameter-not-stepped": step_another,
}

OF_VALUES = {"non-finite", "dead-gradient"}

each_mistake = pytest.mark.parametrize(("code", "mistake"), MISTAKES.items(), ids=list(MISTAKES))


def test_the_codes_are_the_documented_ones() -> None:
    assert set(tape.CODES) == set(MISTAKES)
    assert len(tape.CODES) == len(MISTAKES) == 11


@each_mistake
def test_each_mistake_is_found(code: str, mistake: Callable[[], None]) -> None:
    with tape.explain() as session:
        mistake()
    assert [finding.code for finding in session.findings] == [code]
    assert session.limits in ((), folded(1))


def ask_by_attribute() -> None:
    torch.arange(3).requires_grad = True


ASKED = {
    "factory": lambda: torch.tensor([1, 2], requires_grad=True),
    "method": lambda: torch.arange(3).requires_grad_(),
    "attribute": ask_by_attribute,
    "parameter": lambda: nn.Parameter(torch.arange(3)),
    "comparison": lambda: (leaf(1.0, 2.0) > 1).requires_grad_(),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=list(ASKED))
def test_integers_are_found_however_they_are_asked(ask: Callable[[], object]) -> None:
    with pytest.raises(RuntimeError, match="floating point") as raised, tape.explain() as session:
        ask()
    assert [finding.code for finding in session.findings] == ["integer-leaf"]
    assert len(raised.value.__notes__) == 1


@each_mistake
def test_the_same_is_found_without_values(code: str, mistake: Callable[[], None]) -> None:
    with tape.explain() as session:
        mistake()
    with tape.explain(values=False) as blind:
        mistake()
    assert blind.findings == (() if code in OF_VALUES else session.findings)
    assert blind.limits == session.limits


def test_without_values_the_graph_shows_none() -> None:
    with tape.explain(values=False) as session:
        loss = leaf(1.0, 2.0).exp().sum()
        loss.backward()
    assert {(node.value, node.gradient) for node in session.graph.nodes} == {(None, None)}


def folded(steps: int) -> tuple[str, ...]:
    plural = "s" if steps > 1 else ""
    return (f"Of {steps} earlier step{plural} the records are folded: only findings are kept.",)


# Ways to use it.


@tape.explain
def bare(factor: float) -> Tensor:
    """Multiply."""
    return leaf(2.0) * factor


@tape.explain()
def called(factor: float) -> Tensor:
    """Multiply."""
    return leaf(2.0) * factor


@tape.explain(values=False)
def without_values(factor: float) -> Tensor:
    """Multiply."""
    return leaf(2.0) * factor


@pytest.mark.parametrize("function", [bare, called, without_values])
def test_as_a_decorator_each_call_is_a_session(function: Any) -> None:
    first = function(3.0)
    of_first = function.session
    second = function(factor=4.0)
    assert (first.item(), second.item()) == (6, 8)
    assert isinstance(of_first, tape.Session)
    assert function.session is not of_first
    assert of_first.graph_of(first).nodes[-1].operation == "mul"
    assert function.session.graph_of(second).nodes[-1].operation == "mul"


def test_a_decorated_function_looks_like_itself() -> None:
    assert (bare.__name__, bare.__doc__) == ("bare", "Multiply.")
    assert list(inspect.signature(called).parameters) == ["factor"]


@tape.explain
def countdown(number: int) -> int:
    die()
    return countdown(number - 1) if number else 0


def test_a_decorated_function_may_call_itself() -> None:
    before = global_state()
    countdown(2)
    session: tape.Session = countdown.session  # type: ignore[attr-defined]
    assert [one.code for one in session.findings] == ["dead-gradient"]
    assert global_state() == before


def test_a_decorated_function_that_raises_has_its_session() -> None:
    @tape.explain
    def fail() -> None:
        y = torch.exp(leaf(1.0))
        loss = y.sum()
        y += 1
        loss.backward()

    with pytest.raises(RuntimeError, match="inplace"):
        fail()
    session: tape.Session = fail.session  # type: ignore[attr-defined]
    assert [finding.code for finding in session.findings] == ["inplace-after-save"]


def test_a_context_may_be_entered_again() -> None:
    explain = tape.explain()
    with explain as first:
        die()
    with explain as second:
        overwrite_leaf()
    assert [finding.code for finding in first.findings] == ["dead-gradient"]
    assert [finding.code for finding in second.findings] == ["leaf-inplace"]


@each_mistake
def test_nested_sessions_both_find(code: str, mistake: Callable[[], None]) -> None:
    with tape.explain() as outer, tape.explain() as inner:
        mistake()
    assert [finding.code for finding in outer.findings] == [code]
    assert inner.findings == outer.findings


def test_an_inner_session_sees_its_own_part_only() -> None:
    with tape.explain() as outer:
        die()
        with tape.explain() as inner:
            overwrite_leaf()
    assert [finding.code for finding in outer.findings] == ["leaf-inplace", "dead-gradient"]
    assert [finding.code for finding in inner.findings] == ["leaf-inplace"]


def test_findings_can_be_read_while_it_runs() -> None:
    with tape.explain() as session:
        assert not session.findings
        overwrite_leaf()
        assert [finding.code for finding in session.findings] == ["leaf-inplace"]
        leaf(1.0).exp().backward()
        assert session.backward_passes == 1


# What it says.


def test_the_worst_comes_first() -> None:
    with tape.explain() as session:
        die()
        detach()
        overwrite_leaf()
    severities = [finding.severity for finding in session.findings]
    assert severities == sorted(severities, key=list(tape.Severity).index)
    assert session.findings[0].code != "dead-gradient"


def test_the_same_finding_is_counted() -> None:
    with tape.explain() as session:
        for _ in range(4):
            torch.relu(leaf(-1.0)).sum().backward()
        die()
    first, second = session.findings
    assert (first.times, second.times) == (4, 1)
    assert "(4 times)" in str(first)
    assert "times)" not in str(second)


def test_steps_that_use_a_sum_are_counted() -> None:
    with tape.explain() as session:
        accumulate()
    (found,) = session.findings
    assert found.severity is tape.Severity.ERROR
    assert found.times == 2


def test_text_and_html() -> None:
    with tape.explain() as session:
        torch.relu(leaf(-1.0)).sum().backward()  # <&>
    text = str(session)
    assert text == str(session.findings[0])
    assert "# <&>" in text
    assert session._repr_html_().startswith("<pre>")
    assert "&lt;&amp;&gt;" in session._repr_html_()


def test_text_of_nothing() -> None:
    with tape.explain() as session:
        pass
    assert str(session) == "nothing found"
    assert session.findings == ()
    assert session.limits == ()
    assert session.backward_passes == 0
    with pytest.raises(InputError, match="no graph"):
        _ = session.graph


def test_text_holds_the_limits() -> None:
    with tape.explain() as session:
        train(5)
    assert session.limits == folded(3)
    assert str(session) == f"nothing found\n\nnote: {session.limits[0]}"


def test_the_graph_is_that_of_the_last_backward_pass() -> None:
    with tape.explain() as session:
        w = leaf(2.0)
        first = w * 3
        first.backward()
        second = w.exp()
        second.backward()
        w.sin()
    assert [node.label for node in session.graph.nodes] == ["w", "second"]
    assert session.graph_of(first, "mine").title == "mine"


def test_without_a_backward_pass_the_graph_is_that_of_the_last_tensor() -> None:
    with tape.explain() as session:
        w = leaf(2.0)
        y = w * 3
    assert session.graph == session.graph_of(y)


def test_a_tensor_of_another_session_has_no_graph() -> None:
    with tape.explain():
        y = leaf(2.0) * 3
    with tape.explain() as session:
        leaf(1.0).exp()
    with pytest.raises(InputError, match="not recorded"):
        session.graph_of(y)


# Pauses.


@each_mistake
def test_a_mistake_in_a_pause_is_not_found(code: str, mistake: Callable[[], None]) -> None:
    other = die if code != "dead-gradient" else detach
    with tape.explain() as session:
        with session.pause():
            mistake()
        other()
    assert code not in [finding.code for finding in session.findings]
    assert len(session.findings) == 1
    assert session.backward_passes == 1


class Cubed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        x: Tensor = ctx.saved_tensors[0]
        return 3 * grad * x**2


ENCODER = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True).eval()
MADE: dict[str, Callable[[], Tensor]] = {
    "function": lambda: leaf(1.0).exp(),
    "custom function": lambda: Cubed.apply(leaf(1.0)),
    "parameter": lambda: nn.Parameter(torch.ones(2)),
    "module with a fast path": lambda: ENCODER(torch.ones(1, 2, 4)),
}


@pytest.mark.parametrize("make", MADE.values(), ids=list(MADE))
def test_what_a_pause_made_is_not_recorded(make: Callable[[], Tensor]) -> None:
    with tape.explain() as session, torch.no_grad():
        recorded = make()
        with session.pause():
            paused = make()
    assert session.graph_of(recorded).nodes
    with pytest.raises(InputError, match="not recorded"):
        session.graph_of(paused)


def step_without_gradients() -> None:
    torch.optim.SGD([leaf(1.0)], lr=0.1).step()


def test_a_step_in_a_pause_is_not_recorded() -> None:
    with tape.explain() as session, session.pause():
        step_without_gradients()
    assert session.findings == ()
    with tape.explain() as session:
        step_without_gradients()
    assert [finding.code for finding in session.findings] == ["parameter-not-stepped"]


def test_a_module_that_ran_in_a_pause_owes_no_gradient() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    with tape.explain() as session:
        with session.pause():
            model(torch.ones(1, 2)).sum().backward()
        die()
    assert [finding.code for finding in session.findings] == ["dead-gradient"]


def test_a_pause_ends_with_the_outermost() -> None:
    with tape.explain() as session:
        with session.pause():
            with session.pause():
                detach()
            detach()
        die()
    assert [finding.code for finding in session.findings] == ["dead-gradient"]


def test_a_pause_ends_where_something_raises() -> None:
    with tape.explain() as session:
        with pytest.raises(RuntimeError, match="inplace") as raised, session.pause():
            failing()
        die()
    assert not hasattr(raised.value, "__notes__")
    assert [finding.code for finding in session.findings] == ["dead-gradient"]


def test_a_pause_is_that_of_one_session() -> None:
    with tape.explain() as outer, tape.explain() as inner, outer.pause():
        die()
    assert outer.findings == ()
    assert [finding.code for finding in inner.findings] == ["dead-gradient"]


def test_a_module_that_ran_first_in_a_pause_is_met_afterwards() -> None:
    models = [nn.Linear(2, 2)]
    with tape.explain() as session:
        with session.pause():
            models[0](torch.ones(1, 2))
        model = models[0]
        loss = model(torch.ones(1, 2)).sum()
    assert session.graph_of(loss).node("model.weight").shape == (2, 2)


def test_a_pass_through_what_a_pause_computed_is_said_to_be_unseen() -> None:
    with tape.explain() as session:
        w = leaf(1.0, 2.0)
        with session.pause():
            hidden = w.exp()
        hidden.sum().backward()
    assert session.findings == ()
    (limit,) = session.limits
    assert "paused" in limit


class Squarer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(3.0))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x.square()


HELD = Squarer()
POINTS = torch.linspace(1, 2, 4, dtype=torch.float64)
CHECKS: dict[str, Callable[[], object]] = {
    "check": lambda: gradcheck.check(Squarer(), POINTS.float()),
    "check of a held module": lambda: gradcheck.check(HELD.forward, POINTS),
    "taylor": lambda: gradcheck.taylor(torch.sin, POINTS),
    "jvp": lambda: gradcheck.check_jvp(torch.sin, POINTS),
    "directional": lambda: gradcheck.directional(torch.sin, POINTS, step=1e-4, loss=torch.sum),
    "sweep": lambda: gradcheck.sweep(torch.sin, POINTS, loss=torch.sum, directions=1),
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=list(CHECKS))
def test_a_gradient_check_is_not_recorded(check: Callable[[], object]) -> None:
    with tape.explain() as outer, tape.explain() as inner:
        detach()
        check()
        die()
    for session in (outer, inner):
        found = [finding.code for finding in session.findings]
        assert found == ["cut-graph", "dead-gradient"]
        assert session.backward_passes == 2


def test_a_gradient_check_that_raises_pauses_no_longer() -> None:
    with tape.explain() as session:
        with pytest.raises(InputError, match="nothing to check"):
            gradcheck.check(torch.sin, 3)
        with pytest.raises(ZeroDivisionError):
            gradcheck.check(lambda _: 1 / 0, POINTS)
        die()
    assert [finding.code for finding in session.findings] == ["dead-gradient"]


# Exceptions.


def failing() -> None:
    y = torch.exp(leaf(1.0, 2.0))
    loss = y.sum()
    y *= 2
    loss.backward()


def test_an_exception_has_each_note_once() -> None:
    with (
        pytest.raises(RuntimeError, match="inplace") as raised,
        tape.explain() as outer,
        tape.explain() as inner,
    ):
        failing()
    assert raised.value.__notes__ == [f"backproof: {outer.findings[0]}"]
    assert inner.findings == outer.findings


def test_without_notes_an_exception_is_left_as_it_is() -> None:
    with pytest.raises(RuntimeError, match=r"check_nan=False\)\.$") as raised:
        failing()
    plain = str(raised.value)
    with (
        pytest.raises(RuntimeError, match=r"check_nan=False\)\.$") as raised,
        tape.explain(notes=False) as session,
    ):
        failing()
    assert str(raised.value) == plain
    assert not hasattr(raised.value, "__notes__")
    assert [finding.code for finding in session.findings] == ["inplace-after-save"]


@pytest.mark.parametrize("ask", ASKED.values(), ids=list(ASKED))
def test_without_notes_what_ends_the_code_has_none_either(ask: Callable[[], object]) -> None:
    with pytest.raises(RuntimeError) as raised, tape.explain(notes=False) as session:
        ask()
    assert not hasattr(raised.value, "__notes__")
    assert [finding.code for finding in session.findings] == ["integer-leaf"]


def raised_again() -> None:
    try:
        failing()
    except RuntimeError as error:
        raise error from None


def test_an_exception_that_is_raised_again_has_each_note_once() -> None:
    with pytest.raises(RuntimeError, match="inplace") as raised, tape.explain() as session:
        raised_again()
    assert raised.value.__notes__ == [f"backproof: {session.findings[0]}"]


def die_and_divide() -> float:
    die()
    return 1 / 0


def test_a_foreign_exception_has_no_note() -> None:
    with pytest.raises(ZeroDivisionError) as raised, tape.explain() as session:
        die_and_divide()
    assert not hasattr(raised.value, "__notes__")
    assert [finding.code for finding in session.findings] == ["dead-gradient"]


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_interruption_passes() -> None:
    before = global_state()
    with pytest.raises(KeyboardInterrupt), tape.explain():
        train(3, interrupt)
    assert global_state() == before


def interrupted_backward() -> None:
    hidden = leaf(1.0) * 2
    hidden.register_hook(interrupt)
    hidden.backward()


def test_an_interruption_within_a_backward_pass_passes() -> None:
    before = global_state()
    with pytest.raises(KeyboardInterrupt), tape.explain():
        interrupted_backward()
    assert global_state() == before


def test_an_interruption_of_the_tape_itself_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Records, "see", interrupt)
    with pytest.raises(KeyboardInterrupt), tape.explain() as session:
        torch.ones(2).exp()
    assert session.limits == ()


def test_a_fault_of_the_tape_itself_is_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object) -> None:
        raise ValueError("worn out")

    monkeypatch.setattr(Records, "see", break_down)
    with tape.explain() as session:
        recorded = train(2)
    monkeypatch.undo()
    plain = train(2)
    assert all(torch.equal(a, b) for a, b in zip(plain, recorded, strict=True))
    assert session.limits == ("A call could not be recorded: ValueError: worn out",)
    assert session.findings == ()


def test_what_another_thread_put_on_the_tape_is_said_to_be_unseen() -> None:
    w = leaf(1.0, 2.0)
    made: list[Tensor] = []
    with tape.explain() as session:
        worker = threading.Thread(target=lambda: made.append(w.exp()))
        worker.start()
        worker.join()
        made[0].sum().backward()
    (limit,) = session.limits
    assert "another thread" in limit
    assert session.findings == ()


# What it leaves behind.


def global_state() -> dict[str, object]:
    """Return everything of PyTorch's that a session changes while it runs."""
    return {
        "apply": vars(torch.autograd.Function)["apply"],
        "compile": torch.compile,
        "forward hooks": [*modules._global_forward_hooks.items()],
        "forward hooks that always run": [*modules._global_forward_hooks_always_called],
        "forward hooks with keywords": [*modules._global_forward_hooks_with_kwargs],
        "forward pre-hooks": [*modules._global_forward_pre_hooks.items()],
        "step pre-hooks": [*optimizers._global_optimizer_pre_hooks.items()],
        "step post-hooks": [*optimizers._global_optimizer_post_hooks.items()],
        "function modes": len(torch.overrides._get_current_function_mode_stack()),
        "stance of the compiler": torch._dynamo.eval_frame._stance.stance,
        "filters of warnings": list(warnings.filters),
        "gradients": torch.is_grad_enabled(),
        "anomaly mode": torch.is_anomaly_enabled(),
    }


def test_nothing_global_is_left_behind() -> None:
    before = global_state()
    with tape.explain():
        during = global_state()
        train(3)
    assert global_state() == before
    assert during != before


def test_nothing_global_is_left_behind_by_an_exception() -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError(f"cannot read {len(x)} rows")

    before = global_state()
    model = nn.Sequential(nn.Linear(3, 3), Broken())
    with pytest.raises(ValueError, match="cannot read"), tape.explain(), tape.explain():
        model(torch.ones(1, 3))
    assert global_state() == before


def overlapping(first: Callable[[], None], second: Callable[[], None]) -> list[BaseException]:
    """Run two functions in threads of their own, one in front of the other."""
    errors: list[BaseException] = []

    def run(function: Callable[[], None]) -> None:
        try:
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
        assert not thread.is_alive()
    return errors


class Turns:
    """Lets two threads go on in turns: the first begins first and ends first."""

    def __init__(self) -> None:
        self.begun = [threading.Event(), threading.Event()]
        self.first_ended = threading.Event()

    def between(self, index: int) -> None:
        """Be called within the session of thread `index`."""
        self.begun[index].set()
        assert self.begun[1 - index].wait(3)
        if index == 1:
            assert self.first_ended.wait(3)


def test_overlapping_sessions_of_two_threads() -> None:
    before, turns = global_state(), Turns()
    sessions: dict[int, tape.Session] = {}

    def work(index: int) -> None:
        if index == 1:
            assert turns.begun[0].wait(3)
        with tape.explain() as sessions[index]:
            turns.between(index)
            (die, overwrite_leaf)[index]()
            train(2)
        if index == 0:
            turns.first_ended.set()

    assert overlapping(functools.partial(work, 0), functools.partial(work, 1)) == []
    assert global_state() == before
    assert [finding.code for finding in sessions[0].findings] == ["dead-gradient"]
    assert [finding.code for finding in sessions[1].findings] == ["leaf-inplace"]


def test_a_decorated_function_may_run_in_two_threads_at_once() -> None:
    before, turns = global_state(), Turns()
    seen: dict[int, tuple[tape.Session, int]] = {}

    @tape.explain
    def work(index: int) -> None:
        turns.between(index)
        (die, overwrite_leaf)[index]()

    def first() -> None:
        work(0)
        seen[0] = work.session, len(torch.overrides._get_current_function_mode_stack())  # type: ignore[attr-defined]
        turns.first_ended.set()

    def second() -> None:
        assert turns.begun[0].wait(3)
        work(1)
        seen[1] = work.session, len(torch.overrides._get_current_function_mode_stack())  # type: ignore[attr-defined]

    assert overlapping(first, second) == []
    assert {index: modes for index, (_, modes) in seen.items()} == {0: 0, 1: 0}
    codes = [finding.code for finding in seen[1][0].findings]
    assert codes == ["leaf-inplace"]
    assert global_state() == before


def test_what_was_compiled_before_runs_eagerly_and_is_compiled_afterwards() -> None:
    traced: list[int] = []

    def backend(graph: Any, inputs: Any) -> Any:
        traced.append(len(inputs))
        return graph.forward

    def triple(x: Tensor) -> Tensor:
        return 3 * x.sin()

    compiled = torch.compile(triple, backend=backend)
    before = global_state()
    with tape.explain() as session:
        w = leaf(1.0, 2.0)
        compiled(w).sum().backward()
    assert session.limits == ("Code given to torch.compile ran eagerly.",)
    assert "sin" in {node.operation for node in session.graph.nodes}
    assert traced == []
    assert torch.equal(compiled(w), triple(w))
    assert traced == [1]
    assert global_state() == before


def test_calls_of_another_thread_are_not_recorded() -> None:
    made: list[Tensor] = []

    def work() -> None:
        hidden = torch.relu(leaf(-1.0))
        hidden.backward()
        made.append(nn.Linear(1, 1)(hidden))

    with tape.explain() as session:
        y = leaf(2.0) * 3
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert session.graph == session.graph_of(y)
    assert session.findings == ()
    assert session.backward_passes == 0
    with pytest.raises(InputError, match="not recorded"):
        session.graph_of(made[0])


# Memory.


@pytest.fixture
def _no_collector() -> Iterator[None]:
    """Let nothing be freed that counting references does not free."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


without_collector = pytest.mark.usefixtures("_no_collector")


@without_collector
def test_an_intermediate_is_freed_after_the_backward_pass() -> None:
    with tape.explain():
        w = leaf(1.0, 2.0)
        y = torch.exp(w)
        tensor, storage = weakref.ref(y), StorageWeakRef(y.untyped_storage())
        loss = y.sum()
        del y
        assert tensor() is None
        assert not storage.expired()  # backward needs it
        loss.backward()
        assert storage.expired()


@without_collector
def test_an_intermediate_that_nothing_needs_is_freed_at_once() -> None:
    with tape.explain():
        y = torch.ones(3) + 1
        tensor, storage = weakref.ref(y), StorageWeakRef(y.untyped_storage())
        z = y * 2
        del y
        assert tensor() is None
        assert storage.expired()
        del z


@without_collector
def test_what_a_step_made_is_freed_when_it_is_over() -> None:
    alive: list[StorageWeakRef] = []

    def keep(module: nn.Module, args: Any, result: Tensor) -> None:
        alive.append(StorageWeakRef(result.untyped_storage()))

    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    for part in model:
        part.register_forward_hook(keep)
    optimizer = torch.optim.Adam(model.parameters())
    with tape.explain():
        for _ in range(3):
            loss = model(torch.ones(2, 3)).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            del loss
            assert all(storage.expired() for storage in alive)
    assert len(alive) == 9


@without_collector
def test_a_gradient_that_is_dropped_is_freed() -> None:
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with tape.explain():
        model(torch.ones(1, 2)).sum().backward()
        gradient = weakref.ref(model.weight.grad)
        optimizer.step()
        optimizer.zero_grad()
        assert gradient() is None


@without_collector
def test_the_model_is_freed_while_the_session_goes_on() -> None:
    with tape.explain():
        model = nn.Linear(2, 2)
        parameter, module = weakref.ref(model.weight), weakref.ref(model)
        model(torch.ones(1, 2)).sum().backward()
        del model
        torch.ones(1)
        assert parameter() is None
        assert module() is None


def use_a_local(alive: list[StorageWeakRef]) -> Tensor:
    large = torch.ones(1000)
    alive.append(StorageWeakRef(large.untyped_storage()))
    scaled = large.flip(0) * 2
    return scaled.sum() + 1


@without_collector
def test_the_locals_of_a_function_are_freed_when_it_returns() -> None:
    alive: list[StorageWeakRef] = []
    with tape.explain() as session:
        for _ in range(5):
            start = torch.ones(1)  # its name is not settled yet when the function is called
            total = use_a_local(alive) * start
            assert total.item() == 2001
            assert all(storage.expired() for storage in alive)
        session.graph_of(total)
        assert all(storage.expired() for storage in alive)


def most_alive(steps: int) -> tuple[int, int]:
    """Return how many memories tensors hold at most while a network is trained, and their bytes."""
    counts: list[tuple[int, int]] = []

    def count(_: int) -> None:
        alive = [one for one in gc.get_objects() if issubclass(type(one), Tensor)]
        # One memory may have several tensors, such as those that nodes saved.
        memories = {one.untyped_storage().data_ptr(): one.untyped_storage() for one in alive}
        counts.append((len(memories), sum(one.nbytes() for one in memories.values())))

    gc.collect()
    gc.freeze()
    try:
        train(steps, count)
    finally:
        gc.unfreeze()
    return max(count for count, _ in counts), max(size for _, size in counts)


@without_collector
def test_no_more_tensors_are_alive_than_without_it() -> None:
    plain = most_alive(50)
    with tape.explain():
        recorded = most_alive(50)
    assert plain[0] > 5
    assert recorded == plain


def plain_loop(each: Callable[[int], object]) -> None:
    """Train a module as usual."""
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    x = torch.ones(4, 3)
    for index in range(STEPS):
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        each(index)


def loop_with_an_average(each: Callable[[int], object]) -> None:
    """Carry an average of the detached loss."""
    w, average = leaf(1.0, -1.0), torch.zeros(())
    optimizer = torch.optim.SGD([w], lr=1e-3)
    for index in range(STEPS):
        optimizer.zero_grad()
        loss = w.square().sum()
        loss.backward()
        optimizer.step()
        average = 0.99 * average + 0.01 * loss.detach()
        each(index)


def loss_of(w: Tensor, x: Tensor) -> Tensor:
    hidden = torch.tanh(w * x)
    return hidden.square().sum()


def loop_with_a_helper(each: Callable[[int], object]) -> None:
    """Call a function that computes the loss, and step by hand."""
    w, x = leaf(1.0, -1.0), torch.ones(2)
    for index in range(STEPS):
        loss_of(w, x).backward()
        with torch.no_grad():
            w -= 1e-3 * w.grad
            w.grad = None
        each(index)


def loop_of_inference(each: Callable[[int], object]) -> None:
    """Predict without gradients."""
    model = nn.Linear(3, 2)
    x = torch.ones(1, 3)
    with torch.no_grad():
        for index in range(STEPS):
            prediction = model(x).softmax(-1)
            assert prediction.shape == (1, 2)
            each(index)


def loop_with_new_leaves(each: Callable[[int], object]) -> None:
    """Attack a fixed model with a new input each step."""
    weights = torch.ones(3)
    for index in range(STEPS):
        x = leaf(1.0, 2.0, float(index))
        (weights * x).sin().sum().backward()
        attacked = x + 0.1 * x.grad.sign()
        assert attacked.shape == (3,)
        each(index)


STEPS = 3000

LOOPS = [
    plain_loop,
    loop_with_an_average,
    loop_with_a_helper,
    loop_of_inference,
    loop_with_new_leaves,
]


@pytest.fixture
def _traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("_traced")
@pytest.mark.parametrize("loop", LOOPS)
def test_a_long_loop_needs_no_more_memory_than_a_short_one(
    loop: Callable[[Callable[[int], object]], None],
) -> None:
    in_use: list[int] = []
    with tape.explain() as session:
        loop(lambda _: in_use.append(tracemalloc.get_traced_memory()[0]))
    assert session.findings == ()
    # What is swept now and then goes up and down, so the peaks are compared.
    assert max(in_use[-500:]) - max(in_use[250:750]) < 1e6


# A PyTorch that lacks parts.


@pytest.fixture
def _forgetful() -> Iterator[None]:
    """Forget what nodes save, before and after."""
    _private._saved_names.cache_clear()
    yield
    _private._saved_names.cache_clear()


def is_unharmed() -> tuple[str, ...]:
    """Check that a correct program runs as ever, and return the limits."""
    plain = train(2)
    with tape.explain() as session:
        recorded = train(2)
    assert all(torch.equal(a, b) for a, b in zip(plain, recorded, strict=True))
    assert session.findings == ()
    return session.limits


def found(mistake: Callable[[], None]) -> list[str]:
    with tape.explain() as session:
        mistake()
    return [finding.code for finding in session.findings]


# The fixture named last is undone first: the patch, then the cache.
@pytest.mark.usefixtures("_forgetful")
def test_without_the_saved_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_private, "_RAW", "_gone_")
    (limit,) = is_unharmed()
    assert "`Node._raw_saved_*`" in limit
    assert "what was saved" in limit
    assert found(overwrite_saved) == []
    others = {code: one for code, one in MISTAKES.items() if code not in NEED_SAVED}
    assert {code: found(one) for code, one in others.items()} == {code: [code] for code in others}


NEED_SAVED = {"inplace-after-save", "silent-data-write", "backward-twice"}


def test_without_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_private, "version", lambda _: None)
    (limit,) = is_unharmed()
    assert "`Tensor._version`" in limit
    assert "in-place writes are not seen" in limit
    for code in ("leaf-inplace", "backward-twice", "cut-graph", "non-finite", "dead-gradient"):
        assert found(MISTAKES[code]) == [code]


def test_without_versions_a_failing_backward_pass_still_names_who_saved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_private, "version", lambda _: None)
    with tape.explain() as session:
        overwrite_saved()
    (finding,) = session.findings
    assert [place.code for place in finding.places] == ["y = torch.exp(leaf(1.0, 2.0))"]
    assert "code that was not recorded" in finding.message


def test_without_a_sign_of_transforms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_private, "_peek", None)
    (limit,) = is_unharmed()
    assert "`torch._C._functorch`" in limit
    x = torch.arange(6.0).view(2, 3)
    slope = torch.func.vmap(torch.func.grad(lambda row: row.sin().sum()))
    plain = slope(x)
    with tape.explain() as session:
        recorded = slope(x)
    assert torch.equal(plain, recorded)
    assert session.findings == ()


@pytest.mark.parametrize(
    ("name", "value", "limit"),
    [
        ("_dispatch_modes", None, "`torch._C._len_torch_dispatch_stack`"),
        ("_quiet", contextlib.nullcontext, "`torch._C.DisableTorchFunction`"),
    ],
)
def test_without_a_shield_from_modes(
    name: str, value: object, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_private, name, value)
    (said,) = is_unharmed()
    assert limit in said
    assert {code: found(one) for code, one in MISTAKES.items()} == {c: [c] for c in MISTAKES}


def test_a_whole_pytorch_lacks_nothing() -> None:
    assert _private.missing() == ()
    assert is_unharmed() == ()


def test_a_gradient_that_is_zero_is_not_blamed_for_nan() -> None:
    with tape.explain() as session:
        w = torch.zeros(3, requires_grad=True)
        torch.where(w > 0, torch.log(w), w).sum().backward()
    (finding,) = session.findings
    assert finding.message.startswith("The gradient of `log` (LogBackward0) is NaN, although")
