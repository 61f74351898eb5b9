"""Training that its caller drives: some steps, a look, some more."""

from collections.abc import Iterable
from typing import SupportsIndex

from numpy.typing import ArrayLike
from torch import Tensor

from backproof._core.checks import whole_number
from backproof.training.data import Validation
from backproof.training.engines import ENGINES
from backproof.training.fit import Networks, collected, prepared
from backproof.training.fits import Fits
from backproof.training.optimizers import Optimizer
from backproof.training.settings import recording_on_cpu, single_threaded
from backproof.training.spec import ActivationLike


class Trainer:
    """Training of many networks that its caller drives, for instance to show how it goes.

    The bits after n steps are those of `fit` with ``steps=n``, however the n steps were divided.

    Parameters
    ----------
    hidden, seeds, x, t, learning_rate, activation, loss, optimizer, batch_size, weight_decay, \
validation, patience, dtype, engine, device
        As in `fit`.
    steps
        Number of gradient steps after which training ends, at least 0.

    Raises
    ------
    InputError
        As `fit` does.

    Examples
    --------
    >>> trainer = Trainer([2, 3], seeds=0, x=[[-1.0, 0.0], [1.0, 0.0]], t=[-1, 1], steps=100)
    >>> trainer.advance(10)
    >>> [fit.status for fit in trainer.fits()]
    ['running', 'running']
    """

    def __init__(
        self,
        hidden: Networks,
        seeds: SupportsIndex | Iterable[SupportsIndex] | None,
        x: ArrayLike | Tensor,
        t: ArrayLike | Tensor,
        *,
        steps: int = 1000,
        learning_rate: float = 0.1,
        activation: ActivationLike = "tanh",
        loss: str = "logistic",
        optimizer: str | Optimizer = "gd",
        batch_size: int | None = None,
        weight_decay: float = 0.0,
        validation: Validation | None = None,
        patience: int | None = None,
        dtype: str = "float64",
        engine: str = "auto",
        device: str = "cpu",
    ) -> None:
        self._run = prepared(
            hidden,
            seeds,
            x,
            t,
            steps=steps,
            learning_rate=learning_rate,
            activation=activation,
            loss=loss,
            optimizer=optimizer,
            batch_size=batch_size,
            weight_decay=weight_decay,
            validation=validation,
            patience=patience,
            dtype=dtype,
            engine=engine,
            device=device,
        )
        self._blocks = self._run.blocks()
        with recording_on_cpu():
            problems = [self._run.problem(block) for block in self._blocks]
            self._engines = [ENGINES[self._run.engine](problem) for problem in problems]
            self._states = [problem.start() for problem in problems]
        self._step = 0

    @property
    def step(self) -> int:
        """Number of the step that training has come to."""
        return self._step

    @property
    def done(self) -> bool:
        """Whether every network has ended."""
        return not any(len(state.rows) for state in self._states)

    def advance(self, steps: SupportsIndex = 1) -> None:
        """Take some steps, or those that are left.

        Parameters
        ----------
        steps
            How many, at least 1.

        Raises
        ------
        InputError
            If `steps` is no such number.
        """
        until = self._step + whole_number("steps", steps, at_least=1)
        self._step = min(until, self._run.settings.steps)
        with recording_on_cpu(), single_threaded():
            for engine, state in zip(self._engines, self._states, strict=True):
                engine.advance(state, self._step)

    def fits(self) -> Fits:
        """Return the networks as they are now, with the status ``running`` where they go on.

        The loss of a running network is known up to the step before the present one.
        """
        return collected(self._run, self._blocks, self._states)
