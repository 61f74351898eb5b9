"""The fused engine: the compiled kernel, where it applies."""

from collections.abc import Iterable
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from backproof.training.arrays import as_numpy
from backproof.training.data import TrainingData
from backproof.training.optimizers import Adam, Momentum, Optimizer
from backproof.training.problem import Problem, Settings
from backproof.training.spec import NetworkSpec
from backproof.training.state import State

ACTIVATIONS = ("tanh", "sigmoid", "relu")
"""Activations that the kernel knows."""
# Beyond these a matrix product by a library is faster than the kernel's loops.
_FEW = 16
# Activations that the batched engine computes in a few seconds on two cores.
_WORTH_COMPILING = 4 * 10**9
# Indices of minibatches that are prepared for one call of the kernel.
_MOST_INDICES = 1 << 20


def obstacle(specs: Iterable[NetworkSpec], settings: Settings, *, validated: bool) -> str | None:
    """Return why the engine cannot train these networks, or nothing where it can."""
    if find_spec("numba") is None:
        return "it needs numba: pip install 'backproof[fast]'"
    if settings.device != "cpu":
        return f"it runs on the CPU, not on {settings.device}"
    if validated:
        return "it knows no validation"
    for spec in specs:
        if len(spec.hidden) > 1:
            return f"it knows networks with one hidden layer, not {spec.size}"
        if spec.activation not in ACTIVATIONS:
            return f"it knows the activations {', '.join(ACTIVATIONS)}, not {spec.activation_name}"
    return None


def worthwhile(specs: Iterable[NetworkSpec], settings: Settings, data: TrainingData) -> bool:
    """Whether the kernel, its compilation included, is faster than matrix products.

    It is with few features and scores, and where training takes longer than the compilation.
    """
    points = min(settings.batch_size or data.count, data.count)
    activations = settings.steps * points * sum(spec.hidden[0] for spec in specs)
    return data.inputs + data.outputs <= _FEW and activations > _WORTH_COMPILING


class FusedEngine:
    """Takes the steps of a block of networks with the compiled kernel."""

    def __init__(self, problem: Problem) -> None:
        from backproof.training.engines import kernel  # imports numba

        settings = problem.settings
        self._settings = settings
        self._batches = problem.batches()
        self._seeds = [spec.seed for spec in problem.specs]
        self._x = np.ascontiguousarray(as_numpy(problem.points.x))
        self._t = np.ascontiguousarray(as_numpy(problem.points.t), dtype=self._x.dtype)
        self._constants = np.array(
            [settings.learning_rate, settings.weight_decay, *_constants(settings.optimizer)]
        )
        self._advance = kernel.kernel(
            str(problem.activation), settings.loss, settings.optimizer.name, settings.dtype
        )

    def advance(self, state: State, until: int) -> None:
        """Take the steps up to number `until`; networks that end leave the state."""
        while len(state.rows):
            steps = self._call_length(state, until)
            self._call(state, steps)
            if state.step >= until:
                return

    def _call_length(self, state: State, until: int) -> int:
        """Return how many steps one call may take: with minibatches, at most to an epoch's end."""
        if self._batches.full:
            return until - state.step
        left = self._batches.per_epoch - state.step % self._batches.per_epoch
        affordable = max(1, _MOST_INDICES // (len(state.rows) * self._batches.size))
        return min(until - state.step, left, affordable)

    def _call(self, state: State, steps: int) -> None:
        order = self._order(state, steps)
        used = 0 if self._batches.full else self._used(state.step + steps - 1)
        layers = [as_numpy(layer) for layer in state.weights]
        finish = state.step + steps == self._settings.steps
        losses = np.full((len(state.rows), steps + 1), np.nan)
        taken = self._advance(
            self._x,
            self._t,
            state.rows if len(self._t) > 1 else np.zeros_like(state.rows),
            order,
            used,
            tuple(layers),
            self._slots(state, layers),
            self._constants,
            state.step,
            steps,
            finish,
            losses,
        )
        end = state.step + steps + finish
        state.losses[state.rows, state.step : end] = losses[:, : steps + finish]
        self._leave(state, taken, steps, finish=finish, last=losses[:, -1])

    def _leave(
        self,
        state: State,
        taken: NDArray[np.int64],
        steps: int,
        *,
        finish: bool,
        last: NDArray[np.float64],
    ) -> None:
        begin = state.step
        for count in np.unique(taken[taken < steps]):
            state.step = begin + int(count)
            state.leave(taken == count, "diverged")
            last, taken = last[taken != count], taken[taken != count]
        state.step = begin + steps
        if finish:
            state.leave(~np.isfinite(last), "diverged")
            state.leave(np.ones(len(state.rows), bool), "completed")

    def _order(self, state: State, steps: int) -> NDArray[np.int64]:
        if self._batches.full:
            return np.empty((len(state.rows), steps, 0), np.int64)
        members = [self._seeds[row] for row in state.rows]
        order = np.zeros((len(members), steps, self._batches.size), np.int64)
        for step in range(steps):
            chosen = self._batches.indices(state.step + step, members)
            order[:, step, : chosen.shape[1]] = chosen
        return order

    def _used(self, step: int) -> int:
        """Return the number of points in the batch of a step, counted from 0."""
        start = step % self._batches.per_epoch * self._batches.size
        return min(self._batches.size, self._batches.points - start)

    @staticmethod
    def _slots(
        state: State, layers: list[NDArray[np.floating]]
    ) -> tuple[NDArray[np.floating], ...]:
        """Return what the optimizer remembers: slot by slot, layer by layer."""
        unused = [np.empty((len(layer), 0, 0), layer.dtype) for layer in layers]
        found = []
        for number in range(2):
            for layer, slots in enumerate(state.slots):
                found.append(as_numpy(slots[number]) if number < len(slots) else unused[layer])
        return tuple(found)


def _constants(optimizer: Optimizer) -> tuple[float, float, float]:
    match optimizer:
        case Momentum():
            return optimizer.coefficient, 0.0, 0.0
        case Adam():
            return optimizer.beta1, optimizer.beta2, optimizer.epsilon
        case _:
            return 0.0, 0.0, 0.0
