"""Fits in a file: weights and losses as safetensors, which any framework reads and nothing runs."""

import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.numpy
import torch
from safetensors import SafetensorError

from backproof._core.errors import InputError
from backproof._core.files import write_bytes
from backproof.training.activations import ACTIVATIONS
from backproof.training.arrays import as_numpy
from backproof.training.fits import Fit, Fits
from backproof.training.spec import NetworkSpec

_FORMAT = "backproof fits 1"


def save_fits(fits: Fits, path: str | Path) -> None:
    """Write fits to a safetensors file.

    Network number N has the tensors ``N.W1``, ``N.b1``, ``N.W2``, …, with weights of shape
    (inputs of the layer, outputs of the layer), ``N.losses`` and ``N.validation_losses``; what
    else is known of it stands in the file's metadata.

    Raises
    ------
    InputError
        If an activation has no name.
    OutputError
        If the file cannot be written.
    """
    tensors = {}
    for number, fit in enumerate(fits):
        if not isinstance(fit.spec.activation, str):
            raise InputError(
                f"network {number} cannot be saved: its activation is a function without a name "
                f"among {', '.join(ACTIVATIONS)}; save as_module().state_dict() instead"
            )
        for layer, values in enumerate(fit.layers, start=1):
            tensors[f"{number}.W{layer}"] = as_numpy(values[:-1]).copy()
            tensors[f"{number}.b{layer}"] = as_numpy(values[-1]).copy()
        tensors[f"{number}.losses"] = fit.losses.copy()
        tensors[f"{number}.validation_losses"] = fit.validation_losses.copy()
    metadata = {
        "format": _FORMAT,
        "engine": fits.engine,
        "networks": json.dumps([_description(fit) for fit in fits]),
    }
    write_bytes(Path(path), safetensors.numpy.save(tensors, metadata))


def load_fits(path: str | Path) -> Fits:
    """Read fits that `save_fits` wrote.

    Raises
    ------
    InputError
        If there is no such file, or it holds something else.
    """
    try:
        with safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT:
                raise InputError(f"{path} holds no fits: expected a file that save_fits wrote")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        networks = json.loads(metadata["networks"])
        fits = [_fit(number, network, tensors) for number, network in enumerate(networks)]
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot read {path}: {error}") from None
    except (KeyError, ValueError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} holds no whole fits: {error!r} is missing or damaged") from None
    return Fits(fits, engine=metadata.get("engine", ""))


def _description(fit: Fit) -> dict[str, Any]:
    return {
        "hidden": fit.spec.hidden,
        "seed": fit.spec.seed,
        "activation": fit.spec.activation,
        "status": fit.status,
        "steps": fit.steps,
        "loss": fit.loss,
    }


def _fit(number: int, network: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Fit:
    hidden = tuple(network["hidden"])
    layers = tuple(
        torch.cat((tensors[f"{number}.W{layer}"], tensors[f"{number}.b{layer}"][None]))
        for layer in range(1, len(hidden) + 2)
    )
    return Fit(
        spec=NetworkSpec(hidden=hidden, seed=network["seed"], activation=network["activation"]),
        status=network["status"],
        steps=network["steps"],
        loss=network["loss"],
        losses=tensors[f"{number}.losses"].numpy(),
        validation_losses=tensors[f"{number}.validation_losses"].numpy(),
        layers=layers,
    )
