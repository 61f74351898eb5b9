"""Checkpoints: the states of blocks in a folder, from which a run goes on bit by bit.

``training.json`` says which run it is; ``block-N.safetensors`` is the state of the block whose
first network is number N. Both are plain data that cannot execute anything. Each file appears
whole or not at all.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import safetensors.numpy
import torch
from safetensors import SafetensorError

from backproof import __version__
from backproof._core.errors import InputError
from backproof._core.files import check_writable, write_bytes, write_text
from backproof._core.results import Result
from backproof.training.blocks import Run
from backproof.training.state import State

RUN_FILE = "training.json"
_FORMAT = 1
_SECONDS_BETWEEN_SAVES = 2.0
_MOST_OF_THE_TIME = 0.05  # share of it that may go into saving


class Store(Protocol):
    """Where the states of blocks are kept."""

    def load(self, block: Sequence[int], run: Run) -> State | None:
        """Return the state that was kept last, if any."""

    def save(self, block: Sequence[int], state: State, *, now: bool) -> None:
        """Keep a state; unless `now`, only where the last time is long ago."""


class NoStore:
    """Keeps nothing."""

    def load(self, block: Sequence[int], run: Run) -> State | None:  # noqa: ARG002
        """Return nothing."""
        return None

    def save(self, block: Sequence[int], state: State, *, now: bool) -> None:
        """Do nothing."""


@dataclass(frozen=True, kw_only=True)
class Configuration(Result):
    """What decides the bits that come out of a run, in the words of `fit`."""

    format: int
    """Format of the checkpoint."""
    backproof: str
    """Backproof's version."""
    torch: str
    """PyTorch's version."""
    networks: tuple[str, ...]
    """The networks."""
    data: str
    """Digest of points, targets and validation."""
    settings: dict[str, str | float | int | None]
    """Everything else."""


def configuration(run: Run) -> Configuration:
    """Return what a checkpoint has to agree with."""
    settings = asdict(run.settings)
    settings["optimizer"] = str(run.settings.optimizer)
    return Configuration(
        format=_FORMAT,
        backproof=__version__,
        torch=str(torch.__version__),
        networks=tuple(
            f"{spec}, {spec.activation_name}, training set {number}"
            for spec, number in zip(run.specs, run.sets, strict=True)
        ),
        data=_digest(run),
        settings={**settings, "engine": run.engine},
    )


def opened(folder: str | Path | None, run: Run) -> Store:
    """Return the store of a run in a folder, which is made where it is missing.

    Raises
    ------
    InputError
        If the folder holds another run, or something else.
    OutputError
        If nothing can be written there.
    """
    if folder is None:
        return NoStore()
    folder = Path(folder)
    wanted = configuration(run)
    check_writable(folder / RUN_FILE)
    if (folder / RUN_FILE).exists():
        _compare(folder, _read(folder / RUN_FILE), wanted)
    elif folder.exists() and any(folder.iterdir()):
        raise InputError(
            f"{folder} is not empty and holds no checkpoint; choose another folder for it"
        )
    else:
        write_text(folder / RUN_FILE, wanted.to_json(indent=2))
    return Checkpoint(folder)


class Checkpoint:
    """Keeps states in a folder that has been `opened` for their run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._saved: dict[int, tuple[float, float]] = {}

    def load(self, block: Sequence[int], run: Run) -> State | None:
        """Return the state that was kept last, if any."""
        path = self._path(block)
        if not path.exists():
            return None
        try:
            arrays = safetensors.numpy.load(path.read_bytes())
            state = State.from_arrays(arrays, torch.device(run.settings.device))
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise InputError(
                f"{path} is no whole checkpoint ({error}); remove it, and its networks start again"
            ) from None
        return state

    def save(self, block: Sequence[int], state: State, *, now: bool) -> None:
        """Keep a state; unless `now`, only where the last time is long ago."""
        begin = time.monotonic()
        last, cost = self._saved.setdefault(block[0], (begin, 0.0))
        pause = max(_SECONDS_BETWEEN_SAVES, cost / _MOST_OF_THE_TIME)
        if not now and begin - last < pause:
            return
        arrays = {name: np.ascontiguousarray(array) for name, array in state.arrays().items()}
        write_bytes(self._path(block), safetensors.numpy.save(arrays))
        end = time.monotonic()
        self._saved[block[0]] = end, end - begin

    def _path(self, block: Sequence[int]) -> Path:
        return self._folder / f"block-{block[0]}.safetensors"


def _digest(run: Run) -> str:
    found = hashlib.sha256()
    data = run.data
    arrays = (data.x, data.t, *(data.validation or ()))
    for array in (*arrays, np.array(-1.0 if data.held_out is None else data.held_out)):
        found.update(f"{array.dtype.str} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:32]


def _read(path: Path) -> Configuration:
    try:
        return Configuration.from_json(path.read_bytes())
    except (OSError, InputError) as error:
        raise InputError(f"{path} is no description of a checkpoint: {error}") from None


def _compare(folder: Path, there: Configuration, here: Configuration) -> None:
    differences = [
        f"{name} {old} there, {new} here"
        for name, old, new in (
            ("format", there.format, here.format),
            ("backproof", there.backproof, here.backproof),
            ("torch", there.torch, here.torch),
            *(
                (name, there.settings.get(name), here.settings.get(name))
                for name in {**there.settings, **here.settings}
            ),
        )
        if old != new
    ]
    if there.networks != here.networks:
        differences.append(_different_networks(there.networks, here.networks))
    if there.data != here.data:
        differences.append("the training data are others")
    if differences:
        raise InputError(
            f"{folder} holds the checkpoint of another run: {'; '.join(differences)}; choose "
            "another folder, or remove this one"
        )


def _different_networks(there: tuple[str, ...], here: tuple[str, ...]) -> str:
    if len(there) != len(here):
        return f"{len(there)} networks there, {len(here)} here"
    number = next(n for n, (old, new) in enumerate(zip(there, here, strict=True)) if old != new)
    return f"network {number} is ({there[number]}) there, ({here[number]}) here"
