"""A process that a submission runs in: begun, waited for, and ended with what it started."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from backproof._core.texts import printable
from backproof.grading.record import FINISHED
from backproof.grading.submissions import Submission

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_MARK = "BACKPROOF_SUBMISSION"
_MOST_RESULTS, _MOST_OUTPUT = 1 << 20, 4000
_LOOK = 0.1  # seconds between looks at whether it is to be stopped


@dataclass(frozen=True)
class Outcome:
    """What a process left."""

    ended: str
    """``finished``, or in words how it was ended before that."""
    lines: tuple[bytes, ...]
    """Results that it wrote."""
    output: str
    """The end of what it printed."""


def run(
    submission: Submission, time_limit: float, memory_limit: int, stop: threading.Event
) -> Outcome:
    """Run the worker on a submission, whose file there is, in a folder of its own.

    Where `stop` is set it is ended. Results go to a file without a name, which nobody else can
    open, replace or block.
    """
    assert submission.file is not None
    token = secrets.token_hex()
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryFile() as results,
    ):
        file = submission.file.resolve()
        if submission.alone:
            file = Path(shutil.copy(file, folder))
        arguments = [str(file), submission.made, str(memory_limit)]
        with _started(arguments, Path(folder), token, results) as process:
            output = _Tail(process)
            ended = _waited(process, time_limit, stop)
        return Outcome(ended, tuple(_of_ours(results, token)), output.text())


class _Tail:
    """The end of what a process prints, of which it may print any amount."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stderr is not None
        self._stream = process.stderr
        self._kept = b""
        # Not waited for without end: a process that got away may hold the other end.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with self._stream as stream:
            while part := os.read(stream.fileno(), 1 << 16):
                self._kept = (self._kept + part)[-_MOST_OUTPUT:]

    def text(self) -> str:
        """Return what was read until the process ended, as text that can be shown."""
        self._reader.join(timeout=1.0)
        return printable(self._kept.decode(errors="replace").strip())


@contextlib.contextmanager
def _started(
    arguments: list[str], folder: Path, token: str, results: IO[bytes]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a worker; at the end nothing is left of it."""
    mark = secrets.token_hex(8)
    process = subprocess.Popen(
        # -P: a file in the folder that this is called in is no module of the worker's.
        [sys.executable, "-P", "-m", "backproof.grading.worker", *arguments],
        stdin=subprocess.PIPE,
        stdout=results,
        stderr=subprocess.PIPE,
        cwd=folder,
        env={**_environment(), _MARK: mark},
        start_new_session=True,
    )
    assert process.stdin is not None
    try:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(f"{token}\n".encode())
            process.stdin.flush()
        # It stays open: where this process ends in whatever way, the worker reads the end of it.
        yield process
    finally:
        _end(process)
        _end_strays(mark)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


def _environment() -> dict[str, str]:
    """Return this process's environment for one that starts in another folder, with one thread."""
    found = {**os.environ, **dict.fromkeys(_THREADS, "1"), "MALLOC_ARENA_MAX": "2"}
    if paths := found.get("PYTHONPATH"):
        found["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, paths.split(os.pathsep)))
    return found


def _waited(process: "subprocess.Popen[bytes]", time_limit: float, stop: threading.Event) -> str:
    """Wait for a process to end; return how it did."""
    deadline = time.monotonic() + time_limit
    while not stop.is_set():
        left = deadline - time.monotonic()
        if left <= 0:
            return f"timed out after {time_limit:g} s"
        with contextlib.suppress(subprocess.TimeoutExpired):
            return _how(process.wait(min(left, _LOOK)))
    return "interrupted"


def _how(code: int) -> str:
    if code == 0:
        return FINISHED
    if code > 0:
        return f"ended itself with exit code {code}"
    try:
        return f"crashed: {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal, which has no name
        return f"crashed: signal {-code}"


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process with all of its session."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _end_strays(mark: str) -> None:
    """End what left the session, on Linux: it still has the mark in its environment."""
    sign = f"{_MARK}={mark}".encode()
    for _ in range(10):  # one may start another meanwhile
        strays = [path for path in Path("/proc").glob("[0-9]*/environ") if _holds(path, sign)]
        if not strays:
            return
        for path in strays:
            with contextlib.suppress(OSError):
                os.kill(int(path.parent.name), signal.SIGKILL)


def _holds(environment: Path, sign: bytes) -> bool:
    try:
        return sign in environment.read_bytes().split(b"\0")
    except OSError:
        return False


def _of_ours(results: IO[bytes], token: str) -> Iterator[bytes]:
    """Yield the results that have the token, which the worker alone was told."""
    results.seek(0)
    for line in results.read(_MOST_RESULTS).splitlines():
        told, _, result = line.partition(b" ")
        if secrets.compare_digest(told, token.encode()):
            yield result
