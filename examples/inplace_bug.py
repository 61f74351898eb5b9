"""A tensor that the backward pass needs is written in place; PyTorch does not say by which line.

backproof explain examples/inplace_bug.py
"""

import torch
from torch import Tensor


def loss_of(w: Tensor) -> Tensor:
    """Return the squared distance of exp(w) from 5."""
    y = torch.exp(w)
    loss = (y - 5) ** 2
    y /= 2  # meant for the next step, but exp saved y for its gradient
    return loss


w = torch.tensor(1.0, requires_grad=True)
loss_of(w).backward()  # type: ignore[no-untyped-call]
