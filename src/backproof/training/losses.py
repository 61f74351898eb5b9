"""What is minimised: one row a loss, with its gradient for many networks at once."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional

from backproof._core.errors import InputError


def mean_logistic_loss(scores: Tensor, t: Tensor) -> Tensor:
    """Return the mean negative log-likelihood, the mean of log(1 + exp(-t·s)).

    Finite and accurate to the rounding of `scores` for every finite score: the loss of a wrong
    score of 10 000 is 10 000 and that of a right one 0, without overflow.

    Parameters
    ----------
    scores
        Scores s, shape (n,), of a floating dtype.
    t
        Labels -1 or +1, shape (n,), of any dtype; their values are not looked at here.

    Returns
    -------
    torch.Tensor
        A scalar of the dtype of `scores`.

    Raises
    ------
    InputError
        If there is no score, or the shapes differ; broadcasting (n,) against (n, 1) would average
        n² pairs.
    """
    if scores.shape != t.shape:
        raise InputError(
            f"scores and labels must have the same shape, got {tuple(scores.shape)} and "
            f"{tuple(t.shape)}"
        )
    if scores.numel() == 0:
        raise InputError(
            "expected at least one score, got none: the mean over nothing is no number"
        )
    # logsigmoid is log(1 + exp(-z)) from min(z, 0) and log1p: no overflow, no threshold beyond
    # which it is replaced by an approximation (as softplus has, at 20).
    return -functional.logsigmoid(t.to(scores.dtype) * scores).mean()


def mean_softmax_loss(scores: Tensor, t: Tensor) -> Tensor:
    """Return the mean negative log-likelihood of classes under the softmax of the scores.

    Parameters
    ----------
    scores
        Shape (n, K), of a floating dtype.
    t
        Classes 0, …, K-1, shape (n,), int64.

    Returns
    -------
    torch.Tensor
        A scalar, the mean of log Σ_k exp(s_k) - s_t.
    """
    return functional.cross_entropy(scores, t)


class Loss(ABC):
    """A loss of scores s and targets t, averaged over the points.

    In the batched form: b network, k output, n point.
    """

    name: str
    """Name of the loss."""

    @abstractmethod
    def targets(self, t: Tensor, dtype: torch.dtype) -> Tensor:
        """Return checked targets in the form that the other functions take.

        Raises
        ------
        InputError
            If they are not targets of this loss.
        """

    def check_training(self, t: Tensor) -> None:  # noqa: B027 (most losses ask for nothing more)
        """Raise `InputError` unless these checked targets, of all sets, can be learned from."""

    @abstractmethod
    def outputs(self, t: Tensor) -> int:
        """Return the number of scores a point that these targets need."""

    @abstractmethod
    def mean(self, scores: Tensor, t: Tensor) -> Tensor:
        """Return the mean loss, differentiable; `scores` has shape (n,), or (n, K) for K > 1."""

    @abstractmethod
    def batched(self, scores: Tensor, t: Tensor, points: int) -> tuple[Tensor, Tensor]:
        """Return the shares of some points in mean losses over `points`, and their gradients.

        Parameters
        ----------
        scores
            Shape (b, k, n); may be overwritten.
        t
            Shape (b, n), or (1, n) for all networks.
        points
            Number of points that the mean is over.

        Returns
        -------
        tuple
            Shape (b,), and the derivatives by the scores, shape (b, k, n).
        """


class LogisticLoss(Loss):
    """log(1 + exp(-ts)) for labels t = ±1."""

    name = "logistic"

    def targets(self, t: Tensor, dtype: torch.dtype) -> Tensor:  # noqa: D102
        check_labels(t)
        return t.to(dtype)

    def outputs(self, t: Tensor) -> int:  # noqa: ARG002, D102
        return 1

    def mean(self, scores: Tensor, t: Tensor) -> Tensor:  # noqa: D102
        return mean_logistic_loss(scores, t)

    def batched(self, scores: Tensor, t: Tensor, points: int) -> tuple[Tensor, Tensor]:  # noqa: D102
        labels = t[:, None]
        margins = scores.mul_(labels)
        losses = functional.logsigmoid(margins).sum(dim=(1, 2)).div_(-points)
        return losses, margins.neg_().sigmoid_().mul_(labels * (-1 / points))


class SoftmaxLoss(Loss):
    """log Σ_k exp(s_k) - s_t for classes t = 0, …, K-1."""

    name = "softmax"

    def targets(self, t: Tensor, dtype: torch.dtype) -> Tensor:  # noqa: ARG002, D102
        classes = t.to(torch.int64)
        if not bool((classes == t).all()) or int(classes.min()) < 0:
            raise InputError(
                "classes must be whole numbers 0, 1, …, K-1, got "
                f"{_some(t[(classes != t) | (classes < 0)])}: "
                "numpy.unique(labels, return_inverse=True) numbers any labels"
            )
        return classes

    def check_training(self, t: Tensor) -> None:  # noqa: D102
        found, last = torch.unique(t), int(t.max())
        if last == 0:
            raise InputError("classes must be at least two, got 0 alone")
        if len(found) <= last:
            raise InputError(
                f"classes must be 0, 1, …, K-1 without gaps, got {_some(found)}, …, {last}: "
                "numpy.unique(labels, return_inverse=True) numbers any labels"
            )

    def outputs(self, t: Tensor) -> int:  # noqa: D102
        return int(t.max()) + 1

    def mean(self, scores: Tensor, t: Tensor) -> Tensor:  # noqa: D102
        return mean_softmax_loss(scores, t)

    def batched(self, scores: Tensor, t: Tensor, points: int) -> tuple[Tensor, Tensor]:  # noqa: D102
        classes = t[:, None].expand(len(scores), -1, -1)
        likelihoods = torch.log_softmax(scores, dim=1)
        losses = likelihoods.gather(1, classes).sum(dim=(1, 2)).div_(-points)
        probabilities = likelihoods.exp_()
        one = probabilities.new_full((), -1.0).expand(classes.shape)
        return losses, probabilities.scatter_add_(1, classes, one).div_(points)


class SquaredLoss(Loss):
    """(s - t)² for real t."""

    name = "squared"

    def targets(self, t: Tensor, dtype: torch.dtype) -> Tensor:  # noqa: D102
        values = t.to(dtype)
        if not bool(torch.isfinite(values).all()):
            raise InputError(f"targets must be finite, got {_some(t[~torch.isfinite(values)])}")
        return values

    def outputs(self, t: Tensor) -> int:  # noqa: ARG002, D102
        return 1

    def mean(self, scores: Tensor, t: Tensor) -> Tensor:  # noqa: D102
        return functional.mse_loss(scores, t)

    def batched(self, scores: Tensor, t: Tensor, points: int) -> tuple[Tensor, Tensor]:  # noqa: D102
        distances = scores.sub_(t[:, None])
        losses = distances.square().sum(dim=(1, 2)).div_(points)
        return losses, distances.mul_(2 / points)


LOSSES: dict[str, Loss] = {
    loss.name: loss for loss in (LogisticLoss(), SoftmaxLoss(), SquaredLoss())
}
"""The losses by their names."""


def check_labels(t: Tensor) -> None:
    """Raise `InputError` unless all labels are -1 or +1."""
    values = t.to(torch.float64)  # in an unsigned dtype -1 would be its largest number
    if not bool(((values == 1) | (values == -1)).all()):
        raise InputError(
            f"labels must be -1 or +1, got {_some(t)}: map two other labels with "
            "numpy.where(labels == the_positive_one, 1, -1)"
        )


def _some(values: Tensor) -> str:
    return ", ".join(f"{value:g}" for value in torch.unique(values)[:5].tolist())
