"""Rules that turn gradients into steps; elementwise, so that many networks step at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

from torch import Tensor

from backproof._core.checks import open_unit, positive, rate
from backproof._core.errors import InputError
from backproof._core.results import Result


@dataclass(frozen=True, kw_only=True)
class GradientDescent(Result):
    """θ ← θ - ηg."""

    name: ClassVar[str] = "gd"
    slots: ClassVar[int] = 0  # arrays of the size of the parameters that it remembers

    def update(
        self,
        parameter: Tensor,
        gradient: Tensor,
        slots: Sequence[Tensor],  # noqa: ARG002
        learning_rate: float,
        step: int,  # noqa: ARG002
    ) -> None:
        """Take step number `step`, counted from 1, in place."""
        # An addition of a product, not addmm: in float32 the fused form drifts away.
        parameter.sub_(gradient, alpha=learning_rate)


@dataclass(frozen=True, kw_only=True)
class Momentum(Result):
    """v ← μv + g, θ ← θ - ηv: the heavy ball, as in `torch.optim.SGD`."""

    name: ClassVar[str] = "momentum"
    slots: ClassVar[int] = 1
    coefficient: float = 0.9
    """μ, in [0, 1]."""

    def __post_init__(self) -> None:
        rate("coefficient", self.coefficient)

    def update(
        self,
        parameter: Tensor,
        gradient: Tensor,
        slots: Sequence[Tensor],
        learning_rate: float,
        step: int,  # noqa: ARG002
    ) -> None:
        """Take step number `step`, counted from 1, in place."""
        (velocity,) = slots
        velocity.mul_(self.coefficient).add_(gradient)
        parameter.sub_(velocity, alpha=learning_rate)


@dataclass(frozen=True, kw_only=True)
class Adam(Result):
    """Adam (Kingma and Ba 2015, algorithm 1), as in `torch.optim.Adam`."""

    name: ClassVar[str] = "adam"
    slots: ClassVar[int] = 2
    beta1: float = 0.9
    """Decay of the mean of gradients, strictly between 0 and 1."""
    beta2: float = 0.999
    """Decay of the mean of their squares, strictly between 0 and 1."""
    epsilon: float = 1e-8
    """Added to the root of the mean square; above 0."""

    def __post_init__(self) -> None:
        open_unit("beta1", self.beta1)
        open_unit("beta2", self.beta2)
        positive("epsilon", self.epsilon)

    def update(
        self,
        parameter: Tensor,
        gradient: Tensor,
        slots: Sequence[Tensor],
        learning_rate: float,
        step: int,
    ) -> None:
        """Take step number `step`, counted from 1, in place."""
        mean, square = slots
        mean.mul_(self.beta1).add_(gradient, alpha=1 - self.beta1)
        square.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        root = (square.sqrt() / sqrt(1 - self.beta2**step)).add_(self.epsilon)
        parameter.addcdiv_(mean, root, value=-learning_rate / (1 - self.beta1**step))


Optimizer = GradientDescent | Momentum | Adam

OPTIMIZERS: dict[str, type[Optimizer]] = {
    kind.name: kind for kind in (GradientDescent, Momentum, Adam)
}
"""The optimizers by their names."""


def as_optimizer(optimizer: str | Optimizer) -> Optimizer:
    """Return the optimizer of a name, with its usual constants, or the one that is given."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    if isinstance(optimizer, str) and optimizer in OPTIMIZERS:
        return OPTIMIZERS[optimizer]()
    raise InputError(
        f"optimizer must be one of {', '.join(OPTIMIZERS)}, or one of training.GradientDescent, "
        f"Momentum and Adam, got {optimizer!r}"
    )
