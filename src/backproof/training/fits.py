"""What training returns: one fit a network, and what can be said of all of them."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional

from backproof._core.checks import rates
from backproof._core.errors import InputError
from backproof._core.numbers import counted
from backproof._core.results import Result
from backproof.training.arrays import as_numpy, as_tensor
from backproof.training.losses import LOSSES
from backproof.training.model import FFModel
from backproof.training.network import Network
from backproof.training.settings import recording_on_cpu
from backproof.training.spec import Hidden, NetworkSpec, hidden_sizes
from backproof.training.state import Status

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """One trained network."""

    spec: NetworkSpec
    """Which network it is."""
    status: Status
    """``completed``; ``stopped``, where validation no longer improved; or ``diverged``, when the
    loss was no longer finite."""
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
        steps = len(self.losses) - 1
        if steps < 0:
            return f"{self.spec}: diverged, its first loss is not finite"
        end = f"loss {self.losses[-1]:.6g} after {counted(steps, 'step')}"
        if self.status == "completed":
            return f"{self.spec}: {end}"
        if self.status == "stopped":
            return f"{self.spec}: stopped early, {end}; kept are the weights after {self.steps}"
        return f"{self.spec}: diverged at step {steps + 1}, {end}"


@dataclass(frozen=True, kw_only=True)
class SizeErrors(Result):
    """Test errors of the networks of one size, over their seeds."""

    hidden: tuple[int, ...]
    """Sizes of the hidden layers."""
    examples: int
    """Number of test examples."""
    errors: tuple[int, ...]
    """Number of test errors of each network that did not diverge, in the order of the fits."""
    diverged: int
    """Number of networks that diverged."""
    quantiles: dict[str, float]
    """Test error rate at each quantile over seeds; empty where all diverged."""


class Fits(Sequence[Fit]):
    """Trained networks, in the order of sizes, then seeds.

    Attributes
    ----------
    engine : str
        Name of the engine that trained them.
    """

    def __init__(self, fits: Sequence[Fit], *, engine: str = "") -> None:
        self._fits = tuple(fits)
        self.engine = engine

    @overload
    def __getitem__(self, index: int) -> Fit: ...
    @overload
    def __getitem__(self, index: slice) -> "Fits": ...
    def __getitem__(self, index: int | slice) -> "Fit | Fits":
        if isinstance(index, slice):
            return self._some(self._fits[index])
        return self._fits[index]

    def __len__(self) -> int:
        return len(self._fits)

    def __iter__(self) -> Iterator[Fit]:
        return iter(self._fits)

    @property
    def sizes(self) -> list[tuple[int, ...]]:
        """The different hidden sizes, in order."""
        return list(dict.fromkeys(fit.spec.hidden for fit in self._fits))

    @property
    def diverged(self) -> "Fits":
        """The fits that diverged."""
        return self._some([fit for fit in self._fits if fit.status == "diverged"])

    @property
    def usable(self) -> "Fits":
        """The fits that did not diverge."""
        return self._some([fit for fit in self._fits if fit.status != "diverged"])

    def of_size(self, hidden: Hidden) -> "Fits":
        """Return the fits with one hidden layer of `hidden` units, or with layers of these."""
        (wanted,) = hidden_sizes([hidden])
        return self._some([fit for fit in self._fits if fit.spec.hidden == wanted])

    def best(self) -> Fit:
        """Return the fit with the least validation loss, or where there is none training loss.

        Raises
        ------
        InputError
            If all fits diverged.
        """
        usable = self.usable
        if not usable:
            raise InputError(f"no fit is the best: all {len(self)} diverged")
        return min(usable, key=_achieved)

    def test_errors(self, x: ArrayLike | Tensor, t: ArrayLike | Tensor) -> NDArray[np.int64]:
        """Return the number of errors of each network on test points, shape (networks,).

        Parameters
        ----------
        x, t
            Points, shape (n, d), and their classes, shape (n,), as `fit` takes them.
        """
        classes = np.asarray(as_numpy(t))
        counts = []
        for loss in {fit.loss for fit in self._fits}:
            LOSSES[loss].targets(as_tensor(classes), torch.float64)  # 0 and 1 are not -1 and +1
        for fit in self._fits:
            found = as_numpy(fit.classify(x))
            if found.shape != classes.shape:
                raise InputError(
                    f"t must hold one class a point, shape {found.shape}, got {classes.shape}"
                )
            counts.append(int((found != classes).sum()))
        return np.array(counts, np.int64)

    def error_quantiles(
        self,
        x: ArrayLike | Tensor,
        t: ArrayLike | Tensor,
        quantiles: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0),
    ) -> tuple[SizeErrors, ...]:
        """Return, for each size, the quantiles of the test error over seeds.

        Parameters
        ----------
        x, t
            Test points, shape (n, d), and their classes, shape (n,).
        quantiles
            Which, in [0, 1]; between two networks they are interpolated linearly.
        """
        wanted = rates("quantiles", quantiles).tolist()
        errors = self.test_errors(x, t)
        examples = len(np.asarray(as_numpy(t)))
        found = []
        for hidden in self.sizes:
            rows = [n for n, fit in enumerate(self._fits) if fit.spec.hidden == hidden]
            kept = [n for n in rows if self._fits[n].status != "diverged"]
            values = np.quantile(errors[kept] / examples, wanted).tolist() if kept else []
            found.append(
                SizeErrors(
                    hidden=hidden,
                    examples=examples,
                    errors=tuple(errors[kept].tolist()),
                    diverged=len(rows) - len(kept),
                    quantiles={
                        f"{q:g}": value for q, value in zip(wanted, values, strict=bool(values))
                    },
                )
            )
        return tuple(found)

    def log_probabilities(self, x: ArrayLike | Tensor) -> Array:
        """Return the logarithm of the mean over the networks of each class's probability.

        Networks that diverged are left out.

        Parameters
        ----------
        x
            Points, shape (n, d).

        Returns
        -------
        numpy.ndarray
            Shape (n, K): for the logistic loss of -1 and +1, for the softmax loss of 0, …, K-1.

        Raises
        ------
        InputError
            If all networks diverged, or they predict numbers.
        """
        usable = self.usable
        if not usable:
            raise InputError(f"there is nothing to average: all {len(self)} networks diverged")
        if usable[0].loss == "squared":
            raise InputError("networks trained with the squared loss predict no probabilities")
        total = _log_probabilities(usable[0].model.infer(x))
        for fit in usable[1:]:
            total = torch.logaddexp(total, _log_probabilities(fit.model.infer(x)))
        return np.asarray(as_numpy(total - log(len(usable))))

    def probabilities(self, x: ArrayLike | Tensor) -> Array:
        """Return the mean over the networks of the probability of each class.

        Parameters and errors are those of `log_probabilities`.
        """
        return np.asarray(np.exp(self.log_probabilities(x)))

    def to_columns(self) -> dict[str, list[Any]]:
        """Return a table with a row a network, as lists by column; ``DataFrame`` takes it."""
        return {
            "hidden": [fit.spec.size for fit in self._fits],
            "seed": [fit.spec.seed for fit in self._fits],
            "activation": [fit.spec.activation_name for fit in self._fits],
            "status": [fit.status for fit in self._fits],
            "steps": [fit.steps for fit in self._fits],
            "initial_loss": [_at(fit.losses, 0) for fit in self._fits],
            "final_loss": [_at(fit.losses, -1) for fit in self._fits],
            "validation_loss": [fit.validation_loss for fit in self._fits],
        }

    def _some(self, fits: Sequence[Fit]) -> "Fits":
        return Fits(fits, engine=self.engine)

    def __str__(self) -> str:
        return "\n".join(map(str, self._fits))


def _log_probabilities(scores: Tensor) -> Tensor:
    scores = scores.double()
    if scores.ndim == 1:
        return functional.logsigmoid(torch.stack((-scores, scores), dim=1))
    return torch.log_softmax(scores, dim=1)


def _at(losses: Array, place: int) -> float | None:
    return float(losses[place]) if len(losses) else None


def _achieved(fit: Fit) -> float:
    return float(fit.losses[-1]) if fit.validation_loss is None else fit.validation_loss
