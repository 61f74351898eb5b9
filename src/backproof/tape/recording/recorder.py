"""One recorder of what a program does with tensors; everything else reads its records.

It changes nothing that the program can observe: no `retain_grad`, and no hooks on saved tensors,
which would silence PyTorch's own check for in-place writes. It holds no tensor either, so
memory is freed as without it.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import CodeType, FrameType, TracebackType
from typing import Any, Self

import torch
from torch.overrides import TorchFunctionMode

from backproof._core import recorders
from backproof.tape import _private
from backproof.tape.recording.attributes import read_grad
from backproof.tape.recording.custom import DETOURS, EAGERLY
from backproof.tape.recording.functions import Kind, kind_of, tensors_in
from backproof.tape.recording.journal import Journal
from backproof.tape.recording.listener import Listener
from backproof.tape.recording.passes import Passes
from backproof.tape.recording.records import Records
from backproof.tape.recording.sites import is_compiled, user_frame
from backproof.tape.recording.steps import Step, StepHooks, step_of

_EAGERLY = "Code given to torch.compile ran eagerly."


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
        self.journal = Journal(records, listeners)
        self.passes = Passes(self.journal)
        self.running = False
        """Whether it is recording."""
        self._steps = StepHooks(self._step_begun, self._step_done)
        self._stepping: tuple[int, int] | None = None
        self._scopes: dict[int, CodeType] = {}

    def __enter__(self) -> Self:
        for lack in _private.missing():
            self.journal.limit(f"This PyTorch lacks {lack}.")
        EAGERLY.enter()
        self.journal.modules.install()
        self._steps.install()
        DETOURS.enter(self)
        recorders.register(self)
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
        self.journal.tell("ended")
        self.running = False
        recorders.unregister(self)
        DETOURS.leave(self)
        self._steps.remove()
        self.journal.modules.remove()
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
        if kind is Kind.PASS or self.journal.pauses:
            return func(*args, **kwargs)
        caller = sys._getframe(1)  # noqa: SLF001
        if kind is Kind.GRAD:
            return read_grad(self.journal, func, args[0], caller)
        frame = user_frame(caller)
        if self._passes_over(frame):
            return func(*args, **kwargs)
        if kind is Kind.BACKWARD:
            return self.passes.run(func, name, args, kwargs, frame)
        return self.journal.record(func, name, kind, args, kwargs, frame)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Record nothing meanwhile."""
        self.records.names.settle_all()
        self.journal.pauses += 1
        try:
            yield
        finally:
            self.journal.pauses -= 1

    def crashed(self, error: BaseException) -> None:
        """Hear of the exception that ended the recorded code."""
        if isinstance(error, Exception):
            self.journal.tell("crashed", error)

    def compiling(self) -> None:
        """Hear that the program is about to call `torch.compile`."""
        EAGERLY.ask(load=True)
        self.journal.limit(_EAGERLY)

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
        journal = self.journal
        if not journal.custom:
            journal.inside = []
        journal.custom += 1
        try:
            name = f"{function.__name__}.apply"
            result = journal.record(apply, name, Kind.CALL, args, kwargs, frame)
        finally:
            journal.custom -= 1
        for tensor in tensors_in((result,), {}):
            made = self.records.find(tensor)
            if made is not None and not made.requires_grad:
                # Leaves that it used without being given them, as reentrant checkpointing does.
                made.sources = (*made.sources, *dict.fromkeys(journal.inside))
        return result

    def made_parameter(self, parameter: torch.Tensor, data: Any) -> None:
        """Record a new `nn.Parameter`, which takes what it is made of off the tape."""
        maker = sys._getframe(2)  # noqa: SLF001
        frame = user_frame(maker)
        if self._passes_over(frame) or not tensors_in((parameter,), {}):
            return
        with self.journal.guarded():
            # A copy of a module is trained for itself: it is not made of the original.
            copied = maker.f_code.co_name == "__deepcopy__"
            given = isinstance(data, torch.Tensor) and not copied
            sources = [self.records.see(data, frame)] if given else []
            call = self.journal.call("Parameter", frame)
            made = self.records.add(parameter, call, sources)
            if frame is not None and call.site is not None:
                self.records.names.expect(frame, call.site, parameter, made)

    def _passes_over(self, frame: FrameType | None) -> bool:
        if self.journal.pauses:
            return True
        if _private.in_transform():
            self.journal.limit("Calls inside torch.func transforms are not recorded.")
            return True
        if frame is None:
            return False
        if id(frame.f_code) not in self._scopes:
            self._scopes[id(frame.f_code)] = frame.f_code  # kept, so that its id stays its own
            if is_compiled(frame):
                self.journal.limit(_EAGERLY)
        # What an optimizer does inside its step is known from its hooks.
        return self._stepping is not None and self._stepping == (id(frame), frame.f_lasti)

    def _step_begun(self, optimizer: torch.optim.Optimizer) -> Step | None:
        if self.journal.pauses:
            return None
        frame = user_frame(sys._getframe(1))  # noqa: SLF001
        self._stepping = None if frame is None else (id(frame), frame.f_lasti)
        with _private.unseen():
            return step_of(optimizer, self.journal.call(f"{type(optimizer).__name__}.step", frame))

    def _step_done(self, step: Step) -> None:
        self._stepping = None
        with self.journal.guarded():
            for tensor, version in zip(step.parameters, step.versions, strict=True):
                if _private.version(tensor) != version:
                    self.records.stepped(step.call, tensor, version)
        self.journal.tell("stepped", step)
