"""Threads inside one tensor operation."""

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def single_threaded() -> Iterator[None]:
    """Let every tensor operation use one thread, for code that runs several of them side by side.

    Also for forwards well under a millisecond, in which a second thread costs more than it brings.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
