"""Processes beside the server's, started at once and ended when nobody waits for them."""

import asyncio
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from typing import Any, TypeVar

from backproof._core.errors import BackproofError

_Result = TypeVar("_Result")

_PATIENCE = 0.01
"""Seconds between two looks for an answer."""
_PRELOADED = ["backproof.app.train.job", "backproof.app.network", "backproof.app.study"]
"""What is imported before processes are forked: nothing that draws or serves."""


class EndedError(BackproofError):
    """A computation that was ended before it was done."""


def context() -> BaseContext:
    """Return how processes are started: forked from one that has imported PyTorch."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(_PRELOADED)
    return found


def prepare() -> None:
    """Start the process that the others are forked from, which takes seconds."""
    process: Any = context().Process  # type: ignore[attr-defined]
    first = process(target=int, daemon=True)
    first.start()
    first.join()


class Apart:
    """Computes one thing at a time, each in a process of its own; a newer one ends the older."""

    def __init__(self) -> None:
        self._process: Any = None
        self._closed = False

    async def run(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Return what a function of a module gives.

        Raises
        ------
        EndedError
            If something else was asked for meanwhile, or the process was ended otherwise.
        BackproofError
            As the function does.
        """
        self._end()
        if self._closed:
            raise EndedError("the page was closed")
        # As bytes: the process would share the memory of tensors, a file descriptor for each.
        request = pickle.dumps((function, arguments))
        starting: Any = context()
        ours, theirs = starting.Pipe(duplex=False)
        process = starting.Process(target=_work, args=(theirs, request), daemon=True)
        self._process = process
        try:
            await asyncio.to_thread(process.start)
            theirs.close()
            if process is not self._process:
                raise EOFError
            answer = pickle.loads(await _received(ours))
        except (EOFError, OSError):
            raise EndedError("the computation was ended from outside; ask again") from None
        finally:
            ours.close()
            if self._process is process:
                self._process = None
            await asyncio.to_thread(_finish, process)
        if isinstance(answer, BaseException):
            raise answer
        found: _Result = answer
        return found

    def close(self) -> None:
        """End what is computed now, and compute nothing more; the page is gone."""
        self._closed = True
        self._end()

    def _end(self) -> None:
        """End what is computed now; whoever waits for it gets an `EndedError`."""
        process, self._process = self._process, None
        if process is not None and process.pid is not None and process.exitcode is None:
            process.kill()


def _finish(process: Any) -> None:
    """End a process that is of no more use, and wait for it: its number may be another's then."""
    if process.pid is not None:
        if process.exitcode is None:
            process.kill()
        process.join()


async def _received(connection: Connection) -> bytes:
    """Wait for an answer; `EOFError` where none comes."""
    # Not in a thread that blocks: at the end of the server all threads are waited for.
    while not connection.poll():
        await asyncio.sleep(_PATIENCE)
    return await asyncio.to_thread(connection.recv_bytes)


def _end_with_server() -> None:
    """End this process when the server's is gone, however it went."""
    server = multiprocessing.parent_process()
    if server is not None:
        server.join()
        os._exit(1)


def _work(connection: Connection, request: bytes) -> None:
    """Send what the function of a request gives, or raises; in the process of its own."""
    import torch

    # Whoever interrupts the server interrupts its whole group; the server ends the rest.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_server, daemon=True).start()
    torch.set_num_threads(1)
    function, arguments = pickle.loads(request)
    try:
        answer: Any = function(*arguments)
    except Exception as error:
        answer = error
    connection.send_bytes(pickle.dumps(answer))
