"""The leaves that require a gradient, and what has become of each."""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from backproof.tape import _private
from backproof.tape.recording.calls import BackwardPass, Call, Snapshot
from backproof.tape.recording.looks import Look


@dataclass(eq=False, slots=True)
class Leaf:
    """A leaf that requires a gradient."""

    tensor: "weakref.ref[torch.Tensor]"
    snapshot: Snapshot | None
    """Its first record; None as long as no recorded call used it."""
    name: str | None
    """Its path in a module, such as ``model.fc1.weight``; None outside modules."""
    used: Call | None = None
    """The first recorded call that had it as an operand."""
    reached: Call | None = None
    """The first backward pass that it was part of."""
    filled: Call | None = None
    """The first backward pass after which it had a `.grad`."""
    read: bool = False
    """Whether the program itself looked at its `.grad`."""
    brought: Look | None = None
    """Its `.grad` after the last backward pass, where values are looked at."""
    hidden: bool = False
    """Whether a custom function used it, which may pass it a gradient unseen."""
    stepped: bool = False
    """Whether an optimizer or the program itself has changed its value."""

    def note(self, gradient: Look) -> None:
        """Note its `.grad` after a backward pass."""
        self.brought = gradient
        if self.snapshot is not None:
            self.snapshot.gradient = gradient

    def reached_by(self, run: BackwardPass) -> torch.Tensor | None:
        """Return the tensor where a pass may add to its `.grad`; None otherwise.

        Nobody may look at any other: PyTorch adds to gradients without the interpreter's lock, so
        a look at one that another thread is computing can crash the process.
        """
        tensor = self.tensor()
        return tensor if self.hidden or id(tensor) in run.ends_in else None

    @property
    def is_named(self) -> bool:
        """Whether the program holds it in a variable, or in a module that ran."""
        return self.name is not None or (
            self.snapshot is not None and self.snapshot.name is not None
        )

    @property
    def label(self) -> str:
        """Its name, or what it looks like."""
        if self.name is not None:
            return self.name
        snapshot = self.snapshot
        if snapshot is not None and snapshot.name is not None:
            return snapshot.name
        return "a leaf" if snapshot is None else f"a leaf of shape {tuple(snapshot.shape)}"


class Leaves:
    """Every leaf that requires a gradient and was met so far."""

    def __init__(self) -> None:
        self._known: dict[int, Leaf] = {}
        self._by_record: dict[int, Leaf] = {}

    def __iter__(self) -> Iterator[Leaf]:
        return iter(list(self._known.values()))

    def find(self, tensor: torch.Tensor) -> Leaf | None:
        """Return what is known of `tensor`; None if it was never met as a leaf."""
        leaf = self._known.get(id(tensor))
        return leaf if leaf is not None and leaf.tensor() is tensor else None

    def meet(
        self, tensor: torch.Tensor, name: str | None = None, snapshot: Snapshot | None = None
    ) -> Leaf:
        """Return the leaf of `tensor`, new or known; fill in what was not known."""
        leaf = self.find(tensor)
        if leaf is None:
            leaf = self._known[id(tensor)] = Leaf(weakref.ref(tensor), snapshot, name)
        if snapshot is not None:
            leaf.snapshot = snapshot
            self._by_record[snapshot.tensor.id] = leaf
        leaf.name = leaf.name or name
        if leaf.snapshot is not None:
            leaf.snapshot.name = leaf.snapshot.name or name
        return leaf

    def of(self, snapshot: Snapshot) -> Leaf | None:
        """Return the leaf that a snapshot is one of."""
        return self._by_record.get(snapshot.tensor.id)

    def behind(self, alias: Snapshot | None) -> Leaf | None:
        """Return the leaf whose memory an alias shares, as `.data` does."""
        if alias is None or not alias.detached or alias.memory is None:
            return None
        return next(
            (
                leaf
                for leaf in self._known.values()
                if leaf.snapshot is not None and leaf.snapshot.memory == alias.memory
            ),
            None,
        )

    def fill(self, run: BackwardPass) -> None:
        """Note which leaves have a gradient after a backward pass."""
        for leaf in self._known.values():
            if leaf.filled is None:
                tensor = leaf.reached_by(run)
                if tensor is not None and _private.gradient_of(tensor) is not None:
                    leaf.filled = run.call

    def forget_dead(self) -> None:
        """Let go of the leaves that no longer exist."""
        self._known = {key: leaf for key, leaf in self._known.items() if leaf.tensor() is not None}
        self._by_record = {
            leaf.snapshot.tensor.id: leaf for leaf in self._known.values() if leaf.snapshot
        }
