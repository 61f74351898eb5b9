"""The experiment: every stage in turn, one record out."""

import dataclasses
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from backproof._core.progress import Progress, silent
from backproof._core.provenance import provenance
from backproof.datasets import lab_mixture
from backproof.lab.certainty import certainty_stage
from backproof.lab.claims import judge
from backproof.lab.comparisons import compare
from backproof.lab.config import LabConfig
from backproof.lab.draws import training_sets
from backproof.lab.gradient import gradient_stage
from backproof.lab.networks import train, training_stage
from backproof.lab.own import OwnModel, train_own
from backproof.lab.record import FORMAT, LabRun
from backproof.tape import run_programs
from backproof.training import recording_on_cpu


def run(
    config: LabConfig | None = None, progress: Progress = silent, own: OwnModel | None = None
) -> LabRun:
    """Run the whole experiment.

    Parameters
    ----------
    config
        Its settings; ``None``: the published ones.
    progress
        Told how far each stage is.
    own
        Somebody's implementation of the model, to be run in place of `backproof.training.FFModel`:
        its gradient is checked, and networks learn by it.

    Returns
    -------
    LabRun
        The numbers of the report. With the same configuration all but ``provenance`` is equal on
        machines with the same processor, libraries and number of threads.
    """
    settings = LabConfig() if config is None else config
    with recording_on_cpu():
        return _run(settings, progress, own)


def _run(settings: LabConfig, progress: Progress, own: OwnModel | None) -> LabRun:
    origin = provenance(device="cpu", threads=torch.get_num_threads())
    seconds: dict[str, float] = {}

    @contextmanager
    def timed(stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        seconds[stage] = round(time.perf_counter() - start, 3)

    data = lab_mixture()
    sets = training_sets(settings, data)
    with timed("tape"):
        tape = run_programs()

    def explained() -> AbstractContextManager[None]:
        return nullcontext() if own is None else own.subject.explained()

    with explained(), timed("gradient check"):
        gradient = gradient_stage(settings, sets, progress, None if own is None else own.subject)
    with explained(), timed("training"):
        fits = (
            train(settings, sets, progress)
            if own is None
            else train_own(own, settings, sets, progress)
        )
    with timed("boundaries"):
        training = training_stage(settings, data, sets, fits, progress)
    with timed("test error"):
        errors = certainty_stage(settings, data, fits, training.networks, progress)
    return LabRun(
        format=FORMAT,
        provenance=dataclasses.replace(origin, seconds=seconds),
        config=settings,
        tape=tape,
        gradient=gradient,
        training=training,
        test_error=errors,
        comparisons=compare(settings, gradient, training, errors),
        claims=judge(gradient, training, errors),
        grade=None if own is None else own.grade,
    )
