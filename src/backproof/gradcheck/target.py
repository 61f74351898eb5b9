"""What is checked: a scalar function of named tensors, made from a module or a function."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from backproof._core.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Target:
    """A scalar function at a point.

    The point's tensors are copies: neither a check nor an error in it can change the user's.
    """

    point: dict[str, Tensor]
    """The tensors to differentiate with respect to, by name; detached copies."""
    evaluate: Callable[[Mapping[str, Tensor]], Tensor]
    """The scalar value at tensors of these names."""

    def value(self, at: Mapping[str, Tensor]) -> float:
        """Return the function's value, without recording a graph."""
        with torch.no_grad():
            return float(self.evaluate(at))

    def gradient(self) -> dict[str, Tensor]:
        """Return the backpropagated gradient at the point, zeros where nothing depends on it."""
        leaves = {name: tensor.requires_grad_() for name, tensor in self._copies().items()}
        result = self.evaluate(leaves)
        if not (isinstance(result, Tensor) and result.ndim == 0):
            raise InputError(
                "expected a function with a scalar tensor as its value, got "
                f"{_describe(result)}: pass loss=, a function from the output to a scalar"
            )
        if not result.requires_grad:
            raise InputError("nothing to check: the value does not depend on any checked tensor")
        gradients = torch.autograd.grad(
            result, list(leaves.values()), allow_unused=True, materialize_grads=True
        )
        return dict(zip(leaves, gradients, strict=True))

    def _copies(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self.point.items()}


def target(
    function: nn.Module | Callable[..., Any],
    inputs: tuple[Any, ...],
    loss: Callable[[Any], Tensor] | None,
    dtype: torch.dtype | None,
) -> Target:
    """Make a `Target` of a module (its parameters) or of a function (its tensor inputs).

    `dtype` converts every floating tensor of the point and of the inputs; ``None`` keeps them.
    """
    held = tuple(_convert(value, dtype) for value in inputs)
    if isinstance(function, nn.Module):
        return _module_target(function, held, loss, dtype)
    return _function_target(function, held, loss)


def _module_target(
    module: nn.Module,
    inputs: tuple[Any, ...],
    loss: Callable[[Any], Tensor] | None,
    dtype: torch.dtype | None,
) -> Target:
    point = {
        name: _convert(parameter.detach().clone(), dtype)
        for name, parameter in module.named_parameters()
        if parameter.requires_grad
    }
    buffers = {
        name: _convert(buffer.detach().clone(), dtype) for name, buffer in module.named_buffers()
    }
    if not point:
        raise InputError("nothing to check: no parameter of the module requires a gradient")

    def evaluate(at: Mapping[str, Tensor]) -> Tensor:
        # Buffers are copied anew, so that a module that updates them (batch norm) neither
        # changes the user's nor carries anything from one evaluation to the next.
        state = {**{name: buffer.clone() for name, buffer in buffers.items()}, **at}
        return _scalar(torch.func.functional_call(module, state, inputs), loss)

    return Target(point=point, evaluate=evaluate)


def _function_target(
    function: Callable[..., Any], inputs: tuple[Any, ...], loss: Callable[[Any], Tensor] | None
) -> Target:
    names = _argument_names(function, len(inputs))
    point = {
        name: value.detach().clone()
        for name, value in zip(names, inputs, strict=True)
        if isinstance(value, Tensor) and value.is_floating_point()
    }
    if not point:
        raise InputError("nothing to check: no input of the function is a floating-point tensor")

    def evaluate(at: Mapping[str, Tensor]) -> Tensor:
        arguments = [at.get(name, value) for name, value in zip(names, inputs, strict=True)]
        return _scalar(function(*arguments), loss)

    return Target(point=point, evaluate=evaluate)


def _argument_names(function: Callable[..., Any], count: int) -> list[str]:
    try:
        bound = inspect.signature(function).bind(*range(count))
    except (TypeError, ValueError):
        return [f"input {position}" for position in range(count)]
    names = [""] * count
    for name, value in bound.arguments.items():
        positions = value if isinstance(value, tuple) else (value,)
        for position in positions:
            names[position] = name if len(positions) == 1 else f"{name}[{position - positions[0]}]"
    return names


def _scalar(output: Any, loss: Callable[[Any], Tensor] | None) -> Tensor:
    result: Tensor = output if loss is None else loss(output)
    return result


def _convert(value: Any, dtype: torch.dtype | None) -> Any:
    if dtype is not None and isinstance(value, Tensor) and value.is_floating_point():
        return value.to(dtype)
    return value


def _describe(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return f"a value of type {type(value).__name__}"
