"""Where the training of a block of networks stands: all that a step needs and leaves."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Status = Literal["running", "completed", "stopped", "diverged"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass
class State:
    """A block of B networks of one shape, R of which still go on.

    All tensors have the networks along their first axis.
    """

    step: int
    """Steps taken by those that go on."""
    rows: NDArray[np.int64]
    """Which networks go on, shape (R,)."""
    weights: list[Tensor]
    """Their layers, each (R, inputs + 1, outputs) with the biases as the last row."""
    slots: list[list[Tensor]]
    """What the optimizer remembers of them: by layer, by slot."""
    final: list[Tensor]
    """Layers of the networks that ended, (B, inputs + 1, outputs)."""
    status: NDArray[np.int8]
    """Index into `STATUSES`, shape (B,)."""
    steps: NDArray[np.int64]
    """Steps behind the final layers, shape (B,)."""
    losses: NDArray[np.float64]
    """Loss before each step and at the end, NaN where there is none, shape (B, steps + 1)."""
    validation: NDArray[np.float64]
    """Validation loss before the first epoch and after each, shape (B, epochs + 1)."""
    best: list[Tensor]
    """Layers with the least validation loss so far, where early stopping asks for them."""
    best_loss: NDArray[np.float64]
    """That loss, shape (R,)."""
    best_step: NDArray[np.int64]
    """Steps behind these layers, shape (R,)."""

    def leave(self, leaving: NDArray[np.bool_], status: Status, *, best: bool = False) -> None:
        """End the training of some of the R networks; the others go on.

        Parameters
        ----------
        leaving
            Which, shape (R,).
        status
            How it ended.
        best
            Whether their best layers count, not their last ones.
        """
        if not leaving.any():
            return
        gone = self.rows[leaving]
        for final, last in zip(self.final, self.best if best else self.weights, strict=True):
            final[gone] = last[np.flatnonzero(leaving)]
        self.status[gone] = STATUSES.index(status)
        self.steps[gone] = self.best_step[leaving] if best else self.step
        self._keep(~leaving)

    def present_layers(self) -> list[Tensor]:
        """Return the layers of all B networks, as they ended or as they are now."""
        layers = [layer.clone() for layer in self.final]
        for layer, last in zip(layers, self.weights, strict=True):
            layer[self.rows] = last
        return layers

    def present_steps(self) -> NDArray[np.int64]:
        """Return the number of steps behind these layers, shape (B,)."""
        steps = self.steps.copy()
        steps[self.rows] = self.step
        return steps

    def _keep(self, staying: NDArray[np.bool_]) -> None:
        index = np.flatnonzero(staying)

        def kept(tensors: Iterable[Tensor]) -> list[Tensor]:
            return [tensor[index] for tensor in tensors]

        self.rows = self.rows[staying]
        self.weights = kept(self.weights)
        self.slots = [kept(slots) for slots in self.slots]
        self.best = kept(self.best)
        self.best_loss, self.best_step = self.best_loss[staying], self.best_step[staying]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return everything as named arrays."""
        named: dict[str, NDArray[np.generic]] = {"step": np.array([self.step])}
        for name in _ARRAYS:
            named[name] = getattr(self, name)
        for name in _LISTS:
            for layer, tensor in enumerate(getattr(self, name)):
                named[f"{name}.{layer}"] = tensor.cpu().numpy()
        for layer, slots in enumerate(self.slots):
            for number, slot in enumerate(slots):
                named[f"slots.{layer}.{number}"] = slot.cpu().numpy()
        return named

    @classmethod
    def from_arrays(cls, named: dict[str, NDArray[np.generic]], device: torch.device) -> "State":
        """Rebuild a state from what `arrays` returned."""

        def tensors(prefix: str) -> list[Tensor]:
            found: list[Tensor] = []
            while (name := f"{prefix}.{len(found)}") in named:
                found.append(torch.as_tensor(named[name], device=device))
            return found

        layers = len(tensors("final"))
        return cls(
            step=int(named["step"][0]),
            slots=[tensors(f"slots.{layer}") for layer in range(layers)],
            **{name: named[name] for name in _ARRAYS},  # type: ignore[arg-type]
            **{name: tensors(name) for name in _LISTS},  # type: ignore[arg-type]
        )


_ARRAYS = ("rows", "status", "steps", "losses", "validation", "best_loss", "best_step")
_LISTS = ("weights", "final", "best")
