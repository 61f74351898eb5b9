"""What a computation graph is made of: tensors, and which was computed from which."""

from dataclasses import dataclass

from backproof._core.results import Result


@dataclass(frozen=True, kw_only=True)
class GraphNode(Result):
    """One tensor as it was when the program computed it.

    A tensor that is written in place becomes a new node; the old node keeps its old value.
    """

    id: int
    """Number of the node in its graph; a node's sources have smaller numbers."""
    name: str | None
    """Variable that held the tensor in the user's code; None for an unnamed intermediate."""
    expression: str | None
    """Source text of the expression that computed it; None where unknown."""
    kind: str
    """``leaf`` (requires a gradient, computed from nothing), ``result`` (requires a gradient
    because something it was computed from does) or ``constant`` (requires none)."""
    operation: str | None
    """Torch function that made it; None if it existed before the recording."""
    module: str
    """Path of the module that was running, such as ``model.layers.3``; empty outside modules."""
    shape: tuple[int, ...]
    """Shape; empty for a scalar."""
    dtype: str
    """Data type without the ``torch.`` prefix."""
    value: float | str | None
    """A scalar's value, otherwise a short summary; None where values were not looked at."""
    leaf: bool
    """PyTorch's ``is_leaf``, which is also true of tensors that require no gradient."""
    requires_grad: bool
    """Whether autograd follows it."""
    grad_fn: str | None
    """Name of the autograd node that computes its backward step."""
    version: int | None
    """How often its memory had been written in place; None where PyTorch does not count."""
    gradient: float | str | None
    """Gradient that the last backward pass brought to it, in the form of `value`; of a leaf, its
    `.grad` after that pass. None if none."""
    file: str | None
    """Name of the source file of the call that made it."""
    line: int | None
    """Line of that call."""
    code: str | None
    """Text of that line."""
    saves_itself: tuple[str, ...]
    """Names under which its autograd node saved the tensor itself, such as ``result``."""

    @property
    def label(self) -> str:
        """The name, else the expression, else the operation."""
        return self.name or self.expression or self.operation or "tensor"


@dataclass(frozen=True, kw_only=True)
class GraphEdge(Result):
    """One tensor was an operand of the call that made another."""

    source: int
    """Id of the operand."""
    target: int
    """Id of the result."""
    saved: tuple[str, ...]
    """Names under which the result's autograd node saved the operand, such as ``self``."""
