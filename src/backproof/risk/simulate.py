"""The sampling distribution of the test error, by drawing test sets and classifying them."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from backproof._core import seeds
from backproof._core.checks import whole_number
from backproof._core.errors import InputError
from backproof._core.progress import Progress, silent

Sampler = Callable[[int, int], tuple[NDArray[np.float64], NDArray[np.int64]]]
Classifier = Callable[[NDArray[np.float64]], Any]

# Points drawn at a time. Their coordinates take half a MiB in the plane and stay in a core's cache;
# with fewer, the threads would spend their time handing the interpreter to each other.
_CHUNK_POINTS = 32_000


def simulate_errors(
    sample: Sampler,
    classifiers: Sequence[Classifier],
    *,
    examples: SupportsIndex = 1000,
    sets: SupportsIndex = 10_000,
    seed: SupportsIndex = 0,
    workers: SupportsIndex | None = None,
    progress: Progress = silent,
) -> NDArray[np.int64]:
    """Draw fresh test sets and count each classifier's errors on each of them.

    All classifiers see the same test sets. Several sets are drawn and classified at once, side by
    side in threads; the counts do not depend on how many.

    Parameters
    ----------
    sample
        ``sample(n, seed)`` returns n points and their labels. Any `examples` consecutive ones of
        a larger sample must be a test set in their own right, as in `backproof.datasets`.
    classifiers
        Each takes points of shape (n, d) and returns n labels as anything array-like. They are
        called from several threads at once.
    examples
        Size of a test set, at least 1.
    sets
        Number of test sets, at least 1.
    seed
        Seed of the draws.
    workers
        Threads; ``None`` for one a processor.
    progress
        Told how many test sets are done.

    Returns
    -------
    numpy.ndarray
        Number of errors, shape (len(classifiers), sets).

    Raises
    ------
    InputError
        If an argument is out of range, or a classifier returns another number of labels.
    """
    m = whole_number("examples", examples, at_least=1)
    total = whole_number("sets", sets, at_least=1)
    processors = os.cpu_count() or 1
    threads = whole_number("workers", processors if workers is None else workers, at_least=1)
    sample(m, seeds.derive(seed, "risk.simulate_errors"))  # so that an error speaks of one set
    at_once = max(1, _CHUNK_POINTS // m)
    errors = np.empty((len(classifiers), total), dtype=np.int64)

    def count(first: int) -> int:
        block = slice(first, min(first + at_once, total))
        width = block.stop - first
        # A whole chunk even where fewer sets are left: the first sets are then the same ones
        # however many follow.
        x, t = sample(at_once * m, seeds.derive(seed, "risk.simulate_errors", m, first))
        x, t = x[: width * m], t[: width * m]
        for row, classify in enumerate(classifiers):
            labels = np.asarray(classify(x))
            if labels.shape != t.shape:
                raise InputError(
                    f"a classifier must return one label a point: expected shape {t.shape}, "
                    f"got {labels.shape}"
                )
            errors[row, block] = (labels != t).reshape(width, m).sum(axis=1)
        return width

    with ThreadPoolExecutor(threads) as pool:
        waiting = {pool.submit(count, first) for first in range(0, total, at_once)}
        try:
            done = 0
            while waiting:
                # A short time-out, so that an interrupt is noticed soon.
                finished, waiting = wait(waiting, timeout=0.2, return_when=FIRST_EXCEPTION)
                done += sum(future.result() for future in finished)
                progress("sampling distribution", done, total)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return errors
