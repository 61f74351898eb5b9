"""From what the user gives to a target: PyTorch, NumPy or JAX, told apart by the inputs."""

import importlib.util
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from backproof._core.errors import InputError
from backproof.gradcheck.jax_target import jax_target
from backproof.gradcheck.numpy_target import NumpyTarget
from backproof.gradcheck.surroundings import Surroundings
from backproof.gradcheck.torch_binding import torch_target
from backproof.gradcheck.torch_target import TorchTarget
from backproof.gradcheck.trees import leaves, mapped

AnyTarget = TorchTarget | NumpyTarget
Function = nn.Module | Callable[..., Any]


def make_target(
    function: Function,
    inputs: tuple[Any, ...],
    loss: Callable[[Any], Any] | None,
    gradient: Callable[..., Any] | None,
    surroundings: Surroundings,
    dtype: torch.dtype | None = None,
) -> AnyTarget:
    """Make the target; `dtype` converts everything that is differentiable to it."""
    check_callables(function, loss, gradient)
    given = [value for _, value in leaves(inputs)]
    if gradient is not None:
        if isinstance(function, nn.Module):
            raise InputError(
                "gradient= goes with a function of arrays or tensors; a module's claimed gradient "
                "is what its backward pass gives"
            )
        if any(isinstance(value, Tensor) for value in given):
            function, gradient = _on_arrays(function), _on_arrays(gradient)
            loss = None if loss is None else _on_arrays(loss)
            inputs = mapped(inputs, lambda _, value: _array(value))
        return NumpyTarget(function, gradient, _cast(inputs, dtype), loss, surroundings)
    if isinstance(function, nn.Module) or any(isinstance(value, Tensor) for value in given):
        return torch_target(function, inputs, loss, dtype, surroundings)
    if _is_jax(given):
        return jax_target(function, inputs, loss, surroundings, dtype)
    if any(isinstance(value, np.ndarray | np.number) for value in given):
        raise InputError(
            "gradient is missing: a function of NumPy arrays needs gradient=, the callable that "
            "claims its gradient"
            + ("" if importlib.util.find_spec("jax") is None else "; or give it JAX arrays")
        )
    return torch_target(function, inputs, loss, dtype, surroundings)


def check_callables(function: Any, loss: Any = None, gradient: Any = None) -> None:
    """Raise `InputError` where something that is called is not callable."""
    if not callable(function):
        raise InputError(
            f"target must be a module or another callable, got a {type(function).__name__}"
        )
    for name, value in (("loss", loss), ("gradient", gradient)):
        if value is not None and not callable(value):
            raise InputError(f"{name} must be a callable or None, got a {type(value).__name__}")


def _is_jax(given: list[Any]) -> bool:
    jax = sys.modules.get("jax")
    return jax is not None and any(isinstance(value, jax.Array) for value in given)


def _cast(inputs: tuple[Any, ...], dtype: torch.dtype | None) -> tuple[Any, ...]:
    if dtype is None:
        return inputs

    def cast(_: str, value: Any) -> Any:
        kind = np.asarray(value).dtype.kind if isinstance(value, np.ndarray | np.number) else ""
        if kind not in ("f", "c"):
            return value
        return value.astype(np.complex128 if kind == "c" else np.float64)

    return tuple(mapped(list(inputs), cast))


def _on_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of tensors as one of arrays."""

    def on_arrays(*arguments: Any) -> Any:
        tensors = (
            mapped(value, lambda _, one: torch.from_numpy(one) if _is_array(one) else one)
            for value in arguments
        )
        result = function(*tensors)
        if callable(result) and not isinstance(result, Tensor):
            return _on_arrays(result)
        return mapped(result, lambda _, one: _array(one))

    # The names of the arguments are read off the signature.
    on_arrays.__wrapped__ = function  # type: ignore[attr-defined]
    return on_arrays


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _array(value: Any) -> Any:
    return value.detach().cpu().numpy().copy() if isinstance(value, Tensor) else value
