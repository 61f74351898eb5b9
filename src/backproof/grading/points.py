"""What a user's model is looked at for, and what each of it is worth."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from backproof import training
from backproof.gradcheck import Verdict
from backproof.grading.implementation import FailedError, Implementation
from backproof.grading.reading import ROLES
from backproof.grading.record import Point
from backproof.grading.subject import HIDDEN, Subject

Array = NDArray[np.float64]

_MANY = 500
"""Hidden units of the network whose initial parameters are looked at."""
_FALSE_ALARM = 1e-6
_MARGINS = (-1e4, -100.0, -30.0, 30.0, 100.0, 1e4)
"""Scores times labels at which the loss is looked at alone."""
_STEPS, _RATE = 100, 0.1


@dataclass(frozen=True)
class Check:
    """One thing to look at."""

    name: str
    worth: float
    run: Callable[[Subject], str]
    """Returns what was looked at; raises `FailedError` with the reason where it is not right."""


def judge(check: Check, subject: Subject) -> Point:
    """Run a check; whatever it raises is a reason."""
    try:
        reason, passed = check.run(subject), True
    except FailedError as error:
        reason, passed = str(error), False
    except (Exception, SystemExit) as error:
        reason, passed = f"it raised {subject.told(error)}", False
    return Point(name=check.name, passed=passed, worth=check.worth, reason=reason)


def _constructed(subject: Subject) -> str:
    for hidden in (1, 5, _MANY):
        size = sum(value.size for value in subject.build(hidden).values.values())
        if size != 4 * hidden + 1:
            raise FailedError(
                f"with {hidden} hidden units it has {size} parameters: expected {4 * hidden + 1}"
            )
    return f"4H + 1 parameters for H = 1, 5 and {_MANY}"


def _initial(subject: Subject) -> str:
    first, second = (subject.build(_MANY).values for _ in range(2))
    drawn = np.concatenate([value.reshape(-1) for value in first.values()])
    again = np.concatenate([value.reshape(-1) for value in second.values()])
    if not (np.abs(drawn) <= 1).all():
        raise FailedError(
            f"initial parameters reach from {drawn.min():.3g} to {drawn.max():.3g}: expected them "
            "within [-1, 1]"
        )
    if np.array_equal(drawn, again):
        return "within [-1, 1], the same in every network" + _uniform(drawn)
    return "within [-1, 1], drawn anew for every network" + _uniform(drawn)


def _uniform(drawn: Array) -> str:
    found = stats.kstest(drawn, stats.uniform(-1, 2).cdf)
    if found.pvalue < _FALSE_ALARM:
        raise FailedError(
            f"initial parameters are not uniform in [-1, 1]: the largest difference from that law "
            f"is {found.statistic:.2g}, with probability {found.pvalue:.1g}"
        )
    return ", uniform as far as can be told"


def _shapes(subject: Subject) -> str:
    network = subject.network
    for n in (1, 2, 40):
        network.score(subject.x[:n])
    given = network.given(subject.x)
    network.raw_score(given)
    if not np.array_equal(np.asarray(given), np.asarray(network.given(subject.x))):
        raise FailedError("score changes the points that it is given")
    for dtype in ("float32", "float64"):
        copy = subject.build(HIDDEN)
        copy.convert(dtype)
        scores = copy.raw_score(copy.given(subject.x))
        found = str(getattr(scores, "dtype", "none")).removeprefix("torch.")
        if found != dtype:
            raise FailedError(
                f"with parameters and points in {dtype} the scores are in {found}: expected {dtype}"
            )
    return "scores of shape (n,) for 1, 2 and 40 points, in float32 and float64"


def _score(subject: Subject) -> str:
    differences = np.abs(subject.differences)
    at = int(differences.argmax())
    # A sum of H terms of size 1.5, and the products before it.
    allowed = 16 * HIDDEN * max(subject.network.precision, float(np.finfo(float).eps))
    if not differences[at] <= allowed:
        mine = subject.network.score(subject.x)[at]
        raise FailedError(
            f"at x = ({subject.x[at, 0]:.4g}, {subject.x[at, 1]:.4g}) the score is {mine:.6g}: "
            f"expected wᵀ tanh(W1ᵀ x + b1) + b = {mine - subject.differences[at]:.6g}"
        )
    return f"wᵀ tanh(W1ᵀ x + b1) + b at {len(differences)} points"


def _loss(subject: Subject) -> str:
    network, x, t = subject.network, subject.x, subject.t
    for n in (1, 7, 40):
        expected = float(np.logaddexp(0, -t[:n] * network.score(x[:n])).mean())
        found = network.mean_loss(x[:n], t[:n])
        if not abs(found - expected) <= 64 * network.precision * max(1.0, expected):
            raise FailedError(
                f"the mean loss of {n} points is {found:.6g}: expected the mean of "
                f"log(1 + exp(-t·s)), {expected:.6g}"
            )
    return "the mean of log(1 + exp(-t·s)) of 1, 7 and 40 points"


def _extreme_loss(subject: Subject) -> str:
    for dtype in ("float64", "float32"):
        network = _converted(subject, dtype)
        for margin in _MARGINS:
            x, t, actual = _at_margin(subject, network, margin)
            expected = float(np.logaddexp(0, -actual))
            found = network.mean_loss(x, t)
            tiny = float(np.finfo(dtype).tiny)
            # The score itself is rounded to a few units of its size, and the loss with it.
            allowed = (1e-9 if dtype == "float64" else 2e-4) * expected + tiny
            if not abs(found - expected) <= allowed:
                raise FailedError(
                    f"in {dtype}, at t·s = {actual:.6g} the loss is {found:.6g}: expected "
                    f"{expected:.6g}; log(1 + exp(-z)) can be had as softplus(-z) or logaddexp(0, "
                    "-z)"
                )
    return "finite and exact for |s| up to 1e4 in float64 and float32"


def _extreme_gradient(subject: Subject) -> str:
    for dtype in ("float64", "float32"):
        network = _converted(subject, dtype)
        for margin in (-1e4, 1e4):
            x, t, actual = _at_margin(subject, network, margin)
            found = network.gradient(x, t)
            slope = subject.reading.reference(found)[3]
            # The loss is |s| on the wrong side and 0 on the right one.
            expected = -float(t[0]) if margin < 0 else 0.0
            finite = all(np.isfinite(value).all() for value in found.values())
            if not (finite and abs(float(slope) - expected) <= 1e-3):
                raise FailedError(
                    f"in {dtype}, at t·s = {actual:.6g} the gradient by b is {float(slope):.6g}: "
                    f"expected {expected:.6g}" + ("" if finite else ", and all of it finite")
                )
    return "finite and right for |s| = 1e4 in float64 and float32"


def _converted(subject: Subject, dtype: str) -> Implementation:
    network = subject.build(HIDDEN)
    network.convert(dtype)
    network.set(subject.network.values)
    return network


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


def _gradient(role: str, subject: Subject) -> str:
    (found,) = (one for one in subject.report.tensors if one.name == role)
    name = subject.reading.names[role]
    called = "" if name == role else f"{name}: "
    if found.verdict is not Verdict.AGREE:
        raise FailedError(f"{called}{found.verdict.upper()}; {found.finding()}")
    return f"{called}discrepancy {found.relative()}"


def _training(subject: Subject) -> str:
    network = subject.started(5, seed=3)
    losses = descend(network, subject.x, subject.t, steps=_STEPS, rate=_RATE)
    (reference,) = training.fit(
        5, [3], subject.x, subject.t, steps=_STEPS, learning_rate=_RATE, engine="autograd"
    )
    allowed = 1e-7 if network.precision < 1e-12 else 1e-3
    wrong = np.flatnonzero(~(np.abs(losses - reference.losses) <= allowed * reference.losses))
    if wrong.size:
        step = int(wrong[0])
        raise FailedError(
            f"after {step} of {_STEPS} steps the loss is {losses[step]:.8g}: gradient descent "
            f"with learning rate {_RATE} from the same weights gives {reference.losses[step]:.8g}"
        )
    fall = f"from {losses[0]:.4g} to {losses[-1]:.4g}"
    return f"{_STEPS} steps of gradient descent bring the loss {fall}, as they should"


def descend(network: Implementation, x: Array, t: Array, *, steps: int, rate: float) -> Array:
    """Train a network by its own gradients; return the losses before each step and after all.

    It ends where the loss is no longer finite; the losses from there on are NaN.
    """
    losses = np.full(steps + 1, np.nan)
    for step in range(steps):
        loss = network.mean_loss(x, t)
        if not np.isfinite(loss):
            return losses
        losses[step] = loss
        gradient = network.gradient(x, t)
        values = network.values
        network.set({name: values[name] - rate * gradient[name] for name in values})
    losses[steps] = network.mean_loss(x, t)
    return losses


CHECKS = (
    Check("constructor", 1, _constructed),
    Check("initial parameters", 1, _initial),
    Check("shapes and dtypes", 1, _shapes),
    Check("score", 3, _score),
    Check("loss", 2, _loss),
    Check("loss at extreme scores", 2, _extreme_loss),
    *(Check(f"gradient by {role}", 2, partial(_gradient, role)) for role in ROLES),
    Check("gradient at extreme scores", 1, _extreme_gradient),
    Check("training", 1, _training),
)
"""All of them, in order; 20 points together."""
