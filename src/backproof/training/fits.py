"""What training returns: one fit a network, in the order sizes × seeds."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from backproof.training.model import FFModel

Status = Literal["completed", "diverged"]


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """Which network: its layers and where its initial weights come from."""

    hidden: tuple[int, ...]
    """Sizes of the hidden layers."""
    seed: int
    """Seed of the initial weights: those of ``FFModel(hidden, seed=seed)``."""

    def __str__(self) -> str:
        return f"hidden {'-'.join(map(str, self.hidden))}, seed {self.seed}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """One trained network."""

    spec: NetworkSpec
    """Which network it is."""
    status: Status
    """``completed``, or ``diverged`` when the loss was no longer finite."""
    losses: NDArray[np.float64]
    """Mean training loss before the first step and after each step, shape (steps + 1,);
    where the fit diverged, up to the last finite one."""
    model: FFModel
    """The network with the weights at which training ended; where it diverged, they tell how."""

    @property
    def steps(self) -> int:
        """Gradient steps behind the weights."""
        return len(self.losses) - 1

    def score(self, x: ArrayLike | Tensor) -> Tensor:
        """Return the network's scores, shape (n,), at points `x`, shape (n, 2)."""
        return self.model.score(x)

    def classify(self, x: ArrayLike | Tensor) -> Tensor:
        """Return the network's classes, -1 or +1, shape (n,), at points `x`, shape (n, 2)."""
        return self.model.classify(x)

    def as_module(self) -> FFModel:
        """Return an independent copy of the network, an ordinary `torch.nn.Module`."""
        return copy.deepcopy(self.model)

    def __str__(self) -> str:
        end = f"loss {self.losses[-1]:.6g} after {self.steps} steps"
        return (
            f"{self.spec}: {end}" if self.status == "completed" else f"{self.spec}: diverged, {end}"
        )


class Fits(Sequence[Fit]):
    """Trained networks, in the order of sizes, then seeds."""

    def __init__(self, fits: Sequence[Fit]) -> None:
        self._fits = tuple(fits)

    @overload
    def __getitem__(self, index: int) -> Fit: ...
    @overload
    def __getitem__(self, index: slice) -> "Fits": ...
    def __getitem__(self, index: int | slice) -> "Fit | Fits":
        if isinstance(index, slice):
            return Fits(self._fits[index])
        return self._fits[index]

    def __len__(self) -> int:
        return len(self._fits)

    def __iter__(self) -> Iterator[Fit]:
        return iter(self._fits)

    def of_size(self, hidden: int) -> "Fits":
        """Return the fits with one hidden layer of `hidden` units."""
        return Fits([fit for fit in self._fits if fit.spec.hidden == (hidden,)])

    def __str__(self) -> str:
        return "\n".join(map(str, self._fits))
