"""What a user's model is looked at for, and what each of it is worth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof import training
from backproof.gradcheck import Verdict
from backproof.grading.descent import descend
from backproof.grading.extremes import extreme_gradient, extreme_loss
from backproof.grading.gradients import points
from backproof.grading.implementation import FailedError
from backproof.grading.initial import MANY, uniform
from backproof.grading.reading import ROLES, reference_loss
from backproof.grading.record import Point
from backproof.grading.side_effects import side_effects
from backproof.grading.subject import HIDDEN, Subject

Array = NDArray[np.float64]

_STEPS, _RATE = 100, 0.1
_SIZES = (HIDDEN, 1, 2, 30)
_COUNTS = (1, 2, 7, 40, 150)


@dataclass(frozen=True)
class Check:
    """One thing to look at."""

    name: str
    worth: float
    run: Callable[[Subject], str]
    """Returns what was looked at; raises `FailedError` with the reason where it is not right."""
    needed: bool = False
    """Whether the lab says nothing of a model that fails it."""


def judge(check: Check, subject: Subject) -> Point:
    """Run a check; whatever it raises is a reason, also what would end the process."""
    try:
        reason, passed = check.run(subject), True
    except FailedError as error:
        reason, passed = str(error), False
    except BaseException as error:
        reason, passed = f"it raised {subject.told(error)}", False
    return Point(name=check.name, passed=passed, worth=check.worth, reason=reason)


def _constructed(subject: Subject) -> str:
    for hidden in (1, 5, MANY):
        found = subject.build(hidden).values
        size = sum(value.size for value in found.values())
        if size != 4 * hidden + 1:
            listed = ", ".join(f"{name} {value.shape}" for name, value in found.items())
            raise FailedError(
                f"with H = {hidden} hidden units it has {size} parameters, {listed}: expected "
                f"4H + 1 = {4 * hidden + 1}; a method parameters() says which they are"
            )
    return f"4H + 1 parameters for H = 1, 5 and {MANY}"


def _initial(subject: Subject) -> str:
    return uniform(subject.build)


def _shapes(subject: Subject) -> str:
    network = subject.network
    for n in (1, 2, 40):
        network.score(subject.x[:n])
    dtypes = []
    for dtype in ("float32", "float64"):
        copy = subject.build(HIDDEN)
        if copy.convert(dtype):
            _check_dtype("the scores are", copy.raw_score(copy.given(subject.x)), dtype)
            dtypes.append(dtype)
    if network.own_gradient is not None:
        for name, one in network.raw_gradient(subject.x, subject.t).items():
            _check_dtype(f"the gradient by {name} is", one, network.dtype)
    shapes = "scores of shape (n,) for 1, 2 and 40 points"
    return f"{shapes}, in {' and '.join(dtypes) or network.dtype}"


def _check_dtype(what: str, one: Any, dtype: str) -> None:
    found = str(getattr(one, "dtype", dtype)).removeprefix("torch.")
    if found != dtype and np.ndim(one):  # a number alone has the dtype that NumPy likes
        raise FailedError(
            f"with parameters and points in {dtype} {what} in {found}: expected {dtype}"
        )


def _score(subject: Subject) -> str:
    for hidden, scale in (*((hidden, 1) for hidden in _SIZES), (HIDDEN, 100)):
        network, x = subject.drawn(hidden), scale * subject.x
        found, expected = network.score(x), subject.expected_scores(network, x)
        differences = np.abs(found - expected)
        at = int(differences.argmax())
        # A sum of H terms of size 1.5, and the products before it.
        if not differences[at] <= 16 * max(HIDDEN, hidden) * scale * network.precision:
            raise FailedError(
                f"with H = {hidden}, at x = ({x[at, 0]:.4g}, {x[at, 1]:.4g}) the score is "
                f"{found[at]:.10g}: expected wᵀ tanh(W1ᵀ x + b1) + b = {expected[at]:.10g}"
            )
    return f"wᵀ tanh(W1ᵀ x + b1) + b at {len(subject.x)} points, for H = {_listed(sorted(_SIZES))}"


def _loss(subject: Subject) -> str:
    for hidden in (HIDDEN, 1):
        network = subject.drawn(hidden)
        for n in _COUNTS:
            x, t = points(n, seed=3)
            expected = reference_loss(t * network.score(x))
            found = network.mean_loss(x, t)
            if not abs(found - expected) <= 64 * network.precision * max(1.0, expected):
                raise FailedError(
                    f"with H = {hidden} the mean loss of {n} points is {found:.6g}: expected the "
                    f"mean of log(1 + exp(-t·s)), {expected:.6g}"
                )
    return f"the mean of log(1 + exp(-t·s)) of {_listed(_COUNTS)} points"


def _gradient(role: str, subject: Subject) -> str:
    name = subject.reading.names[role]
    called = "" if name == role else f"{name}: "
    told: list[str] = []
    for one in subject.gradients:
        if role in one.faults:
            raise FailedError(one.faults[role])
        tensors = () if one.report is None else one.report.tensors
        (found,) = (tensor for tensor in tensors if tensor.name == role)
        if found.verdict is not Verdict.AGREE:
            at = "" if not told else f" with H = {one.hidden} and {one.points} points"
            raise FailedError(f"{called}{found.verdict.upper()}{at}; {found.finding()}")
        told.append(found.relative())
    return f"{called}discrepancy {told[0]}"


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


def _listed(numbers: Sequence[int]) -> str:
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


CHECKS = (
    Check("constructor", 1, _constructed, needed=True),
    Check("initial parameters", 1, _initial),
    Check("shapes and dtypes", 1, _shapes, needed=True),
    Check("no side effects", 1, side_effects),
    Check("score", 2, _score, needed=True),
    Check("loss", 2, _loss),
    Check("loss at extreme scores", 2, extreme_loss),
    *(Check(f"gradient by {role}", 2, partial(_gradient, role)) for role in ROLES),
    Check("gradient at extreme scores", 1, extreme_gradient),
    Check("training", 1, _training),
)
"""All of them, in order; 20 points together."""
