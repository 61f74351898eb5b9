"""What a tensor held at one moment, as a number or a short text."""

import math
from typing import Any

import torch

_MOST_LISTED = 4


def summary(tensor: torch.Tensor) -> float | str:
    """Return a scalar's value as a float, otherwise a text that tells the values apart.

    Numbers that JSON does not have (NaN, infinities, complex ones) and truth values are text.
    """
    try:
        return _dense_summary(tensor.detach())
    except (RuntimeError, NotImplementedError):  # meta, fake, sparse: there is nothing to read
        return "values not readable"


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape as text: ``scalar``, ``3`` or ``64×32``."""
    return "×".join(map(str, shape)) if shape else "scalar"


def number_text(value: float | str) -> str:
    """Return a value as people read it: six digits, no trailing zeros."""
    return value if isinstance(value, str) else f"{value:.6g}"


def _dense_summary(tensor: torch.Tensor) -> float | str:
    if tensor.dim() == 0:
        return _plain(tensor.item())
    if tensor.numel() == 0:
        return "empty"
    if tensor.numel() <= _MOST_LISTED:
        return str([_text(entry) for entry in tensor.flatten().tolist()]).replace("'", "")
    if tensor.is_complex():
        return f"{tensor.numel()} complex values"
    # aminmax carries a NaN through, so that it is seen.
    low, high = (end.item() for end in tensor.aminmax())
    return f"all {_text(low)}" if low == high else f"{_text(low)} … {_text(high)}"


def _plain(entry: Any) -> float | str:
    # Beyond 2**53 a float no longer holds every integer.
    if isinstance(entry, bool | complex) or not math.isfinite(entry) or abs(entry) > 2**53:
        return str(entry)
    return float(entry)


def _text(entry: Any) -> str:
    return f"{entry:.4g}" if isinstance(entry, int | float) and entry is not True else str(entry)
