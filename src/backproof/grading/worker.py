"""What runs in the process of a submission: ``python -m backproof.grading.worker``.

It writes a line to its results for each point as soon as that is judged, so that what was reached
is known even where the submission hangs, crashes or takes all the memory that it may have.
"""

import contextlib
import sys
from pathlib import Path

from backproof.grading.implementation import FailedError
from backproof.grading.points import CHECKS, judge
from backproof.grading.record import Point
from backproof.grading.subject import loaded

_MOST_WRITTEN = 64 << 20  # bytes of one file, what it prints among them


def main(file: str, name: str, results: str, memory: str) -> None:
    """Judge one submission.

    Parameters
    ----------
    file, name
        The class.
    results
        File that a JSON line a point is written to.
    memory
        MiB that the submission may take beside what Python and PyTorch have; 0: any.
    """
    import torch

    torch.set_num_threads(1)
    if int(memory):
        _limit(int(memory))
    path = Path(file)
    with Path(results).open("w", encoding="utf-8") as lines:

        def write(point: Point) -> None:
            lines.write(point.to_json() + "\n")
            lines.flush()

        try:
            subject = loaded(path, name)
        except FailedError as error:
            for check in CHECKS:
                write(Point(name=check.name, passed=False, worth=check.worth, reason=str(error)))
            return
        for check in CHECKS:
            write(judge(check, subject))


def _limit(mebibytes: int) -> None:
    # Only Unix has the module, and only Linux says what a process has taken by now.
    with contextlib.suppress(ImportError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (_MOST_WRITTEN, _MOST_WRITTEN))
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + (mebibytes << 20)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    main(*sys.argv[1:])
