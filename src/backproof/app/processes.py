"""Processes beside the server's, started at once."""

import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import BaseContext
from typing import Any, TypeVar

_Result = TypeVar("_Result")

_PRELOADED = "backproof.app.train.job"


def context() -> BaseContext:
    """Return how processes are started: forked from one that has imported PyTorch."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload([_PRELOADED])
    return found


def prepare() -> None:
    """Start the process that the others are forked from, which takes seconds."""
    process: Any = context().Process  # type: ignore[attr-defined]
    first = process(target=int, daemon=True)
    first.start()
    first.join()


def apart(function: Callable[..., _Result], *arguments: Any) -> _Result:
    """Return what a function of a module gives in a process of its own."""
    # Whoever interrupts the server interrupts its whole group; the server ends the rest.
    with ProcessPoolExecutor(
        1, context(), initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)
    ) as pool:
        return pool.submit(function, *arguments).result()
