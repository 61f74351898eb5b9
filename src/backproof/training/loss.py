"""The loss of the logistic model."""

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


def check_labels(t: Tensor) -> None:
    """Raise `InputError` unless all labels are -1 or +1."""
    if not bool(((t == 1) | (t == -1)).all()):
        found = ", ".join(f"{value:g}" for value in torch.unique(t)[:5].tolist())
        raise InputError(
            f"labels must be -1 or +1, got {found}: map two other labels with "
            "numpy.where(labels == the_positive_one, 1, -1)"
        )
