"""Where in the user's source a torch call stands, and which name its result is stored to."""

import dis
import functools
import inspect
import itertools
import linecache
import os
import site as python_site
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import torch

from backproof.tape import _private

_STORES = frozenset({"STORE_FAST", "STORE_NAME", "STORE_DEREF", "STORE_GLOBAL"})

# The frame's, the variable's, and the one that getrefcount makes itself.
_OWN_REFERENCES = 3


def _folder(path: str | Path) -> str:
    return str(path) + os.sep


_HERE = _folder(Path(__file__).parents[1])
_PROGRAMS = (_HERE + "programs.py", _HERE + "runs.py")  # code that is itself explained
_TORCH = _folder(Path(torch.__file__).parent)
_BACKPROOF = _folder(Path(__file__).parents[2])
_LIBRARIES = tuple(
    _folder(path)
    for path in {
        *(sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib")),
        *python_site.getsitepackages(),
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """One instruction of the user's code; its text is looked up only when somebody asks."""

    scope: CodeType
    """The compiled function or module that holds the instruction."""
    offset: int
    """Offset of the instruction, as `frame.f_lasti` gives it."""
    line: int
    """Line in the source file, from 1."""
    stores: str | None
    """The variable that the instruction's result is stored to, if it is stored at once."""
    file: str
    """The source file as imports saw it then: ``package/module.py``, no path of the machine."""

    @property
    def path(self) -> str:
        """The source file as Python knows it."""
        return self.scope.co_filename

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


def user_frame(frame: FrameType | None) -> FrameType | None:
    """Return the innermost frame of the user's own code.

    Frames of PyTorch and of the recorder are passed over; those of other installed packages too,
    as long as a frame of the user's stands behind them.
    """
    library = None
    while frame is not None:
        kind = _kind_of(frame.f_code.co_filename)
        if kind == "user":
            return frame
        if kind == "library" and library is None:
            library = frame
        frame = frame.f_back
    return library


def is_user_code(path: str) -> bool:
    """Whether a source file is the user's own: not installed, not PyTorch, not the recorder."""
    return _kind_of(path) == "user"


def is_machinery(path: str) -> bool:
    """Whether a source file is a part of the tape itself."""
    return path.startswith(_HERE) and path not in _PROGRAMS


def is_compiled(frame: FrameType) -> bool:
    """Whether `torch.compile` was asked to compile the function of this frame."""
    caller = frame.f_back
    return caller is not None and _private.compiled_from(caller.f_code.co_filename)


def site_of(frame: FrameType) -> Site:
    """Return where `frame` stands now."""
    # Code objects compare by content, slowly; each site keeps its own alive, so that its id stays.
    key = id(frame.f_code), frame.f_lasti
    site = _sites.get(key)
    if site is None or site.scope is not frame.f_code:
        if len(_sites) >= _MOST_SITES:
            _sites.clear()
        stores = _stores(frame.f_code).get(frame.f_lasti)
        file = _import_path(frame.f_code.co_filename)
        site = _sites[key] = Site(frame.f_code, frame.f_lasti, frame.f_lineno, stores, file)
    return site


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


def raised_at(error: BaseException) -> Site | None:
    """Return the innermost line of the user's that an exception passed."""
    found, trace = None, error.__traceback__
    while trace is not None:
        scope = trace.tb_frame.f_code
        if is_user_code(scope.co_filename):
            file = _import_path(scope.co_filename)
            found = Site(scope, trace.tb_lasti, trace.tb_lineno, None, file)
        trace = trace.tb_next
    return found


def live_frames() -> dict[int, FrameType]:
    """Return the program's frames on the present stack, by id."""
    frames = {}
    # Own frames would hold themselves by way of this dictionary, and with them the program's.
    frame = user_frame(sys._getframe(1))  # noqa: SLF001
    while frame is not None:
        frames[id(frame)] = frame
        frame = frame.f_back
    return frames


_MOST_SITES = 10_000
_sites: dict[tuple[int, int], Site] = {}


@functools.lru_cache(maxsize=4096)
def _kind_of(path: str) -> str:
    if path.startswith(_TORCH) or is_machinery(path):
        return "passed over"
    if path.startswith(_BACKPROOF):  # the programs of the lab, wherever the package is installed
        return "user"
    return "library" if path.startswith((*_LIBRARIES, "<frozen ")) else "user"


def _import_path(path: str) -> str:
    roots = [_folder(Path(entry or ".").absolute()) for entry in sys.path]
    found = [root for root in roots if path.startswith(root)]
    return path.removeprefix(max(found, key=len)) if found else Path(path).name


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
