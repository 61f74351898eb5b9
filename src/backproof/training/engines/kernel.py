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

from backproof.training.engines.elementary import LOOPS, hyperbolic_tangent, rectifier, sigmoid
from backproof.training.engines.kernel_losses import LOSSES
from backproof.training.engines.kernel_updates import OPTIMIZERS

_ACTIVATIONS = {"tanh": hyperbolic_tangent, "sigmoid": sigmoid, "relu": rectifier}
_TILE = 512  # points: the activations of 500 units are 1 or 2 MiB, the cache of a core

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
    forward, backward = _forward(real, function), _backward(real, derivative)
    gradient = _gradient(real, forward, backward, LOSSES[loss](real))
    update = OPTIMIZERS[optimizer](real)

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


def _forward(real: Any, function: Any) -> Any:
    zero = real(0)

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

    return forward


def _backward(real: Any, derivative: Any) -> Any:
    zero = real(0)

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

    return backward


def _gradient(real: Any, forward: Any, backward: Any, losses_of: Any) -> Any:
    zero = real(0)

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

    return gradient
