"""Processes beside the server's, started at once and ended when nobody waits for them."""

import asyncio
import multiprocessing
import pickle
import signal
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

    async def run(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Return what a function of a module gives.

        Raises
        ------
        EndedError
            If something else was asked for meanwhile, or the process was ended otherwise.
        BackproofError
            As the function does.
        """
        self.end()
        starting: Any = context()
        ours, theirs = starting.Pipe(duplex=False)
        process = starting.Process(target=_work, args=(theirs, function, arguments), daemon=True)
        self._process = process
        await asyncio.to_thread(process.start)
        theirs.close()
        if process is not self._process:
            _end(process)
        try:
            answer = pickle.loads(await _received(ours))
        except EOFError:
            raise EndedError("the computation was ended from outside; ask again") from None
        finally:
            ours.close()
            _end(process)
        if isinstance(answer, BaseException):
            raise answer
        found: _Result = answer
        return found

    def end(self) -> None:
        """End what is computed now; whoever waits for it gets an `EndedError`."""
        process, self._process = self._process, None
        if process is not None:
            _end(process)


def _end(process: Any) -> None:
    if process.pid is not None:
        process.kill()


async def _received(connection: Connection) -> bytes:
    """Wait for an answer; `EOFError` where none comes."""
    # Not in a thread that blocks: at the end of the server all threads are waited for.
    while not connection.poll():
        await asyncio.sleep(_PATIENCE)
    return await asyncio.to_thread(connection.recv_bytes)


def _work(connection: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Send what a function gives, or raises; in the process of its own."""
    import torch

    # Whoever interrupts the server interrupts its whole group; the server ends the rest.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    try:
        answer: Any = function(*arguments)
    except Exception as error:
        answer = error
    connection.send_bytes(pickle.dumps(answer))
