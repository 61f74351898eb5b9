"""What a block of networks of one shape is to minimise, and how."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from backproof.training.batches import Batches
from backproof.training.data import Points
from backproof.training.initial import initial_layers
from backproof.training.losses import LOSSES, Loss
from backproof.training.optimizers import Optimizer
from backproof.training.spec import ActivationLike, NetworkSpec
from backproof.training.state import State


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How networks are trained, whichever they are."""

    steps: int
    """Number of gradient steps."""
    learning_rate: float
    """Step length."""
    loss: str
    """Name of the loss."""
    optimizer: Optimizer
    """Turns gradients into steps."""
    batch_size: int | None
    """Points in a minibatch; ``None``: all."""
    weight_decay: float
    """Factor of the parameters that is added to their gradient."""
    patience: int | None
    """Epochs without a smaller validation loss after which training stops."""
    dtype: str
    """Name of the dtype of the computation."""
    device: str
    """Name of the device."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Networks of one shape and activation, their points and their settings."""

    specs: Sequence[NetworkSpec]
    """The networks."""
    points: Points
    """What they learn from."""
    validation: Points | None
    """What they are validated with."""
    settings: Settings
    """How."""
    outputs: int
    """Number of scores a point."""

    @property
    def activation(self) -> ActivationLike:
        """Activation of the hidden layers."""
        return self.specs[0].activation

    @property
    def loss(self) -> Loss:
        """What is minimised."""
        return LOSSES[self.settings.loss]

    def batches(self) -> Batches:
        """Return the minibatches."""
        return Batches(self.points.count, self.settings.batch_size)

    def start(self) -> State:
        """Return the state before the first step."""
        inputs = self.points.x.shape[1] - 1
        drawn = [
            initial_layers(spec.hidden, spec.seed, inputs, self.outputs) for spec in self.specs
        ]
        weights = [
            torch.tensor(np.stack(layers)).to(self.points.x) for layers in zip(*drawn, strict=True)
        ]
        settings, members = self.settings, len(self.specs)
        epochs = settings.steps // self.batches().per_epoch if self.validation is not None else -1
        return State(
            step=0,
            rows=np.arange(members),
            weights=weights,
            slots=[
                [torch.zeros_like(layer) for _ in range(settings.optimizer.slots)]
                for layer in weights
            ],
            final=[torch.zeros_like(layer) for layer in weights],
            status=np.zeros(members, np.int8),
            steps=np.zeros(members, np.int64),
            losses=np.full((members, settings.steps + 1), np.nan),
            validation=np.full((members, epochs + 1), np.nan),
            best=[] if settings.patience is None else [layer.clone() for layer in weights],
            best_loss=np.full(members, np.inf),
            best_step=np.zeros(members, np.int64),
        )
