"""Standard output, which may be closed before everything is printed."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import NoReturn

from rich.console import Console


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Leave it to the caller; Rich would end the program with exit code 1."""
        raise BrokenPipeError


def plain_console() -> Console:
    """Return a console that colours nothing by itself."""
    return _Console(highlight=False)


@contextlib.contextmanager
def reader_may_leave() -> Iterator[None]:
    """Let what is printed in here be cut short; a reader that has enough changes no exit code."""
    try:
        yield
    except BrokenPipeError:
        discard_output()


def discard_output() -> None:
    """Send what is printed from now on nowhere; Python must not flush into a closed pipe either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
