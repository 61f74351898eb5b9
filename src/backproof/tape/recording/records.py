"""The records of tensors: made when a tensor is first met, and anew whenever it was changed."""

import weakref
from collections import deque
from collections.abc import Iterable, Sequence
from types import FrameType
from typing import Any

import torch

from backproof.tape import _private
from backproof.tape.recording.calls import Call, Snapshot, Write
from backproof.tape.recording.leaves import Leaves
from backproof.tape.recording.looks import look
from backproof.tape.recording.names import Names, variable_of
from backproof.tape.recording.nodes import Nodes
from backproof.tape.recording.saving import Saving
from backproof.tape.recording.writes import Writes, memory_of

# Two steps, for a mistake in one step often shows in the next.
_KEPT_STEPS = 2
_MOST_RECORDS = 10_000
_MOST_IDLE = 500
_SWEEP = 500
_UNSET = frozenset(
    {"empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided"}
)


class Records:
    """What is known of tensors, by the tensor; no tensor is kept alive.

    The records of older steps let go of what they were computed from, so that a long loop needs
    no more memory than a short one.
    """

    def __init__(self, *, values: bool) -> None:
        self.values = values
        self.writes = Writes()
        self.leaves = Leaves()
        self.nodes = Nodes(values=values)
        self.names = Names()
        self.latest: Snapshot | None = None
        """The last tensor that a call made, on the tape if there is one."""
        self.silent = False
        """Whether a tensor on the tape was ever written behind autograd's back."""
        self.folded = 0
        """How many steps have let go of their sources."""
        self._count = 0
        self._known: dict[int, tuple[weakref.ref[torch.Tensor], Snapshot]] = {}
        self._sweep_at = _SWEEP
        self.saving = Saving()
        self._step: list[Snapshot] = []
        self._on_tape = False
        self._steps: deque[list[Snapshot]] = deque()

    def find(self, tensor: torch.Tensor) -> Snapshot | None:
        """Return the latest record of `tensor`; None if no recorded call used it."""
        known = self._known.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor else None

    def see(self, tensor: torch.Tensor, frame: FrameType | None) -> Snapshot:
        """Return the record of a tensor, made now if it is new or was changed since the last."""
        snapshot = self.find(tensor)
        if snapshot is None:
            snapshot = self.add(tensor, None, ())
        else:
            writes = self.writes.since(snapshot.memory, snapshot.seen)
            if writes or _private.version(tensor) != snapshot.version:
                snapshot = self._changed(tensor, snapshot, writes)
            elif snapshot.requires_grad != tensor.requires_grad:
                # Set by hand, or put on the tape by a custom function, whose call was not seen.
                self.look_again(tensor)
        if snapshot.name is None and frame is not None:
            self.name(tensor, snapshot, frame)
        return snapshot

    def name(self, tensor: torch.Tensor, snapshot: Snapshot, frame: FrameType) -> None:
        """Name a tensor after the variable that holds it; it keeps the name from then on."""
        here = id(frame.f_code), frame.f_lasti
        if snapshot.asked != here:
            snapshot.asked = here
            self.names.settle_all()
            snapshot.name = snapshot.name or variable_of(frame, tensor)

    def add(
        self,
        tensor: torch.Tensor,
        call: Call | None,
        sources: Sequence[Snapshot],
        *,
        written: bool = False,
    ) -> Snapshot:
        """Make a record of a tensor as it is now; `written` if the call changed it in place."""
        old = self.find(tensor)
        snapshot = Snapshot(
            id=self._count,
            seen=self._count,
            call=call,
            sources=tuple(dict.fromkeys(sources)),
            shape=tensor.shape,
            dtype=tensor.dtype,
            look=None,
            version=_private.version(tensor),
            memory=memory_of(tensor),
        )
        snapshot.unset = not written and _is_unset(snapshot)
        if self.values and not snapshot.unset:
            snapshot.look = look(tensor)
        if old is not None:
            snapshot.name, snapshot.first = old.name, old.tensor
            snapshot.silent, snapshot.detached = old.silent, old.detached
        else:
            snapshot.detached = any(
                one.detached and one.memory == snapshot.memory is not None for one in sources
            )
        self._count += 1
        self._known[id(tensor)] = weakref.ref(tensor), snapshot
        self._step.append(snapshot)
        self._join_tape(snapshot, tensor, call)
        if snapshot.followed or self.latest is None or not self.latest.followed:
            self.latest = snapshot
        # What is computed without gradients, as in evaluation, no backward pass will end.
        self._on_tape |= snapshot.followed
        if len(self._step) >= (_MOST_RECORDS if self._on_tape else _MOST_IDLE):
            self.fold()
        return snapshot

    def look_again(self, tensor: torch.Tensor) -> None:
        """Note what autograd says about a tensor now, where only that has changed."""
        snapshot = self.find(tensor)
        if snapshot is not None:
            self._join_tape(snapshot, tensor, snapshot.call)

    def write(
        self, call: Call, tensor: torch.Tensor, before: int | None, sources: Sequence[Snapshot]
    ) -> Snapshot:
        """Make a record of a tensor that a call wrote; `before` is its version before that."""
        old = self.find(tensor)
        in_place = _private.version(tensor) != before
        made = self.add(tensor, call, sources, written=in_place)
        on_tape = in_place and tensor.requires_grad and (call.grad_enabled or call.custom)
        counted = in_place and not made.detached
        write = Write(
            call,
            made.memory,
            before,
            made.version,
            made.id,
            made,
            in_place=in_place,
            on_tape=on_tape,
            counted=counted,
        )
        self._wrote(write, tensor)
        if old is not None and old.followed and not on_tape:
            made.silent, self.silent = write, True
        return made

    def stepped(self, call: Call, tensor: torch.Tensor, before: int | None) -> None:
        """Note that an optimizer changed a parameter; its record is made when it is next used."""
        version, memory = _private.version(tensor), memory_of(tensor)
        self._wrote(
            Write(
                call, memory, before, version, self._count, None,
                in_place=True, on_tape=False, counted=True,
            ),
            tensor,
        )  # fmt: skip

    def name_at(self, memory: int | None, saver: Call | None) -> str | None:
        """Return the name that memory had when a call saved it; None if it had none."""
        if memory is None or saver is None:
            return None
        records = [one for step in (*self._steps, self._step) for one in step]
        there = [
            one
            for one in records
            if one.memory == memory and (one.call is None or one.call.index <= saver.index)
        ]
        return there[-1].tensor.name or there[-1].name if there else None

    def fold(self) -> None:
        """End a step; let go of what older steps were computed from."""
        self._steps.append(self._step)
        self._step, self._on_tape = [], False
        while len(self._steps) > _KEPT_STEPS:
            for snapshot in self._steps.popleft():
                snapshot.sources = ()
            self.folded += 1
            kept = next((one for step in self._steps for one in step if one.call), None)
            if kept is not None and kept.call is not None:
                self.writes.forget_before(kept.call.index)
        if len(self._known) > self._sweep_at:
            self._known = {key: one for key, one in self._known.items() if one[0]() is not None}
            self.leaves.forget_dead()
            self._sweep_at = 2 * len(self._known) + _SWEEP

    def _wrote(self, write: Write, tensor: torch.Tensor) -> None:
        self.writes.add(write)
        leaf = self.leaves.find(tensor) or self.leaves.behind(write.made)
        if leaf is not None and leaf.filled is not None:
            leaf.stepped = True

    def _changed(self, tensor: torch.Tensor, old: Snapshot, writes: list[Write]) -> Snapshot:
        """Make a record of a tensor that was written through another, or by an optimizer."""
        if old.leaf and old.requires_grad and not self.values:
            # Nothing of a parameter is shown that a step changes: one record does for all steps.
            old.version, old.seen = _private.version(tensor), self._count
            return old
        made = [write.made for write in writes if write.made is not None]
        snapshot = self.add(tensor, writes[-1].call if writes else None, (old, *made))
        silent = [write for write in writes if not write.on_tape]
        if silent and old.followed:
            snapshot.silent, self.silent = silent[-1], True
        return snapshot

    def _join_tape(self, snapshot: Snapshot, tensor: torch.Tensor, call: Call | None) -> None:
        snapshot.look_at_tape(tensor)
        node = _private.grad_fn(tensor)
        if node is not None:
            new = self.nodes.sign(node, call)
            self._sign_leaves(new)
            self.nodes.follow(node, tensor.output_nr, snapshot)
            self.saving.note(new, snapshot)
        elif snapshot.requires_grad:
            leaf = self.leaves.meet(tensor, snapshot=snapshot)
            snapshot.name = snapshot.name or leaf.name

    def _sign_leaves(self, new: Iterable[Any]) -> None:
        for node in new:
            for parent, _ in node.next_functions:
                leaf = None if parent is None else _private.leaf_of(parent)
                if leaf is not None:
                    self.nodes.sign_leaf(parent, self.leaves.meet(leaf))
            self.nodes.link(node)


def _is_unset(made: Snapshot) -> bool:
    """Whether memory is as it was found, which holds anything, NaN included."""
    if made.call is not None and made.call.function in _UNSET:
        return True
    return any(one.unset and one.memory == made.memory for one in made.sources)
