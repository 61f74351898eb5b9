"""Every use that the tape makes of a private PyTorch attribute.

None of these is promised by PyTorch, so each has a canary test that fails first when a release
changes it, and each has an answer for when it is gone: `missing` tells what is then not known.
"""

import functools
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
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
    except (RuntimeError, AttributeError):  # inference tensors do not track versions
        return None


def saved_names(node: Node) -> tuple[str, ...]:
    """Return the names of what `node` saved for backward, such as ``result`` or ``self``."""
    return _saved_names(type(node))


@functools.cache
def _saved_names(kind: type) -> tuple[str, ...]:
    return tuple(name.removeprefix(_RAW) for name in dir(kind) if name.startswith(_RAW))


def saved_tensors(node: Node, name: str) -> list[torch.Tensor]:
    """Return what `node` saved under `name`, past PyTorch's own check of the version.

    Empty once the buffers are freed, and where a hook packed the tensor into something else.
    """
    found = (_data(entry) for entry in _entries(node, name))
    return [tensor for tensor in found if isinstance(tensor, torch.Tensor)]


def is_freed(node: Node) -> bool:
    """Whether a backward pass has freed what `node` saved."""
    # What was never saved is empty too, but unpacks in peace. What a hook packed is not unpacked,
    # which would run the hook.
    return any(
        all(_data(entry) is None for entry in _entries(node, name))
        and saved_complaint(node, name) is not None
        for name in saved_names(node)
    )


def is_packed(node: Node) -> bool:
    """Whether a saved-tensor hook, such as checkpointing's, packed what `node` saved."""
    found = (_data(entry) for name in saved_names(node) for entry in _entries(node, name))
    return any(one is not None and not isinstance(one, torch.Tensor) for one in found)


def saved_complaint(node: Node, name: str) -> str | None:
    """Return what PyTorch says when `node` unpacks `name`; None when it unpacks in peace."""
    # A custom autograd.Function has `saved_tensors` where the built-in nodes have `_saved_self`.
    public = name if name == "tensors" and hasattr(type(node), "saved_tensors") else None
    try:
        getattr(node, f"saved_{public}" if public else f"_saved_{name}")
    except (RuntimeError, AttributeError) as error:
        return str(error)
    return None


def nodes(*roots: Node | None) -> Iterator[Node]:
    """Yield the roots and every node behind them, each once."""
    # The wrappers are kept while walking: without a living wrapper an id may be used again.
    seen: dict[int, Node] = {}
    stack = [root for root in roots if root is not None]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen[id(node)] = node
        yield node
        stack.extend(parent for parent, _ in node.next_functions if parent is not None)


def leaf_of(node: Node) -> torch.Tensor | None:
    """Return the leaf that `node` adds gradients to; None for every other node."""
    # A custom function may have an attribute of that name as well.
    leaf = getattr(node, "variable", None) if type(node).__name__ == "AccumulateGrad" else None
    return leaf if isinstance(leaf, torch.Tensor) else None


def grad_fn(tensor: torch.Tensor) -> Node | None:
    """Return the autograd node of a tensor; None where PyTorch refuses to tell.

    It does of a view that was made without gradients and whose base was then put on the tape.
    """
    try:
        return tensor.grad_fn
    except RuntimeError:
        return None


def gradient_of(tensor: torch.Tensor) -> torch.Tensor | None:
    """Return `.grad`, without PyTorch's warning where it keeps none."""
    try:
        return tensor.grad if tensor.is_leaf or tensor.retains_grad else None
    except RuntimeError:  # a view as in `grad_fn`
        return None


def base_of(tensor: torch.Tensor) -> torch.Tensor:
    """Return the tensor that `tensor` is a view of; itself where it is none."""
    base = getattr(tensor, "_base", None)
    return base if isinstance(base, torch.Tensor) else tensor


def refused_parameter(error: BaseException) -> torch.Tensor | None:
    """Return the tensor that an optimizer refused with an exception, where its frame tells."""
    trace = error.__traceback__
    while trace is not None:
        tensor = trace.tb_frame.f_locals.get("param")
        if isinstance(tensor, torch.Tensor) and not tensor.is_leaf:
            return tensor
        trace = trace.tb_next
    return None


def in_transform() -> bool:
    """Whether a `torch.func` transform is running, whose tensors are not what they seem."""
    return _peek is not None and _peek() is not None


def in_dispatch_mode() -> bool:
    """Whether a `TorchDispatchMode` is active, which would see every operation of our own."""
    return _dispatch_modes is not None and _dispatch_modes() > 0


def unseen() -> AbstractContextManager[Any]:
    """Return a context in which no function mode of the program sees our own operations."""
    return _quiet()


def missing() -> tuple[str, ...]:
    """Return what cannot be known, because this PyTorch lacks an attribute that is used here."""
    node = torch.ones(1, requires_grad=True).exp().grad_fn
    lacks = {
        "`Tensor._version`: in-place writes are not seen": version(torch.ones(1)) is not None,
        "`Node._raw_saved_*`: what was saved for backward is not seen": (
            node is not None and bool(saved_names(node))
        ),
        "`Node._saved_*`: whether a saved tensor was overwritten is not seen": hasattr(
            node, "_saved_result"
        ),
        "`torch._C._functorch`: calls inside torch.func transforms are not told apart": (
            _peek is not None
        ),
        "`torch._C._len_torch_dispatch_stack`: dispatch modes see the tape's own operations": (
            _dispatch_modes is not None
        ),
        "`torch._C.DisableTorchFunction`: function modes see the tape's own operations": (
            _quiet is not nullcontext
        ),
    }
    return tuple(what for what, here in lacks.items() if not here)


def compiled_from(path: str) -> bool:
    """Whether the frame of a file is the one from which compiled code is called."""
    return path.endswith(_EVAL_FRAME)


def compiler_is_loaded() -> bool:
    """Whether something has imported what `torch.compile` needs, which takes seconds."""
    return "torch._dynamo" in sys.modules


def _entries(node: Node, name: str) -> tuple[Any, ...]:
    try:
        raw = getattr(node, _RAW + name)
    except RuntimeError:  # a custom function whose buffers are freed
        return (None,)
    return raw if isinstance(raw, tuple) else (raw,)


def _data(entry: Any) -> Any:
    try:
        return getattr(entry, "data", None)
    except RuntimeError:  # freed
        return None


def _find(path: str) -> Any:
    """Return ``torch._C.<path>``, None where it is missing."""
    try:
        return functools.reduce(getattr, path.split("."), torch._C)  # noqa: SLF001
    except AttributeError:
        return None


_EVAL_FRAME = "_dynamo/eval_frame.py"
_peek = _find("_functorch.peek_interpreter_stack")
_dispatch_modes = _find("_len_torch_dispatch_stack")
_quiet = _find("DisableTorchFunction") or nullcontext
