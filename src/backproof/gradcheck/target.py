"""What is checked: a scalar function of named tensors, made from a module or a function."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from backproof._core.errors import InputError

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A scalar function at a point.

    Every evaluation gets copies of all tensors and the same state of the random generator, so that
    none changes anything for the user or for the next one.
    """

    point: dict[str, Tensor]
    """The tensors to differentiate with respect to, by name; detached copies."""
    function: Callable[[Tensors], Tensor]
    """The scalar value at tensors of these names."""
    random_state: Tensor
    """State of PyTorch's CPU generator before each evaluation."""

    def value(self, at: Tensors) -> float:
        """Return the function's value, without recording a graph."""
        with torch.no_grad():
            return float(self._evaluate(at))

    def gradient(self) -> dict[str, Tensor]:
        """Return the backpropagated gradient at the point, zeros where nothing depends on it."""
        with torch.inference_mode(False), torch.enable_grad():  # whatever the caller has set
            return self._gradient()

    def _gradient(self) -> dict[str, Tensor]:
        leaves = {name: tensor.clone().requires_grad_() for name, tensor in self.point.items()}
        result = self._evaluate(leaves)
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

    def _evaluate(self, at: Tensors) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self.random_state)
            return self.function({name: tensor.clone() for name, tensor in at.items()})


def target(
    function: nn.Module | Callable[..., Any],
    inputs: tuple[Any, ...],
    loss: Callable[[Any], Tensor] | None,
    dtype: torch.dtype | None,
) -> Target:
    """Make a `Target` of a module (its parameters) or of a function (its tensor inputs).

    `dtype` converts every floating tensor of the point and of the inputs; ``None`` keeps them.
    """

    def converted(tensor: Tensor) -> Tensor:
        own = tensor.detach().clone()
        return own.to(dtype) if dtype is not None and own.is_floating_point() else own

    held = _map_tensors(inputs, converted)
    if isinstance(function, nn.Module):
        point, value = _module_value(function, held, converted)
    else:
        point, value = _function_value(function, held)

    def scalar(at: Tensors) -> Tensor:
        result: Tensor = value(at) if loss is None else loss(value(at))
        return result

    return Target(point=point, function=scalar, random_state=torch.get_rng_state())


def _module_value(
    module: nn.Module, inputs: tuple[Any, ...], converted: Callable[[Tensor], Tensor]
) -> tuple[dict[str, Tensor], Callable[[Tensors], Any]]:
    point = {
        name: converted(parameter)
        for name, parameter in module.named_parameters()
        if parameter.requires_grad
    }
    rest = {
        name: converted(tensor)
        for name, tensor in (*module.named_parameters(), *module.named_buffers())
        if name not in point
    }
    if not point:
        raise InputError("nothing to check: no parameter of the module requires a gradient")

    def value(at: Tensors) -> Any:
        state = {**_map_tensors(rest, Tensor.clone), **at}
        return torch.func.functional_call(module, state, _map_tensors(inputs, Tensor.clone))

    return point, value


def _function_value(
    function: Callable[..., Any], inputs: tuple[Any, ...]
) -> tuple[dict[str, Tensor], Callable[[Tensors], Any]]:
    names = _argument_names(function, len(inputs))
    point = {
        name: value
        for name, value in zip(names, inputs, strict=True)
        if isinstance(value, Tensor) and value.is_floating_point()
    }
    if not point:
        raise InputError("nothing to check: no input of the function is a floating-point tensor")

    def value(at: Tensors) -> Any:
        held = _map_tensors(inputs, Tensor.clone)
        return function(*(at.get(name, one) for name, one in zip(names, held, strict=True)))

    return point, value


def _map_tensors(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return `value` with every tensor in nested tuples, lists and dictionaries changed."""
    if isinstance(value, Tensor):
        return change(value)
    if type(value) in (tuple, list):
        return type(value)(_map_tensors(entry, change) for entry in value)
    if type(value) is dict:
        return {key: _map_tensors(entry, change) for key, entry in value.items()}
    return value


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


def _describe(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return f"a value of type {type(value).__name__}"
