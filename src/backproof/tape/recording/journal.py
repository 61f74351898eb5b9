"""What a recorder writes while code runs: every call with its operands, its results, its writes."""

import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType, TracebackType
from typing import Any

import torch

from backproof.tape import _private
from backproof.tape.recording.calls import Call, Snapshot
from backproof.tape.recording.functions import ESCAPES, Kind, distinct, tensors_in
from backproof.tape.recording.listener import EVENTS, Listener, hears
from backproof.tape.recording.modules import Modules
from backproof.tape.recording.names import object_of
from backproof.tape.recording.records import Records
from backproof.tape.recording.sites import site_of, user_frame

Before = list[tuple[Snapshot, int | None]]
"""The records of operands and their versions before a call."""


class Journal:
    """Writes records of calls and tells those who listen."""

    def __init__(self, records: Records, listeners: Sequence[Listener]) -> None:
        self.records = records
        self.limits: dict[str, None] = {}
        """What could not be recorded, in the order in which it was met."""
        self.modules = Modules(self._meet_module, self._ran_whole)
        self.custom = 0
        """How many custom functions are running, one inside the other."""
        self.inside: list[Snapshot] = []
        """Leaves that calls used inside the outermost of them."""
        self.pauses = 0
        """How many pauses are on, one inside the other; in any, nothing is recorded."""
        self._calls = 0
        self._hearers = {
            event: [getattr(one, event) for one in listeners if hears(one, event)]
            for event in EVENTS
        }

    def limit(self, text: str) -> None:
        """Note something that is not seen."""
        self.limits[text] = None

    def record(
        self,
        func: Callable[..., Any],
        name: str,
        kind: Kind,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        frame: FrameType | None,
    ) -> Any:
        """Run a function and record what it made and wrote."""
        operands = tensors_in(args, kwargs)
        before = self.before(operands, frame) if operands else []
        try:
            result = func(*args, **kwargs)
        except Exception as error:
            self.tell("failed", self.call(name, frame), operands, error)
            raise
        if before or (before is not None and tensors_in((result,), {})):
            with self.guarded():
                self.after(name, kind, frame, operands, before, result)
        return result

    def before(self, operands: list[torch.Tensor], frame: FrameType | None) -> Before | None:
        """Return the records of operands and their versions; None if they cannot be read."""
        with self.guarded():
            if frame is not None:
                self.records.names.settle(frame)
            return [(self.records.see(t, frame), _private.version(t)) for t in operands]
        return None

    def after(
        self,
        name: str,
        kind: Kind,
        frame: FrameType | None,
        operands: list[torch.Tensor],
        before: Before,
        result: Any,
    ) -> None:
        """Record what a call made and wrote, given the records of its operands before it."""
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
        if self.custom:
            self.inside += [one for one in sources if one.leaf and one.requires_grad]
        if fresh or written:
            call = self.call(name, frame)
            made = self._made(call, operands, sources, written, fresh)
            made[-1].detached |= kind is Kind.DATA
            for hear in self._hearers["called"]:
                hear(call, sources, made)
            if frame is not None and call.site is not None and len(results) == 1:
                end = self.records.see(results[0], None)
                self.records.names.expect(frame, call.site, results[0], end)
        elif name in ESCAPES:
            self.tell("escaped", self.call(name, frame), sources)
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
                if leaf is not None:
                    leaf.used = leaf.used or call
                    leaf.hidden |= call.custom
        made = [
            records.write(call, tensor, versions[id(tensor)], sources)
            for tensor in distinct([tensor for tensor, _ in written])
        ]
        return made + [records.add(tensor, call, sources) for tensor in fresh]

    def call(self, name: str, frame: FrameType | None) -> Call:
        """Return the record of a call that is made from a frame now."""
        self._calls += 1
        site = None if frame is None else site_of(frame)
        return Call(
            self._calls, name, site, self.modules.path, torch.is_grad_enabled(), self.custom > 0
        )

    def tell(self, event: str, *details: Any) -> None:
        """Tell those who listen of an event."""
        with self.guarded():
            for hear in self._hearers[event]:
                hear(*details)

    def guarded(self) -> "_Guard":
        """Return a context out of which no exception of ours reaches the program."""
        return _Guard(self)

    def _meet_module(self, module: torch.nn.Module) -> str | None:
        if self.pauses:
            return None
        frame = user_frame(sys._getframe(1))  # noqa: SLF001
        name = None if frame is None else object_of(frame, module)
        name = name or type(module).__name__
        with self.guarded():
            for path, parameter in module.named_parameters():
                if parameter.requires_grad:
                    self.records.leaves.meet(parameter, f"{name}.{path}")
            for path, buffer in module.named_buffers():
                record = self.records.see(buffer, None)
                record.name = record.name or f"{name}.{path}"
        return name

    def _ran_whole(self, module: torch.nn.Module, args: Any, result: Any) -> None:
        """Record a module whose calls were not seen as one call."""
        if self.pauses:
            return
        frame = user_frame(sys._getframe(1))  # noqa: SLF001
        operands = [*tensors_in((args,), {}), *module.parameters()]
        before = self.before(operands, frame)
        if before is not None:
            name = type(module).__name__
            with self.guarded():
                self.after(name, Kind.CALL, frame, operands, before, result)


class _Guard:
    """Lets nothing that goes wrong inside reach the program, nor any function mode of it."""

    __slots__ = ("_journal", "_quiet")

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
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
        self._journal.limit(f"A call could not be recorded: {type(error).__name__}: {error}")
        return True
