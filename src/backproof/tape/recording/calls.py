"""What the recorder writes down: calls, the tensors as they were, backward passes."""

from dataclasses import dataclass

import torch
from torch.autograd.graph import Node

from backproof.tape import _private
from backproof.tape.recording.looks import Look
from backproof.tape.recording.sites import Site


@dataclass(frozen=True, eq=False, slots=True)
class Call:
    """One torch function called by the program."""

    index: int
    """Number of the call, in order."""
    function: str
    """Name of the function."""
    site: Site | None
    """Where the user's code called it; None if no user code is on the stack."""
    module: str
    """Path of the innermost module that was running, such as ``model.layers.3``; else empty."""
    grad_enabled: bool
    """Whether autograd was recording."""
    custom: bool
    """Whether it ran inside the forward of a custom function, which autograd takes as a whole."""


@dataclass(eq=False, slots=True)
class Snapshot:
    """A tensor as it was when it first took part in a recorded call, or was last written."""

    id: int
    """Number in the order of recording."""
    seen: int
    """Writes with a higher number are not in it yet."""
    call: Call | None
    """The call that made or wrote it; None if it is older than the recording."""
    sources: tuple["Snapshot", ...]
    """The operands of that call, and what it was before if it was written in place."""
    shape: torch.Size
    dtype: torch.dtype
    look: Look | None
    version: int | None
    memory: int | None
    name: str | None = None
    leaf: bool = True
    requires_grad: bool = False
    grad_fn: str | None = None
    gradient: Look | None = None
    unset: bool = False
    """Whether nothing was written to its memory yet, as after `torch.empty`."""
    detached: bool = False
    """Whether it shares memory with the tape behind the tape's back, as `.data` does."""
    silent: "Write | None" = None
    """The write behind the tape's back that made this value of a tensor on the tape."""
    saved: tuple[tuple[int, str], ...] = ()
    """What its autograd node saved: id of the saved snapshot, name under which."""
    asked: tuple[int, int] | None = None
    """The instruction at which the program's variables were last searched for its name."""
    first: "Snapshot | None" = None
    """The first snapshot of the same tensor; None if this is it."""

    @property
    def followed(self) -> bool:
        """Whether autograd computed it from something that requires a gradient."""
        return self.requires_grad and not self.leaf

    @property
    def tensor(self) -> "Snapshot":
        """The first snapshot of the same tensor, which stands for the tensor."""
        return self.first or self

    def look_at_tape(self, tensor: torch.Tensor) -> None:
        """Note what autograd says about `tensor` now."""
        node = _private.grad_fn(tensor)
        self.requires_grad = tensor.requires_grad
        self.leaf = node is None
        self.grad_fn = None if node is None else node.name()


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """An in-place write: memory that a tensor shares was changed during a call."""

    call: Call
    """The call that wrote."""
    memory: int | None
    """Address of the memory that was written; None if it has none."""
    before: int | None
    """Version before the call; None where the counter was passed by."""
    after: int | None
    """Version after the call."""
    number: int
    """Number of the first snapshot that saw the new value."""
    made: Snapshot | None
    """The record of what was written; None for a parameter that an optimizer changed."""
    in_place: bool
    """Whether the memory was changed; otherwise `.data` was replaced by other memory."""
    on_tape: bool
    """Whether autograd recorded the write itself."""
    counted: bool
    """Whether the counter went up that PyTorch checks; `.data` passes it by."""


@dataclass(eq=False, slots=True)
class BackwardPass:
    """One call of `backward` or `autograd.grad`."""

    call: Call
    roots: list[torch.Tensor]
    """What was differentiated; emptied when the pass is over."""
    ends: tuple[Snapshot, ...]
    """The records of the roots."""
    inputs: list[torch.Tensor] | None
    """What to differentiate by; None for every leaf. Emptied when the pass is over."""
    keeps_graph: bool
    """Whether buffers stay for another pass."""
    accumulates: bool
    """Whether it adds to `.grad`; `autograd.grad` does not."""
    _nodes: list[Node] | None = None
    _ends_in: set[int] | None = None

    @property
    def nodes(self) -> list[Node]:
        """Every autograd node that the pass may reach; looked for when first asked."""
        if self._nodes is None:
            self._nodes = list(_private.nodes(*map(_private.grad_fn, self.roots)))
        return self._nodes

    @property
    def ends_in(self) -> set[int]:
        """Identities of the tensors that the graph passes gradients to, as long as they live."""
        if self._ends_in is None:
            leaves = (_private.leaf_of(node) for node in self.nodes)
            self._ends_in = {id(leaf) for leaf in leaves if leaf is not None}
            self._ends_in |= {id(root) for root in self.roots}
        return self._ends_in

    def forget(self) -> None:
        """Let go of every tensor and node."""
        self.roots, self.inputs, self._nodes, self._ends_in = [], None, [], set()


def ancestors(*ends: Snapshot, to_leaves: bool = False) -> list[Snapshot]:
    """Return `ends` and everything they were computed from, in the order of recording.

    With `to_leaves`, leaves that require a gradient are where it ends, as on the tape.
    """
    found = {end.id: end for end in ends}
    stack = list(found.values())
    while stack:
        for source in sources_of(stack.pop(), to_leaves=to_leaves):
            if source.id not in found:
                found[source.id] = source
                stack.append(source)
    return [found[key] for key in sorted(found)]


def sources_of(snapshot: Snapshot, *, to_leaves: bool) -> tuple[Snapshot, ...]:
    """Return what a tensor was computed from; with `to_leaves`, nothing for such a leaf."""
    return () if to_leaves and snapshot.leaf and snapshot.requires_grad else snapshot.sources
