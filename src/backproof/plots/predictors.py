"""What is drawn in the plane: points with classes, and predictors of many kinds as boundaries."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backproof._core.errors import InputError
from backproof.plots import style
from backproof.training import Boundary, BoundaryBand, Fit
from backproof.training import boundary as trace
from backproof.training import boundary_band as trace_band
from backproof.training.arrays import as_numpy
from backproof.training.boundary import Score, Window

Predictor = Boundary | BoundaryBand | Fit | Sequence[Fit] | Sequence[Score] | Score
Array = NDArray[np.float64]
Classes = NDArray[np.int64]


@dataclass(frozen=True)
class Points:
    """Points with their classes."""

    x: Array
    classes: Classes
    signed: bool
    """Whether the classes are -1 and +1; else they are 0, …, K-1."""
    names: Sequence[str] | None = None
    """What the classes are called, in their order."""

    def looks(self) -> list[tuple[int, str, style.Look]]:
        """Return value, name and look of each class."""
        if self.signed:
            negative, positive = self.names or ("class −1", "class +1")
            return [
                (-1, negative, style.Look(style.NEGATIVE, "o", "-")),
                (1, positive, style.Look(style.POSITIVE, "D", "-")),
            ]
        found = np.unique(self.classes).tolist()
        return [(k, self.names[k] if self.names else f"class {k}", style.series(k)) for k in found]


def with_names(points: Points, classes: Sequence[str] | None) -> Points:
    """Return points whose classes have names; `InputError` if there are too few."""
    if classes is None:
        return points
    wanted = 2 if points.signed else int(points.classes.max()) + 1
    if len(classes) < wanted:
        raise InputError(f"classes must name each of the {wanted}, got {len(classes)} names")
    return replace(points, names=classes)


def plane_points(x: ArrayLike) -> Array:
    """Return points of the plane; `InputError` if they are none."""
    places = np.asarray(x, dtype=np.float64)
    if places.ndim == 2 and len(places) and places.shape[1] > 2:
        raise InputError(
            f"a boundary is drawn in the plane and needs two features, x has {places.shape[1]}: "
            "train on two of them, or on two principal components; or give two columns of x and a "
            "score function of these that holds the other features fixed"
        )
    if places.ndim != 2 or not len(places) or places.shape[1] != 2:
        raise InputError(f"x must be points of two features, shape (n, 2), got {places.shape}")
    if not np.isfinite(places).all():
        wrong = int((~np.isfinite(places)).any(axis=1).sum())
        raise InputError(f"x must be finite, got {wrong} of {len(places)} points that are not")
    return places


def classified(x: Array, t: ArrayLike, *, several: bool) -> Points:
    """Return points with classes; `several` where the predictor has a score a class."""
    classes = _whole_classes("t", t, len(x))
    signed = not several and bool(np.isin(classes, (-1, 1)).all())
    points = Points(x, classes, signed)
    _check_known("t", points, classes)
    return points


def _whole_classes(name: str, values: ArrayLike, n: int) -> Classes:
    classes = np.asarray(values)
    if classes.shape != (n,):
        raise InputError(f"{name} must hold one class a point, shape ({n},), got {classes.shape}")
    whole = classes.dtype.kind in "iufb" and np.isfinite(classes).all()
    if not whole or (classes != np.floor(classes)).any():
        raise InputError(f"{name} must be whole numbers, classes -1 or +1, or 0, …, K-1")
    return classes.astype(np.int64)


def _check_known(name: str, points: Points, classes: Classes) -> None:
    known = np.isin(classes, (-1, 1)) if points.signed else classes >= 0
    if not known.all():
        expected = (
            "-1 or +1" if points.signed else "0, …, K-1 (or, with one score, -1 and +1 alone)"
        )
        raise InputError(f"{name} must be classes {expected}, got {classes[~known][0]}")


def score_of(predictor: Predictor) -> Score:
    """Return the score of one predictor."""
    if isinstance(predictor, Fit):
        if predictor.inputs != 2:
            raise InputError(
                "a boundary is drawn in the plane and needs a network of two features, this one "
                f"has {predictor.inputs} ({predictor.spec}): train on two of them"
            )
        return predictor.model.infer
    if not callable(predictor):
        raise InputError(
            "predictor must be a boundary, a band, a fit, a score function, or several fits or "
            f"score functions, got a {type(predictor).__name__}"
        )
    return predictor


def scores_at(predictor: Predictor, x: Array) -> Array | None:
    """Return the scores of the points, shape (n,) or (n, K), where there is one predictor."""
    if isinstance(predictor, (Boundary, BoundaryBand, Sequence)):
        return None
    return np.asarray(as_numpy(score_of(predictor)(x)))


def predicted_classes(points: Points, predicted: ArrayLike | None, scores: Array | None) -> Any:
    """Return the predicted classes, given as such or by scores; else nothing."""
    if predicted is not None:
        classes = _whole_classes("predicted", predicted, len(points.x))
        _check_known("predicted", points, classes)
        return classes
    if scores is None:
        return None
    if scores.ndim == 2:
        return scores.argmax(axis=1)
    if points.signed:
        return np.where(scores >= 0, 1, -1)
    if points.classes.max() > 1:
        raise InputError(
            "predictor has one score a point and so tells two classes apart, but t has classes up "
            f"to {points.classes.max()}: give a score for each class, shape (n, K)"
        )
    return np.where(scores >= 0, 1, 0)


def traced(predictor: Predictor, window: Window) -> Boundary | BoundaryBand:
    """Return the boundary of a predictor, or the band of several, in a window."""
    if isinstance(predictor, (Boundary, BoundaryBand)):
        return predictor
    if isinstance(predictor, Sequence):
        return trace_band(predictor, window=window)
    return trace(score_of(predictor), window=window)
