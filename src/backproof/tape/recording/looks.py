"""What a tensor held at one moment: enough to tell values apart, cheap enough for every call."""

import math
from dataclasses import dataclass
from typing import Any

import torch

from backproof.tape import _private

_MOST_LISTED = 4


@dataclass(frozen=True, slots=True)
class Look:
    """The entries of a small tensor, the range of a larger one."""

    entries: tuple[Any, ...] | None
    """All entries where there are at most four, otherwise None."""
    low: Any
    """Smallest entry, NaN where there is one; None if the entries have no order."""
    high: Any
    """Largest entry, NaN where there is one."""

    finite: bool
    """Whether no entry is NaN or infinite."""

    @property
    def zero(self) -> bool:
        """Whether every entry is exactly zero; False of an empty tensor."""
        return bool(self._ends) and not any(self._ends)

    @property
    def trouble(self) -> str:
        """``NaN`` or ``Inf``, whichever is worse; empty if finite."""
        if self.finite:
            return ""
        return "NaN" if any(end != end for end in self._ends) else "Inf"

    @property
    def _ends(self) -> tuple[Any, ...]:
        """Entries that hold a NaN or an infinity if the tensor does."""
        return (self.low, self.high) if self.entries is None else self.entries

    @property
    def value(self) -> float | str:
        """The one entry as a number where JSON has it, otherwise a short text."""
        if self.entries is None:
            same, low, high = self.low == self.high, _text(self.low), _text(self.high)
            return f"all {low}" if same else f"{low} … {high}"
        if not self.entries:
            return "empty"
        if len(self.entries) == 1:
            return _plain(self.entries[0])
        return f"[{', '.join(map(_text, self.entries))}]"


def look(tensor: torch.Tensor) -> Look | None:
    """Look at the values of `tensor`; None where there is nothing to read, as in sparse ones."""
    if _private.in_dispatch_mode():
        return None
    try:
        return _look(tensor.detach())
    except (RuntimeError, NotImplementedError):  # meta, fake, sparse: there is nothing to read
        return None


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape as text: ``scalar``, ``3`` or ``64×32``."""
    return "×".join(map(str, shape)) if shape else "scalar"


def number_text(value: float | str) -> str:
    """Return a value as people read it: six digits, no trailing zeros."""
    return value if isinstance(value, str) else f"{value:.6g}"


def _look(tensor: torch.Tensor) -> Look | None:
    count = tensor.numel()
    if count == 1:
        entry = tensor.item()
        return Look((entry,), entry, entry, _is_finite(entry))
    if count <= _MOST_LISTED:
        entries = tuple(tensor.flatten().tolist())
        return Look(entries, None, None, all(map(_is_finite, entries)))
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    # aminmax carries a NaN through, so that it is seen.
    ends = tensor.aminmax()
    low, high = ends[0].item(), ends[1].item()
    return Look(None, low, high, _is_finite(low) and _is_finite(high))


def _is_finite(entry: Any) -> bool:
    # True of every finite number, complex ones and integers of any size included.
    return bool(entry - entry == 0)


def _plain(entry: Any) -> float | str:
    # Beyond 2**53 a float no longer holds every integer.
    if isinstance(entry, bool | complex) or not math.isfinite(entry) or abs(entry) > 2**53:
        return str(entry)
    return float(entry)


def _text(entry: Any) -> str:
    return f"{entry:.4g}" if isinstance(entry, int | float) and entry is not True else str(entry)
