"""The fused kernel: many whole steps of networks with one hidden layer, compiled.

Legend: d feature, h hidden unit, k output, n point. A layer is a matrix with the biases as its last
row: first (d + 1, h), second (h + 1, k). Points come as (d + 1, n), the last row ones.

One pass over the points computes a unit's activations and adds them to the scores; a second one,
while they lie in the cache, sums that unit's gradient. Points are taken in tiles for that.
"""

import functools
import math
import threading
from typing import Any

import numpy as np
from numba import from_dtype, njit, types

from backproof.training.engines.elementary import (
    LOOPS,
    exponential,
    hyperbolic_tangent,
    log1p_of_unit,
    rectifier,
    sigmoid,
)

_ACTIVATIONS = {"tanh": hyperbolic_tangent, "sigmoid": sigmoid, "relu": rectifier}
_TILE = 512  # points: the activations of 500 units are 1 or 2 MiB, the cache of a core

_exp = exponential("float64")


_compiling = threading.Lock()


def kernel(activation: str, loss: str, optimizer: str, dtype: str) -> Any:
    """Return the function that takes steps; threads that need the same one compile it once."""
    with _compiling:
        return _compiled(activation, loss, optimizer, dtype)


@functools.cache
def _compiled(activation: str, loss: str, optimizer: str, dtype: str) -> Any:
    """Compile the function that takes steps, `advance` at the end of this one."""
    real = np.dtype(dtype).type
    function, derivative = _ACTIVATIONS[activation](dtype)
    zero = real(0)
    losses_of = _LOSSES[loss](real)
    update = _OPTIMIZERS[optimizer](real)

    @njit(**LOOPS)  # type: ignore[untyped-decorator]
    def forward(
        x: Any, first: Any, second: Any, y: Any, a: Any, s: Any, start: int, m: int
    ) -> None:
        """Compute activations y (h, n) and scores s (k, n) of points start, …, start + m - 1."""
        features, units, outputs = len(first) - 1, first.shape[1], second.shape[1]
        x0, x1 = x[0, start : start + m], x[1, start : start + m]  # at worst the row of ones
        for k in range(outputs):
            for n in range(m):
                s[k, n] = second[units, k]
        for h in range(units):
            yh, s0 = y[h], s[0]
            bias, v0, w = first[features, h], first[0, h], second[h, 0]
            v1 = first[1, h] if features > 1 else zero
            if features > 2:
                for n in range(m):
                    a[n] = bias
                for d in range(2, features):
                    xd, v = x[d, start : start + m], first[d, h]
                    for n in range(m):
                        a[n] += v * xd[n]
                for n in range(m):
                    value = function(a[n] + v0 * x0[n] + v1 * x1[n])
                    yh[n] = value
                    s0[n] += w * value
            else:
                for n in range(m):
                    value = function(bias + v0 * x0[n] + v1 * x1[n])
                    yh[n] = value
                    s0[n] += w * value
            for k in range(1, outputs):
                sk, w = s[k], second[h, k]
                for n in range(m):
                    sk[n] += w * yh[n]

    @njit(**LOOPS)  # type: ignore[untyped-decorator]
    def backward(
        x: Any,
        first: Any,
        second: Any,
        y: Any,
        a: Any,
        s: Any,
        start: int,
        m: int,
        g1: Any,
        g2: Any,
    ) -> None:
        """Add the gradient of m points to g1 and g2; s holds the derivatives by the scores."""
        features, units, outputs = len(first) - 1, first.shape[1], second.shape[1]
        x0, x1 = x[0, start : start + m], x[1, start : start + m]
        for k in range(outputs):
            total = zero
            for n in range(m):
                total += s[k, n]
            g2[units, k] += total
        for h in range(units):
            yh, s0 = y[h], s[0]
            gw, gb, ga0, ga1 = zero, zero, zero, zero
            if outputs == 1 and features <= 2:
                for n in range(m):
                    value, error = yh[n], s0[n]
                    gw += value * error
                    inner = error * derivative(value)
                    gb += inner
                    ga0 += inner * x0[n]
                    ga1 += inner * x1[n]
                w = second[h, 0]
                gb, ga0, ga1 = w * gb, w * ga0, w * ga1
                g2[h, 0] += gw
            else:
                for n in range(m):
                    a[n] = zero
                for k in range(outputs):
                    sk, w = s[k], second[h, k]
                    gw = zero
                    for n in range(m):
                        gw += yh[n] * sk[n]
                        a[n] += w * sk[n]
                    g2[h, k] += gw
                for n in range(m):
                    inner = a[n] * derivative(yh[n])
                    a[n] = inner
                    gb += inner
                    ga0 += inner * x0[n]
                    ga1 += inner * x1[n]
                for d in range(2, features):
                    xd = x[d, start : start + m]
                    total = zero
                    for n in range(m):
                        total += a[n] * xd[n]
                    g1[d, h] += total
            g1[features, h] += gb
            g1[0, h] += ga0
            if features > 1:
                g1[1, h] += ga1

    @njit(**LOOPS)  # type: ignore[untyped-decorator]
    def gradient(
        x: Any, t: Any, first: Any, second: Any, y: Any, a: Any, s: Any, g1: Any, g2: Any
    ) -> float:
        """Return the mean loss of one network, and put its gradient into g1 and g2."""
        points = len(t)
        g1[:] = zero
        g2[:] = zero
        total = 0.0
        for start in range(0, points, _TILE):
            m = min(_TILE, points - start)
            forward(x, first, second, y, a, s, start, m)
            total += losses_of(s, t, start, m, points)
            backward(x, first, second, y, a, s, start, m, g1, g2)
        return total / points

    cubes = from_dtype(np.dtype(dtype))[:, :, ::1]
    signature = types.int64[::1](
        cubes,
        from_dtype(np.dtype(dtype))[:, ::1],
        types.int64[::1],
        types.int64[:, :, ::1],
        types.int64,
        types.UniTuple(cubes, 2),  # type: ignore[no-untyped-call]
        types.UniTuple(cubes, 4),  # type: ignore[no-untyped-call]
        types.float64[::1],
        types.int64,
        types.int64,
        types.boolean,
        types.float64[:, ::1],
    )

    # With its types named, arrays of another layout are refused, not computed with slowly.
    @njit(signature, **LOOPS)
    def advance(
        x: Any,
        t: Any,
        own: Any,
        order: Any,
        last: int,
        layers: Any,
        slots: Any,
        constants: Any,
        begin: int,
        steps: int,
        finish: bool,
        losses: Any,
    ) -> Any:
        """Take `steps` steps after step number `begin`; return how many each network took.

        x (s, d + 1, n) and t (s, n) are the training sets, `own` (b,) which is whose. `order`
        (b, steps, m) has the points of each step, of which the last step uses `last`; or no entry
        for all points. `losses` (b, steps + 1) is filled; its last column where `finish`.
        """
        firsts, seconds = layers
        features, units, outputs = firsts.shape[1] - 1, firsts.shape[2], seconds.shape[2]
        width = min(_TILE, t.shape[1])
        y = np.empty((units, width), real)
        a = np.empty(width, real)
        s = np.empty((outputs, width), real)
        g1 = np.empty((features + 1, units), real)
        g2 = np.empty((units + 1, outputs), real)
        size = order.shape[2]
        some_x = np.empty((features + 1, size), real)
        some_t = np.empty(size, real)
        taken = np.empty(len(own), np.int64)
        for b in range(len(own)):
            first, second = firsts[b], seconds[b]
            all_x, all_t = x[own[b]], t[own[b]]
            taken[b] = steps
            for step in range(steps + finish):
                xs, ts = all_x, all_t
                if size > 0 and step < steps:
                    m = last if step == steps - 1 else size
                    xs, ts = some_x, some_t[:m]
                    for n in range(m):
                        chosen = order[b, step, n]
                        ts[n] = all_t[chosen]
                        for d in range(features + 1):
                            xs[d, n] = all_x[d, chosen]
                mean = np.float64(real(gradient(xs, ts, first, second, y, a, s, g1, g2)))
                if not math.isfinite(mean):
                    taken[b] = min(step, taken[b])
                    break
                losses[b, step] = mean
                if step < steps:
                    number = begin + step + 1
                    update(first, g1, slots[0][b], slots[2][b], constants, number)
                    update(second, g2, slots[1][b], slots[3][b], constants, number)
        return taken

    return advance


