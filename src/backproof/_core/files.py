"""Output that appears whole or not at all.

A file is written beside its place and renamed over it. A folder is built beside its place and
exchanged with the old one in one step where the system can do that.
"""

import contextlib
import ctypes
import errno
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from backproof._core.errors import OutputError

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, as `write_bytes` does."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, replacing an old file only when the new one is whole.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(data)
        temporary.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path` that takes its place when the block ends well.

    If the block raises, or the process is killed, whatever stood at `path` stays as it was.

    Raises
    ------
    OutputError
        If nothing can be written there.
    """
    missing = [parent for parent in path.parents if not parent.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = _beside(path)
        new.mkdir()
        try:
            yield new
            _put_in_place(new, path)
        finally:
            # After an exchange the old folder stands here; after a failure, the unfinished one.
            shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        for parent in missing:  # the innermost first; those that hold something stay
            with contextlib.suppress(OSError):
                parent.rmdir()


def check_writable(path: Path) -> None:
    """Find out now, not after the work, that a folder at `path` could not be written.

    Raises
    ------
    OutputError
        If the nearest folder above it that exists is none, or cannot be written to.
    """
    try:
        above = next(parent for parent in path.absolute().parents if parent.exists())
        probe = _beside(above / path.name)
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise _cannot_write(path, error) from error


def check_replaceable(folder: Path, foreign: Callable[[Path], Sequence[str]]) -> None:
    """Find out, before the work, that a run could not replace a folder whole.

    Parameters
    ----------
    folder
        Where the run is to be written.
    foreign
        Returns the names of what a folder holds that is not from an earlier run.

    Raises
    ------
    OutputError
        If it is a file, the current folder or one above it, holds anything foreign, or cannot be
        written.
    """
    try:
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise OutputError(f"cannot write {folder}: it is not a folder; choose another place")
        if Path.cwd().is_relative_to(folder.resolve()):
            raise OutputError(
                f"cannot write {folder}: it is the current folder or one above it, and a run "
                "replaces its folder whole; name a folder inside it"
            )
        names = foreign(folder) if folder.exists() else ()
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
        raise OutputError(f"cannot write {folder}: {error}; choose another place") from error
    if names:
        raise OutputError(
            f"cannot write {folder}: a run replaces its folder whole, but the folder is in use, it "
            f"holds {names[0]}{' and more' if len(names) > 1 else ''}, which no run wrote; move it "
            "away or choose another place"
        )
    check_writable(folder)


def _put_in_place(new: Path, path: Path) -> None:
    path = path.resolve()  # what a link leads to is replaced, and the link stays
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    if not path.exists():
        new.rename(path)
    elif not _exchange(new, path):
        old = path.with_name(f"{new.name}.old")
        path.rename(old)
        try:
            new.rename(path)
        except OSError:
            old.rename(path)
            raise
        old.rename(new)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two folders in one atomic step; return False where the system has no such call."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    paths = os.fsencode(first), os.fsencode(second)
    if renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL):  # an old kernel, or a file system that cannot
        return False
    raise OSError(code, os.strerror(code), str(second))


def _beside(path: Path) -> Path:
    # Not by tempfile, whose files are private: the umask, which gives what the user keeps its usual
    # permissions, cannot be read without changing it for all threads.
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}")


def _cannot_write(path: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(f"cannot write {path}: {reason}; choose another place")
