"""Nested tuples, lists and dictionaries of tensors, and the names of what is in them."""

import copy
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import torch

Change = Callable[[str, Any], Any]


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield everything in nested containers that is none, with a name such as ``x[0]['key']``."""
    if isinstance(value, tuple | list):
        for position, entry in enumerate(value):
            yield from leaves(entry, f"{name}[{position}]")
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from leaves(entry, f"{name}[{key!r}]")
    else:
        yield name, value


def mapped(value: Any, change: Change, name: str = "") -> Any:
    """Return nested containers of the same types with ``change(name, leaf)`` for every leaf."""
    if isinstance(value, tuple | list):
        entries = [
            mapped(entry, change, f"{name}[{position}]") for position, entry in enumerate(value)
        ]
        return type(value)(*entries) if hasattr(value, "_fields") else type(value)(entries)
    if isinstance(value, dict):
        result = copy.copy(value)  # a defaultdict or an OrderedDict stays one
        for key, entry in value.items():
            result[key] = mapped(entry, change, f"{name}[{key!r}]")
        return result
    return change(name, value)


def argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """Return the names of the first `count` positional arguments of `function`."""
    try:
        bound = inspect.signature(_described(function)).bind(*range(count))
    except (TypeError, ValueError):
        return [f"input {position}" for position in range(count)]
    names = [""] * count
    for name, value in bound.arguments.items():
        positions = value if isinstance(value, tuple) else (value,)
        for position in positions:
            names[position] = name if len(positions) == 1 else f"{name}[{position - positions[0]}]"
    return names


def _described(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function with the signature of `function`, if that hides it."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, type) and issubclass(owner, torch.autograd.Function):
        # `apply` takes *args; `forward` names them, after a context where there is one.
        separate = owner.setup_context is not torch.autograd.Function.setup_context
        return owner.forward if separate else functools.partial(owner.forward, None)
    return function
