"""Between arrays and tensors."""

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from backproof._core.errors import InputError

# Hidden activations in one block of inference: 1 MiB of float64, which stays in a core's cache.
INFERENCE_BLOCK = 1 << 17


def as_tensor(
    value: ArrayLike | Tensor, dtype: torch.dtype | None = None, device: torch.device | None = None
) -> Tensor:
    """Return `value` as a tensor; anything that NumPy takes for an array of real numbers.

    Raises
    ------
    InputError
        If it is no array of real numbers.
    """
    if not isinstance(value, Tensor):
        value = torch.from_numpy(_real_array(value))
    elif value.is_complex():
        raise InputError(f"expected real numbers, got a tensor of {value.dtype}")
    return value.to(dtype=dtype or value.dtype, device=device)


def _real_array(value: ArrayLike) -> NDArray[Any]:
    """Return an array that PyTorch takes: of real numbers, in native order, writeable."""
    try:
        array = np.asarray(value)
        if array.dtype == object:
            array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"expected an array of numbers, got a {type(value).__name__}: {error}"
        ) from None
    if array.dtype.kind not in "biuf":
        raise InputError(f"expected real numbers, got an array of {array.dtype}")
    if array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    usable = array.flags.writeable and min(array.strides, default=0) >= 0
    native = array.dtype.newbyteorder("=")
    return array.astype(native, copy=not usable)


def as_numpy(value: Any) -> Any:
    """Return a tensor as an array, off the tape; anything else as it is."""
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else value


def signs(scores: Tensor) -> Tensor:
    """Return -1 or +1, int64; a score of exactly 0 counts as +1."""
    return (scores >= 0).to(torch.int64).mul_(2).sub_(1)


def floating_dtype(dtype: torch.dtype | str) -> torch.dtype:
    """Return a floating dtype, given as such or by its name; `InputError` for any other."""
    found = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if not (isinstance(found, torch.dtype) and found.is_floating_point):
        raise InputError(f"dtype must be a floating dtype of torch or its name, got {dtype!r}")
    return found
