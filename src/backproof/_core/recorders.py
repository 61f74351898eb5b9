"""Who records what a thread computes, so that a job's own steps need not be recorded.

The tape registers here what it records with; the gradient check asks to be left out.
"""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Protocol


class Recorder(Protocol):
    """What records the thread in which it was registered."""

    def paused(self) -> AbstractContextManager[None]:
        """Return a context in which nothing is recorded."""


class _Here(threading.local):
    def __init__(self) -> None:
        self.recorders: list[Recorder] = []


_here = _Here()


def register(recorder: Recorder) -> None:
    """Note that `recorder` records this thread from now on."""
    _here.recorders.append(recorder)


def unregister(recorder: Recorder) -> None:
    """Note that it records no more."""
    _here.recorders.remove(recorder)


@contextmanager
def unrecorded() -> Iterator[None]:
    """Pause everything that records this thread."""
    with ExitStack() as stack:
        for recorder in _here.recorders:
            stack.enter_context(recorder.paused())
        yield
