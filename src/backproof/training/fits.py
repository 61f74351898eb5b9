"""What training returns: the fits of all networks, and what can be said of them together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional

from backproof._core.checks import rates
from backproof._core.errors import InputError
from backproof._core.numbers import counted
from backproof._core.results import Result, ShownAsText
from backproof.training.arrays import as_numpy, as_tensor
from backproof.training.losses import LOSSES
from backproof.training.spec import Hidden, hidden_sizes
from backproof.training.trained import Fit

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class SizeErrors(Result):
    """Test errors of the networks of one size, over their seeds."""

    hidden: tuple[int, ...]
    """Sizes of the hidden layers."""
    examples: int
    """Number of test examples."""
    errors: tuple[int, ...]
    """Number of test errors of each network that did not diverge, in the order of the fits."""
    diverged: int
    """Number of networks that diverged."""
    quantiles: dict[str, float]
    """Test error rate at each quantile over seeds; empty where all diverged."""


class Fits(ShownAsText, Sequence[Fit]):
    """Trained networks, in the order of sizes, then seeds.

    Attributes
    ----------
    engine : str
        Name of the engine that trained them.
    """

    def __init__(self, fits: Sequence[Fit], *, engine: str = "") -> None:
        self._fits = tuple(fits)
        self.engine = engine

    @overload
    def __getitem__(self, index: int) -> Fit: ...
    @overload
    def __getitem__(self, index: slice) -> "Fits": ...
    def __getitem__(self, index: int | slice) -> "Fit | Fits":
        if isinstance(index, slice):
            return self._some(self._fits[index])
        return self._fits[index]

    def __len__(self) -> int:
        return len(self._fits)

    def __iter__(self) -> Iterator[Fit]:
        return iter(self._fits)

    @property
    def sizes(self) -> list[tuple[int, ...]]:
        """The different hidden sizes, in order."""
        return list(dict.fromkeys(fit.spec.hidden for fit in self._fits))

    @property
    def diverged(self) -> "Fits":
        """The fits that diverged."""
        return self._some([fit for fit in self._fits if fit.status == "diverged"])

    @property
    def usable(self) -> "Fits":
        """The fits that did not diverge."""
        return self._some([fit for fit in self._fits if fit.status != "diverged"])

    def of_size(self, hidden: Hidden) -> "Fits":
        """Return the fits with one hidden layer of `hidden` units, or with layers of these."""
        (wanted,) = hidden_sizes([hidden])
        return self._some([fit for fit in self._fits if fit.spec.hidden == wanted])

    def best(self) -> Fit:
        """Return the fit with the least validation loss, or where there is none training loss.

        Raises
        ------
        InputError
            If all fits diverged.
        """
        usable = self.usable
        if not usable:
            raise InputError(f"no fit is the best: all {len(self)} diverged")
        return min(usable, key=_achieved)

    def test_errors(self, x: ArrayLike | Tensor, t: ArrayLike | Tensor) -> NDArray[np.int64]:
        """Return the number of errors of each network on test points, shape (networks,).

        Parameters
        ----------
        x, t
            Points, shape (n, d), and their classes, shape (n,), as `fit` takes them.
        """
        classes = np.asarray(as_numpy(t))
        counts = []
        for loss in {fit.loss for fit in self._fits}:
            LOSSES[loss].targets(as_tensor(classes), torch.float64)  # 0 and 1 are not -1 and +1
        for fit in self._fits:
            found = as_numpy(fit.classify(x))
            if found.shape != classes.shape:
                raise InputError(
                    f"t must hold one class a point, shape {found.shape}, got {classes.shape}"
                )
            counts.append(int((found != classes).sum()))
        return np.array(counts, np.int64)

    def error_quantiles(
        self,
        x: ArrayLike | Tensor,
        t: ArrayLike | Tensor,
        quantiles: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0),
    ) -> tuple[SizeErrors, ...]:
        """Return, for each size, the quantiles of the test error over seeds.

        Parameters
        ----------
        x, t
            Test points, shape (n, d), and their classes, shape (n,).
        quantiles
            Which, in [0, 1]; between two networks they are interpolated linearly.
        """
        wanted = rates("quantiles", quantiles).tolist()
        errors = self.test_errors(x, t)
        examples = len(np.asarray(as_numpy(t)))
        found = []
        for hidden in self.sizes:
            rows = [n for n, fit in enumerate(self._fits) if fit.spec.hidden == hidden]
            kept = [n for n in rows if self._fits[n].status != "diverged"]
            values = np.quantile(errors[kept] / examples, wanted).tolist() if kept else []
            found.append(
                SizeErrors(
                    hidden=hidden,
                    examples=examples,
                    errors=tuple(errors[kept].tolist()),
                    diverged=len(rows) - len(kept),
                    quantiles={
                        f"{q:g}": value for q, value in zip(wanted, values, strict=bool(values))
                    },
                )
            )
        return tuple(found)

    def loss_quantiles(self, quantiles: Sequence[float] = (0.1, 0.5, 0.9)) -> Array:
        """Return quantiles over the networks of the training loss at each step.

        As far as all networks have losses: one that ended early has fewer.

        Parameters
        ----------
        quantiles
            Which, in [0, 1]; between two networks they are interpolated linearly.

        Returns
        -------
        numpy.ndarray
            Shape (quantiles, steps + 1).

        Raises
        ------
        InputError
            If there are no networks, or a quantile is out of range.
        """
        if not self._fits:
            raise InputError("there are no networks to take quantiles over")
        common = min(len(fit.losses) for fit in self._fits)
        losses = np.stack([fit.losses[:common] for fit in self._fits])
        return np.asarray(np.quantile(losses, rates("quantiles", quantiles), axis=0))

    def log_probabilities(self, x: ArrayLike | Tensor) -> Array:
        """Return the logarithm of the mean over the networks of each class's probability.

        Networks that diverged are left out.

        Parameters
        ----------
        x
            Points, shape (n, d).

        Returns
        -------
        numpy.ndarray
            Shape (n, K): for the logistic loss of -1 and +1, for the softmax loss of 0, …, K-1.

        Raises
        ------
        InputError
            If all networks diverged, or they predict numbers.
        """
        usable = self.usable
        if not usable:
            raise InputError(f"there is nothing to average: all {len(self)} networks diverged")
        if usable[0].loss == "squared":
            raise InputError("networks trained with the squared loss predict no probabilities")
        total = _log_probabilities(usable[0].model.infer(x))
        for fit in usable[1:]:
            total = torch.logaddexp(total, _log_probabilities(fit.model.infer(x)))
        return np.asarray(as_numpy(total - log(len(usable))))

    def probabilities(self, x: ArrayLike | Tensor) -> Array:
        """Return the mean over the networks of the probability of each class.

        Parameters and errors are those of `log_probabilities`.
        """
        return np.asarray(np.exp(self.log_probabilities(x)))

    def to_columns(self) -> dict[str, list[Any]]:
        """Return a table with a row a network, as lists by column; ``DataFrame`` takes it."""
        return {
            "hidden": [fit.spec.size for fit in self._fits],
            "seed": [fit.spec.seed for fit in self._fits],
            "activation": [fit.spec.activation_name for fit in self._fits],
            "status": [fit.status for fit in self._fits],
            "steps": [fit.steps for fit in self._fits],
            "initial_loss": [_at(fit.losses, 0) for fit in self._fits],
            "final_loss": [_at(fit.losses, -1) for fit in self._fits],
            "validation_loss": [fit.validation_loss for fit in self._fits],
        }

    def _some(self, fits: Sequence[Fit]) -> "Fits":
        return Fits(fits, engine=self.engine)

    def __repr__(self) -> str:
        sizes = ", ".join(dict.fromkeys(fit.spec.size for fit in self._fits))
        hidden = f", hidden {sizes}" if sizes else ""
        diverged = f", {len(self.diverged)} diverged" if self.diverged else ""
        return f"<Fits: {counted(len(self), 'network')}{hidden}{diverged}>"

    def __str__(self) -> str:
        return "\n".join(map(str, self._fits))


def _log_probabilities(scores: Tensor) -> Tensor:
    scores = scores.double()
    if scores.ndim == 1:
        return functional.logsigmoid(torch.stack((-scores, scores), dim=1))
    return torch.log_softmax(scores, dim=1)


def _at(losses: Array, place: int) -> float | None:
    return float(losses[place]) if len(losses) else None


def _achieved(fit: Fit) -> float:
    return float(fit.losses[-1]) if fit.validation_loss is None else fit.validation_loss
