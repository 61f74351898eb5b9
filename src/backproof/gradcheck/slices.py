"""Whether a claimed gradient sees only one slice of what it has to sum over.

A tensor that is broadcast over an axis of the output gets the sum of the gradients along it. A
backward pass that forgets the sum uses one slice: with the others of the incoming gradient set
to zero nothing changes.
"""

from collections.abc import Callable, Iterator
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor

from backproof.gradcheck.line import Claim, Line
from backproof.gradcheck.probes import custom_nodes, pulled_with
from backproof.gradcheck.problem import Backward, Segment
from backproof.gradcheck.torch_target import TorchBackward

_LONGEST = 64
"""Axes up to this size are looked at slice by slice."""
_CONTRIBUTES = 1e-6

Pull = Callable[[int, int], Tensor]
"""From an axis and an index to the gradient of that slice alone."""


def missing_sum(backward: Backward, claim: Claim, segment: Segment, own: int, line: Line) -> str:
    """Return which sum over a broadcast axis seems to be missing; empty if none does."""
    cotangent = claim.cotangents[own]
    if len(cotangent) > 1:
        for shape, start in _outputs(backward):
            pull: Pull = partial(_sliced, backward, cotangent, shape, start)
            for axis, index in _single_slices(shape, pull, segment):
                if _others_matter(claim, cotangent, shape, start, axis, index, line):
                    return _text(axis, index, "output")
        return ""
    if isinstance(backward, TorchBackward):
        for node in custom_nodes(backward):
            for position, shape in enumerate(_incoming_shapes(backward, node, cotangent)):
                at_node = _at_node(backward, node, cotangent, position)
                for axis, index in _single_slices(shape, at_node, segment):
                    return _text(axis, index, "incoming gradient")
    return ""


def _text(axis: int, index: int, where: str) -> str:
    return (
        f"missing sum over a broadcast axis: of axis {axis} of the {where} only slice {index} "
        "reaches the gradient"
    )


def _single_slices(
    shape: tuple[int, ...], pull: Pull, segment: Segment
) -> Iterator[tuple[int, int]]:
    """Yield axes along which a single slice makes all of the gradient, with its index."""
    for axis, size in enumerate(shape):
        if not 2 <= size <= _LONGEST:
            continue
        sizes = [float(pull(axis, i)[segment.slice].abs().max()) for i in range(size)]
        seen = [i for i, one in enumerate(sizes) if one > _CONTRIBUTES * max(sizes)]
        if len(seen) == 1:
            yield axis, seen[0]


def _outputs(backward: Backward) -> Iterator[tuple[tuple[int, ...], int]]:
    """Yield shape and start of each output in the vector, complex ones as pairs."""
    start = 0
    for shape in backward.shapes():
        yield shape, start
        start += prod(shape)


def _sliced(
    backward: Backward,
    cotangent: Tensor,
    shape: tuple[int, ...],
    start: int,
    axis: int,
    index: int,
) -> Tensor:
    kept = _slice_mask(cotangent, shape, start, axis, index)
    return backward.pull(cotangent * kept).gradient


def _slice_mask(
    cotangent: Tensor, shape: tuple[int, ...], start: int, axis: int, index: int
) -> Tensor:
    mask = torch.zeros_like(cotangent)
    part = mask[start : start + prod(shape)].reshape(shape)
    part.select(axis, index).fill_(1)
    return mask


def _others_matter(
    claim: Claim,
    cotangent: Tensor,
    shape: tuple[int, ...],
    start: int,
    axis: int,
    index: int,
    line: Line,
) -> bool:
    """Say whether the function's slope has a part from the other slices of the output."""
    inside = torch.zeros_like(cotangent)
    inside[start : start + prod(shape)] = 1
    others = cotangent * (inside - _slice_mask(cotangent, shape, start, axis, index))
    weights = torch.stack([cotangent, others])
    nothing = torch.zeros(2, claim.gradients.shape[1], dtype=torch.float64, device=weights.device)
    probe = Line(Claim(claim.problem, claim.base, weights, nothing, claim.roundoff), line.direction)
    h = 1e-4
    forward, backward = probe.step(h)
    whole, rest = (forward - backward) / (2 * h)
    return bool(abs(rest) > 1e-3 * abs(whole))


def _incoming_shapes(
    backward: TorchBackward, node: Any, cotangent: Tensor
) -> list[tuple[int, ...]]:
    shapes: list[tuple[int, ...]] = []

    def note(position: int, gradient: Tensor) -> Tensor:
        if position == len(shapes):
            shapes.append(tuple(gradient.shape))
        return gradient

    pulled_with(backward, [node], cotangent, note)
    return shapes


def _at_node(backward: TorchBackward, node: Any, cotangent: Tensor, position: int) -> Pull:
    def pull(axis: int, index: int) -> Tensor:
        def keep(place: int, gradient: Tensor) -> Tensor:
            if place != position:
                return gradient
            mask = torch.zeros_like(gradient)
            mask.select(axis, index).fill_(1)
            return gradient * mask

        return pulled_with(backward, [node], cotangent, keep)

    return pull
