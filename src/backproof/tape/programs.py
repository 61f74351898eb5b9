# ruff: noqa: E741, RET504
# mypy: disable-error-code="operator, no-untyped-call"
"""The two small programs that the tape explains, written as one writes them in a first lesson.

The text of these functions is part of what is shown, so they stay plain.
"""

from typing import Any

import torch
from torch import Tensor


def weight() -> Tensor:
    """Make the one tensor that requires a gradient."""
    w = torch.tensor(1, dtype=torch.float32, requires_grad=True)
    return w


def program_a(w: Tensor) -> dict[str, Any]:
    """Compute the loss `l` of program A; return every variable."""
    x = torch.tensor(2, dtype=torch.float32)
    t = torch.tensor(3, dtype=torch.float32)
    b = torch.tensor(4, dtype=torch.float32)
    a = x + b
    y = max(a * w, 0)
    l = (y - t) ** 2 + w**2
    return locals()


def step_by_rebinding(w: Tensor) -> tuple[Tensor, Tensor | None]:
    """Take a gradient step that gives the name `w` to a new tensor."""
    w = w - 0.1 * w.grad
    return w, w.grad


def step_by_data(w: Tensor) -> None:
    """Take a gradient step that keeps the tensor and replaces its value."""
    w.data = w.data - 0.1 * w.grad


def program_b(w: Tensor) -> Tensor:
    """Compute the loss of program B and delete every local name."""
    x = torch.tensor(2, dtype=torch.float32)
    b = torch.tensor(3, dtype=torch.float32)
    a = x + b
    y = torch.exp(w)
    l = (y - a) ** 2
    del y, a, x, b, w
    return l


def program_b_without_del(w: Tensor) -> Tensor:
    """Compute the same loss; keep the names."""
    x = torch.tensor(2, dtype=torch.float32)
    b = torch.tensor(3, dtype=torch.float32)
    a = x + b
    y = torch.exp(w)
    l = (y - a) ** 2
    return l


def program_b_with_rebinding(w: Tensor) -> Tensor:
    """Compute the same loss, then give the names to another tensor."""
    x = torch.tensor(2, dtype=torch.float32)
    b = torch.tensor(3, dtype=torch.float32)
    a = x + b
    y = torch.exp(w)
    l = (y - a) ** 2
    y = a = x = b = w = torch.tensor(0.0)
    return l


def program_b_with_division(w: Tensor) -> Tensor:
    """Compute the same loss, then write into a tensor that its gradient needs."""
    x = torch.tensor(2, dtype=torch.float32)
    b = torch.tensor(3, dtype=torch.float32)
    a = x + b
    y = torch.exp(w)
    l = (y - a) ** 2
    y /= 2
    del y, a, x, b, w
    return l


def one_step(
    x: Tensor, t: Tensor, W1: Tensor, b1: Tensor, w: Tensor, b: Tensor, activation: Any
) -> Tensor:
    """Compute the mean logistic loss of a network with one hidden layer, and its gradients."""
    h = activation(x @ W1 + b1)
    s = h @ w + b
    l = torch.nn.functional.softplus(-t * s).mean()
    l.backward()
    return l
