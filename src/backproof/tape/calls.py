"""What the recorder writes down: calls, the tensors as they were, in-place writes."""

from dataclasses import dataclass, field

import torch

from backproof.tape.sites import Site


@dataclass(eq=False, slots=True)
class Snapshot:
    """A tensor as it was when it first took part in a recorded call, or was last written."""

    id: int
    """Number in the order of recording."""
    call: "Call | None"
    """The call that made or wrote it; None if it is older than the recording."""
    sources: tuple["Snapshot", ...]
    """The operands of that call, and what it was before if it was written in place."""
    shape: tuple[int, ...]
    dtype: str
    value: float | str
    version: int | None
    memory: int | None
    name: str | None
    leaf: bool = True
    requires_grad: bool = False
    grad_fn: str | None = None
    gradient: float | str | None = None

    def look_at_tape(self, tensor: torch.Tensor) -> None:
        """Note what autograd says about `tensor` now."""
        self.leaf = tensor.is_leaf
        self.requires_grad = tensor.requires_grad
        self.grad_fn = tensor.grad_fn.name() if tensor.grad_fn is not None else None


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """An in-place write: the version counter of an argument went up during a call."""

    call: "Call"
    """The call that wrote."""
    memory: int | None
    """Address of the memory that was written; None if it has none."""
    before: int
    """Version before the call."""
    after: int
    """Version after the call."""


@dataclass(eq=False, slots=True)
class Call:
    """One torch function called by the program."""

    index: int
    """Number of the call."""
    function: str
    """Name of the function."""
    site: Site | None
    """Where the user's code called it; None if no user code is on the stack."""
    results: list[Snapshot] = field(default_factory=list)
    """The tensors that it made or wrote."""


@dataclass(frozen=True, slots=True, eq=False)
class NonLeafRead:
    """`.grad` was read on a tensor that autograd computed, where it stays empty."""

    tensor: Snapshot
    """The tensor."""
    site: Site | None
    """Where it was read."""
    warning: str
    """What PyTorch said."""
