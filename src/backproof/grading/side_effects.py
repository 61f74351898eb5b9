"""Whether the methods of a user's model leave everything as it was, and depend on nothing else."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof.grading.gradients import points
from backproof.grading.implementation import FailedError, Implementation
from backproof.grading.parameters import as_array
from backproof.grading.subject import HIDDEN, Subject

Array = NDArray[np.float64]


def side_effects(subject: Subject) -> str:
    """Return what was looked at; `FailedError` where a method changes or remembers something."""
    network = subject.drawn(HIDDEN)
    for name, call in _methods(network).items():
        _check_unchanged(name, call, network, subject.x, subject.t)
    for seed in (5, 6, 5):
        x, t = points(len(subject.x), seed)
        found, expected = _results(network, x, t), _results(subject.drawn(HIDDEN), x, t)
        for name, value in found.items():
            if not np.allclose(value, expected[name], 1e3 * network.precision, equal_nan=True):
                raise FailedError(
                    f"{name} depends on what was asked before: a new network with the same "
                    "parameters gives another result for the same points"
                )
    return "points, labels and parameters stay as they are, and nothing is remembered"


def _methods(network: Implementation) -> dict[str, Callable[[Any, Any], Any]]:
    def score(x: Any, t: Any) -> Any:  # noqa: ARG001
        return network.raw_score(x)

    found: dict[str, Callable[[Any, Any], Any]] = {
        "score": score,
        "mean_loss": network.raw_mean_loss,
    }
    if network.own_gradient is not None:
        found["gradient"] = network.own_gradient
    return found


def _check_unchanged(
    name: str, call: Callable[[Any, Any], Any], network: Implementation, x: Array, t: Array
) -> None:
    given = {"points": network.given(x), "labels": network.given(t)}
    before = {what: as_array(one).copy() for what, one in given.items()} | network.values
    call(given["points"], given["labels"])
    after = {what: as_array(one) for what, one in given.items()} | network.values
    for what, value in before.items():
        if not np.array_equal(value, after[what], equal_nan=True):
            whose = f"the {what} that it is given" if what in given else f"the parameter {what}"
            raise FailedError(f"{name} changes {whose}")


def _results(network: Implementation, x: Array, t: Array) -> dict[str, Array]:
    found = {"score": network.score(x), "mean_loss": np.array(network.mean_loss(x, t))}
    gradient, _ = network.gradient_parts(x, t)
    return found | {f"the gradient by {name}": one for name, one in gradient.items()}
