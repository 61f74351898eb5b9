"""Functions of NumPy arrays, with the callable that claims their gradient, as targets."""

from collections.abc import Callable
from inspect import signature
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backproof._core.errors import InputError
from backproof.gradcheck.coordinates import (
    Coordinates,
    from_real_vector,
    real_shape,
    real_vector,
    roundoff_of,
)
from backproof.gradcheck.problem import Counts, Pulled
from backproof.gradcheck.surroundings import Surroundings
from backproof.gradcheck.trees import argument_names, leaves, mapped

Tensors = dict[str, Tensor]
_NUMBER = int | float | complex | np.number


class NumpyTarget:
    """A function of arrays and its claimed gradient.

    `gradient` is called as ``gradient(*inputs)`` where the value is one number. Where it is an
    array, it is called as ``gradient(*inputs, cotangent)`` and returns vᵀJ; or as
    ``gradient(*inputs)``, to return a callable that maps a cotangent to vᵀJ.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        gradient: Callable[..., Any],
        inputs: tuple[Any, ...],
        loss: Callable[[Any], Any] | None,
        surroundings: Surroundings,
        *,
        returns_pullback: bool = False,
    ) -> None:
        self.surroundings = surroundings
        self.counts = Counts()
        self._returns_pullback = returns_pullback
        self._function, self._gradient, self._loss = function, gradient, loss
        self._names = argument_names(function, len(inputs))
        self._inputs = inputs
        given = [
            leaf
            for name, value in zip(self._names, inputs, strict=True)
            for leaf in leaves(value, name)
        ]
        self.all_names = [name for name, _ in given]
        self.shapes = [(n, v.shape) for n, v in given if isinstance(v, np.ndarray)]
        self.tensors = _checked(given)

    def outputs(self, at: Tensors) -> Tensor:
        """Return all outputs as a vector (m,), float64."""
        arguments = self._arguments(at)
        self.surroundings.reset()
        with np.errstate(all="ignore"):  # outside the domain there is NaN, and that is looked at
            value = self._value(arguments)
        return torch.cat([real_vector(part) for part in _parts(value)])

    def linearised(self, at: Tensors) -> "NumpyBackward":
        """Evaluate the function, and make its claimed derivative ready to be asked."""
        arguments = self._arguments(at)
        self.surroundings.reset()
        value = self._value(arguments)
        self.surroundings.notice_use()
        changed = self._changed(arguments, at)
        return NumpyBackward(self, at, value, changed)

    def claimed(self, at: Tensors, cotangent: Any, *, scalar: bool) -> Any:
        """Return whatever the callable claims, for an output that may be one number."""
        claimed = self._asked(at, cotangent, scalar=scalar)
        self.surroundings.notice_use()
        return claimed

    def _asked(self, at: Tensors, cotangent: Any, *, scalar: bool) -> Any:
        arguments = self._arguments(at)
        self.surroundings.reset()
        self.counts.pullbacks += 1
        if self._returns_pullback:
            return self._gradient(*arguments)(cotangent)
        takes_cotangent = _accepts(self._gradient, len(arguments) + 1)
        if _accepts(self._gradient, len(arguments)) and (scalar or not takes_cotangent):
            claimed = self._gradient(*arguments)
            return claimed(cotangent) if callable(claimed) else self._scalar_only(claimed, scalar)
        return self._gradient(*arguments, cotangent)

    def _scalar_only(self, claimed: Any, scalar: bool) -> Any:
        if not scalar:
            raise InputError(
                "the function returns an array, and gradient= neither takes a cotangent after "
                "the inputs nor returns a callable that takes one: expected vᵀJ for a given v; "
                "or return one number"
            )
        return claimed

    def _value(self, arguments: list[Any]) -> Any:
        self.counts.evaluations += 1
        value = self._function(*arguments)
        return value if self._loss is None else self._loss(value)

    def _arguments(self, at: Tensors) -> list[Any]:
        def placed(name: str, value: Any) -> Any:
            if name in at:
                array = at[name].detach().numpy().copy()
                return array if isinstance(value, np.ndarray) else array[()]
            return value.copy() if isinstance(value, np.ndarray) else value

        return [
            mapped(value, placed, name)
            for name, value in zip(self._names, self._inputs, strict=True)
        ]

    def _changed(self, arguments: list[Any], at: Tensors) -> Tensors:
        found = {
            name: value
            for top, argument in zip(self._names, arguments, strict=True)
            for name, value in leaves(argument, top)
        }
        return {
            name: torch.from_numpy(np.array(found[name]))
            for name, tensor in at.items()
            if not np.array_equal(found[name], tensor.numpy())
        }


class NumpyBackward:
    """The claimed derivative of a function of arrays at one point."""

    def __init__(self, target: NumpyTarget, at: Tensors, value: Any, changed: Tensors) -> None:
        self._target, self._at, self._value = target, at, value
        self.changed = changed
        self._parts = _parts(value)
        self.outputs = torch.cat([real_vector(part) for part in self._parts])
        self.roundoff = torch.cat([roundoff_of(part) for part in self._parts])

    def rounded(self, vector: Tensor) -> Tensor:
        """Return the cotangent that `pull` will use for the vector (m,)."""
        return torch.cat([real_vector(part) for part in self._cotangents(vector)])

    def pull(self, cotangent: Tensor) -> Pulled:
        """Return the claimed vᵀJ."""
        arrays = iter([part.numpy().copy() for part in self._cotangents(cotangent)])
        v = mapped(self._value, lambda _, value: next(arrays) if _is_output(value) else value)
        scalar = len(self.outputs) == 1 and isinstance(self._value, np.ndarray | float | np.number)
        claimed = self._target.claimed(self._at, v, scalar=scalar)
        found = _matched(claimed, list(self._at), self._target.all_names)
        parts = [
            Coordinates(tensor).of_gradient(_checked_gradient(name, found[name], tensor))
            for name, tensor in self._at.items()
        ]
        return Pulled(gradient=torch.cat(parts))

    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shape of each output, complex ones as pairs."""
        return [real_shape(part) for part in self._parts]

    def held_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Return names and shapes of everything that the target is called with."""
        return self._target.shapes

    def _cotangents(self, vector: Tensor) -> list[Tensor]:
        sizes = [prod(shape) for shape in self.shapes()]
        return [
            from_real_vector(part, like)
            for part, like in zip(torch.split(vector, sizes), self._parts, strict=True)
        ]


def _accepts(function: Callable[..., Any], count: int) -> bool:
    try:
        signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # no signature to be had
        return True
    return True


def _checked(given: list[tuple[str, Any]]) -> Tensors:
    arrays: dict[str, Any] = {
        name: value
        for name, value in given
        if isinstance(value, np.ndarray | np.number) and np.asarray(value).dtype.kind in "fc"
    }
    if not arrays:  # numbers of Python are inputs to differentiate only where nothing else is
        arrays |= {name: value for name, value in given if isinstance(value, float | complex)}
    if not arrays:
        raise InputError(
            "nothing to check: no input of the function is a floating-point array; expected NumPy "
            "arrays of float64, float32 or complex numbers after the function"
        )
    for name, value in arrays.items():
        if np.size(value) == 0:
            raise InputError(
                f"{name} is empty, shape {np.shape(value)}: expected at least one entry"
            )
    return {name: _tensor(name, value) for name, value in arrays.items()}


def _tensor(name: str, value: Any) -> Tensor:
    try:
        array = np.array(value)
        return torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))
    except TypeError:
        raise InputError(
            f"{name} has dtype {np.asarray(value).dtype}: expected float64, float32, float16, "
            "complex128 or complex64"
        ) from None


def _is_output(value: Any) -> bool:
    return isinstance(value, np.ndarray | _NUMBER) and np.asarray(value).dtype.kind in "fc"


def _parts(value: Any) -> list[Tensor]:
    parts = [torch.from_numpy(np.array(one)) for _, one in leaves(value) if _is_output(one)]
    if not any(part.numel() for part in parts):
        raise InputError(
            "nothing to check: expected the function to return a floating-point number or array, "
            f"or nested containers of some, got a value of type {type(value).__name__}"
        )
    return parts


def _matched(claimed: Any, checked: list[str], names: list[str]) -> dict[str, Any]:
    """Assign what was claimed to the checked inputs."""
    if isinstance(claimed, dict):
        return _matched_by_name(claimed, checked)
    if len(checked) == 1 and _is_array(claimed):
        return {checked[0]: claimed}
    found = [value for _, value in _gradient_leaves(claimed)]
    if len(found) == len(checked):
        return dict(zip(checked, found, strict=True))
    if len(found) == len(names):
        return {name: value for name, value in zip(names, found, strict=True) if name in checked}
    raise InputError(
        f"gradient= returned {len(found)} gradients: expected {len(checked)}, one for each of "
        f"{', '.join(checked)}"
    )


def _matched_by_name(claimed: dict[Any, Any], checked: list[str]) -> dict[str, Any]:
    """Take keys for names of inputs, or for those of the one dictionary among the inputs."""
    tops = {name.split("[")[0] for name in checked}
    inside = dict(leaves(claimed, tops.pop())) if len(tops) == 1 else {}
    for found in (claimed, inside):
        if set(checked) <= set(found):
            return {name: found[name] for name in checked}
    raise InputError(
        f"gradient= returned gradients named {', '.join(map(str, claimed))}: expected "
        f"{', '.join(checked)}"
    )


def _is_array(value: Any) -> bool:
    if isinstance(value, np.ndarray | _NUMBER):
        return True
    return isinstance(value, list | tuple) and all(isinstance(one, _NUMBER) for one in value)


def _gradient_leaves(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, list) and _is_array(value):
        return [("", value)]
    if isinstance(value, tuple | list):
        return [leaf for entry in value for leaf in _gradient_leaves(entry)]
    if isinstance(value, dict):
        return [leaf for entry in value.values() for leaf in _gradient_leaves(entry)]
    return [("", value)]


def _checked_gradient(name: str, value: Any, tensor: Tensor) -> Tensor:
    expected = str(tensor.dtype).removeprefix("torch.")
    shape = tuple(tensor.shape)
    if value is None:
        raise InputError(f"gradient= returned None for {name}: expected an array of shape {shape}")
    array = np.asarray(value)
    if array.shape != shape:
        raise InputError(
            f"gradient= returned shape {array.shape} for {name}: expected {shape}"
            + _missing_sum(array.shape, shape)
        )
    if array.dtype.kind not in "fiuc" or (array.dtype.kind == "c" and not tensor.is_complex()):
        raise InputError(f"gradient= returned dtype {array.dtype} for {name}: expected {expected}")
    if isinstance(value, np.ndarray) and not np.can_cast(expected, array.dtype, "safe"):
        raise InputError(f"gradient= returned dtype {array.dtype} for {name}: expected {expected}")
    return torch.from_numpy(np.array(array, dtype=expected))


def _missing_sum(shape: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """Say so where a gradient has the shape of what its tensor was broadcast to."""
    try:
        broadcast = np.broadcast_shapes(shape, expected) == shape
    except ValueError:
        return ""
    return "; is a sum over the broadcast axis missing?" if broadcast else ""
