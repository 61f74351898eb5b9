"""Which variable of the program each recorded tensor was stored to."""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch

from backproof.tape.recording.calls import Snapshot
from backproof.tape.recording.sites import Site, live_frames, variables

# A site that has always stored its result is believed from then on.
_BELIEVED = 3
# More results than this at one instruction are settled early, so that they do not pile up.
_MOST_WAITING = 16
_MOST_SEARCHED = 64


class Names:
    """Results that await their name: the store to a variable runs only after the call."""

    def __init__(self) -> None:
        self._expected: dict[int, list[_Expected]] = {}
        self._stored: dict[Site, int] = {}

    def expect(
        self, frame: FrameType, site: Site, tensor: torch.Tensor, snapshot: Snapshot
    ) -> None:
        """Note the variable that the result is about to be stored to."""
        if site.stores is None or snapshot.name is not None:
            return
        if self._stored.get(site, 0) >= _BELIEVED:
            snapshot.name = site.stores
            return
        expected = _Expected(site.stores, site, weakref.ref(tensor), snapshot)
        self._expected.setdefault(id(frame), []).append(expected)

    def settle(self, frame: FrameType) -> None:
        """Give names to the earlier results of a frame, unless it is still at the same call."""
        waiting = self._expected.get(id(frame))
        if waiting is None:
            return
        last = waiting[-1].site
        same_call = last.scope is frame.f_code and last.offset == frame.f_lasti
        if not same_call or len(waiting) > _MOST_WAITING:
            self._settle(id(frame), frame)

    def _settle(self, frame_id: int, frame: FrameType | None) -> None:
        """Give names to earlier results, now that their stores have run.

        In ``y = max(p, 0)`` the instruction after the comparison `p < 0` stores to `y` as well,
        although `max` consumes the comparison; so the variable must really hold the tensor.
        Frames are not kept, for they would keep their tensors. Once one is gone, the last result
        before a store counts.
        """
        unseen: dict[Site, _Expected] = {}
        last = None
        for expected in self._expected.pop(frame_id):
            same = frame is not None and frame.f_code is expected.site.scope
            held = variables(frame) if frame is not None and same else {}
            tensor = expected.tensor()
            if tensor is not None and held.get(expected.name) is tensor:
                self._give(expected)
            elif frame is not None and same and frame.f_lasti == expected.site.offset:
                last = expected  # perhaps not stored yet
            elif expected.name not in held:
                self._doubt_if_known(unseen, expected)
            else:
                self._doubt(expected.site)
        for expected in unseen.values():
            self._give(expected)
        if last is not None:
            self._expected.setdefault(frame_id, []).append(last)

    def settle_all(self) -> None:
        """Give names to the earlier results of every frame."""
        if not self._expected:
            return
        live = live_frames()
        for frame_id, waiting in list(self._expected.items()):
            frame = live.get(frame_id)
            # A new frame may stand where the old one was.
            ended = frame is None or frame.f_code is not waiting[0].site.scope
            self._settle(frame_id, None if ended else frame)

    def _give(self, expected: "_Expected") -> None:
        if expected.snapshot.name is None:
            expected.snapshot.name = expected.name
        self._stored[expected.site] = self._stored.get(expected.site, 0) + 1

    def _doubt(self, site: Site) -> None:
        self._stored[site] = -(10**9)

    def _doubt_if_known(self, unseen: "dict[Site, _Expected]", expected: "_Expected") -> None:
        if expected.site in unseen:
            self._doubt(expected.site)
        unseen[expected.site] = expected


def variable_of(frame: FrameType, tensor: torch.Tensor) -> str | None:
    """Return a variable of `frame` that holds `tensor`.

    A leaf is also looked for in lists, tuples, dictionaries and modules that variables hold, and in
    the attributes of `self`: ``params[0]``, ``layer.weight``, ``self.scale``.
    """
    held = variables(frame)
    for name, value in held.items():
        if value is tensor and name.isidentifier():  # a comprehension's iterator is called `.0`
            return name
    if not tensor.is_leaf or not tensor.requires_grad:
        return None
    for name, value in held.items():
        for suffix, entry in _entries(name, value):
            if entry is tensor and name.isidentifier():
                return name + suffix
    return None


def object_of(frame: FrameType, value: object) -> str | None:
    """Return a variable of `frame`, or an attribute of its `self`, that holds any object."""
    held = variables(frame)
    for name, other in held.items():
        if other is value and name.isidentifier():
            return name
    own = getattr(held.get("self"), "__dict__", {})
    parts = {**own, **own.get("_modules", {})}
    return next((f"self.{name}" for name, other in parts.items() if other is value), None)


def _entries(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list | tuple) and len(value) <= _MOST_SEARCHED:
        yield from ((f"[{index}]", entry) for index, entry in enumerate(value))
    elif type(value) is dict and len(value) <= _MOST_SEARCHED:
        yield from ((f"[{key!r}]", entry) for key, entry in value.items())
    elif name == "self" or isinstance(value, torch.nn.Module):
        if isinstance(value, torch.nn.Module):
            yield from ((f".{path}", entry) for path, entry in value.named_parameters())
        own = getattr(value, "__dict__", {})
        yield from ((f".{key}", entry) for key, entry in own.items())


@dataclass(frozen=True, slots=True, eq=False)
class _Expected:
    """A result and the variable that it should end up in."""

    name: str
    site: Site
    tensor: "weakref.ref[torch.Tensor]"
    snapshot: Snapshot
