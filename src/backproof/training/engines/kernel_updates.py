"""Optimizers of the fused kernel.

Each function of a dtype returns the compiled one that takes step number `step`, counted from 1,
with one layer, given its gradient g and what the optimizer remembers of it. The constants are the
learning rate, the weight decay and up to three of the optimizer's own.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from backproof.training.engines.elementary import LOOPS


def _descent(real: Any) -> Any:
    @njit(**LOOPS)  # type: ignore[untyped-decorator]
    def update(layer: Any, g: Any, slot0: Any, slot1: Any, constants: Any, step: int) -> None:  # noqa: ARG001
        rate, decay = real(constants[0]), real(constants[1])
        for i in range(layer.shape[0]):
            for j in range(layer.shape[1]):
                layer[i, j] -= rate * (g[i, j] + decay * layer[i, j])

    return update


def _momentum(real: Any) -> Any:
    @njit(**LOOPS)  # type: ignore[untyped-decorator]
    def update(layer: Any, g: Any, slot0: Any, slot1: Any, constants: Any, step: int) -> None:  # noqa: ARG001
        rate, decay, coefficient = real(constants[0]), real(constants[1]), real(constants[2])
        for i in range(layer.shape[0]):
            for j in range(layer.shape[1]):
                slot0[i, j] = coefficient * slot0[i, j] + (g[i, j] + decay * layer[i, j])
                layer[i, j] -= rate * slot0[i, j]

    return update


def _adam(real: Any) -> Any:
    @njit(**LOOPS)  # type: ignore[untyped-decorator]
    def update(layer: Any, g: Any, slot0: Any, slot1: Any, constants: Any, step: int) -> None:
        beta1, beta2 = real(constants[2]), real(constants[3])
        rest1, rest2 = real(1 - constants[2]), real(1 - constants[3])
        decay, epsilon = real(constants[1]), real(constants[4])
        scale = real(constants[0] / (1 - constants[2] ** step))
        root = real(math.sqrt(1 - constants[3] ** step))
        for i in range(layer.shape[0]):
            for j in range(layer.shape[1]):
                e = g[i, j] + decay * layer[i, j]
                slot0[i, j] = beta1 * slot0[i, j] + rest1 * e
                slot1[i, j] = beta2 * slot1[i, j] + rest2 * e * e
                layer[i, j] -= scale * slot0[i, j] / (np.sqrt(slot1[i, j]) / root + epsilon)

    return update


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {"gd": _descent, "momentum": _momentum, "adam": _adam}
"""The optimizers by their names."""
