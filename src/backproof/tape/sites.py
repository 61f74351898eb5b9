"""Where in the user's source a torch call stands, and which name its result is stored to."""

import dis
import functools
import inspect
import itertools
import linecache
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import torch

_TORCH = str(Path(torch.__file__).parent) + os.sep
_STORES = frozenset({"STORE_FAST", "STORE_NAME", "STORE_DEREF", "STORE_GLOBAL"})

# The frame's, the variable's, and the one that getrefcount makes itself.
_OWN_REFERENCES = 3


@dataclass(frozen=True, slots=True)
class Site:
    """One instruction of the user's code; its text is looked up only when somebody asks."""

    scope: CodeType
    """The compiled function or module that holds the instruction."""
    offset: int
    """Offset of the instruction, as `frame.f_lasti` gives it."""
    line: int
    """Line in the source file, from 1."""

    @property
    def path(self) -> str:
        """The source file as Python knows it."""
        return self.scope.co_filename

    @property
    def file(self) -> str:
        """The source file's name without its folders."""
        return Path(self.path).name

    @property
    def code(self) -> str:
        """The text of the line; empty where the source cannot be read."""
        return linecache.getline(self.path, self.line).strip()

    @property
    def expression(self) -> str | None:
        """The part of the line that was running, such as ``y - t``; None where unknown."""
        position = next(itertools.islice(self.scope.co_positions(), self.offset // 2, None), None)
        if position is None or None in position or position[0] != position[1]:
            return None
        line, _, start, end = position
        assert line is not None
        # Columns count bytes of UTF-8, not characters.
        text = linecache.getline(self.path, line).encode()[start:end].decode(errors="replace")
        return text.strip() or None


def user_frame(frame: FrameType | None, own_file: str) -> FrameType | None:
    """Return the innermost frame that belongs neither to PyTorch nor to `own_file`."""
    while frame is not None and _is_library(frame.f_code.co_filename, own_file):
        frame = frame.f_back
    return frame


def site_of(frame: FrameType) -> Site:
    """Return where `frame` stands now."""
    return Site(frame.f_code, frame.f_lasti, frame.f_lineno)


def stored_name(frame: FrameType) -> str | None:
    """Return the variable that the running call's result is stored to, if it is stored at once."""
    return _stores(frame.f_code).get(frame.f_lasti)


def variables(frame: FrameType) -> dict[str, Any]:
    """Return the local variables of `frame` without keeping them alive."""
    held = frame.f_locals
    copy = dict(held)
    # Before Python 3.13 a function's frame keeps the dictionary that it gave out, and so every
    # tensor in it, even after `del`. It is emptied, unless the program itself got it by locals().
    theirs = sys.getrefcount(held) > _OWN_REFERENCES
    if sys.version_info < (3, 13) and frame.f_code.co_flags & inspect.CO_OPTIMIZED and not theirs:
        held.clear()
    return copy


def live_frames() -> dict[int, FrameType]:
    """Return the frames on the present stack, by id."""
    frames = {}
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    while frame is not None:
        frames[id(frame)] = frame
        frame = frame.f_back
    return frames


def _is_library(path: str, own_file: str) -> bool:
    return path == own_file or path.startswith(_TORCH)


@functools.lru_cache(maxsize=1024)
def _stores(code: CodeType) -> dict[int, str]:
    # get_instructions leaves out the inline caches between a call and what follows it.
    # `a = b = f()` copies the result first.
    names = {}
    steps = [step for step in dis.get_instructions(code) if step.opname != "COPY"]
    for step, after in itertools.pairwise(steps):
        if after.opname in _STORES:
            names[step.offset] = str(after.argval)
    return names
