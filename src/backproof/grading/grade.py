"""Submissions, each judged in a process of its own."""

import ast
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from backproof._core.checks import positive, whole_number
from backproof._core.errors import InputError
from backproof._core.progress import Progress, silent
from backproof.grading.points import CHECKS
from backproof.grading.record import FINISHED, Grade, Point

_MOST_OUTPUT = 4000
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A class to be judged."""

    name: str
    """What the submission is called."""
    file: Path | None
    """The file that holds the class; ``None`` where none was found."""
    made: str
    """Name of the class."""
    missing: str = ""
    """Why there is no file."""

    @property
    def place(self) -> str:
        """``FILE.py:CLASS``."""
        return f"{self.file or self.name}:{self.made}"


def submissions(folder: Path, made: str) -> tuple[Submission, ...]:
    """Return the submissions in a folder, by name.

    Each file of Python in it is one, and each folder in it, whose one file that defines the class
    is taken. What begins with a dot or an underscore is left out.

    Parameters
    ----------
    folder
        The folder.
    made
        Name of the class that each has.

    Raises
    ------
    InputError
        If there is none.
    """
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "_")):
            continue
        if path.is_dir():
            found.append(_in_folder(path, made))
        elif path.suffix == ".py":
            found.append(Submission(name=path.stem, file=path, made=made))
    if not found:
        raise InputError(
            f"{folder} holds no submission: expected files of Python, or a folder for each"
        )
    names = [one.name for one in found]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise InputError(f"{folder} holds two submissions named {', '.join(double)}")
    return tuple(found)


def _in_folder(folder: Path, made: str) -> Submission:
    files = sorted(path for path in folder.rglob("*.py") if path.is_file())
    defining = [path for path in files if _defines(path, made)]
    if len(defining) == 1:
        return Submission(name=folder.name, file=defining[0], made=made)
    if defining:
        listed = ", ".join(str(path.relative_to(folder)) for path in defining)
        why = f"several files define the class {made}: {listed}"
    elif len(files) == 1:  # it may make the class in another way, or not be Python at all
        return Submission(name=folder.name, file=files[0], made=made)
    else:
        why = f"no file of Python in it defines the class {made}"
    return Submission(name=folder.name, file=None, made=made, missing=why)


def _defines(path: Path, made: str) -> bool:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, ast.ClassDef) and node.name == made for node in tree.body)


def grade(submission: Submission, *, time_limit: float = 120.0, memory_limit: int = 2048) -> Grade:
    """Judge a submission in a process of its own.

    Parameters
    ----------
    submission
        What is judged. Its code is run; the process keeps a failure from others, but is no
        sandbox against ill will.
    time_limit
        Seconds after which the process is ended; what it has got by then stays.
    memory_limit
        MiB that it may take beside what Python and PyTorch have, on Linux; 0: any.

    Raises
    ------
    InputError
        If a limit is out of range.
    """
    positive("time_limit", time_limit)
    whole_number("memory_limit", memory_limit, at_least=0)
    if submission.file is None:
        return _graded(submission, (), f"not run: {submission.missing}", 0.0, "")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        results, output = Path(folder) / "results", Path(folder) / "output"
        arguments = [str(submission.file.resolve()), submission.made, str(results)]
        ended = _run([*arguments, str(memory_limit)], output, time_limit)
        points = tuple(_read(results))
        printed = _end_of(output)
    return _graded(submission, points, ended, time.monotonic() - began, printed)


def grade_all(
    chosen: Sequence[Submission],
    *,
    time_limit: float = 120.0,
    memory_limit: int = 2048,
    workers: int | None = None,
    progress: Progress = silent,
) -> tuple[Grade, ...]:
    """Judge submissions, several at a time.

    Parameters
    ----------
    chosen
        The submissions.
    time_limit, memory_limit
        Of each, as for `grade`.
    workers
        How many at a time; ``None``: one a processor.
    progress
        Told how many are done.
    """
    threads = (
        os.cpu_count() or 1 if workers is None else whole_number("workers", workers, at_least=1)
    )
    grades = []
    with ThreadPoolExecutor(threads) as pool:
        judged = pool.map(
            lambda one: grade(one, time_limit=time_limit, memory_limit=memory_limit), chosen
        )
        for done, one in enumerate(judged, 1):
            grades.append(one)
            progress("submissions", done, len(chosen))
    return tuple(grades)


def _run(arguments: list[str], output: Path, time_limit: float) -> str:
    """Run a worker; return how it ended."""
    command = [sys.executable, "-m", "backproof.grading.worker", *arguments]
    environment = {**os.environ, **dict.fromkeys(_THREADS, "1"), "MALLOC_ARENA_MAX": "2"}
    with output.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        try:
            code = process.wait(time_limit)
        except subprocess.TimeoutExpired:
            return f"timed out after {time_limit:g} s"
        finally:
            _end(process)
    if code == 0:
        return FINISHED
    if code < 0:
        return f"crashed: {signal.Signals(-code).name}"
    return f"ended itself with exit code {code}"


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process with everything that it started."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _read(results: Path) -> Iterator[Point]:
    """Yield the points that were written whole."""
    if not results.exists():
        return
    for line in results.read_bytes().splitlines():
        try:
            yield Point.from_json(line)
        except InputError:
            return


def _end_of(output: Path) -> str:
    with output.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - _MOST_OUTPUT))
        return file.read().decode(errors="replace").strip()


def _graded(
    submission: Submission, points: tuple[Point, ...], ended: str, seconds: float, output: str
) -> Grade:
    if ended == FINISHED and len(points) < len(CHECKS):
        ended = "ended itself with exit code 0 before its time"
    missing = tuple(
        Point(name=check.name, passed=False, worth=check.worth, reason=f"not reached: {ended}")
        for check in CHECKS[len(points) :]
    )
    return Grade(
        submission=submission.name,
        place=submission.place,
        points=(*points, *missing),
        ended=ended,
        seconds=seconds,
        output=output,
    )
