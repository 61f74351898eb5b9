"""Which of a user's parameters is which of the model s(x) = wᵀ tanh(W1ᵀ x + b1) + b."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backproof.grading.implementation import Implementation

Array = NDArray[np.float64]

ROLES = ("W1", "b1", "w", "b")
"""The parameters of the model: shapes (2, H), (H,), (H,) and ()."""


@dataclass(frozen=True)
class Reading:
    """What each parameter of the model is called, and how its matrix lies."""

    names: dict[str, str]
    """From roles to names."""
    transposed: bool
    """Whether the matrix lies as (H, 2)."""

    def reference(self, values: Mapping[str, Array]) -> tuple[Array, Array, Array, Array]:
        """Return W1 (2, H), b1 (H,), w (H,) and b () of parameters, or of gradients by them."""
        W1, b1, w, b = (values[self.names[role]].reshape(-1) for role in ROLES)
        matrix = W1.reshape(-1, 2).T if self.transposed else W1.reshape(2, -1)
        return matrix, b1, w, b.reshape(())

    def own(
        self, reference: tuple[Array, Array, Array, Array], like: Mapping[str, Array]
    ) -> dict[str, Array]:
        """Return parameters by their names and in their shapes, which are those of `like`."""
        W1, *others = reference
        parts = [W1.T if self.transposed else W1, *others]
        return {
            self.names[role]: np.reshape(part, like[self.names[role]].shape)
            for role, part in zip(ROLES, parts, strict=True)
        }


@np.errstate(all="ignore")
def reference_score(parameters: tuple[Array, Array, Array, Array], x: Array) -> Array:
    """Return the model's scores, shape (n,), of points, shape (n, 2)."""
    W1, b1, w, b = parameters
    scores: Array = np.tanh(x @ W1 + b1) @ w + b
    return scores


@np.errstate(all="ignore")  # underflow is meant, whatever the user has set
def reference_loss(margins: Array) -> float:
    """Return the mean loss of scores times labels."""
    return float(np.logaddexp(0, -margins).mean())


def best_reading(implementation: Implementation, hidden: int, x: Array) -> Reading | None:
    """Return the reading whose scores are nearest to the implementation's.

    Parameters
    ----------
    implementation
        With parameters at which all readings differ, such as random ones.
    hidden
        Its number of hidden units, at least 3.
    x
        Points, shape (n, 2).

    Returns
    -------
    Reading or None
        ``None`` where the sizes of the parameters are not those of the model.
    """
    values = implementation.values
    found = implementation.score(x)

    def distance(one: Reading) -> float:
        return float(np.abs(found - reference_score(one.reference(values), x)).max())

    return min(_readings(values, hidden), key=distance, default=None)


def _readings(values: Mapping[str, Array], hidden: int) -> Iterator[Reading]:
    by_size: dict[int, list[str]] = {}
    for name, value in values.items():
        by_size.setdefault(value.size, []).append(name)
    if {size: len(names) for size, names in by_size.items()} != {2 * hidden: 1, hidden: 2, 1: 1}:
        return
    (matrix,), (first, second), (offset,) = by_size[2 * hidden], by_size[hidden], by_size[1]
    # Where the shape does not tell how the matrix lies, the scores do.
    lies = {(2, hidden): (False,), (hidden, 2): (True,)}.get(values[matrix].shape, (False, True))
    for b1, w in ((first, second), (second, first)):
        for transposed in lies:
            names = dict(zip(ROLES, (matrix, b1, w, offset), strict=True))
            yield Reading(names, transposed)
