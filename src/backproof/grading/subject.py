"""A user's class under examination, and what several points need of it."""

import inspect
import traceback
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof import datasets
from backproof._core.errors import InputError
from backproof._core.sources import names_in, said
from backproof.gradcheck import GradientReport, check
from backproof.grading.implementation import FailedError, Implementation
from backproof.grading.reading import ROLES, Reading, best_reading
from backproof.training import FFModel

Array = NDArray[np.float64]

HIDDEN = 7
"""Hidden units of the network that is looked at closely."""


def loaded(path: Path, name: str) -> "Subject":
    """Return a class of a file as a subject.

    Raises
    ------
    FailedError
        If it cannot be imported, or is not there.
    """
    try:
        names = names_in(path)
    except InputError as error:
        raise FailedError(str(error).replace(str(path), path.name)) from error
    if not callable(names.get(name)):
        raise FailedError(f"{path.name} has no class {name}")
    return Subject(names[name], path)


class Subject:
    """A user's class.

    Parameters
    ----------
    made
        The class, called with the number of hidden units.
    path
        Its file.
    """

    def __init__(self, made: Callable[..., Any], path: Path) -> None:
        self._made = made
        self._path = path
        self.x, labels = datasets.lab_mixture().sample(40, seed=1)
        self.t = labels.astype(np.float64)

    def build(self, hidden: int) -> Implementation:
        """Make a network.

        Raises
        ------
        FailedError
            If it cannot be made.
        """
        try:
            model = self._made(hidden)
        except Exception as error:
            raise FailedError(
                f"the class called with {hidden}, the number of hidden units, raised "
                f"{self.told(error)}"
            ) from error
        return Implementation(model)

    def started(self, hidden: int, seed: int, dtype: str | None = None) -> Implementation:
        """Make a network with the initial parameters of ``FFModel(hidden, seed)``.

        In the dtype that it has, or in another.
        """
        found = self.build(hidden)
        if dtype is not None:
            found.convert(dtype)
        start = FFModel(hidden, seed=seed)
        W1, b1, w, b = (one.detach().numpy() for one in (start.W1, start.b1, start.w, start.b))
        found.set(self.reading.own((W1, b1, w, b), found.values))
        return found

    def told(self, error: BaseException) -> str:
        """Return an exception in words, with the line of the user's that it passed last."""
        lines = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename) == self._path
        ]
        where = f" in line {lines[-1].lineno}: {lines[-1].line}" if lines else ""
        return f"{said(error)}{where}"

    @cached_property
    def network(self) -> Implementation:
        """A network whose parameters are random, of moderate size, and told apart."""
        found = self.build(HIDDEN)
        draws = np.random.default_rng(2)
        found.set(
            {name: draws.uniform(-1.5, 1.5, value.shape) for name, value in found.values.items()}
        )
        return found

    @cached_property
    def _best(self) -> tuple[Reading, Array]:
        best = best_reading(self.network, HIDDEN, self.x)
        if best is None:
            shapes = ", ".join(
                f"{name} {value.shape}" for name, value in self.network.values.items()
            )
            raise FailedError(
                f"its parameters cannot be told apart: expected, for H = {HIDDEN}, arrays of "
                f"{2 * HIDDEN}, {HIDDEN}, {HIDDEN} and 1 numbers, got {shapes}"
            )
        return best

    @property
    def reading(self) -> Reading:
        """Which parameter is which; `FailedError` where that cannot be told."""
        return self._best[0]

    @property
    def differences(self) -> Array:
        """The network's scores minus the model's, shape (n,)."""
        return self._best[1]

    @cached_property
    def report(self) -> GradientReport:
        """The check of the network's gradient, a tensor a role."""
        reading, values = self.reading, self.network.values
        names = [reading.names[role] for role in ROLES]

        def loss(*parameters: Array) -> float:
            self.network.set(dict(zip(names, parameters, strict=True)))
            return self.network.mean_loss(self.x, self.t)

        def gradient(*parameters: Array) -> list[Array]:
            self.network.set(dict(zip(names, parameters, strict=True)))
            found = self.network.gradient(self.x, self.t)
            return [found[name] for name in names]

        # The tensors of a report have the names of the function's parameters.
        loss.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(role, inspect.Parameter.POSITIONAL_OR_KEYWORD) for role in ROLES]
        )
        try:
            return check(loss, *(values[name] for name in names), gradient=gradient)
        finally:
            self.network.set(values)
