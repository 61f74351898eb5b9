"""Training step by step, for engines that compute the gradient of one step at a time."""

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backproof.training.data import Points
from backproof.training.problem import Problem
from backproof.training.state import State

Layers = list[Tensor]


class Gradients(Protocol):
    """Losses and gradients of several networks; layers are (b, inputs + 1, outputs)."""

    def losses(self, weights: Layers, points: Points) -> Tensor:
        """Return the mean loss of each network, shape (b,)."""

    def gradients(self, weights: Layers, points: Points) -> tuple[Tensor, Layers]:
        """Return the mean losses and their gradients, shaped as the layers."""


class Stepper:
    """Takes the steps of a block of networks with a given way to compute gradients."""

    def __init__(self, problem: Problem, gradients: Gradients) -> None:
        self._problem = problem
        self._gradients = gradients
        self._batches = problem.batches()

    def advance(self, state: State, until: int) -> None:
        """Take the steps up to number `until`, or to the end of the last network."""
        while len(state.rows) and state.step < until:
            self._validate(state)
            if len(state.rows):
                self._step(state)
        if len(state.rows) and state.step == self._problem.settings.steps:
            self._finish(state)

    def _step(self, state: State) -> None:
        settings = self._problem.settings
        losses, gradients = self._gradients.gradients(state.weights, self._points(state))
        finite = self._record(state, losses)
        if not finite.all():  # the others compute this step again, as if they had been alone
            state.leave(~finite, "diverged")
            return
        for layer, gradient, slots in zip(state.weights, gradients, state.slots, strict=True):
            if settings.weight_decay:
                gradient.add_(layer, alpha=settings.weight_decay)
            settings.optimizer.update(
                layer, gradient, slots, settings.learning_rate, state.step + 1
            )
        state.step += 1

    def _points(self, state: State) -> Points:
        """Return the points of the next step."""
        points, rows = self._problem.points, state.rows.tolist()
        if self._batches.full:
            return points.of(rows)
        members = [self._problem.specs[row].seed for row in state.rows]
        chosen = torch.as_tensor(self._batches.indices(state.step, members))
        return points.batch(rows, chosen.to(points.t.device))

    def _record(self, state: State, losses: Tensor) -> NDArray[np.bool_]:
        values = losses.cpu().numpy()
        finite: NDArray[np.bool_] = np.isfinite(values)
        state.losses[state.rows, state.step] = np.where(finite, values, np.nan)
        return finite

    def _validate(self, state: State) -> None:
        """Look at the validation points where an epoch ends, and stop what no longer improves."""
        problem, step = self._problem, state.step
        epoch = step // self._batches.per_epoch
        if problem.validation is None or not self._batches.ends_epoch(step):
            return
        if not np.isnan(state.validation[state.rows[0], epoch]):
            return  # seen already, before a network left that shared the step
        points = problem.validation.of(state.rows.tolist())
        values = self._gradients.losses(state.weights, points).cpu().numpy().astype(np.float64)
        state.validation[state.rows, epoch] = values
        if problem.settings.patience is None:
            return
        better = values < state.best_loss
        state.best_loss[better] = values[better]
        state.best_step[better] = step
        chosen = np.flatnonzero(better)
        for best, layer in zip(state.best, state.weights, strict=True):
            best[chosen] = layer[chosen]
        waited = (step - state.best_step) // self._batches.per_epoch
        state.leave(waited >= problem.settings.patience, "stopped", best=True)

    def _finish(self, state: State) -> None:
        self._validate(state)
        if not len(state.rows):
            return
        points = self._problem.points.of(state.rows.tolist())
        finite = self._record(state, self._gradients.losses(state.weights, points))
        state.leave(~finite, "diverged")
        best = self._problem.settings.patience is not None
        state.leave(np.ones(len(state.rows), bool), "completed", best=best)
