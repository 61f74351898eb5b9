"""Submissions, each judged in a process of its own."""

import contextlib
import json
import os
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

from backproof._core.checks import positive, whole_number
from backproof._core.progress import Progress, silent
from backproof.grading.points import CHECKS
from backproof.grading.process import Outcome, run
from backproof.grading.record import FINISHED, Grade, Point
from backproof.grading.submissions import Submission

_LEAST_MEMORY = 64  # MiB, with which a right submission in PyTorch can be judged


def grade(submission: Submission, *, time_limit: float = 120.0, memory_limit: int = 2048) -> Grade:
    """Judge a submission in a process of its own.

    Parameters
    ----------
    submission
        What is judged. Its code is run, in a process that keeps its failures from others, but is no
        sandbox against ill will.
    time_limit
        Seconds after which the process is ended; what it has got by then stays.
    memory_limit
        MiB that it may take beside what Python and PyTorch have, at least 64, on Linux; 0: any.

    Raises
    ------
    InputError
        If a limit is out of range.
    """
    _check_limits(time_limit, memory_limit)
    return _graded(submission, time_limit, memory_limit, threading.Event())


def grade_all(
    chosen: Sequence[Submission],
    *,
    time_limit: float = 120.0,
    memory_limit: int = 2048,
    workers: int | None = None,
    progress: Progress = silent,
) -> Generator[Grade]:
    """Judge submissions, several at a time; yield the grade of each when there is one.

    Where the iteration is ended before that, or interrupted, so are those that are being judged.

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

    Raises
    ------
    InputError
        If a limit is out of range.
    """
    _check_limits(time_limit, memory_limit)
    threads = (
        os.cpu_count() or 1 if workers is None else whole_number("workers", workers, at_least=1)
    )
    return _graded_all(chosen, time_limit, memory_limit, threads, progress)


def _check_limits(time_limit: float, memory_limit: int) -> None:
    positive("time_limit", time_limit)
    if memory_limit != 0:
        whole_number(
            "memory_limit other than 0", memory_limit, at_least=_LEAST_MEMORY, at_most=1 << 30
        )


def _graded_all(
    chosen: Sequence[Submission],
    time_limit: float,
    memory_limit: int,
    threads: int,
    progress: Progress,
) -> Generator[Grade]:
    stop, pool = threading.Event(), ThreadPoolExecutor(threads)
    try:
        judged: list[Future[Grade]] = [
            pool.submit(_graded, one, time_limit, memory_limit, stop) for one in chosen
        ]
        for done, one in enumerate(as_completed(judged), 1):
            progress("submissions", done, len(chosen))
            yield one.result()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def _graded(
    submission: Submission, time_limit: float, memory_limit: int, stop: threading.Event
) -> Grade:
    """Judge a submission; nothing that it does is an error."""
    began = time.monotonic()
    if submission.file is None:
        outcome = Outcome(f"not run: {submission.missing}", (), "")
    else:
        try:
            outcome = run(submission, time_limit, memory_limit, stop)
        except OSError as error:  # no process to be had, or its file is gone
            outcome = Outcome(f"not run: {error.strerror or error}", (), "")
    points = tuple(_points(outcome))
    ended = outcome.ended
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
        seconds=time.monotonic() - began,
        output=outcome.output,
    )


def _points(outcome: Outcome) -> Iterator[Point]:
    """Yield the points that were written whole: of each check one, in their order."""
    for check, line in zip(CHECKS, outcome.lines, strict=False):
        with contextlib.suppress(ValueError, TypeError):
            passed, reason = json.loads(line)
            yield Point(name=check.name, passed=passed is True, worth=check.worth, reason=reason)
            continue
        return
