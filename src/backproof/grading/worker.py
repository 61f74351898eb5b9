"""What runs in the process of a submission: ``python -P -m backproof.grading.worker``.

It writes a line to standard output for each point as soon as that is judged, so that what was
reached is known even where the submission hangs, crashes or takes all the memory that it may have.
What the submission prints goes to standard error.
"""

import contextlib
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import BinaryIO

from backproof._core.texts import printable
from backproof.grading.implementation import FailedError
from backproof.grading.points import CHECKS, judge
from backproof.grading.subject import loaded

_MOST_WRITTEN = 64 << 20  # bytes of one file
_MOST_OF_A_REASON = 2000


def main(file: str, name: str, memory: str) -> None:
    """Judge one submission, and end.

    Parameters
    ----------
    file, name
        The class.
    memory
        MiB that the submission may take beside what Python and PyTorch have; 0: any.
    """
    import torch

    orders, results = _set_aside(0, os.devnull), os.dup(1)
    os.dup2(2, 1)
    token = orders.readline().strip()
    threading.Thread(target=_end_with_caller, args=(orders,), daemon=True).start()
    sys.argv = [file]
    torch.set_num_threads(1)
    _limit(int(memory))
    ours = os.getpid()

    def write(passed: bool, reason: str) -> None:
        if os.getpid() != ours:
            os._exit(0)  # a fork of the submission's, which must not go on with our work
        text = json.dumps([passed, printable(reason, _MOST_OF_A_REASON)])
        os.write(results, token + b" " + text.encode() + b"\n")

    try:
        subject = loaded(Path(file), name)
    except FailedError as error:
        for _ in CHECKS:
            write(False, str(error))
    else:
        for check in CHECKS:
            point = judge(check, subject)
            write(point.passed, point.reason)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(0)  # without waiting for threads that the submission left


def _set_aside(descriptor: int, instead: str) -> BinaryIO:
    """Return what a descriptor reads from, in whose place another file is read from now on."""
    aside = os.fdopen(os.dup(descriptor), "rb", buffering=0)
    other = os.open(instead, os.O_RDONLY)
    os.dup2(other, descriptor)
    os.close(other)
    return aside


def _end_with_caller(orders: BinaryIO) -> None:
    """End this process and what it started when the one that called it is no more."""
    orders.read()
    if hasattr(os, "killpg"):
        os.killpg(os.getpgid(0), signal.SIGKILL)
    os._exit(1)


def _limit(mebibytes: int) -> None:
    # Only Unix has the module, and only Linux says what a process has taken by now.
    with contextlib.suppress(ImportError, OSError):
        import resource

        _lower(resource.RLIMIT_FSIZE, _MOST_WRITTEN)
        if mebibytes:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
            _lower(resource.RLIMIT_AS, pages * resource.getpagesize() + (mebibytes << 20))


def _lower(kind: int, most: int) -> None:
    """Lower a limit, which may be lower already."""
    import resource

    there = [one for one in resource.getrlimit(kind) if one != resource.RLIM_INFINITY]
    lowest = min(most, *there, sys.maxsize)
    resource.setrlimit(kind, (lowest, lowest))


if __name__ == "__main__":
    main(*sys.argv[1:])
