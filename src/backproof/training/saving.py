"""Fits in a file: weights and losses as safetensors, which any framework reads and nothing runs."""

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import safetensors
import safetensors.numpy
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from backproof._core.checks import one_of, whole_number
from backproof._core.errors import InputError
from backproof._core.files import write_bytes
from backproof.training.activations import ACTIVATIONS
from backproof.training.arrays import as_numpy
from backproof.training.fits import Fits
from backproof.training.losses import LOSSES
from backproof.training.spec import NetworkSpec
from backproof.training.state import STATUSES, Status
from backproof.training.trained import Fit

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
                raise InputError("expected a file that save_fits wrote")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        networks = json.loads(metadata["networks"])
        fits = [_fit(number, network, tensors) for number, network in enumerate(networks)]
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot read {path}: {error}") from None
    except KeyError as error:
        raise InputError(f"{path} holds no whole fits: {error} is missing") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path} holds no whole fits: {error}") from None
    return Fits(fits, engine=metadata.get("engine", ""))


def _description(fit: Fit) -> dict[str, Any]:
    return {
        "hidden": fit.spec.hidden,
        "seed": fit.spec.seed,
        "activation": fit.spec.activation,
        "status": fit.status,
        "steps": fit.steps,
        "loss": fit.loss,
        "validation_loss": fit.validation_loss,
    }


def _fit(number: int, network: dict[str, Any], tensors: dict[str, Tensor]) -> Fit:
    spec = NetworkSpec(
        hidden=tuple(network["hidden"]),
        seed=network["seed"],
        activation=one_of("activation", network["activation"], ACTIVATIONS),
    )
    validation_loss = network["validation_loss"]
    return Fit(
        spec=spec,
        status=cast("Status", one_of("status", network["status"], STATUSES)),
        steps=whole_number("steps", network["steps"], at_least=0),
        loss=one_of("loss", network["loss"], LOSSES),
        losses=_curve(tensors[f"{number}.losses"]),
        validation_losses=_curve(tensors[f"{number}.validation_losses"]),
        validation_loss=None if validation_loss is None else float(validation_loss),
        layers=_layers(number, spec.hidden, tensors),
    )


def _curve(values: Tensor) -> NDArray[np.float64]:
    if values.ndim != 1 or values.dtype != torch.float64:
        raise InputError(f"losses must be a curve in float64, got shape {tuple(values.shape)}")
    return np.asarray(values.numpy())


def _layers(number: int, hidden: tuple[int, ...], tensors: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """Return the layers of a network, whose sizes follow from one another."""
    layers = []
    fan_in = len(tensors[f"{number}.W1"])
    for layer in range(1, len(hidden) + 2):
        weights, biases = tensors[f"{number}.W{layer}"], tensors[f"{number}.b{layer}"]
        fan_out = hidden[layer - 1] if layer <= len(hidden) else biases.numel()
        if weights.shape != (fan_in, fan_out) or biases.shape != (fan_out,):
            raise InputError(
                f"layer {layer} of network {number} must have weights of shape "
                f"({fan_in}, {fan_out}), got {tuple(weights.shape)} and biases "
                f"{tuple(biases.shape)}"
            )
        layers.append(torch.cat((weights, biases[None])))
        fan_in = fan_out
    return tuple(layers)
