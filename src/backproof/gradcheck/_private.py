"""Private attributes of PyTorch that the gradient check relies on; a canary test watches each."""

from collections.abc import Callable
from typing import Any

from torch import Tensor


def gradient_hooks(tensor: Tensor) -> list[Callable[[Tensor], Any]]:
    """Return the hooks that ``tensor.register_hook`` has put on a tensor's gradient."""
    return list((tensor._backward_hooks or {}).values())  # noqa: SLF001
