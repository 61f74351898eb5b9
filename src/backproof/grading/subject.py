"""A user's class under examination, and what several points need of it."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof._core.errors import BackproofError, InputError
from backproof._core.sources import names_in, said
from backproof.grading.gradients import CheckedGradient, checked_gradient, points
from backproof.grading.implementation import FailedError, Implementation
from backproof.grading.reading import Reading, best_reading, reference_score
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
        self._path = path.resolve()
        self.x, self.t = points(40, seed=1)

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
        return Implementation(model, hidden)

    def started(self, hidden: int, seed: int, dtype: str | None = None) -> Implementation:
        """Make a network with the initial parameters of ``FFModel(hidden, seed)``.

        In the dtype that it has, or in another where that can be had.
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
        lines = self._passed(error)
        where = f" in line {lines[-1].lineno}: {lines[-1].line}" if lines else ""
        return f"{said(error)}{where}"

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what the class raises in here into a `FailedError` that tells its line."""
        try:
            yield
        except Exception as error:
            if isinstance(error, BackproofError) or not self._passed(error):
                raise
            raise FailedError(f"the model raised {self.told(error)}") from error

    def _passed(self, error: BaseException) -> list[traceback.FrameSummary]:
        """Return the lines of the user's file that an exception passed."""
        frames = traceback.extract_tb(error.__traceback__)
        return [frame for frame in frames if Path(frame.filename).resolve() == self._path]

    def drawn(self, hidden: int, dtype: str | None = None) -> Implementation:
        """Make a network whose parameters are random, of moderate size, and told apart.

        Always the same, in the dtype that it has, or in another where that can be had.
        """
        found = self.build(hidden)
        if dtype is not None:
            found.convert(dtype)
        draws = np.random.default_rng(2)
        values = {n: draws.uniform(-1.5, 1.5, one.shape) for n, one in found.values.items()}
        found.set(values)
        for name, value in found.values.items():
            if not np.allclose(value, values[name], rtol=1e-2, atol=1e-2):
                raise FailedError(
                    f"{name} keeps its value when another is written into it: expected the arrays "
                    "that the model computes with, not copies of them"
                )
        return found

    @cached_property
    def network(self) -> Implementation:
        """The network that is looked at closely."""
        return self.drawn(HIDDEN)

    @cached_property
    def reading(self) -> Reading:
        """Which parameter is which.

        Raises
        ------
        FailedError
            If that cannot be told.
        """
        found = best_reading(self.network, HIDDEN, self.x)
        if found is None:
            shapes = ", ".join(
                f"{name} {value.shape}" for name, value in self.network.values.items()
            )
            raise FailedError(
                f"its parameters cannot be told apart: expected, for H = {HIDDEN}, arrays of "
                f"{2 * HIDDEN}, {HIDDEN}, {HIDDEN} and 1 numbers, got {shapes}; a method "
                "parameters() says which they are"
            )
        return found

    def expected_scores(self, network: Implementation, x: Array) -> Array:
        """Return the scores that the model has with the parameters of a network, shape (n,)."""
        return reference_score(self.reading.reference(network.values), x)

    @cached_property
    def gradients(self) -> "list[CheckedGradient]":
        """The gradient looked at for networks and sets of points of several sizes.

        In float64 where that can be had, in which every mistake shows.
        """
        return [
            checked_gradient(self.drawn(hidden, "float64"), self.reading, n)
            for hidden, n in ((HIDDEN, 40), (1, 1), (2, 3), (30, 150))
        ]
