"""Autograd nodes: which call made each, and what gradients flow through them.

What belongs to a node lies in its `metadata`, so it goes when the node goes. No hook holds a node
or a tensor: a cycle through autograd's own nodes would never be collected.
"""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch.autograd.graph import Node

from backproof.tape import _private
from backproof.tape.recording.calls import BackwardPass, Call, Snapshot
from backproof.tape.recording.leaves import Leaf
from backproof.tape.recording.looks import Look, look

_MOST_CONSUMERS = 64


@dataclass(eq=False, weakref_slot=True, slots=True)
class Watch:
    """What is known of one autograd node."""

    call: Call | None
    """The call that put it on the tape; None if that was not recorded."""
    name: str
    """Its name, such as ``MulBackward0``."""
    leaf: Leaf | None = None
    """The leaf, where the node adds to one."""
    outputs: dict[int, Snapshot] = field(default_factory=dict)
    """The tensors that it computes the gradient from, by their number."""
    targets: "tuple[Watch | None, ...]" = ()
    """The nodes that it passes gradients on to."""
    freed_by: Call | None = None
    """The first backward pass that freed what it had saved."""
    passed: int = -1
    """Number of the last backward pass that reached it."""
    state: str = ""
    """What the pass brought: ``fine``, ``zero``, ``NaN`` or ``Inf``."""
    parts: "list[tuple[Watch, Look]]" = field(default_factory=list)
    """Where several nodes pass a gradient to it: what each brought in that pass."""
    _consumers: "list[weakref.ref[Watch]]" = field(default_factory=list)

    @property
    def hooked(self) -> bool:
        """Whether the gradients that reach it are looked at."""
        return bool(self.outputs) or self.leaf is not None

    @property
    def consumers(self) -> "Iterator[Watch]":
        """The nodes that pass gradients to it, and still live."""
        found = (reference() for reference in self._consumers)
        return (one for one in found if one is not None)

    @property
    def shared(self) -> bool:
        """Whether several nodes have passed gradients to it."""
        return len(self._consumers) > 1

    def add_consumer(self, watch: "Watch") -> None:
        """Note a node that passes gradients to it."""
        if len(self._consumers) > _MOST_CONSUMERS:
            self._consumers = [weakref.ref(one) for one in self.consumers]
        self._consumers.append(weakref.ref(watch))


class Nodes:
    """The autograd nodes that the recorded calls put on the tape."""

    def __init__(self, *, values: bool) -> None:
        self.suspects: list[Watch] = []
        """Nodes that a zero or non-finite gradient reached in the running pass."""
        self._values = values
        self._pass = 0
        # The key in the metadata of nodes; another recorder has its own.
        self._key = object()

    def start_pass(self) -> None:
        """Begin to collect the suspects of a backward pass."""
        self._pass += 1
        self.suspects = []

    def watch(self, node: Node) -> Watch | None:
        """Return what is known of a node; None if no recorded call used it."""
        found = _notes(node).get(self._key)
        return found if isinstance(found, Watch) else None

    def maker(self, node: Node) -> Call | None:
        """Return the call that put `node` on the tape; None if it was not recorded."""
        watch = self.watch(node)
        return None if watch is None else watch.call

    def is_foreign(self, node: Node) -> bool:
        """Whether a node was put on the tape by no recorded call; adding to leaves is nobody's."""
        watch = self.watch(node)
        made_by_none = watch is None or (watch.call is None and watch.leaf is None)
        return made_by_none and _private.leaf_of(node) is None

    def sign(self, node: Node, call: Call | None) -> list[Node]:
        """Mark `node`, and unmarked ones behind it, as made by `call`; return the new ones.

        Nodes that add to leaves are left to `sign_leaf`.
        """
        new: list[Node] = []
        stack = [node]
        while stack:
            node = stack.pop()
            notes = _notes(node)
            if self._key in notes or _private.leaf_of(node) is not None:
                continue
            notes[self._key] = Watch(call, node.name())
            new.append(node)
            stack.extend(parent for parent, _ in node.next_functions if parent is not None)
        return new

    def sign_leaf(self, node: Node, leaf: Leaf) -> None:
        """Mark the node that adds to a leaf."""
        watch = self.watch(node)
        if watch is None:
            watch = _notes(node)[self._key] = Watch(None, node.name(), leaf)
        # The node may serve several steps, in each of which the leaf has a new record.
        watch.leaf = leaf

    def link(self, node: Node) -> None:
        """Note which signed nodes a signed node passes gradients to."""
        watch = self.watch(node)
        if watch is None or not self._values:
            return
        watch.targets = tuple(
            None if parent is None else self.watch(parent) for parent, _ in node.next_functions
        )
        for target in watch.targets:
            if target is not None:
                target.add_consumer(watch)

    def follow(self, node: Node, index: int, snapshot: Snapshot) -> None:
        """Note the gradient that each backward pass brings to output `index` of a signed node."""
        watch = self.watch(node)
        if watch is None or not self._values:
            return
        if not watch.hooked:
            node.register_hook(_Hook(self, watch))
        watch.outputs[index] = snapshot

    def arrived(self, watch: Watch, looks: list[Look]) -> None:
        """Note what a backward pass brought to a node."""
        if watch.passed != self._pass:
            watch.passed, watch.parts = self._pass, []
        trouble = max((one.trouble for one in looks), default="")
        zero = bool(looks) and all(one.zero for one in looks)
        watch.state = trouble or ("zero" if zero else "fine")
        if watch.state != "fine":
            self.suspects.append(watch)

    def look_at_leaves(self, run: BackwardPass) -> None:
        """Note the gradients of the leaves after a pass that added to them.

        A hook on the nodes that add would make each copy what it otherwise takes over.
        """
        if not self._values:
            return
        wanted = None if run.inputs is None else {id(tensor) for tensor in run.inputs}
        for node in run.nodes:
            watch = self.watch(node)
            if watch is None or watch.leaf is None:
                continue
            tensor = watch.leaf.tensor()
            if tensor is None or (wanted is not None and id(tensor) not in wanted):
                continue
            gradient = _private.gradient_of(tensor)
            found = None if gradient is None else look(gradient)
            if found is not None:
                watch.leaf.note(found)
                self.arrived(watch, [found])

    def brought(self, watch: Watch, part: Watch, gradient: torch.Tensor) -> None:
        """Note the part of a gradient that one of several nodes brought."""
        found = look(gradient)
        if watch.passed != self._pass:
            watch.passed, watch.parts = self._pass, []
        if found is not None:
            watch.parts.append((part, found))


@dataclass(frozen=True, eq=False, slots=True)
class _Hook:
    """Looks at the gradients that reach a node and leave it."""

    nodes: Nodes
    watch: Watch

    def __call__(
        self, leaving: tuple[torch.Tensor | None, ...], reaching: tuple[torch.Tensor | None, ...]
    ) -> None:
        looks = []
        for index, snapshot in self.watch.outputs.items():
            gradient = reaching[index]
            if gradient is not None and (found := look(gradient)) is not None:
                snapshot.gradient = found
                looks.append(found)
        self.nodes.arrived(self.watch, looks)
        for target, gradient in zip(self.watch.targets, leaving, strict=False):
            if target is not None and gradient is not None and target.shared:
                self.nodes.brought(target, self.watch, gradient)


def _notes(node: Node) -> dict[object, Any]:
    """Return the dictionary that belongs to `node` as long as the node lives."""
    notes: Any = node.metadata  # a property of the node, though annotated as a method
    return cast("dict[object, Any]", notes)
