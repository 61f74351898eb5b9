"""The gradient of a user's model, checked by its own losses."""

import inspect
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backproof import datasets
from backproof.gradcheck import GradientReport, check
from backproof.grading.implementation import Implementation
from backproof.grading.reading import ROLES, Reading

Array = NDArray[np.float64]


def points(n: int, seed: int) -> tuple[Array, Array]:
    """Return points of the lab's mixture, shape (n, 2), and their labels, shape (n,)."""
    even = n + n % 2  # it draws half of each class
    x, t = datasets.lab_mixture().sample(even, seed=seed)
    return x[:n], t[:n].astype(np.float64)


def _near(n: int) -> Array:
    """Return points near the origin, where few hidden units are saturated, shape (n, 2)."""
    x, _ = points(4 * n, seed=4)
    return x[np.argsort(np.abs(x).max(axis=1))[:n]]


@dataclass(frozen=True)
class CheckedGradient:
    """What became of a gradient for one network and one set of points."""

    hidden: int
    """Its hidden units."""
    points: int
    """Points of the mean loss."""
    report: GradientReport | None
    """The check, a tensor a role; ``None`` where there is no gradient to check."""
    faults: dict[str, str]
    """Why there is no gradient by a role."""


def checked_gradient(network: Implementation, reading: Reading, n: int) -> CheckedGradient:
    """Check the gradient of the mean loss of `n` points, by each parameter that has one."""
    x, (other_x, other_t) = _near(n), points(n, seed=5)
    t = -np.sign(network.score(x))  # labels that it gets wrong have the largest gradient
    values = network.values
    _, faults = network.gradient_parts(x, t)
    roles = [role for role in ROLES if reading.names[role] not in faults]
    names = [reading.names[role] for role in roles]

    def loss(*parameters: Array) -> float:
        network.set(dict(zip(names, parameters, strict=True)))
        return network.mean_loss(x, t)

    def gradient(*parameters: Array) -> list[Array]:
        network.set(dict(zip(names, parameters, strict=True)))
        network.mean_loss(other_x, other_t)  # what it keeps of that must not be taken for these
        found, _ = network.gradient_parts(x, t)
        return [found[name] for name in names]

    # The tensors of a report have the names of the function's parameters.
    loss.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(role, inspect.Parameter.POSITIONAL_OR_KEYWORD) for role in roles]
    )
    report = None
    try:
        if roles:
            report = check(loss, *(values[name] for name in names), gradient=gradient)
    finally:
        network.set(values)
    return CheckedGradient(
        hidden=values[reading.names["b1"]].size,
        points=n,
        report=report,
        faults={role: faults[name] for role, name in reading.names.items() if name in faults},
    )
