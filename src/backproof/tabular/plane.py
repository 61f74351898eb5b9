"""Boundaries of networks on two features, in the units of the table."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from backproof.tabular.preparation import Scaling, Split
from backproof.tabular.record import PlanePicture, SizeBand
from backproof.training import Fit, Fits, boundary, boundary_band

Array = NDArray[np.float64]
Score = Callable[[Array], Array]

_MARGIN = 0.1  # of the range of the points, on either side


def plane_picture(
    parts: Split, scale: Scaling, fits: Fits, bayes: Score | None
) -> PlanePicture | None:
    """Return the boundaries, or nothing unless there are two features and two classes.

    Parameters
    ----------
    parts
        The rows.
    scale
        From their units to those of the networks.
    fits
        The networks.
    bayes
        The Bayes-optimal score of points in the plane, where it is known.
    """
    usable = fits.usable
    if parts.train_x.shape[1] != 2 or fits[0].loss != "logistic" or not usable:
        return None
    x = parts.train_x
    low, high = x.min(axis=0), x.max(axis=0)
    margin = _MARGIN * np.where(high > low, high - low, 1.0)
    (left, right), (bottom, top) = np.stack((low - margin, high + margin), axis=1).tolist()
    window = (left, right), (bottom, top)

    def score(fit: Fit) -> Score:
        return lambda points: fit.model.infer(scale(points)).numpy()

    return PlanePicture(
        points=tuple((first, second) for first, second in x.tolist()),
        targets=tuple(parts.train_t.tolist()),
        bands=tuple(
            SizeBand(
                hidden=size,
                band=boundary_band([score(fit) for fit in usable.of_size(size)], window=window),
            )
            for size in usable.sizes
        ),
        bayes=None if bayes is None else boundary(bayes, window=window),
    )