def _logistic(real: Any) -> Any:
    """Return a function that turns scores into derivatives, and returns the sum of losses.

    It works in float64 whatever the scores are: it is a small part of the work.
    """

    @njit(**LOOPS)  # type: ignore[untyped-decorator]
    def losses_of(s: Any, t: Any, start: int, m: int, points: int) -> float:
        total = 0.0
        s0 = s[0]
        for n in range(m):
            label = np.float64(t[start + n])
            margin = label * np.float64(s0[n])
            size = abs(margin)
            e = _exp(-(700.0 if size > 700.0 else size))  # exp(-700) is still a normal number
            total += log1p_of_unit(e) + (0.0 if margin > 0 else -margin)
            probability = (e if margin > 0 else 1.0) / (1.0 + e)
            s0[n] = real(-label * probability / points)
        return total

    return losses_of


def _softmax(real: Any) -> Any:
    @njit(**LOOPS)  # type: ignore[untyped-decorator]
    def losses_of(s: Any, t: Any, start: int, m: int, points: int) -> float:
        total = 0.0
        for n in range(m):
            most = s[0, n]
            for k in range(1, len(s)):
                most = s[k, n] if s[k, n] > most else most
            normaliser = 0.0
            for k in range(len(s)):
                normaliser += math.exp(np.float64(s[k, n]) - np.float64(most))
            of_class = int(t[start + n])
            total += math.log(normaliser) - (np.float64(s[of_class, n]) - np.float64(most))
            for k in range(len(s)):
                share = math.exp(np.float64(s[k, n]) - np.float64(most)) / normaliser
                s[k, n] = real((share - (1.0 if k == of_class else 0.0)) / points)
        return total

    return losses_of


def _squared(real: Any) -> Any:
    @njit(**LOOPS)  # type: ignore[untyped-decorator]
    def losses_of(s: Any, t: Any, start: int, m: int, points: int) -> float:
        total = 0.0
        s0 = s[0]
        for n in range(m):
            distance = np.float64(s0[n]) - np.float64(t[start + n])
            total += distance * distance
            s0[n] = real(2.0 * distance / points)
        return total

    return losses_of


_LOSSES = {"logistic": _logistic, "softmax": _softmax, "squared": _squared}


def _descent(real: Any) -> Any:
    """Return a function that takes a step with one layer; `step` is counted from 1."""

    @njit(**LOOPS)  # type: ignore[untyped-decorator]
    def update(layer: Any, g: Any, slot0: Any, slot1: Any, constants: Any, step: int) -> None:  # noqa: ARG001
        rate, decay = real(constants[0]), real(constants[1])
        for i in range(layer.shape[0]):
            for j in range(layer.shape[1]):
                layer[i, j] -= rate * (g[i, j] + decay * layer[i, j])

    return update


def _momentum(real: Any) -> Any:
    @njit(**LOOPS)  # type: ignore[untyped-decorator]
    def update(layer: Any, g: Any, slot0: Any, slot1: Any, constants: Any, step: int) -> None:  # noqa: ARG001
        rate, decay, coefficient = real(constants[0]), real(constants[1]), real(constants[2])
        for i in range(layer.shape[0]):
            for j in range(layer.shape[1]):
                slot0[i, j] = coefficient * slot0[i, j] + (g[i, j] + decay * layer[i, j])
                layer[i, j] -= rate * slot0[i, j]

    return update


def _adam(real: Any) -> Any:
    @njit(**LOOPS)  # type: ignore[untyped-decorator]
    def update(layer: Any, g: Any, slot0: Any, slot1: Any, constants: Any, step: int) -> None:
        beta1, beta2 = real(constants[2]), real(constants[3])
        rest1, rest2 = real(1 - constants[2]), real(1 - constants[3])
        decay, epsilon = real(constants[1]), real(constants[4])
        scale = real(constants[0] / (1 - constants[2] ** step))
        root = real(math.sqrt(1 - constants[3] ** step))
        for i in range(layer.shape[0]):
            for j in range(layer.shape[1]):
                e = g[i, j] + decay * layer[i, j]
                slot0[i, j] = beta1 * slot0[i, j] + rest1 * e
                slot1[i, j] = beta2 * slot1[i, j] + rest2 * e * e
                layer[i, j] -= scale * slot0[i, j] / (np.sqrt(slot1[i, j]) / root + epsilon)

    return update


_OPTIMIZERS = {"gd": _descent, "momentum": _momentum, "adam": _adam}
