"""Canaries: one for each private attribute of PyTorch that the gradient check relies on."""

import torch
from torch import Tensor

from backproof.gradcheck._private import gradient_hooks


def test_hooks_on_a_gradient_are_found() -> None:
    x = torch.ones(2, requires_grad=True)

    def hook(gradient: Tensor) -> Tensor:
        return 2 * gradient

    assert gradient_hooks(x) == []
    handle = x.register_hook(hook)  # type: ignore[no-untyped-call]
    assert gradient_hooks(x) == [hook]
    handle.remove()
    assert gradient_hooks(x) == []
