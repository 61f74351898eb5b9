"""Training spread over processes, here or on other hosts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, SupportsIndex, cast

import joblib
import numpy as np
import torch
from joblib.externals.loky.process_executor import TerminatedWorkerError
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from backproof._core.checks import whole_number
from backproof._core.errors import BackproofError
from backproof._core.progress import Progress, silent
from backproof.training.blocks import Run, train_block
from backproof.training.checkpoint import Store, opened
from backproof.training.cluster import cluster
from backproof.training.data import Validation
from backproof.training.fit import Networks, collected, prepared
from backproof.training.fits import Fits
from backproof.training.optimizers import Optimizer
from backproof.training.settings import recording_on_cpu, single_threaded
from backproof.training.spec import ActivationLike
from backproof.training.state import State

_MOST_JOBS = 1024  # each is a process
# Workers that were lost one after the other, without a block done in between, before giving up.
_MOST_LOSSES = 3

Arrays = dict[str, NDArray[np.generic]]


class WorkerError(BackproofError):
    """Workers were lost again and again."""


def sweep(
    hidden: Networks,
    seeds: SupportsIndex | Iterable[SupportsIndex] | None,
    x: ArrayLike | Tensor,
    t: ArrayLike | Tensor,
    *,
    n_jobs: int = -1,
    dask: str | None = None,
    steps: int = 1000,
    learning_rate: float = 0.1,
    activation: ActivationLike = "tanh",
    loss: str = "logistic",
    optimizer: str | Optimizer = "gd",
    batch_size: int | None = None,
    weight_decay: float = 0.0,
    validation: Validation | None = None,
    patience: int | None = None,
    dtype: str = "float64",
    engine: str = "auto",
    progress: Progress = silent,
    checkpoint: str | Path | None = None,
) -> Fits:
    """Train as `fit` does, on many processes; the results have the same bits.

    A block of networks that are trained together is one task, wherever it runs. Where a worker is
    lost, its tasks are done again, or with a checkpoint go on from there.

    Parameters
    ----------
    hidden, seeds, x, t
        See `fit`.
    n_jobs
        Number of processes on this machine, from 1 to 1024; -1: one for each core. Not used with
        `dask`.
    dask
        Address of a Dask scheduler, such as ``tcp://host:8786``, whose workers do the tasks. They
        need the same versions of Backproof and PyTorch, and the same kind of processor for the
        same bits. Needs the extra ``dask``.
    steps, learning_rate, activation, loss, optimizer, batch_size, weight_decay
        See `fit`.
    validation, patience, dtype, engine
        See `fit`.
    progress
        Told after each task how many steps are done.
    checkpoint
        See `fit`; on other hosts a folder that all of them share.

    Returns
    -------
    Fits
        As from `fit`.

    Raises
    ------
    InputError
        As from `fit`; or if the scheduler cannot be reached, has no workers, or a worker lacks a
        package or has another version of it. No longer than half a minute is waited.
    WorkerError
        If workers were lost three times with nothing done in between.
    """
    run = prepared(
        hidden,
        seeds,
        x,
        t,
        steps=steps,
        learning_rate=learning_rate,
        activation=activation,
        loss=loss,
        optimizer=optimizer,
        batch_size=batch_size,
        weight_decay=weight_decay,
        validation=validation,
        patience=patience,
        dtype=dtype,
        engine=engine,
        device="cpu",
    )
    blocks = run.blocks()
    store = opened(checkpoint, run)
    if n_jobs != -1:
        n_jobs = whole_number(
            "n_jobs other than -1",
            n_jobs,
            at_least=1,
            at_most=_MOST_JOBS,
        )
    processes = nullcontext({"n_jobs": n_jobs}) if dask is None else cluster(dask, run)
    with processes as where:
        done = _train_all(run, blocks, store, progress, where)
    device = torch.device("cpu")
    states = [State.from_arrays(done[number], device) for number in range(len(blocks))]
    return collected(run, blocks, states)


def _train_all(
    run: Run,
    blocks: Sequence[Sequence[int]],
    store: Store,
    progress: Progress,
    where: dict[str, Any],
) -> dict[int, Arrays]:
    """Have every block trained; do again what was lost with a worker."""
    done: dict[int, Arrays] = {}
    total = len(run.specs) * run.settings.steps
    lost_in_a_row = 0
    while len(done) < len(blocks):
        left = [number for number in range(len(blocks)) if number not in done]
        left.sort(key=lambda number: -run.work(blocks[number]))
        before = len(done)
        try:
            for number, arrays in _results(run, blocks, left, store, where):
                done[number] = arrays
                finished = sum(len(blocks[one]) for one in done)
                progress("training", finished * run.settings.steps, total)
        except TerminatedWorkerError as error:
            lost_in_a_row = lost_in_a_row + 1 if len(done) == before else 0
            if lost_in_a_row == _MOST_LOSSES:
                raise WorkerError(
                    f"worker processes ended {lost_in_a_row} times with no network done in "
                    "between, as where memory runs out: try fewer of them, or smaller networks"
                ) from error
    return done


def _results(
    run: Run,
    blocks: Sequence[Sequence[int]],
    numbers: Sequence[int],
    store: Store,
    where: dict[str, Any],
) -> Iterator[tuple[int, Arrays]]:
    tasks = (joblib.delayed(train_task)(run, number, blocks[number], store) for number in numbers)
    parallel: Callable[..., Any] = joblib.Parallel(
        return_as="generator_unordered", batch_size=1, **where
    )
    yield from cast("Iterator[tuple[int, Arrays]]", parallel(tasks))


def train_task(run: Run, number: int, block: Sequence[int], store: Store) -> tuple[int, Arrays]:
    """Train a block in a worker, with one thread, and return its number and last state."""

    def after(state: State) -> bool:
        store.save(block, state, now=not len(state.rows))
        return True

    with recording_on_cpu(), single_threaded():
        state = train_block(run, block, store.load(block, run), after)
    assert state is not None
    return number, state.arrays()
