"""What decides the bits of a run, and how two runs differ."""

import hashlib
from dataclasses import asdict, dataclass
from importlib import metadata

import numpy as np
import torch

from backproof import __version__
from backproof._core.results import Result
from backproof.training.blocks import Run
from backproof.training.spec import ActivationLike

_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Configuration(Result):
    """What decides the bits that come out of a run, in the words of `fit`."""

    format: int
    """Format of the checkpoint."""
    backproof: str
    """Backproof's version."""
    torch: str
    """PyTorch's version."""
    numba: str | None
    """Numba's version, where the engine is the fused one."""
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
        numba=metadata.version("numba") if run.engine == "fused" else None,
        networks=tuple(
            f"{spec}, {_activation(spec.activation)}, training set {number}"
            for spec, number in zip(run.specs, run.sets, strict=True)
        ),
        data=_digest(run),
        settings={**settings, "engine": run.engine},
    )


def differences(there: Configuration, here: Configuration) -> list[str]:
    """Return in words what differs between two runs."""
    found = [
        f"{name} {old} there, {new} here"
        for name, old, new in (
            ("format", there.format, here.format),
            ("backproof", there.backproof, here.backproof),
            ("torch", there.torch, here.torch),
            ("numba", there.numba, here.numba),
            *(
                (name, there.settings.get(name), here.settings.get(name))
                for name in {**there.settings, **here.settings}
            ),
        )
        if old != new
    ]
    if there.networks != here.networks:
        found.append(_different_networks(there.networks, here.networks))
    if there.data != here.data:
        found.append("the training data are others")
    return found


def _different_networks(there: tuple[str, ...], here: tuple[str, ...]) -> str:
    if len(there) != len(here):
        return f"{len(there)} networks there, {len(here)} here"
    number = next(n for n, (old, new) in enumerate(zip(there, here, strict=True)) if old != new)
    return f"network {number} is ({there[number]}) there, ({here[number]}) here"


def _activation(activation: ActivationLike) -> str:
    """Return the name of an activation; of a function what it computes, not what it is called."""
    if isinstance(activation, str):
        return activation
    with torch.no_grad():
        values = activation(torch.linspace(-4, 4, 257, dtype=torch.float64))
    return f"function {hashlib.sha256(values.numpy().tobytes()).hexdigest()[:16]}"


def _digest(run: Run) -> str:
    found = hashlib.sha256()
    data = run.data
    arrays = (data.x, data.t, *(data.validation or ()))
    for array in (*arrays, np.array(-1.0 if data.held_out is None else data.held_out)):
        found.update(f"{array.dtype.str} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:32]
