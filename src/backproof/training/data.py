"""Training sets of many networks, checked once and handed out block by block."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from backproof._core import seeds
from backproof._core.checks import open_unit
from backproof._core.errors import InputError
from backproof.training.arrays import as_numpy, as_tensor
from backproof.training.losses import LOSSES

Array = NDArray[np.float64]
Validation = float | tuple[ArrayLike | Tensor, ArrayLike | Tensor]
"""The share of the training points to hold out, or points and targets of their own."""


@dataclass(frozen=True)
class Points:
    """Points and targets of a block of networks, where they are computed with.

    s set: one for all networks of the block, or one for each; d feature, n point.
    """

    x: Tensor
    """Shape (s, d + 1, n): the features, and a row of ones."""
    t: Tensor
    """Shape (s, n)."""

    @property
    def count(self) -> int:
        """Number of points n."""
        return self.t.shape[1]

    def of(self, rows: Sequence[int]) -> "Points":
        """Return the points of some of the networks."""
        if len(self.t) in (1, len(rows)):
            return self
        return Points(self.x[list(rows)], self.t[list(rows)])

    def batch(self, rows: Sequence[int], chosen: Tensor) -> "Points":
        """Return of some of the networks the points of the indices `chosen`, shape (b, m)."""
        own = torch.zeros_like(chosen[:, :1])
        if len(self.t) > 1:
            own = torch.as_tensor(rows, device=chosen.device)[:, None]
        return Points(self.x[own, :, chosen].transpose(1, 2).contiguous(), self.t[own, chosen])


@dataclass(frozen=True)
class TrainingData:
    """Training sets as they came: one for all networks, or one for each seed.

    Plain arrays, so that another process gets them as they are.
    """

    x: NDArray[np.floating]
    """Shape (s, n, d), in the dtype of the computation."""
    t: NDArray[np.generic]
    """Shape (s, n)."""
    loss: str
    """Name of the loss that the targets belong to."""
    held_out: float | None = None
    """Share of the points that a network does not learn from."""
    validation: tuple[NDArray[np.floating], NDArray[np.generic]] | None = None
    """Points and targets that all networks are validated with, shapes (m, d) and (m,)."""

    @property
    def inputs(self) -> int:
        """Number of features."""
        return int(self.x.shape[2])

    @cached_property
    def outputs(self) -> int:
        """Number of scores a point."""
        return LOSSES[self.loss].outputs(torch.as_tensor(np.max(self.t)))

    @cached_property
    def count(self) -> int:
        """Number of points that a network learns from."""
        if self.held_out is None:
            return int(self.t.shape[1])
        return int(self.t.shape[1]) - int(_held_out(self.t[0], self.held_out, self.loss, 0).sum())

    @property
    def validated(self) -> bool:
        """Whether networks are validated while they learn."""
        return self.held_out is not None or self.validation is not None

    def block(
        self, sets: Sequence[int], members: Sequence[int], device: torch.device
    ) -> tuple[Points, Points | None]:
        """Return what networks learn from, and what they are validated with.

        Parameters
        ----------
        sets
            Index of the training set of each network.
        members
            Seed of each network, which decides what is held out.
        device
            Where the points are wanted.
        """
        if self.held_out is not None:
            masks = [
                _held_out(self.t[number], self.held_out, self.loss, seed)
                for number, seed in zip(sets, members, strict=True)
            ]
            chosen = list(zip(sets, masks, strict=True))
            return self._points(chosen, device, held_out=False), self._points(
                chosen, device, held_out=True
            )
        validation = None
        if self.validation is not None:
            x, t = self.validation
            validation = _points(x[None], t[None], device)
        used = slice(0, 1) if len(self.t) == 1 else list(sets)
        return _points(self.x[used], self.t[used], device), validation

    def _points(
        self, chosen: list[tuple[int, NDArray[np.bool_]]], device: torch.device, *, held_out: bool
    ) -> Points:
        return _points(
            np.stack([self.x[number][mask == held_out] for number, mask in chosen]),
            np.stack([self.t[number][mask == held_out] for number, mask in chosen]),
            device,
        )


def training_data(
    x: ArrayLike | Tensor,
    t: ArrayLike | Tensor,
    sets: int,
    loss: str,
    dtype: torch.dtype,
    validation: Validation | None,
) -> TrainingData:
    """Check training sets and return them.

    Parameters
    ----------
    x, t
        Points, shape (n, d), and targets, shape (n,); or (sets, n, d) and (sets, n).
    sets
        Number of training sets, where each seed has its own.
    loss
        Name of the loss.
    dtype
        Dtype of the computation.
    validation
        See `fit`.

    Raises
    ------
    InputError
        If shapes or values do not fit.
    """
    points = as_tensor(x, dtype)
    targets = as_tensor(t)
    shared = points.ndim == 2
    if points.ndim not in (2, 3) or 0 in points.shape[-2:]:
        raise InputError(f"x must have shape (n, d) or (seeds, n, d), got {tuple(points.shape)}")
    if not shared and len(points) != sets:
        expected = f"({sets}, {points.shape[1]}, {points.shape[2]})"
        raise InputError(
            f"x must have shape {expected}, a training set a seed, got {tuple(points.shape)}"
        )
    _check(points, targets, "x", "t")
    checked = LOSSES[loss].targets(targets, dtype)
    LOSSES[loss].check_training(checked)
    if shared:
        points, checked = points[None], checked[None]
    data = TrainingData(x=as_numpy(points), t=as_numpy(checked), loss=loss)
    return data if validation is None else _with_validation(data, validation, dtype)


def _with_validation(
    data: TrainingData, validation: Validation, dtype: torch.dtype
) -> TrainingData:
    if isinstance(validation, tuple) and len(validation) != 2:
        raise InputError(
            f"validation must be a share of the points, or (x, t), got {len(validation)} entries"
        )
    if not isinstance(validation, tuple):
        share = open_unit("validation", validation)
        masks = [_held_out(t, share, data.loss, 0) for t in data.t]
        held_out = {int(mask.sum()) for mask in masks}
        if len(held_out) > 1:
            raise InputError(
                "a share for validation needs the same number of points of each class in every "
                "training set; give points of their own as validation=(x, t)"
            )
        if not 0 < held_out.pop() < data.t.shape[1]:
            raise InputError(
                f"validation of {share:g} leaves nothing to learn from or nothing to validate with "
                f"among {data.t.shape[1]} points"
            )
        return TrainingData(x=data.x, t=data.t, loss=data.loss, held_out=share)
    points, targets = as_tensor(validation[0], dtype), as_tensor(validation[1])
    if points.ndim != 2 or points.shape[1] != data.inputs or len(points) == 0:
        raise InputError(
            f"validation points must have shape (m, {data.inputs}), got {tuple(points.shape)}"
        )
    _check(points, targets, "validation points", "validation targets")
    checked = as_numpy(LOSSES[data.loss].targets(targets, dtype))
    if data.loss == "softmax" and checked.max() >= data.outputs:
        raise InputError(
            f"validation holds class {checked.max()}, the training points only classes up to "
            f"{data.outputs - 1}"
        )
    return TrainingData(x=data.x, t=data.t, loss=data.loss, validation=(as_numpy(points), checked))


def _check(points: Tensor, targets: Tensor, x: str, t: str) -> None:
    if targets.shape != points.shape[:-1]:
        raise InputError(
            f"{t} must hold one label a point, shape {tuple(points.shape[:-1])}, "
            f"got {tuple(targets.shape)}"
        )
    bad = int((~torch.isfinite(points)).any(dim=-1).sum())
    if bad:
        raise InputError(f"{x} must be finite; {bad} of its points hold NaN or infinity")


def _points(x: NDArray[np.floating], t: NDArray[np.generic], device: torch.device) -> Points:
    features = np.ones((len(x), x.shape[2] + 1, x.shape[1]), x.dtype)
    features[:, :-1] = x.transpose(0, 2, 1)  # rows of points, without gaps
    targets = np.ascontiguousarray(t)
    return Points(as_tensor(features, device=device), as_tensor(targets, device=device))


def _held_out(t: NDArray[np.generic], share: float, loss: str, seed: int) -> NDArray[np.bool_]:
    """Choose points to hold out, of each class its share, at random by the seed of a network."""
    order = seeds.generator(seed, "training.validation").permutation(len(t))
    groups = np.zeros(len(t)) if loss == "squared" else t
    mask = np.zeros(len(t), dtype=bool)
    for value in np.unique(groups):
        of_class = order[groups[order] == value]
        mask[of_class[: round(share * len(of_class))]] = True
    return mask
