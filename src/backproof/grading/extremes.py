"""A user's loss and gradient where exponentials overflow."""

import numpy as np
from numpy.typing import NDArray

from backproof.grading.implementation import FailedError, Implementation
from backproof.grading.reading import reference_loss
from backproof.grading.subject import HIDDEN, Subject

Array = NDArray[np.float64]

_MARGINS = (-1e4, -100.0, -30.0, 30.0, 100.0, 1e4)
"""Scores times labels at which the loss is looked at alone."""
_FAR = 1e4
"""What points are multiplied with for hidden units that are saturated."""
_DTYPES = ("float64", "float32")


def extreme_loss(subject: Subject) -> str:
    """Return what was looked at of the loss; `FailedError` where it is not right."""
    networks = _networks(subject)
    for network in networks:
        for margin in _MARGINS:
            x, t, actual = _at_margin(subject, network, margin)
            _check_loss(network, x, t, actual, f"at t·s = {actual:.6g}")
        x, t, actual = _far(subject, network)
        _check_loss(network, x, t, actual, f"at x = {_point(x)}")
    return f"finite and exact for |s| up to 1e4, and a point far away, in {_dtypes(networks)}"


def _check_loss(network: Implementation, x: Array, t: Array, margin: float, where: str) -> None:
    expected, found = reference_loss(np.array([margin])), network.mean_loss(x, t)
    dtype = network.dtype
    # The score itself is rounded to a few units of its size, and the loss with it; a sum with 1, or
    # with the score, loses what is below its rounding.
    relative = 1e-9 if dtype == "float64" else 2e-4
    allowed = relative * expected + 16 * network.precision
    if not abs(found - expected) <= allowed:
        raise FailedError(
            f"in {dtype}, {where} the loss is {found:.6g}: expected {expected:.6g}; log(1 + "
            "exp(-z)) can be had as softplus(-z) or logaddexp(0, -z)"
        )


def extreme_gradient(subject: Subject) -> str:
    """Return what was looked at of the gradient; `FailedError` where it is not right."""
    networks = _networks(subject)
    for network in networks:
        for margin in (-1e4, 1e4):
            x, t, actual = _at_margin(subject, network, margin)
            # The loss is |s| on the wrong side and 0 on the right one.
            slope = -float(t[0]) if margin < 0 else 0.0
            _check_gradient(subject, network, x, t, slope, f"at t·s = {actual:.6g}")
        x, t, actual = _far(subject, network)
        slope = -float(t[0]) / (1 + np.exp(actual))
        _check_gradient(subject, network, x, t, slope, f"at x = {_point(x)}")
    return f"finite and right for |s| = 1e4, and a point far away, in {_dtypes(networks)}"


def _check_gradient(
    subject: Subject, network: Implementation, x: Array, t: Array, expected: float, where: str
) -> None:
    found = network.gradient(x, t)
    slope = float(subject.reading.reference(found)[3])
    finite = all(np.isfinite(value).all() for value in found.values())
    if not (finite and abs(slope - expected) <= 1e-3):
        raise FailedError(
            f"in {network.dtype}, {where} the gradient by b is {slope:.6g}: expected {expected:.6g}"
            + ("" if finite else ", and all of it finite")
        )


def _networks(subject: Subject) -> list[Implementation]:
    """Return a network in each dtype that the class can have; `FailedError` where it has none."""
    drawn = [(dtype, subject.drawn(HIDDEN, dtype)) for dtype in _DTYPES]
    found = [network for dtype, network in drawn if network.dtype == dtype]
    if not found:
        raise FailedError(
            f"its parameters are in {subject.network.dtype}: expected {' or '.join(_DTYPES)}"
        )
    return found


def _dtypes(networks: list[Implementation]) -> str:
    return " and ".join(network.dtype for network in networks)


def _at_margin(
    subject: Subject, network: Implementation, margin: float
) -> tuple[Array, Array, float]:
    """Scale the output layer so that one point's score times its label is about `margin`.

    Returns the point, its label, and what the product is.
    """
    reading, values = subject.reading, subject.network.values
    W1, b1, w, b = reading.reference(values)
    network.set(values)
    scores = network.score(subject.x)
    at = int(np.abs(scores).argmax())
    scale = abs(margin / scores[at])
    network.set(reading.own((W1, b1, scale * w, scale * b), values))
    x = subject.x[at : at + 1]
    score = float(network.score(x)[0])
    t = np.array([np.sign(score) * np.sign(margin)])
    return x, t, float(t[0]) * score


def _far(subject: Subject, network: Implementation) -> tuple[Array, Array, float]:
    """Return a point at which every hidden unit is saturated, its label, and its label's score."""
    values = subject.network.values
    network.set(values)
    W1, b1, _, _ = subject.reading.reference(values)
    x = _FAR * subject.x
    at = int(np.abs(x @ W1 + b1).min(axis=1).argmax())
    x, t = x[at : at + 1], subject.t[at : at + 1]
    score = float(network.score(x)[0])
    if not np.isfinite(score):
        raise FailedError(f"in {network.dtype}, at x = {_point(x)} the score is {score}")
    return x, t, float(t[0]) * score


def _point(x: Array) -> str:
    return f"({x[0, 0]:.4g}, {x[0, 1]:.4g})"
