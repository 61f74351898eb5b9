"""The lab on a model that somebody else wrote: its gradients, and networks that they train."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from backproof._core.errors import InputError
from backproof._core.progress import Progress
from backproof.grading.descent import descend
from backproof.grading.implementation import Implementation
from backproof.grading.points import CHECKS
from backproof.grading.reading import Reading
from backproof.grading.record import Grade
from backproof.grading.subject import Subject, loaded
from backproof.lab.config import LabConfig
from backproof.lab.draws import TrainingSets
from backproof.training import FFModel, Fit, Fits, NetworkSpec


class OwnLoss(nn.Module):
    """The mean loss of somebody's model on points, with the gradient that it claims.

    Its parameters are those of `FFModel`, with the same initial values.

    Parameters
    ----------
    subject
        The class.
    start
        The network whose parameters it begins with.
    t
        Labels, shape (n,).
    """

    def __init__(self, subject: Subject, start: FFModel, t: np.ndarray[Any, Any]) -> None:
        super().__init__()
        self._held = _Held(subject.build(start.hidden), subject.reading, t.astype(np.float64))
        for name, value in start.named_parameters():
            setattr(self, name, nn.Parameter(value.detach().clone()))

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean loss on points, shape (n, 2)."""
        found: Tensor = _Loss.apply(  # type: ignore[no-untyped-call]
            self._held, x, self.W1, self.b1, self.w, self.b
        )
        return found


class _Held:
    """What a copy of the module shares with it."""

    def __init__(self, network: Implementation, reading: Reading, t: np.ndarray[Any, Any]) -> None:
        self.network, self.reading, self.t = network, reading, t

    def __deepcopy__(self, memo: Any) -> "_Held":
        return self

    def set(self, parameters: tuple[Tensor, ...]) -> None:
        """Give the network parameters, and their dtype."""
        dtype = str(parameters[0].dtype).removeprefix("torch.")
        if self.network.dtype != dtype:
            self.network.convert(dtype)
        W1, b1, w, b = (one.detach().double().numpy() for one in parameters)
        self.network.set(self.reading.own((W1, b1, w, b), self.network.values))


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, held: _Held, x: Tensor, *parameters: Tensor) -> Tensor:
        ctx.held, ctx.x = held, x.double().numpy()
        ctx.save_for_backward(*parameters)
        held.set(parameters)
        return torch.tensor(held.network.mean_loss(ctx.x, held.t), dtype=parameters[0].dtype)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        held, parameters = ctx.held, ctx.saved_tensors
        held.set(parameters)
        gradient = held.reading.reference(held.network.gradient(ctx.x, held.t))
        found = (torch.from_numpy(np.array(one)).to(parameters[0].dtype) for one in gradient)
        return None, None, *(cotangents[0] * one for one in found)


@dataclass(frozen=True)
class OwnModel:
    """Somebody's implementation of the model."""

    subject: Subject
    """Its class."""
    grade: Grade
    """What it got, point by point."""

    @classmethod
    def load(cls, grade: Grade) -> "OwnModel":
        """Return the class that was judged.

        Raises
        ------
        InputError
            If it lacks a point without which the lab says nothing: its score and its shapes.
        """
        needed = {check.name for check in CHECKS if check.needed}
        for point in grade.points:
            if point.name in needed and not point.passed:
                raise InputError(f"the lab is not run on this model: {point.name}: {point.reason}")
        file, _, name = grade.place.rpartition(":")
        return cls(loaded(Path(file), name), grade)


def train_own(own: OwnModel, config: LabConfig, sets: TrainingSets, progress: Progress) -> Fits:
    """Train every size with every seed by the model's own gradients."""
    found = []
    total = len(config.hidden) * len(sets.weight_seeds)
    for hidden in config.hidden:
        for member, seed in enumerate(sets.weight_seeds):
            found.append(_trained(own.subject, hidden, member, seed, config, sets))
            progress("training", len(found), total)
    return Fits(found, engine=own.grade.place)


def _trained(
    subject: Subject, hidden: int, member: int, seed: int, config: LabConfig, sets: TrainingSets
) -> Fit:
    network = subject.started(hidden, seed, dtype="float64")
    losses = descend(
        network,
        sets.x[member],
        sets.t[member].astype(np.float64),
        steps=config.steps,
        rate=config.learning_rate,
    )
    known = losses[np.isfinite(losses)]
    if not len(known):
        raise InputError(f"its loss is not finite before the first step, with H = {hidden}")
    W1, b1, w, b = subject.reading.reference(network.values)
    return Fit(
        spec=NetworkSpec(hidden=(hidden,), seed=seed),
        status="completed" if len(known) == len(losses) else "diverged",
        steps=len(known) - 1,
        losses=known,
        validation_losses=np.empty(0),
        validation_loss=None,
        loss="logistic",
        layers=(
            torch.from_numpy(np.vstack((W1, b1))),
            torch.from_numpy(np.append(w, b)[:, None]),
        ),
    )
