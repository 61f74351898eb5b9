"""What came out of training, size by size."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof.risk import mean_interval
from backproof.tabular.record import LossRow, SizeRow
from backproof.training import Fits

_QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def size_rows(
    fits: Fits, x: NDArray[np.float64], t: NDArray[Any], confidence: float
) -> tuple[SizeRow, ...]:
    """Return the test errors of the networks of each size.

    Parameters
    ----------
    fits
        The networks.
    x, t
        Points that none of them learned from, as they take them, and their targets.
    confidence
        Of the interval for the mean true error of the networks of a size.
    """
    rows = []
    for size in fits.error_quantiles(x, t, _QUANTILES):
        networks = fits.of_size(size.hidden)
        usable = networks.usable
        wrong = [one.classify(x).numpy() != t for one in usable]
        rows.append(
            SizeRow(
                hidden=size.hidden,
                errors=size.errors,
                diverged=tuple(map(str, networks.diverged)),
                quantiles=size.quantiles,
                # The share of the networks that are wrong about a row is a loss in [0, 1].
                mean=mean_interval(np.mean(wrong, axis=0), confidence) if usable else None,
            )
        )
    return tuple(rows)


def loss_rows(fits: Fits) -> tuple[LossRow, ...]:
    """Return the training losses of each size with a network that did not diverge.

    Before the first step of a `backproof.training.Trainer` none is known.
    """
    usable = fits.usable
    sizes = [usable.of_size(size) for size in usable.sizes]
    return tuple(_loss_row(size) for size in sizes if len(size[0].losses))


def _loss_row(fits: Fits) -> LossRow:
    lower, median, upper = fits.loss_quantiles((0.1, 0.5, 0.9)).tolist()
    return LossRow(
        hidden=fits[0].spec.hidden,
        median=tuple(median),
        lower=tuple(lower),
        upper=tuple(upper),
    )
