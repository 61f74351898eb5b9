"""Hand-derived gradients of many networks of one shape at once.

Legend: b network, i input of a layer, o output of a layer, n point. Activations are kept as
(b, o, n), so that rows stay long where layers are small.

With A_l = W_lᵀ Y_{l-1} + b_l, Y_l = f(A_l) and D_l = ∂L/∂A_l, the chain rule gives
∂L/∂W_l = Y_{l-1} D_lᵀ, ∂L/∂b_l = D_l 1 and D_{l-1} = (W_l D_l) ∘ f'(A_{l-1}).
"""

import numpy as np
import torch
from torch import Tensor

from backproof.training.activations import ACTIVATIONS
from backproof.training.data import Points
from backproof.training.problem import Problem, Settings
from backproof.training.stepping import Layers

# Bytes of activations of the widest layer that are worked on at a time. More would leave the cache,
# with less the calls would cost more than the arithmetic; an accelerator wants much at once.
_TILE = {"cpu": 1 << 22}
_TILE_ELSEWHERE = 1 << 27


def tile_elements(settings: Settings) -> int:
    """Return how many activations of a layer are worked on at a time."""
    size = _TILE.get(torch.device(settings.device).type, _TILE_ELSEWHERE)
    return size // np.dtype(settings.dtype).itemsize


class BatchedGradients:
    """Losses and gradients by formulas, in tensors that hold all networks."""

    def __init__(self, problem: Problem) -> None:
        assert isinstance(problem.activation, str)
        self._activation = ACTIVATIONS[problem.activation]
        self._loss = problem.loss
        self._tile = tile_elements(problem.settings)
        self._buffers: dict[str, Tensor] = {}

    def losses(self, weights: Layers, points: Points) -> Tensor:
        """Return the mean loss of each network, shape (b,)."""
        total = weights[0].new_zeros(len(weights[0]))
        for tile in self._tiles(weights, points):
            losses, _ = self._loss.batched(self._forward(weights, tile)[1], tile.t, points.count)
            total += losses
        return total

    def gradients(self, weights: Layers, points: Points) -> tuple[Tensor, Layers]:
        """Return the mean losses and their gradients, shaped as the layers."""
        tiles = self._tiles(weights, points)
        losses, gradients = self._tile_gradients(weights, tiles[0], points.count)
        for tile in tiles[1:]:
            more, shares = self._tile_gradients(weights, tile, points.count)
            losses += more
            for gradient, share in zip(gradients, shares, strict=True):
                gradient += share
        return losses, gradients

    def _tiles(self, weights: Layers, points: Points) -> list[Points]:
        width = len(weights[0]) * max(layer.shape[2] for layer in weights)
        size = max(1, self._tile // width)
        if size >= points.count:
            return [points]
        return [
            Points(x, t)
            for x, t in zip(
                torch.split(points.x, size, 2), torch.split(points.t, size, 1), strict=True
            )
        ]

    def _tile_gradients(self, weights: Layers, points: Points, count: int) -> tuple[Tensor, Layers]:
        """Return the shares of some points in the mean losses over `count`, and in gradients."""
        act = self._activation
        inner, scores = self._forward(weights, points)
        losses, errors = self._loss.batched(scores, points.t, count)
        gradients = []
        for number in range(len(weights) - 1, 0, -1):
            output = inner[number - 1]
            biases = errors.sum(dim=2)[:, None]
            # Y = outer·g + offset: (b,i,n) @ (b,n,o) -> (b,i,o)
            product = torch.baddbmm(
                biases,
                output,
                errors.transpose(1, 2),
                beta=act.offset,
                alpha=act.outer,
            )
            gradients.append(torch.cat((product, biases), dim=1))
            errors = self._back(weights[number][:, :-1], errors, number)
            act.backward_(errors, output)
        # (b,i,n) @ (b,n,o) -> (b,i,o), with the biases from the row of ones
        points_of_all = points.x.expand(len(errors), -1, -1)
        gradients.append(torch.bmm(points_of_all, errors.transpose(1, 2)))
        return losses, gradients[::-1]

    def _forward(self, weights: Layers, points: Points) -> tuple[list[Tensor], Tensor]:
        """Return g of each hidden layer, (b,o,n), and the scores, (b,k,n)."""
        act = self._activation
        count = points.t.shape[1]
        values, inner = points.x.expand(len(weights[0]), -1, -1), []
        for number, layer in enumerate(weights):
            last = number == len(weights) - 1
            scale = 1.0 if last else act.inner
            shape = torch.Size((len(layer), layer.shape[2], count))
            out = (
                torch.empty(shape, dtype=layer.dtype, device=layer.device)
                if last
                else (self._buffer(f"forward {number}", shape, layer))
            )
            if number == 0:
                torch.bmm(self._scaled(layer, scale).transpose(1, 2), values, out=out)
            else:
                matrix = layer[:, :-1]
                shift = layer[:, -1:] + act.offset * matrix.sum(dim=1, keepdim=True)
                torch.baddbmm(
                    shift.transpose(1, 2),
                    matrix.transpose(1, 2),
                    values,
                    beta=scale,
                    alpha=scale * act.outer,
                    out=out,
                )
            if not last:
                act.apply_(out)
                inner.append(out)
            values = out
        return inner, values

    def _back(self, matrix: Tensor, errors: Tensor, number: int) -> Tensor:
        """Return W D, times the constant part of f': (b,i,o) @ (b,o,n) -> (b,i,n)."""
        scaled = self._scaled(matrix, self._activation.slope)
        shape = torch.Size((*matrix.shape[:2], errors.shape[2]))
        out = self._buffer(f"backward {number}", shape, matrix)
        if errors.shape[1] == 1:  # an outer product: a multiplication is faster
            return torch.mul(scaled, errors, out=out)
        return torch.bmm(scaled, errors, out=out)

    def _buffer(self, name: str, shape: torch.Size, like: Tensor) -> Tensor:
        found = self._buffers.get(name)
        if found is None or len(found) < shape.numel():  # where networks leave, less is enough
            found = torch.empty(shape.numel(), dtype=like.dtype, device=like.device)
            self._buffers[name] = found
        return found[: shape.numel()].view(shape)

    @staticmethod
    def _scaled(tensor: Tensor, factor: float) -> Tensor:
        return tensor if factor == 1 else tensor * factor
