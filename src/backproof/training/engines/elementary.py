"""Elementary functions that a compiler turns into vector instructions.

Numba calls the C library for ``math.exp`` and ``math.tanh``, one number at a time; that would be
nine tenths of the time of a training step. Here are arithmetic and bits alone, no branches.
"""

from collections.abc import Callable
from decimal import Context
from math import factorial
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

# Without numpy's error model each division would branch on a zero divisor.
_COMMON: dict[str, Any] = {"error_model": "numpy", "nogil": True}
# Sums may be taken in another order, so that they vectorise; NaN and infinity keep their meaning.
LOOPS: dict[str, Any] = {**_COMMON, "fastmath": {"reassoc", "contract", "nsz"}}
# The exponential depends on the order of its operations. Inlined by the compiler, after each
# instruction has its flags; numba's own inlining would give it those of the caller.
EXACT: dict[str, Any] = {**_COMMON, "fastmath": {"contract", "nsz"}, "forceinline": True}

Function = Callable[[Any], Any]


@intrinsic
def _float64_of(_: Any, bits: Any) -> Any:  # noqa: ARG001
    return types.float64(types.int64), lambda _c, b, _s, a: b.bitcast(a[0], ir.DoubleType())


@intrinsic
def _int64_of(_: Any, value: Any) -> Any:  # noqa: ARG001
    return types.int64(types.float64), lambda _c, b, _s, a: b.bitcast(a[0], ir.IntType(64))


@intrinsic
def _float32_of(_: Any, bits: Any) -> Any:  # noqa: ARG001
    return types.float32(types.int32), lambda _c, b, _s, a: b.bitcast(a[0], ir.FloatType())


@intrinsic
def _int32_of(_: Any, value: Any) -> Any:  # noqa: ARG001
    return types.int32(types.float32), lambda _c, b, _s, a: b.bitcast(a[0], ir.IntType(32))


class _Format(NamedTuple):
    """A floating format, and what the exponential needs to know of it."""

    real: Any
    whole: Any
    bits_of: Any
    value_of: Any
    fraction: int
    """Bits of the fraction."""
    bias: int
    """Bias of the exponent."""
    head: int
    """Bits of ln 2 that a multiple of it may have and still be exact."""
    polynomial: Any
    """The Taylor polynomial of exp, for ±½ ln 2."""


# Written out, since a loop over coefficients would keep the loop around it from vectorising. The
# remainders are at most (½ ln 2)^(n + 1) / (n + 1)!: 2e-16 and 1.2e-7, a unit of roundoff.
_C = tuple(1 / factorial(k) for k in range(13))
_F = tuple(np.float32(c) for c in _C)


@njit(**EXACT)  # type: ignore[untyped-decorator]
def _taylor12(r: Any) -> Any:
    high = ((((((_C[12] * r + _C[11]) * r + _C[10]) * r + _C[9]) * r + _C[8]) * r) + _C[7]) * r
    return (
        (((((high + _C[6]) * r + _C[5]) * r + _C[4]) * r + _C[3]) * r + _C[2]) * r + _C[1]
    ) * r + _C[0]


@njit(**EXACT)  # type: ignore[untyped-decorator]
def _taylor6(r: Any) -> Any:
    return (((((_F[6] * r + _F[5]) * r + _F[4]) * r + _F[3]) * r + _F[2]) * r + _F[1]) * r + _F[0]


_FORMATS = {
    "float64": _Format(np.float64, np.int64, _int64_of, _float64_of, 52, 1023, 32, _taylor12),
    "float32": _Format(np.float32, np.int32, _int32_of, _float32_of, 23, 127, 10, _taylor6),
}


