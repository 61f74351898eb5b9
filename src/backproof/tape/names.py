"""Which variable of the program each recorded tensor was stored to."""

import weakref
from dataclasses import dataclass
from types import CodeType, FrameType

import torch

from backproof.tape.calls import Snapshot
from backproof.tape.sites import live_frames, stored_name, variables


class Names:
    """Results that await their name: the store to a variable runs only after the call."""

    def __init__(self) -> None:
        self._expected: dict[int, list[_Expected]] = {}

    def expect(self, frame: FrameType, tensor: torch.Tensor, snapshot: Snapshot) -> None:
        """Note the variable that the result is about to be stored to."""
        name = stored_name(frame)
        if name is not None:
            expected = _Expected(name, frame.f_code, frame.f_lasti, weakref.ref(tensor), snapshot)
            self._expected.setdefault(id(frame), []).append(expected)

    def settle(self, frame: FrameType) -> None:
        """Give names to the earlier results of a frame."""
        self._settle(id(frame), frame)

    def _settle(self, frame_id: int, frame: FrameType | None) -> None:
        """Give names to earlier results, now that their stores have run.

        In ``y = max(p, 0)`` the instruction after the comparison `p < 0` stores to `y` as well,
        although `max` consumes the comparison; so the variable must really hold the tensor.
        Frames are not kept, for they would keep their tensors. Once one is gone, the last result
        before a store counts.
        """
        waiting = self._expected.pop(frame_id, None)
        if waiting is None:
            return
        unseen: dict[int, _Expected] = {}
        for expected in waiting:
            same = frame is not None and frame.f_code is expected.scope
            held = variables(frame) if frame is not None and same else {}
            tensor = expected.tensor()
            if tensor is not None and held.get(expected.name) is tensor:
                expected.give()
            elif frame is not None and same and frame.f_lasti == expected.offset:
                self._expected.setdefault(frame_id, []).append(expected)  # not stored yet
            elif expected.name not in held:
                unseen[expected.offset] = expected
        for expected in unseen.values():
            expected.give()

    def settle_all(self) -> None:
        """Give names to the earlier results of every frame."""
        if not self._expected:
            return
        live = live_frames()
        for frame_id, waiting in list(self._expected.items()):
            frame = live.get(frame_id)
            # A new frame may stand where the old one was.
            ended = frame is None or frame.f_code is not waiting[0].scope
            self._settle(frame_id, None if ended else frame)


def variable_of(frame: FrameType, tensor: torch.Tensor) -> str | None:
    """Return a variable of `frame` that holds `tensor`."""
    for name, value in variables(frame).items():
        if value is tensor and name.isidentifier():  # a comprehension's iterator is called `.0`
            return name
    return None


@dataclass(frozen=True, slots=True, eq=False)
class _Expected:
    """A result and the variable that it should end up in."""

    name: str
    scope: CodeType
    offset: int
    tensor: "weakref.ref[torch.Tensor]"
    snapshot: Snapshot

    def give(self) -> None:
        if self.snapshot.name is None:
            self.snapshot.name = self.name
