"""The reference engine: plain PyTorch autograd, one network at a time."""

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import SupportsIndex

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from backproof._core.checks import positive, whole_number
from backproof._core.errors import InputError
from backproof._core.progress import Progress, silent
from backproof.training.arrays import as_tensor
from backproof.training.fits import Fit, Fits, NetworkSpec, Status
from backproof.training.loss import check_labels, mean_logistic_loss
from backproof.training.model import FFModel
from backproof.training.settings import recording_on_cpu

_DTYPES = {"float32": torch.float32, "float64": torch.float64}
# A step costs 0.1 to 1 ms: often enough for a bar that moves, seldom enough to cost nothing.
_STEPS_BETWEEN_REPORTS = 50


def fit(
    hidden: SupportsIndex | Iterable[SupportsIndex],
    seeds: SupportsIndex | Iterable[SupportsIndex],
    x: ArrayLike | Tensor,
    t: ArrayLike | Tensor,
    *,
    steps: int = 1000,
    learning_rate: float = 0.1,
    dtype: str = "float64",
    progress: Progress = silent,
) -> Fits:
    """Train every hidden size with every seed by full-batch gradient descent.

    Parameters
    ----------
    hidden
        Hidden sizes, each at least 1.
    seeds
        Seeds of the initial weights; the member (H, seed) starts as ``FFModel(H, seed=seed)``.
    x
        Training points, shape (n, 2) for all members, or (len(seeds), n, 2): a training set for
        each seed.
    t
        Labels -1 or +1, shape (n,) or (len(seeds), n) accordingly.
    steps
        Number of gradient steps.
    learning_rate
        Step length; above 0.
    dtype
        ``"float64"`` or ``"float32"``.
    progress
        Told after every few steps how many are done.

    Returns
    -------
    Fits
        In the order of sizes, then seeds. A member whose loss is no longer finite is stopped and
        has the status ``diverged``; the others finish.

    Raises
    ------
    InputError
        If an argument is out of range, or shapes or labels do not fit.
    """
    sizes = _whole_numbers("hidden", hidden, at_least=1)
    members = _whole_numbers("seeds", seeds, at_least=0)
    steps = whole_number("steps", steps, at_least=0)
    rate = positive("learning_rate", learning_rate)
    if dtype not in _DTYPES:
        raise InputError(f"dtype must be one of {', '.join(_DTYPES)}, got {dtype!r}")
    with recording_on_cpu():
        points, labels = _training_sets(x, t, len(members), _DTYPES[dtype])
        return Fits(list(_fits(sizes, members, points, labels, steps, rate, progress)))


def _fits(
    sizes: list[int],
    members: list[int],
    points: Tensor,
    labels: Tensor,
    steps: int,
    rate: float,
    progress: Progress,
) -> Iterator[Fit]:
    """Train one network after the other."""
    total = len(sizes) * len(members) * steps
    for number, (hidden, (member, seed)) in enumerate(product(sizes, enumerate(members))):
        model = FFModel(hidden, seed=seed, dtype=points.dtype)

        def report(step: int, before: int = number * steps) -> None:
            progress("training", before + step, total)

        losses, finite = _descend(model, points[member], labels[member], steps, rate, report)
        spec = NetworkSpec(hidden=(hidden,), seed=seed)
        status: Status = "completed" if finite else "diverged"
        yield Fit(spec=spec, status=status, losses=losses, model=model)


def _whole_numbers(
    name: str, value: SupportsIndex | Iterable[SupportsIndex], at_least: int
) -> list[int]:
    entries = list(value) if isinstance(value, Iterable) else [value]
    if not entries:
        raise InputError(f"{name} must hold at least one number, got none")
    return [whole_number(name, entry, at_least=at_least) for entry in entries]


def _descend(
    model: FFModel,
    x: Tensor,
    t: Tensor,
    steps: int,
    rate: float,
    report: Callable[[int], None],
) -> tuple[NDArray[np.float64], bool]:
    """Take `steps` gradient steps; return the losses and whether all of them were finite."""
    parameters = list(model.parameters())
    losses: list[float] = []
    for step in range(steps + 1):
        loss = mean_logistic_loss(model.score(x), t)
        value = loss.item()
        if not np.isfinite(value):
            report(steps)
            return np.array(losses), False
        losses.append(value)
        if step % _STEPS_BETWEEN_REPORTS == 0 or step == steps:
            report(step)
        if step < steps:
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter.add_(gradient, alpha=-rate)
    return np.array(losses), True


def _training_sets(
    x: ArrayLike | Tensor, t: ArrayLike | Tensor, members: int, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Return points (s, n, 2) and labels (s, n), one set a seed (views where they share one)."""
    points = as_tensor(x, dtype)
    labels = as_tensor(t)
    shared = points.ndim == 2
    expected = "(n, 2)" if shared else f"({members}, n, 2)"
    if points.ndim not in (2, 3) or points.shape[-1] != 2 or points.shape[-2] == 0:
        raise InputError(f"x must have shape (n, 2) or (seeds, n, 2), got {tuple(points.shape)}")
    if not shared and len(points) != members:
        raise InputError(f"x must have shape {expected}, got {tuple(points.shape)}")
    if labels.shape != points.shape[:-1]:
        raise InputError(
            f"t must hold one label a point, shape {tuple(points.shape[:-1])}, "
            f"got {tuple(labels.shape)}"
        )
    bad = int((~torch.isfinite(points)).any(dim=-1).sum())
    if bad:
        raise InputError(f"x must be finite; {bad} of its points hold NaN or infinity")
    check_labels(labels)
    if shared:
        points, labels = points.expand(members, -1, -1), labels.expand(members, -1)
    return points, labels
