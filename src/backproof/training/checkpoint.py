"""Checkpoints: the states of blocks in a folder, from which a run goes on bit by bit.

``training.json`` says which run it is; ``block-N.safetensors`` is the state of the block whose
first network is number N. Both are plain data that cannot execute anything. A process that is
killed leaves each file whole, the old one or the new one.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from backproof._core.errors import InputError
from backproof._core.files import check_writable, write_bytes, write_text
from backproof.training.blocks import Run
from backproof.training.configuration import Configuration, configuration, differences
from backproof.training.state import STATUSES, State

RUN_FILE = "training.json"
_SECONDS_BETWEEN_SAVES = 2.0
_MOST_OF_THE_TIME = 0.05  # share of it that may go into saving
# Arrays with a row for each network that still goes on.
_OF_ROWS = ("rows", "weights", "slots", "best")

Arrays = dict[str, NDArray[np.generic]]


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
        if found := differences(_read(folder / RUN_FILE), wanted):
            raise InputError(
                f"{folder} holds the checkpoint of another run: {'; '.join(found)}; choose another "
                "folder, or remove this one"
            )
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
            _check_arrays(arrays, run.problem(block).start().arrays(), run.settings.steps)
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


def _check_arrays(found: Arrays, start: Arrays, steps: int) -> None:
    """Raise `ValueError` unless arrays may be a state of the block that began with `start`."""
    if found.keys() != start.keys():
        raise ValueError("it has other arrays than a block of this run")
    rows, members = found["rows"].astype(np.int64), len(start["rows"])
    if not 0 <= int(found["step"][0]) <= steps:
        raise ValueError("its step is out of range")
    if rows.ndim != 1 or (np.diff(rows) <= 0).any() or ((rows < 0) | (rows >= members)).any():
        raise ValueError("its rows are out of range")
    for name, array in found.items():
        expected = start[name].shape
        if name.startswith(_OF_ROWS):
            expected = (len(rows), *expected[1:])
        if array.shape != expected or array.dtype != start[name].dtype:
            raise ValueError(f"its array {name} has another shape or dtype")
    if not np.isin(found["status"], range(len(STATUSES))).all():
        raise ValueError("its statuses are out of range")


def _read(path: Path) -> Configuration:
    try:
        return Configuration.from_json(path.read_bytes())
    except (OSError, InputError) as error:
        raise InputError(f"{path} is no description of a checkpoint: {error}") from None
