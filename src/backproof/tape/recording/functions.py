"""What kinds of torch functions there are, for somebody who watches them."""

import functools
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any

import torch
from torch.nn.parameter import is_lazy

# Functions by which values leave for Python or NumPy, and no gradient comes back.
ESCAPES = frozenset(
    {"item", "tolist", "numpy", "__array__", "__float__", "__int__", "__index__", "__complex__"}
)

# Properties that compute a new tensor on the tape; all others only read.
_COMPUTING = frozenset({"T", "mT", "H", "mH", "real", "imag"})


class Kind(Enum):
    """How a function touches tensors."""

    CALL = auto()
    """It may compute and write."""
    PASS = auto()
    """It reads or sets an attribute that has no part in computing."""
    GRAD = auto()
    """It reads `.grad`."""
    DATA = auto()
    """It reads `.data`."""
    SET_DATA = auto()
    """It replaces `.data`."""
    SET_REQUIRES_GRAD = auto()
    """It sets `.requires_grad`."""
    BACKWARD = auto()
    """It runs a backward pass."""


_GETTERS = {"grad": Kind.GRAD, "data": Kind.DATA, **dict.fromkeys(_COMPUTING, Kind.CALL)}
_SETTERS = {"data": Kind.SET_DATA, "requires_grad": Kind.SET_REQUIRES_GRAD}
_BACKWARD = {
    torch.Tensor.backward: "backward",
    torch.autograd.backward: "backward",
    torch.autograd.grad: "grad",
}


@functools.lru_cache(maxsize=4096)
def kind_of(func: Callable[..., Any]) -> tuple[Kind, str]:
    """Return how `func` touches tensors, and what it is called."""
    if func in _BACKWARD:
        return Kind.BACKWARD, _BACKWARD[func]
    name = getattr(func, "__name__", type(func).__name__)
    if name not in ("__get__", "__set__", "__delete__"):
        return Kind.CALL, name
    attribute = getattr(getattr(func, "__self__", None), "__name__", name)
    kinds = _GETTERS if name == "__get__" else _SETTERS
    return kinds.get(attribute, Kind.PASS), attribute


def tensors_in(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[torch.Tensor]:
    """Return the tensors in nested arguments, in order."""
    found: list[torch.Tensor] = []
    for value in args:
        _collect(value, found)
    for value in kwargs.values():
        _collect(value, found)
    return found


def distinct(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    """Return the tensors, each once."""
    return list({id(tensor): tensor for tensor in tensors}.values())


def backward_arguments(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[list[torch.Tensor], list[torch.Tensor] | None, bool]:
    """Return what is differentiated, by what (None: every leaf), and whether buffers stay."""
    order = _ORDERS[func]
    given = {**dict(zip(order, args, strict=False)), **kwargs}
    inputs = given.get("inputs")
    keeps = given.get("retain_graph")
    if keeps is None:
        keeps = given.get("create_graph", False)
    return (
        tensors_in((given[order[0]],), {}),
        None if inputs is None else tensors_in((inputs,), {}),
        bool(keeps),
    )


_ORDERS: dict[Callable[..., Any], tuple[str, ...]] = {
    torch.Tensor.backward: ("self", "gradient", "retain_graph", "create_graph", "inputs"),
    torch.autograd.backward: (
        "tensors", "grad_tensors", "retain_graph", "create_graph", "grad_variables", "inputs",
    ),
    torch.autograd.grad: (
        "outputs", "inputs", "grad_outputs", "retain_graph", "create_graph", "only_inputs",
        "allow_unused",
    ),
}  # fmt: skip


def _collect(value: Any, found: list[torch.Tensor]) -> None:
    if isinstance(value, torch.Tensor):
        if not is_lazy(value):  # a lazy one has not even a shape
            found.append(value)
    elif isinstance(value, list | tuple):
        for entry in value:
            _collect(entry, found)
    elif isinstance(value, dict):
        for entry in value.values():
            _collect(entry, found)