def exponential(dtype: str) -> Function:
    """Return exp for arguments whose exponential neither overflows nor underflows.

    exp(z) = 2^k exp(r) with k the whole number next to z / ln 2 and |r| ≤ ½ ln 2 (Cody and Waite
    1980); k is read from the bits of z / ln 2 + 1.5·2^fraction, where it stands as an integer.
    """
    form = _FORMATS[dtype]
    real, whole, bits_of, value_of = form.real, form.whole, form.bits_of, form.value_of
    ln2 = Context(prec=50).ln(2)
    head = round(float(ln2) * 2**form.head) / 2**form.head
    per_ln2, ln2_head = real(1 / float(ln2)), real(head)
    ln2_tail = real(float(Context(prec=50).subtract(ln2, Context(prec=50).create_decimal(head))))
    magic = real(1.5 * 2**form.fraction)
    magic_bits = whole(magic.view(whole))
    fraction, bias = whole(form.fraction), whole(form.bias)
    polynomial = form.polynomial

    @njit(**EXACT)  # type: ignore[untyped-decorator]
    def exp(z: Any) -> Any:
        shifted = z * per_ln2 + magic
        k = bits_of(shifted) - magic_bits
        multiple = shifted - magic
        r = (z - multiple * ln2_head) - multiple * ln2_tail
        return polynomial(r) * value_of(whole((k + bias) << fraction))

    return exp  # type: ignore[no-any-return]


_L = tuple(2 / (2 * k + 1) for k in range(17))


@njit(**EXACT)  # type: ignore[untyped-decorator]
def log1p_of_unit(e: Any) -> Any:
    """Return log(1 + e) for e in [0, 1] in float64, to a relative 4e-16.

    2 artanh(e / (2 + e)), whose argument is at most 1/3: the remainder is below 3^-35.
    """
    z = e / (2.0 + e)
    q = z * z
    value = (((_L[16] * q + _L[15]) * q + _L[14]) * q + _L[13]) * q + _L[12]
    value = (((value * q + _L[11]) * q + _L[10]) * q + _L[9]) * q + _L[8]
    value = (((value * q + _L[7]) * q + _L[6]) * q + _L[5]) * q + _L[4]
    return ((((value * q + _L[3]) * q + _L[2]) * q + _L[1]) * q + _L[0]) * z


def hyperbolic_tangent(dtype: str) -> tuple[Function, Function]:
    """Return tanh, to two units in the last place of 1, and its derivative given its value."""
    real = _FORMATS[dtype].real
    exp = exponential(dtype)
    one, two, limit = real(1), real(2), real(40)  # beyond ±20 tanh is ±1 in float64

    @njit(**EXACT)  # type: ignore[untyped-decorator]
    def tanh(a: Any) -> Any:
        z = a + a
        z = limit if z > limit else z  # in this order a NaN stays one
        z = -limit if z < -limit else z
        return one - two / (exp(z) + one)

    @njit(**EXACT)  # type: ignore[untyped-decorator]
    def derivative(y: Any) -> Any:
        return one - y * y

    return tanh, derivative


def sigmoid(dtype: str) -> tuple[Function, Function]:
    """Return the logistic function and its derivative given its value."""
    real = _FORMATS[dtype].real
    exp = exponential(dtype)
    one, limit = real(1), real(80)

    @njit(**EXACT)  # type: ignore[untyped-decorator]
    def logistic(a: Any) -> Any:
        z = limit if a > limit else a
        z = -limit if z < -limit else z
        return one / (one + exp(-z))

    @njit(**EXACT)  # type: ignore[untyped-decorator]
    def derivative(y: Any) -> Any:
        return y * (one - y)

    return logistic, derivative


def rectifier(dtype: str) -> tuple[Function, Function]:
    """Return max(a, 0) and its derivative given its value, 0 at the kink."""
    real = _FORMATS[dtype].real
    zero, one = real(0), real(1)

    @njit(**EXACT)  # type: ignore[untyped-decorator]
    def relu(a: Any) -> Any:
        return zero if a < zero else a

    @njit(**EXACT)  # type: ignore[untyped-decorator]
    def derivative(y: Any) -> Any:
        return one if y > zero else zero

    return relu, derivative
