"""Standard output, whose reader may leave before everything is printed."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class _Output:
    """A stream that goes on, into nothing, where its reader has left.

    A reader that has seen enough, such as ``head``, must neither end the work nor change its exit
    code; so it is the stream that gives way, wherever something prints.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._patient():
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._patient():
            self._stream.flush()

    @contextlib.contextmanager
    def _patient(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            # Also what is in the buffer still must not be flushed into a closed pipe at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


@contextlib.contextmanager
def patient_output() -> Iterator[None]:
    """Let standard output take what is printed in here, whether its reader is there or not."""
    before = sys.stdout
    sys.stdout = _Output(before)
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stdout = before
