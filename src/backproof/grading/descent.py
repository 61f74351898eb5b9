"""Gradient descent by a user's own gradients."""

import numpy as np
from numpy.typing import NDArray

from backproof.grading.implementation import Implementation

Array = NDArray[np.float64]


def descend(network: Implementation, x: Array, t: Array, *, steps: int, rate: float) -> Array:
    """Train a network by its own gradients; return the losses before each step and after all.

    It ends where the loss is no longer finite; the losses from there on are NaN.
    """
    losses = np.full(steps + 1, np.nan)
    for step in range(steps):
        loss = network.mean_loss(x, t)
        if not np.isfinite(loss):
            return losses
        losses[step] = loss
        gradient = network.gradient(x, t)
        values = network.values
        network.set({name: values[name] - rate * gradient[name] for name in values})
    losses[steps] = network.mean_loss(x, t)
    return losses
