"""Errors and losses of models, read from what users have: flags, losses, or predictions."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backproof._core.errors import InputError
from backproof.risk.losses import checked_losses
from backproof.risk.metrics.labels import Coded, coded, refuse_other_kind, same_length

Array = NDArray[np.float64]


def losses_of(
    models: Mapping[str, ArrayLike], y_true: ArrayLike | None, low: float, high: float
) -> dict[str, Array]:
    """Return each model's losses, shape (n,) each.

    Parameters
    ----------
    models
        From names to losses in [low, high], or to predictions where `y_true` is given.
    y_true
        True labels, shape (n,); the losses are then 1 where a prediction differs, else 0.
    low, high
        The range of the losses.

    Raises
    ------
    InputError
        If an array cannot be read; the message begins with the model's name.
    """
    if y_true is None:
        return {name: _named(name, values, low, high) for name, values in models.items()}
    if (low, high) != (0.0, 1.0):
        raise InputError(
            f"with y_true every loss is 0 or 1, got low {low:g} and high {high:g}: leave them out, "
            "or give losses without y_true"
        )
    truth = coded("y_true", y_true)
    return {name: _mistakes(name, values, truth) for name, values in models.items()}


def are_errors(losses: Array, low: float, high: float) -> bool:
    """Return whether losses in [low, high] are the flags of errors: the range and all in {0, 1}."""
    return (low, high) == (0.0, 1.0) and bool(np.isin(losses, (0.0, 1.0)).all())


def check_pairing(models: Mapping[str, Array], remedy: str) -> int:
    """Return the common length of the arrays; `InputError`, with the remedy, if there is none."""
    sizes = {name: len(values) for name, values in models.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{size} of {name}" for name, size in sizes.items())
        raise InputError(
            f"models are compared example by example, so all need one number of examples, got "
            f"{listed}: {remedy}"
        )
    return next(iter(sizes.values()))


def cluster_means(models: Mapping[str, Array], clusters: ArrayLike) -> dict[str, Array]:
    """Return each model's mean loss in each cluster, shape (clusters,) each.

    Parameters
    ----------
    models
        Losses, all of one shape (n,).
    clusters
        The key of each example's cluster, shape (n,): numbers or text.

    Raises
    ------
    InputError
        If a key is missing, or their number is another one.
    """
    codes = coded("clusters", clusters).codes
    same_length("the losses", len(next(iter(models.values()))), "clusters", len(codes))
    sizes = np.bincount(codes)
    return {
        # Rounding must not lead a mean out of the range of its losses.
        name: np.clip(np.bincount(codes, weights=values) / sizes, values.min(), values.max())
        for name, values in models.items()
    }


def _named(name: str, values: ArrayLike, low: float, high: float) -> Array:
    try:
        return checked_losses(values, low, high)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def _mistakes(name: str, predictions: ArrayLike, truth: Coded) -> Array:
    predicted = coded(name, predictions)
    same_length("y_true", len(truth.codes), name, len(predicted.codes))
    refuse_other_kind("y_true", truth.labels, name, predicted.labels)
    labels = tuple(dict.fromkeys((*truth.labels, *predicted.labels)))
    wrong = truth.among("y_true", labels) != predicted.among(name, labels)
    return np.asarray(wrong, dtype=np.float64)
