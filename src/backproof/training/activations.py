"""Activation functions, each with its derivative in terms of its output."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from backproof._core.errors import InputError

aten: Any = torch.ops.aten


@dataclass(frozen=True, kw_only=True)
class Activation:
    """An activation f, and how the batched engine computes it in place.

    With an inner function g that is cheap in place, f(a) = outer·g(inner·a) + offset. Only g of the
    pre-activation is kept, and g' has to follow from it.
    """

    function: Callable[[Tensor], Tensor]
    """f, an ordinary differentiable function of tensors."""
    apply_: Callable[[Tensor], object]
    """g, in place."""
    backward_: Callable[[Tensor, Tensor], object]
    """Multiplies its first argument in place by g', given g as the second."""
    inner: float = 1.0
    """Factor of the pre-activation."""
    outer: float = 1.0
    """Factor of g."""
    offset: float = 0.0
    """What is added."""

    @property
    def slope(self) -> float:
        """f'(a) / g'(inner·a)."""
        return self.inner * self.outer


def _sigmoid_backward(gradient: Tensor, output: Tensor) -> None:
    aten.sigmoid_backward.grad_input(gradient, output, grad_input=gradient)


def _relu_backward(gradient: Tensor, output: Tensor) -> None:
    aten.threshold_backward.grad_input(gradient, output, 0, grad_input=gradient)


def _softplus_(value: Tensor) -> Tensor:
    return torch.logaddexp(value, value.new_zeros(()), out=value)


def _softplus(value: Tensor) -> Tensor:
    # Not torch's softplus, which is the identity beyond a threshold.
    return torch.logaddexp(value, value.new_zeros(()))


def _softplus_backward(gradient: Tensor, output: Tensor) -> None:
    gradient.mul_(torch.expm1(-output).neg_())  # σ(a) = 1 - exp(-f(a))


ACTIVATIONS: dict[str, Activation] = {
    # tanh(a) = 2σ(2a) - 1 is exact to rounding and, on a CPU, several times faster in PyTorch.
    "tanh": Activation(
        function=torch.tanh,
        apply_=torch.sigmoid_,
        backward_=_sigmoid_backward,
        inner=2.0,
        outer=2.0,
        offset=-1.0,
    ),
    "sigmoid": Activation(
        function=torch.sigmoid, apply_=torch.sigmoid_, backward_=_sigmoid_backward
    ),
    "relu": Activation(function=torch.relu, apply_=torch.relu_, backward_=_relu_backward),
    "softplus": Activation(function=_softplus, apply_=_softplus_, backward_=_softplus_backward),
}
"""The activations that have a name, and that every engine but the fused one computes."""


def activation_function(
    activation: str | Callable[[Tensor], Tensor],
) -> Callable[[Tensor], Tensor]:
    """Return an activation as a function of tensors.

    Raises
    ------
    InputError
        If it is neither callable nor the name of one.
    """
    if isinstance(activation, str) and activation in ACTIVATIONS:
        return ACTIVATIONS[activation].function
    if callable(activation):
        return activation
    raise InputError(
        f"activation must be one of {', '.join(ACTIVATIONS)}, or a function of a tensor, "
        f"got {activation!r}"
    )
