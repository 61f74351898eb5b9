"""Blocks side by side on the threads of one process."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

import torch

from backproof._core.progress import Progress
from backproof.training.blocks import Run, train_block
from backproof.training.checkpoint import Store
from backproof.training.settings import single_threaded, usual_threads
from backproof.training.state import State

_SECONDS_BETWEEN_REPORTS = 0.1


class _Stopped(Exception):  # noqa: N818
    """A block was left because another one failed, or the caller was interrupted."""


class _Counter:
    """What threads tell the one that watches them."""

    def __init__(self, totals: Sequence[int]) -> None:
        self._totals = totals
        self._done = [0] * len(totals)
        self.stopped = threading.Event()

    def reached(self, block: int, done: int) -> None:
        self._done[block] = done

    def ended(self, block: int) -> None:
        self._done[block] = self._totals[block]  # networks that stopped early count as done

    def report(self, progress: Progress) -> None:
        progress("training", sum(self._done), sum(self._totals))


def train_blocks(
    run: Run, blocks: Sequence[Sequence[int]], store: Store, progress: Progress
) -> list[State]:
    """Train blocks of a run on as many threads as PyTorch may use; return their last states.

    Parameters
    ----------
    run
        The run.
    blocks
        Indices of the networks of each block.
    store
        Where states are kept.
    progress
        Told, in this thread, how many steps of all networks are done.
    """
    counter = _Counter([len(block) * run.settings.steps for block in blocks])

    def train(number: int) -> State:
        block = blocks[number]

        def after(state: State) -> bool:
            counter.reached(number, len(block) * state.step)
            stop = counter.stopped.is_set()
            store.save(block, state, now=stop or not len(state.rows))
            return not stop

        if counter.stopped.is_set():
            raise _Stopped
        state = store.load(block, run)
        ended = train_block(run, block, state, after)
        if ended is None:
            raise _Stopped
        counter.ended(number)
        return ended

    longest_first = sorted(range(len(blocks)), key=lambda number: -run.work(blocks[number]))
    with _pool(run.settings.device) as pool:
        try:
            futures = {number: pool.submit(train, number) for number in longest_first}
            _watch(list(futures.values()), counter, progress)
        finally:
            counter.stopped.set()
    return [futures[number].result() for number in range(len(blocks))]


def _watch(futures: Sequence[Future[State]], counter: _Counter, progress: Progress) -> None:
    """Report until all blocks are done; raise the error of one that failed."""
    waiting = set(futures)
    while waiting:
        done, waiting = wait(waiting, _SECONDS_BETWEEN_REPORTS, FIRST_EXCEPTION)
        for future in done:
            future.result()
        counter.report(progress)


@contextmanager
def _pool(device: str) -> Iterator[ThreadPoolExecutor]:
    """Give each block one thread: the bits then do not depend on how many there are."""
    on_cpu = torch.device(device).type == "cpu"
    workers = usual_threads() if on_cpu else 1
    with (
        single_threaded(),
        # PyTorch's number of threads is a setting of each thread.
        ThreadPoolExecutor(workers, "training", lambda: torch.set_num_threads(1)) as pool,
    ):
        yield pool
