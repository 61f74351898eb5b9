"""Incoming gradients in other memory layouts: custom backward passes often expect only one.

The values stay the same, so the result has to as well.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from backproof.gradcheck.problem import Segment
from backproof.gradcheck.torch_target import TorchBackward

Layout = Callable[[Tensor], Tensor]
_TOLERANCE = 64.0
"""Layouts may change the order of sums: so many units of roundoff per entry are rounding."""


def leaves_held_fixed(backward: TorchBackward) -> list[Tensor]:
    """Return tensors that the outputs depend on differentiably and that are not checked."""
    own = {id(tensor) for tensor in backward.leaves}
    found = [getattr(node, "variable", None) for node in _nodes(backward.graph_outputs)]
    return [leaf for leaf in found if isinstance(leaf, Tensor) and id(leaf) not in own]


def custom_nodes(backward: TorchBackward) -> list[Any]:
    """Return the nodes of user-defined functions in a recorded graph."""
    return [
        node
        for node in _nodes(backward.graph_outputs)
        if isinstance(node, torch.autograd.function.BackwardCFunction)
    ]


def layout_findings(
    backward: TorchBackward, cotangent: Tensor, segments: Sequence[Segment]
) -> dict[str, str]:
    """Return, for each tensor whose gradient depends on the layout, in what way it does."""
    nodes = custom_nodes(backward)
    if not nodes:
        return {}
    found: dict[str, str] = {}
    for name, one, other in (
        ("not contiguous", _contiguous, _strided),
        ("not contiguous", _contiguous, _transposed),
        ("expanded (stride 0)", _filled, _expanded),
    ):
        for tensor, what in _differences(backward, nodes, cotangent, one, other, segments):
            found.setdefault(tensor, f"with an incoming gradient that is {name}, {what}")
    return found


def _differences(
    backward: TorchBackward,
    nodes: Sequence[Any],
    cotangent: Tensor,
    one: Layout,
    other: Layout,
    segments: Sequence[Segment],
) -> Iterator[tuple[str, str]]:
    try:
        expected = pulled_with(backward, nodes, cotangent, lambda _, g: one(g))
    except Exception:
        return  # not the layout's fault
    try:
        got = pulled_with(backward, nodes, cotangent, lambda _, g: other(g))
    except Exception as error:  # whatever the user's backward pass raises is the finding
        first = str(error).strip().split("\n")[0]
        for segment in segments:
            yield segment.name, f"the backward pass raises {type(error).__name__}: {first}"
        return
    unit = max(torch.finfo(output.dtype).eps for output in backward.graph_outputs)
    for segment in segments:
        whole, change = expected[segment.slice], (got - expected)[segment.slice]
        size, off = float(whole.abs().max()), float(change.abs().max())
        if off > _TOLERANCE * unit * size * len(whole) ** 0.5:
            yield segment.name, f"the gradient changes by up to {off:.1e}, of at most {size:.1e}"


def pulled_with(
    backward: TorchBackward,
    nodes: Sequence[Any],
    cotangent: Tensor,
    change: Callable[[int, Tensor], Tensor],
) -> Tensor:
    """Return the gradient (n,) with the incoming gradients of some nodes changed.

    `change` gets the position of an incoming gradient among a node's and the gradient itself.
    """

    def hook(incoming: Sequence[Tensor | None]) -> tuple[Tensor | None, ...]:
        return tuple(
            gradient if gradient is None else change(position, gradient)
            for position, gradient in enumerate(incoming)
        )

    handles = [node.register_prehook(hook) for node in nodes]
    try:
        return backward.pull(cotangent).gradient
    finally:
        for handle in handles:
            handle.remove()


def _contiguous(gradient: Tensor) -> Tensor:
    return gradient.contiguous() if gradient.layout == torch.strided else gradient


def _strided(gradient: Tensor) -> Tensor:
    """Return the same values, every second number of memory."""
    if gradient.layout != torch.strided or gradient.ndim == 0:
        return gradient
    return torch.stack([gradient, gradient], dim=-1)[..., 0]


def _transposed(gradient: Tensor) -> Tensor:
    """Return the same values, the first axis the fastest: no view of it is flat."""
    if gradient.layout != torch.strided or gradient.ndim < 2:
        return gradient
    order = tuple(reversed(range(gradient.ndim)))
    return gradient.permute(order).contiguous().permute(order)


def _filled(gradient: Tensor) -> Tensor:
    return torch.ones_like(gradient) if gradient.layout == torch.strided else gradient


def _expanded(gradient: Tensor) -> Tensor:
    if gradient.layout != torch.strided:
        return gradient
    return torch.ones((), dtype=gradient.dtype, device=gradient.device).expand(gradient.shape)


def _nodes(outputs: Sequence[Tensor]) -> Iterator[Any]:
    seen: set[Any] = set()
    waiting: list[Any] = [output.grad_fn for output in outputs]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        yield node
        waiting.extend(function for function, _ in node.next_functions)
