"""The network that several panels look at; nothing here draws or serves."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from backproof import training
from backproof._core.errors import InputError
from backproof._core.numbers import counted
from backproof.app.train.points import Points
from backproof.gradcheck import Difference, GradientReport, Sweep, check, directional, sweep
from backproof.lab import mistakes

DTYPES = {"float64": torch.float64, "float32": torch.float32}
"""Dtypes that slopes are compared in."""


@dataclass(frozen=True, eq=False)
class Network:
    """A network as it stands, and the points that it learns from."""

    fit: training.Fit
    points: Points

    @property
    def name(self) -> str:
        """Which network it is, in words."""
        fit = self.fit
        return (
            f"The network with H = {fit.spec.hidden[0]} and seed {fit.spec.seed} after "
            f"{counted(fit.steps, 'step')}"
        )

    @property
    def where(self) -> str:
        """Which network it is, and where its gradient is looked at, in words."""
        return f"{self.name}, on its {counted(len(self.points.t), 'training point')}."

    def refuse_diverged(self) -> None:
        """Raise `InputError` where the network diverged."""
        if self.fit.status == "diverged":
            raise InputError("the network diverged: choose a smaller learning rate, and reset")

    def classify(self, x: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the labels of points, shape (n, 2)."""
        return np.asarray(self.fit.classify(x))

    def check(self, mistake: str | None, seed: int) -> GradientReport:
        """Check the gradient that PyTorch computes, or one by hand with a mistake."""
        if mistake is None:
            return check(self._model, self._x, loss=self._loss, seed=seed)
        if self.fit.spec.activation != "tanh":
            raise InputError(
                "the gradients by hand are those of the lab's model, whose activation is tanh: "
                "choose it on the panel Train"
            )
        x, t = self.points.x, self.points.t
        return check(
            mistakes.mean_loss(x, t),
            *(value.numpy() for value in self.fit.parameters.values()),
            gradient=mistakes.gradient(x, t, mistake),
            seed=seed,
        )

    def spoilt(self, mistake: str) -> tuple[str, ...]:
        """Return the names of the parameters whose gradient by hand a mistake changes here."""
        W1, b1, w, b = (value.numpy() for value in self.fit.parameters.values())
        return mistakes.spoilt(self.points.x, self.points.t, mistake, (W1, b1, w, b))

    def sweeps(self) -> list[Sweep]:
        """Return the difference of numeric and backpropagated slope over the step, by dtype."""
        return [
            sweep(self._model, self._x, loss=self._loss, directions=4, dtype=dtype)
            for dtype in DTYPES.values()
        ]

    def differences(self, step: float, dtype: str) -> tuple[Difference, ...]:
        """Return the difference at one step."""
        return tuple(
            directional(self._model, self._x, loss=self._loss, step=step, dtype=DTYPES[dtype])
        )

    @property
    def _model(self) -> torch.nn.Module:
        # One of its own for each thread: a check puts other values in the place of parameters.
        return self.fit.as_module()

    @property
    def _x(self) -> torch.Tensor:
        return torch.from_numpy(self.points.x)

    @property
    def _loss(self) -> Callable[[torch.Tensor], torch.Tensor]:
        return partial(training.mean_logistic_loss, t=torch.from_numpy(self.points.t))


Source = Callable[[], Awaitable[Network]]
"""Says which network there is to look at."""
