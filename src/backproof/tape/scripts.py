"""Run a script as Python does, under the tape."""

import runpy
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from backproof._core.errors import InputError
from backproof.tape.recording.sites import is_machinery
from backproof.tape.session import Session, explain


def run_script(path: Path, arguments: Sequence[str] = ()) -> tuple[Session, BaseException | None]:
    """Run a script as ``__main__`` and return the session with what ended the script.

    The exception, SystemExit included, is None where the script ran to its end; its traceback
    begins in the script.

    Raises
    ------
    InputError
        If there is no such file.
    """
    if not path.is_file():
        missing = f"{path} is a folder" if path.is_dir() else f"there is no file {path}"
        raise InputError(f"{missing}: expected a Python script")
    explained = explain()
    ended: BaseException | None = None
    with _as_main(path, arguments), explained as session:
        try:
            runpy.run_path(str(path), run_name="__main__")
        except BaseException as error:
            ended = error
            session.crashed(error)
    if ended is not None:
        _shorten(ended, set())
    return session, ended


@contextmanager
def _as_main(path: Path, arguments: Sequence[str]) -> Iterator[None]:
    """Set what a script sees: its arguments, and its own folder to import from."""
    old_arguments, old_path = sys.argv, sys.path[:]
    sys.argv = [str(path), *arguments]
    sys.path[0:1] = [str(path.resolve().parent)]
    try:
        yield
    finally:
        sys.argv, sys.path[:] = old_arguments, old_path


def _shorten(error: BaseException, done: set[int]) -> None:
    """Leave frames that are not the script's business out of an exception and its causes."""
    if id(error) in done:
        return
    done.add(id(error))
    error.__traceback__ = _from_script(error.__traceback__)
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for other in (error.__cause__, error.__context__, *inner):
        if other is not None:
            _shorten(other, done)


def _runs_scripts(path: str) -> bool:
    return path.startswith("<frozen ") or is_machinery(path)


def _from_script(trace: TracebackType | None) -> TracebackType | None:
    """Leave out the frames that ran the script, and those of the recorder."""
    while trace is not None and _runs_scripts(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    last = trace
    while last is not None and last.tb_next is not None:
        if is_machinery(last.tb_next.tb_frame.f_code.co_filename):
            last.tb_next = last.tb_next.tb_next
        else:
            last = last.tb_next
    return trace
