"""Backward passes: what they start from, and what they leave behind."""

from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from backproof.tape.recording.calls import BackwardPass, Snapshot
from backproof.tape.recording.functions import Kind, backward_arguments, distinct
from backproof.tape.recording.journal import Journal

_FOREIGN = (
    "A backward pass went through what was put on the tape unseen: before the recording began or "
    "while it was paused, in another thread, or by compiled code. It has no lines."
)


class Passes:
    """Runs backward passes for the program, and tells of each."""

    def __init__(self, journal: Journal) -> None:
        self.count = 0
        """How many there were."""
        self.ends: tuple[Snapshot, ...] = ()
        """What the last one started from."""
        self._journal = journal

    def run(
        self,
        func: Callable[..., Any],
        name: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        frame: FrameType | None,
    ) -> Any:
        """Run `backward` or `autograd.grad`."""
        journal, records = self._journal, self._journal.records
        roots, inputs, keeps_graph = backward_arguments(func, args, kwargs)
        operands = distinct([*roots, *(inputs or [])])
        before = journal.before(operands, frame)
        ends = tuple(snapshot for snapshot, _ in (before or [])[: len(distinct(roots))])
        run = BackwardPass(
            journal.call(name, frame), roots, ends, inputs, keeps_graph, accumulates=name != "grad"
        )
        self.count, self.ends = self.count + 1, ends or self.ends
        self._begin(run)
        try:
            result = func(*args, **kwargs)
        except Exception as error:
            journal.tell("backward_failed", run, error)
            run.forget()
            raise
        self._end(run)
        if name == "grad" and before is not None:
            with journal.guarded():
                journal.after(name, Kind.CALL, frame, operands, before, result)
        if not keeps_graph:
            records.fold()
        return result

    def _begin(self, run: BackwardPass) -> None:
        records = self._journal.records
        records.nodes.start_pass()
        for tensor in run.inputs or []:
            leaf = records.leaves.find(tensor)
            if leaf is not None:
                leaf.read = True  # its gradient was asked for
        self._journal.tell("before_backward", run)

    def _end(self, run: BackwardPass) -> None:
        records = self._journal.records
        # Where something else is known to be unseen, that is why.
        if not self._journal.limits and any(map(records.nodes.is_foreign, run.nodes)):
            self._journal.limit(_FOREIGN)
        if run.accumulates:
            with self._journal.guarded():
                records.leaves.fill(run)
                records.nodes.look_at_leaves(run)
        self._journal.tell("after_backward", run)
        run.forget()
