"""Reads of `.grad`, which say where the program looks for gradients."""

import warnings
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch

from backproof.tape.recording.journal import Journal
from backproof.tape.recording.sites import is_user_code, user_frame


def read_grad(
    journal: Journal, func: Callable[..., Any], tensor: torch.Tensor, caller: FrameType
) -> Any:
    """Read `.grad` for the program, and note that it did."""
    if not tensor.is_leaf and not tensor.retains_grad:
        return _read_missing(journal, func, tensor, user_frame(caller))
    gradient = func(tensor)
    if not is_user_code(caller.f_code.co_filename):
        return gradient
    leaf = journal.records.leaves.find(tensor)
    if leaf is not None:
        leaf.read = True
    if leaf is not None and gradient is not None:
        with journal.guarded():
            record = journal.records.see(gradient, None)
            record.name = record.name or f"{leaf.label}.grad"
    return gradient


def _read_missing(
    journal: Journal, func: Callable[..., Any], tensor: torch.Tensor, frame: FrameType | None
) -> Any:
    # PyTorch would blame this file for the read; the user is told about the user's line.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = func(tensor)
    before = journal.before([tensor], frame)
    for warning in caught:
        if before is not None:
            journal.tell("read_missing", journal.call("grad", frame), before[0][0], _text(warning))
        _warn_at(frame, warning)
    return result


def _text(warning: warnings.WarningMessage) -> str:
    # PyTorch ends its warnings with a line of its own C++ code, which helps nobody here.
    return str(warning.message).partition(" (Triggered internally")[0]


def _warn_at(frame: FrameType | None, warning: warnings.WarningMessage) -> None:
    if frame is None:
        warnings.warn(warning.message, warning.category, stacklevel=1)
        return
    warnings.warn_explicit(
        warning.message,
        warning.category,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=frame.f_globals.get("__name__"),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )
