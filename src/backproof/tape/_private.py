"""Every use that the tape makes of a private PyTorch attribute.

None of these is promised by PyTorch, so each has a canary test that fails first when a release
changes it.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch.autograd.graph import Node

_RAW = "_raw_saved_"


def version(tensor: torch.Tensor) -> int | None:
    """Return how often `tensor` was written in place; None where PyTorch does not count.

    The counter belongs to the memory: views and detached tensors share it, `.data` does not.
    """
    try:
        return tensor._version  # noqa: SLF001
    except RuntimeError:  # inference tensors do not track versions
        return None


def saved_names(node: Node) -> list[str]:
    """Return the names of what `node` saved for backward, such as ``result`` or ``self``."""
    return [name.removeprefix(_RAW) for name in dir(node) if name.startswith(_RAW)]


def saved_tensors(node: Node, name: str) -> list[torch.Tensor]:
    """Return what `node` saved under `name`, past PyTorch's own check of the version.

    Empty once the buffers are freed, and where a hook packed the tensor into something else.
    """
    raw = getattr(node, _RAW + name)
    entries = raw if isinstance(raw, tuple) else (raw,)
    found = (_data(entry) for entry in entries)
    return [tensor for tensor in found if isinstance(tensor, torch.Tensor)]


def saved_complaint(node: Node, name: str) -> str | None:
    """Return what PyTorch says when `node` unpacks `name`; None when it unpacks in peace."""
    # A custom autograd.Function has `saved_tensors` where the built-in nodes have `_saved_self`.
    public = name if name == "tensors" and hasattr(type(node), "saved_tensors") else None
    try:
        getattr(node, f"saved_{public}" if public else f"_saved_{name}")
    except RuntimeError as error:
        return str(error)
    return None


def nodes(root: Node | None) -> Iterator[Node]:
    """Yield `root` and every node behind it, each once."""
    # The wrappers are kept while walking: without a living wrapper an id may be used again.
    seen: dict[int, Node] = {}
    stack = [] if root is None else [root]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen[id(node)] = node
        yield node
        stack.extend(parent for parent, _ in node.next_functions if parent is not None)


def _data(entry: Any) -> Any:
    try:
        return entry.data
    except RuntimeError:  # freed
        return None
