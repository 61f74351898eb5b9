"""Between arrays and tensors."""

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from backproof._core.errors import InputError


def as_tensor(
    value: ArrayLike | Tensor, dtype: torch.dtype | None = None, device: torch.device | None = None
) -> Tensor:
    """Return `value` as a tensor; NumPy arrays of any layout, also read-only ones."""
    if isinstance(value, np.ndarray) and (
        not value.flags.writeable or min(value.strides, default=0) < 0
    ):
        value = value.copy()
    return torch.as_tensor(value, dtype=dtype, device=device)


def as_numpy(value: Any) -> Any:
    """Return a tensor as an array, off the tape; anything else as it is."""
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else value


def floating_dtype(dtype: torch.dtype | str) -> torch.dtype:
    """Return a floating dtype, given as such or by its name; `InputError` for any other."""
    found = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if not (isinstance(found, torch.dtype) and found.is_floating_point):
        raise InputError(f"dtype must be a floating dtype of torch or its name, got {dtype!r}")
    return found
