"""A custom autograd function with a mistake in its backward pass, and the same one repaired.

backproof check examples/custom_function.py:wrong       # says what is wrong, and where
backproof check examples/custom_function.py:repaired
backproof check examples/custom_function.py             # both
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from backproof.gradcheck import Case


class ScaledSoftplus(Function):
    """``scale · log(1 + exp(x))`` row by row, with one scale for each column."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor) -> Tensor:
        """Return the values, shape (n, k), of x (n, k) and scale (k,)."""
        ctx.save_for_backward(x, scale)
        return scale * torch.nn.functional.softplus(x)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients of x and scale: the last column of x's is forgotten."""
        x, scale = ctx.saved_tensors
        (g,) = upstream
        x_gradient = g * scale * torch.sigmoid(x)
        x_gradient[:, -1] = g[:, -1] * torch.sigmoid(x[:, -1])
        return x_gradient, (g * torch.nn.functional.softplus(x)).sum(dim=0)


class Repaired(ScaledSoftplus):
    """The same function with the right backward pass."""

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients of x and scale."""
        x, scale = ctx.saved_tensors
        (g,) = upstream
        softplus = torch.nn.functional.softplus(x)
        return g * scale * torch.sigmoid(x), (g * softplus).sum(dim=0)


def _inputs() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(20, 8, generator=generator, dtype=torch.float64)
    scale = torch.rand(8, generator=generator, dtype=torch.float64) + 0.5
    return x, scale


wrong = Case(ScaledSoftplus.apply, _inputs())
repaired = Case(Repaired.apply, _inputs())
