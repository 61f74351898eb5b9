"""One trained network."""

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from backproof._core.errors import InputError
from backproof._core.numbers import counted
from backproof._core.results import ShownAsText
from backproof.training.model import FFModel
from backproof.training.network import Network
from backproof.training.settings import recording_on_cpu
from backproof.training.spec import NetworkSpec
from backproof.training.state import Status

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit(ShownAsText):
    """One trained network."""

    spec: NetworkSpec
    """Which network it is."""
    status: Status
    """``completed``; ``stopped``, where validation no longer improved; ``diverged``, when the loss
    was no longer finite; or ``running``, where a `Trainer` has not come to its end."""
    steps: int
    """Gradient steps behind the weights. Where training stopped early, those with the least
    validation loss are kept."""
    losses: Array
    """Mean training loss before the first step and after each step; where the fit ended early, as
    far as it was computed. With minibatches, the loss of the batch that the next step learns from,
    and of all points after the last step."""
    validation_losses: Array
    """Mean validation loss before the first epoch and after each; empty without validation."""
    validation_loss: float | None
    """That of the weights that are kept, or where the steps end amid an epoch, of those at its
    beginning; ``None`` without validation."""
    loss: str
    """Name of the loss."""
    layers: tuple[Tensor, ...]
    """Weights of each layer, shape (inputs + 1, outputs), the biases as the last row. Where the
    fit diverged, those with which the loss was no longer finite."""

    def __getstate__(self) -> dict[str, Any]:
        # The model is made again from the layers; kept, it would be pickled beside them.
        return {name: value for name, value in self.__dict__.items() if name != "model"}

    @property
    def inputs(self) -> int:
        """Number of features."""
        return len(self.layers[0]) - 1

    @property
    def outputs(self) -> int:
        """Number of scores a point."""
        return self.layers[-1].shape[1]

    @cached_property
    def model(self) -> FFModel | Network:
        """The network: an `FFModel` where it is of that kind, else a `Network`."""
        with recording_on_cpu():  # what is kept must not depend on where it was asked for first
            model = self._untrained()
            parameters = self.parameters
            with torch.no_grad():
                for name, parameter in model.named_parameters():
                    parameter.copy_(parameters[name])
        return model

    def _untrained(self) -> FFModel | Network:
        dtype = self.layers[0].dtype
        if self._is_lab_model:
            return FFModel(self.spec.hidden[0], dtype=dtype)
        return Network(
            self.inputs,
            self.spec.hidden,
            self.outputs,
            activation=self.spec.activation,
            dtype=dtype,
        )

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The weights under the names that they have in `model`."""
        if self._is_lab_model:
            first, last = self.layers
            return {"W1": first[:-1], "b1": first[-1], "w": last[:-1, 0], "b": last[-1, 0]}
        return {
            name: value
            for number, layer in enumerate(self.layers, start=1)
            for name, value in ((f"W{number}", layer[:-1]), (f"b{number}", layer[-1]))
        }

    def score(self, x: ArrayLike | Tensor) -> Tensor:
        """Return the network's scores at points `x`, shape (n, d).

        Shape (n,) for one output, else (n, K); with the squared loss they are the predictions.
        """
        return self.model.score(x)

    def classify(self, x: ArrayLike | Tensor) -> Tensor:
        """Return the network's classes, shape (n,), int64, at points `x`, shape (n, d).

        -1 or +1 with the logistic loss, 0, …, K-1 with the softmax loss.

        Raises
        ------
        InputError
            If the network was trained to predict numbers.
        """
        if self.loss == "squared":
            raise InputError(
                "a network trained with the squared loss predicts numbers, not classes: use score"
            )
        return self.model.classify(x)

    def as_module(self) -> FFModel | Network:
        """Return an independent copy of the network, an ordinary `torch.nn.Module`."""
        return copy.deepcopy(self.model)

    @property
    def _is_lab_model(self) -> bool:
        return (
            self.loss == "logistic"
            and self.inputs == 2
            and len(self.spec.hidden) == 1
            and self.spec.activation == "tanh"
        )

    def __str__(self) -> str:
        if self.status == "running":
            return f"{self.spec}: running, {counted(self.steps, 'step')} taken"
        steps = len(self.losses) - 1
        if steps < 0:
            return f"{self.spec}: diverged, its first loss is not finite"
        end = f"loss {self.losses[-1]:.6g} after {counted(steps, 'step')}"
        if self.status == "completed":
            return f"{self.spec}: {end}"
        if self.status == "stopped":
            return f"{self.spec}: stopped early, {end}; kept are the weights after {self.steps}"
        return f"{self.spec}: diverged at step {steps + 1}, {end}"
