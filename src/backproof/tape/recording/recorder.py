"""One recorder of what a program does with tensors; everything else reads its records.

It changes nothing that the program can observe: no `retain_grad`, and no hooks on saved tensors,
which would silence PyTorch's own check for in-place writes. It holds no tensor either, so
memory is freed as without it.
"""

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import CodeType, FrameType, TracebackType
from typing import Any, Self

import torch
from torch.overrides import TorchFunctionMode

from backproof.tape import _private
from backproof.tape.recording.calls import BackwardPass, Call, Snapshot
from backproof.tape.recording.custom import DETOURS, EAGERLY
from backproof.tape.recording.functions import (
    ESCAPES,
    Kind,
    backward_arguments,
    distinct,
    kind_of,
    tensors_in,
)
from backproof.tape.recording.listener import EVENTS, Listener, hears
from backproof.tape.recording.modules import Modules
from backproof.tape.recording.names import object_of
from backproof.tape.recording.records import Records
from backproof.tape.recording.sites import is_compiled, is_user_code, site_of, user_frame
from backproof.tape.recording.steps import Step, StepHooks, step_of

_EAGERLY = "Code given to torch.compile ran eagerly."
_Before = list[tuple[Snapshot, int | None]]


class Recorder(TorchFunctionMode):
    """Context manager that records every torch call of the code inside it, in this thread.

    Parameters
    ----------
    records
        Where to write.
    listeners
        Who is told of what happens, in order.
    """

    def __init__(self, records: Records, listeners: Sequence[Listener] = ()) -> None:
        super().__init__()
        self.records = records
        self._hearers = {
            event: [getattr(one, event) for one in listeners if hears(one, event)]
            for event in EVENTS
        }
        self.limits: dict[str, None] = {}
        """What could not be recorded, in the order in which it was met."""
        self.ends: tuple[Snapshot, ...] = ()
        """What the last backward pass started from."""
        self.running = False
        """Whether it is recording."""
        self.passes = 0
        """How many backward passes there were."""
        self._calls = 0
        self._custom = 0
        self._inside: list[Snapshot] = []
        self._scopes: dict[int, CodeType] = {}
        self._modules = Modules(self._meet_module, self._ran_whole)
        self._steps = StepHooks(self._step_begun, self._step_done)
        self._stepping: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        for lack in _private.missing():
            self.limit(f"This PyTorch lacks {lack}.")
        EAGERLY.enter()
        self._modules.install()
        self._steps.install()
        DETOURS.enter(self)
        self.running = True
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)  # type: ignore[no-untyped-call]
        self.records.names.settle_all()
        if error is not None:
            self.crashed(error)
        self._tell("ended")
        self.running = False
        DETOURS.leave(self)
        self._steps.remove()
        self._modules.remove()
        EAGERLY.leave()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run `func` and record it; inside, the mode is off."""
        kwargs = kwargs or {}
        kind, name = kind_of(func)
        if kind is Kind.PASS:
            return func(*args, **kwargs)
        caller = sys._getframe(1)  # noqa: SLF001
        if kind is Kind.GRAD:
            return self._read_grad(func, args[0], caller)
        frame = user_frame(caller)
        if self._passes_over(frame):
            return func(*args, **kwargs)
        if kind is Kind.BACKWARD:
            return self._backward(func, name, args, kwargs, frame)
        return self._record(func, name, kind, args, kwargs, frame)

    def limit(self, text: str) -> None:
        """Note something that is not seen."""
        self.limits[text] = None

    def crashed(self, error: BaseException) -> None:
        """Hear of the exception that ended the recorded code."""
        if isinstance(error, Exception):
            self._tell("crashed", error)

    def compiling(self) -> None:
        """Hear that the program is about to call `torch.compile`."""
        EAGERLY.ask(load=True)
        self.limit(_EAGERLY)

    def run_custom(
        self,
        function: type,
        apply: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Run and record `apply` of a custom function, which no function mode sees."""
        frame = user_frame(sys._getframe(1))  # noqa: SLF001
        if self._passes_over(frame):
            return apply(*args, **kwargs)
        if not self._custom:
            self._inside = []
        self._custom += 1
        try:
            name = f"{function.__name__}.apply"
            result = self._record(apply, name, Kind.CALL, args, kwargs, frame)
        finally:
            self._custom -= 1
        for tensor in tensors_in((result,), {}):
            made = self.records.find(tensor)
            if made is not None and not made.requires_grad:
                # Leaves that it used without being given them, as reentrant checkpointing does.
                made.sources = (*made.sources, *dict.fromkeys(self._inside))
        return result

    def made_parameter(self, parameter: torch.Tensor, data: Any) -> None:
        """Record a new `nn.Parameter`, which takes what it is made of off the tape."""
        maker = sys._getframe(2)  # noqa: SLF001
        frame = user_frame(maker)
        if self._passes_over(frame) or not tensors_in((parameter,), {}):
            return
        with self._guarded():
            sources = [self.records.see(data, frame)] if isinstance(data, torch.Tensor) else []
            if maker.f_code.co_name == "__deepcopy__":
                sources = []  # a copy of a module is trained for itself
            call = self._call("Parameter", frame)
            made = self.records.add(parameter, call, sources)
            if frame is not None and call.site is not None:
                self.records.names.expect(frame, call.site, parameter, made)

    # A call.

    def _passes_over(self, frame: FrameType | None) -> bool:
        if _private.in_transform():
            self.limit("Calls inside torch.func transforms are not recorded.")
            return True
        if frame is None:
            return False
        if id(frame.f_code) not in self._scopes:
            self._scopes[id(frame.f_code)] = frame.f_code  # kept, so that its id stays its own
            if is_compiled(frame):
                self.limit(_EAGERLY)
        # What an optimizer does inside its step is known from its hooks.
        return self._stepping is not None and self._stepping == (id(frame), frame.f_lasti)

    def _record(
        self,
        func: Callable[..., Any],
        name: str,
        kind: Kind,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        frame: FrameType | None,
    ) -> Any:
        operands = tensors_in(args, kwargs)
        before = self._before(operands, frame) if operands else []
        try:
            result = func(*args, **kwargs)
        except Exception as error:
            self._tell("failed", self._call(name, frame), operands, error)
            raise
        if before or (before is not None and tensors_in((result,), {})):
            with self._guarded():
                self._after(name, kind, frame, operands, before, result)
        return result

    def _before(self, operands: list[torch.Tensor], frame: FrameType | None) -> _Before | None:
        """Return the records of operands and their versions; None if they cannot be read."""
        with self._guarded():
            if frame is not None:
                self.records.names.settle(frame)
            return [(self.records.see(t, frame), _private.version(t)) for t in operands]
        return None

    def _after(
        self,
        name: str,
        kind: Kind,
        frame: FrameType | None,
        operands: list[torch.Tensor],
        before: _Before,
        result: Any,
    ) -> None:
        results = tensors_in((result,), {})
        written = [
            (tensor, version)
            for tensor, (_, version) in zip(operands, before, strict=True)
            if _private.version(tensor) != version
        ]
        if kind is Kind.SET_DATA:
            written = [(operands[0], before[0][1])]
        mine = {id(tensor) for tensor in operands}
        fresh = [tensor for tensor in distinct(results) if id(tensor) not in mine]
        sources = [snapshot for snapshot, _ in before]
        if self._custom:
            self._inside += [one for one in sources if one.leaf and one.requires_grad]
        if fresh or written:
            call = self._call(name, frame)
            made = self._made(call, operands, sources, written, fresh)
            made[-1].detached |= kind is Kind.DATA
            for hear in self._hearers["called"]:
                hear(call, sources, made)
            if frame is not None and call.site is not None and len(results) == 1:
                end = self.records.see(results[0], None)
                self.records.names.expect(frame, call.site, results[0], end)
        elif name in ESCAPES:
            self._tell("escaped", self._call(name, frame), sources)
        # An operand may have come back with a new attribute, as from `requires_grad_()`.
        same = operands[:1] if kind is Kind.SET_REQUIRES_GRAD else results
        for tensor in same:
            if id(tensor) in mine:
                self.records.look_again(tensor)

    def _made(
        self,
        call: Call,
        operands: list[torch.Tensor],
        sources: list[Snapshot],
        written: list[tuple[torch.Tensor, int | None]],
        fresh: list[torch.Tensor],
    ) -> list[Snapshot]:
        records = self.records
        versions = {id(tensor): version for tensor, version in written}
        for tensor, snapshot in zip(operands, sources, strict=True):
            used = call.function != "data" and id(tensor) not in versions
            if used and snapshot.requires_grad and snapshot.leaf:
                leaf = records.leaves.find(tensor)
                if leaf is not None and leaf.used is None:
                    leaf.used = call
        made = [
            records.write(call, tensor, versions[id(tensor)], sources)
            for tensor in distinct([tensor for tensor, _ in written])
        ]
        return made + [records.add(tensor, call, sources) for tensor in fresh]

    def _call(self, name: str, frame: FrameType | None) -> Call:
        self._calls += 1
        site = None if frame is None else site_of(frame)
        return Call(
            self._calls, name, site, self._modules.path, torch.is_grad_enabled(), self._custom > 0
        )

    def _read_grad(self, func: Callable[..., Any], tensor: torch.Tensor, caller: FrameType) -> Any:
        if not tensor.is_leaf and not tensor.retains_grad:
            return self._read_missing(func, tensor, user_frame(caller))
        gradient = func(tensor)
        if not is_user_code(caller.f_code.co_filename):
            return gradient
        leaf = self.records.leaves.find(tensor)
        if leaf is not None:
            leaf.read = True
        if leaf is not None and gradient is not None:
            with self._guarded():
                record = self.records.see(gradient, None)
                record.name = record.name or f"{leaf.label}.grad"
        return gradient

    def _read_missing(
        self, func: Callable[..., Any], tensor: torch.Tensor, frame: FrameType | None
    ) -> Any:
        # PyTorch would blame this file for the read; the user is told about the user's line.
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = func(tensor)
        before = self._before([tensor], frame)
        for warning in caught:
            if before is not None:
                self._tell("read_missing", self._call("grad", frame), before[0][0], _text(warning))
            _warn_at(frame, warning)
        return result

    # A backward pass, a step, a module.

    def _backward(
        self,
        func: Callable[..., Any],
        name: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        frame: FrameType | None,
    ) -> Any:
        roots, inputs, keeps_graph = backward_arguments(func, args, kwargs)
        operands = distinct([*roots, *(inputs or [])])
        before = self._before(operands, frame)
        ends = tuple(snapshot for snapshot, _ in (before or [])[: len(distinct(roots))])
        run = BackwardPass(
            self._call(name, frame), roots, ends, inputs, keeps_graph, accumulates=name != "grad"
        )
        self.ends = ends or self.ends
        self.passes += 1
        self.records.nodes.start_pass()
        for tensor in inputs or []:
            leaf = self.records.leaves.find(tensor)
            if leaf is not None:
                leaf.read = True  # its gradient was asked for
        self._tell("before_backward", run)
        try:
            result = func(*args, **kwargs)
        except Exception as error:
            self._tell("backward_failed", run, error)
            run.forget()
            raise
        if run.accumulates:
            with self._guarded():
                self.records.leaves.fill(run.call)
                self.records.nodes.look_at_leaves(run)
        self._tell("after_backward", run)
        run.forget()
        if name == "grad" and before is not None:
            with self._guarded():
                self._after(name, Kind.CALL, frame, operands, before, result)
        if not keeps_graph:
            self.records.fold()
        return result

    def _step_begun(self, optimizer: torch.optim.Optimizer) -> Step:
        frame = user_frame(sys._getframe(1))  # noqa: SLF001
        self._stepping = None if frame is None else (id(frame), frame.f_lasti)
        with _private.unseen():
            return step_of(optimizer, self._call(f"{type(optimizer).__name__}.step", frame))

    def _step_done(self, step: Step) -> None:
        self._stepping = None
        with self._guarded():
            for tensor, version in zip(step.parameters, step.versions, strict=True):
                if _private.version(tensor) != version:
                    self.records.stepped(step.call, tensor, version)
        self._tell("stepped", step)

    def _meet_module(self, module: torch.nn.Module) -> str:
        frame = user_frame(sys._getframe(1))  # noqa: SLF001
        name = None if frame is None else object_of(frame, module)
        name = name or type(module).__name__
        with self._guarded():
            for path, parameter in module.named_parameters():
                if parameter.requires_grad:
                    self.records.leaves.meet(parameter, f"{name}.{path}")
        return name

    def _ran_whole(self, module: torch.nn.Module, args: Any, result: Any) -> None:
        """Record a module whose calls were not seen as one call."""
        frame = user_frame(sys._getframe(1))  # noqa: SLF001
        operands = [*tensors_in((args,), {}), *module.parameters()]
        before = self._before(operands, frame)
        if before is not None:
            name = type(module).__name__
            with self._guarded():
                self._after(name, Kind.CALL, frame, operands, before, result)

    # For those who listen.

    def _tell(self, event: str, *details: Any) -> None:
        with self._guarded():
            for hear in self._hearers[event]:
                hear(*details)

    def _guarded(self) -> "_Guard":
        return _Guard(self)


class _Guard:
    """Lets nothing that goes wrong inside reach the program, nor any function mode of it."""

    __slots__ = ("_quiet", "_recorder")

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._quiet = _private.unseen()

    def __enter__(self) -> None:
        self._quiet.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self._quiet.__exit__(kind, error, trace)
        if not isinstance(error, Exception):
            return False
        self._recorder.limit(f"A call could not be recorded: {type(error).__name__}: {error}")
        return True


def _text(warning: warnings.WarningMessage) -> str:
    # PyTorch ends its warnings with a line of its own C++ code, which helps nobody here.
    return str(warning.message).partition(" (Triggered internally")[0]


def _warn_at(frame: FrameType | None, warning: warnings.WarningMessage) -> None:
    if frame is None:
        warnings.warn(warning.message, warning.category, stacklevel=1)
        return
    warnings.warn_explicit(
        warning.message,
        warning.category,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=frame.f_globals.get("__name__"),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )
