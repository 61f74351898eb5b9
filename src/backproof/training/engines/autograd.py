"""The reference: plain PyTorch autograd, one network after the other."""

import torch
from torch import Tensor

from backproof.training.activations import activation_function
from backproof.training.data import Points
from backproof.training.problem import Problem
from backproof.training.stepping import Layers


class AutogradGradients:
    """Losses and gradients by autograd, for any activation and depth."""

    def __init__(self, problem: Problem) -> None:
        self._function = activation_function(problem.activation)
        self._loss = problem.loss

    def losses(self, weights: Layers, points: Points) -> Tensor:
        """Return the mean loss of each network, shape (b,)."""
        with torch.no_grad():
            return torch.stack(
                [
                    self._mean_loss([layer[row] for layer in weights], points, row)
                    for row in range(len(weights[0]))
                ]
            )

    def gradients(self, weights: Layers, points: Points) -> tuple[Tensor, Layers]:
        """Return the mean losses and their gradients, shaped as the layers."""
        losses, gradients = [], []
        for row in range(len(weights[0])):
            layers = [layer[row].detach().requires_grad_() for layer in weights]
            loss = self._mean_loss(layers, points, row)
            gradients.append(torch.autograd.grad(loss, layers, materialize_grads=True))
            losses.append(loss.detach())
        return torch.stack(losses), [torch.stack(layers) for layers in zip(*gradients, strict=True)]

    def _mean_loss(self, layers: Layers, points: Points, row: int) -> Tensor:
        # n point, d feature, h unit: (n,d) @ (d,h) + (h,) -> (n,h), layer by layer
        own = min(row, len(points.t) - 1)
        values = points.x[own, :-1].T
        for number, layer in enumerate(layers):
            if number:
                values = self._function(values)
            values = values @ layer[:-1] + layer[-1]
        scores = values[:, 0] if values.shape[1] == 1 else values
        return self._loss.mean(scores, points.t[own])
