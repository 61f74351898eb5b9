"""The model's gradient written by hand, right and with the mistakes that people make."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Array = NDArray[np.float64]
Parameters = tuple[Array, Array, Array, Array]
"""W1 (d, H), b1 (H,), w (H,), b ()."""


@dataclass(frozen=True, kw_only=True)
class _Pass:
    """What a backward pass has at hand."""

    x: Array
    """Points, (n, d)."""
    hidden: Array
    """tanh(x W1 + b1), (n, H)."""
    outer: Array
    """w, (H,)."""
    delta: Array
    """Derivative of the mean loss by each score, (n,)."""

    def inner(self, slope: Array) -> Array:
        """Return the derivative by x W1 + b1, (n, H), given the slope of the activation."""
        return np.outer(self.delta, self.outer) * slope


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One way to get the backward pass wrong."""

    text: str
    """What is wrong, in words."""
    tensors: tuple[str, ...]
    """The parameters whose gradients it spoils."""
    backward: Callable[[_Pass], Parameters]
    """The backward pass that has it."""


def mean_loss(x: Array, t: NDArray[np.int64]) -> Callable[..., float]:
    """Return the model's mean logistic loss on points, a function of its four parameters."""

    def loss(W1: Array, b1: Array, w: Array, b: Array) -> float:
        return float(np.logaddexp(0, -t * (np.tanh(x @ W1 + b1) @ w + b)).mean())

    return loss


def gradient(x: Array, t: NDArray[np.int64], mistake: str) -> Callable[..., Parameters]:
    """Return the gradient of `mean_loss` as somebody wrote it who made a mistake.

    Parameters
    ----------
    x, t
        Points, shape (n, d), and their labels, -1 or +1, shape (n,).
    mistake
        A key of `MISTAKES`.
    """
    backward = MISTAKES[mistake].backward

    def claimed(W1: Array, b1: Array, w: Array, b: Array) -> Parameters:
        hidden = np.tanh(x @ W1 + b1)
        delta = -t * expit(-t * (hidden @ w + b)) / len(t)
        return backward(_Pass(x=x, hidden=hidden, outer=w, delta=delta))

    return claimed


def spoilt(x: Array, t: NDArray[np.int64], mistake: str, parameters: Parameters) -> tuple[str, ...]:
    """Return the names of the parameters whose gradient a mistake changes, at these values.

    Parameters
    ----------
    x, t, mistake
        As for `gradient`.
    parameters
        W1, b1, w and b.
    """
    right, wrong = (gradient(x, t, name)(*parameters) for name in ("none", mistake))
    return tuple(
        name
        for name, one, other in zip(("W1", "b1", "w", "b"), right, wrong, strict=True)
        if not np.array_equal(one, other)
    )


# n sample, d coordinate, h hidden: W1 (d,h) from (n,d)ᵀ (n,h); b1 (h,); w (h,) from (n,h)ᵀ (n,)


def _right(at: _Pass) -> Parameters:
    inner = at.inner(1 - at.hidden**2)
    return at.x.T @ inner, inner.sum(axis=0), at.hidden.T @ at.delta, at.delta.sum()


def _factor(at: _Pass) -> Parameters:
    W1, b1, w, b = _right(at)
    return W1, b1, 2 * w, b


def _sign(at: _Pass) -> Parameters:
    W1, b1, w, b = _right(at)
    return W1, -b1, w, b


def _sum(at: _Pass) -> Parameters:
    W1, b1, w, b = (len(at.x) * one for one in _right(at))
    return W1, b1, w, b


def _slope(at: _Pass) -> Parameters:
    _, _, w, b = _right(at)
    inner = at.inner(1 - at.hidden)
    return at.x.T @ inner, inner.sum(axis=0), w, b


def _transpose(at: _Pass) -> Parameters:
    W1, b1, w, b = _right(at)
    return W1.T.reshape(W1.shape), b1, w, b


def _broadcast(at: _Pass) -> Parameters:
    W1, _, w, b = _right(at)
    return W1, at.inner(1 - at.hidden**2)[-1], w, b


def _detached(at: _Pass) -> Parameters:
    W1, b1, w, b = _right(at)
    return W1, b1, np.zeros_like(w), b


def _entry(at: _Pass) -> Parameters:
    W1, b1, w, b = _right(at)
    W1[0, 0] *= 1.01
    return W1, b1, w, b


MISTAKES: dict[str, Mistake] = {
    "none": Mistake(text="By hand, without a mistake.", tensors=(), backward=_right),
    "factor": Mistake(
        text="A factor of 2, as where a square is differentiated and its half was meant.",
        tensors=("w",),
        backward=_factor,
    ),
    "sign": Mistake(text="A wrong sign.", tensors=("b1",), backward=_sign),
    "sum for mean": Mistake(
        text="The 1/N of the mean is forgotten.", tensors=("W1", "b1", "w", "b"), backward=_sum
    ),
    "slope": Mistake(
        text="The derivative of tanh is taken for 1 − tanh, without the square.",
        tensors=("W1", "b1"),
        backward=_slope,
    ),
    "transpose": Mistake(
        text="A transposed matrix, brought back into shape.", tensors=("W1",), backward=_transpose
    ),
    "broadcast": Mistake(
        text="The bias takes the last point's gradient, not the sum over all.",
        tensors=("b1",),
        backward=_broadcast,
    ),
    "detached": Mistake(
        text="The output weights were detached: their gradient is zero.",
        tensors=("w",),
        backward=_detached,
    ),
    "entry": Mistake(text="One entry is 1 % off.", tensors=("W1",), backward=_entry),
}
"""Every mistake by its name; ``none`` is none."""
