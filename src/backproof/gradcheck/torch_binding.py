"""From a module or a function of tensors, with its inputs, to a target."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from backproof._core.errors import InputError
from backproof.gradcheck._private import gradient_hooks
from backproof.gradcheck.coordinates import Coordinates, differentiable
from backproof.gradcheck.surroundings import Surroundings
from backproof.gradcheck.torch_target import Tensors, TorchTarget, copies
from backproof.gradcheck.trees import argument_names, leaves, mapped

T = TypeVar("T")


def torch_target(
    function: nn.Module | Callable[..., Any],
    inputs: tuple[Any, ...],
    loss: Callable[[Any], Any] | None,
    dtype: torch.dtype | None,
    surroundings: Surroundings,
) -> TorchTarget:
    """Make a target of a module (parameters, inputs that require a gradient) or of a function.

    Of a function those inputs are checked that require a gradient, or, where none does, all
    floating-point and complex ones. `dtype` converts all of these, and what is held fixed too.
    """

    def converted(_: str, value: Any) -> Any:
        return _converted(value, dtype) if isinstance(value, Tensor) else value

    module = _Module(function, dtype) if isinstance(function, nn.Module) else None
    parameters = {} if module is None else module.parameters
    names = argument_names(
        function.forward if isinstance(function, nn.Module) else function, len(inputs)
    )
    given = _named_leaves(names, inputs)
    held = [mapped(value, converted, name) for name, value in zip(names, inputs, strict=True)]
    checked = _requiring(given) or ([] if module is not None else _floating(given))
    renamed = {name: f"input {name}" if name in parameters else name for name in checked}
    own = dict(_named_leaves(names, held))
    tensors = {**parameters, **{renamed[name]: own[name].detach() for name in checked}}
    if not tensors:
        raise InputError(_nothing(function))
    tensors = _coalesced(tensors)
    _check_entries(tensors)

    def evaluate(at: Tensors) -> Any:
        def placed(name: str, value: Any) -> Any:
            if name in renamed:
                return at[renamed[name]]
            return value.clone() if isinstance(value, Tensor) else value

        arguments = [mapped(v, placed, name) for name, v in zip(names, held, strict=True)]
        result = function(*arguments) if module is None else module(at, arguments)
        return result if loss is None else loss(result)

    shapes = [(name, tuple(value.shape)) for name, value in given if isinstance(value, Tensor)]
    return TorchTarget(
        tensors, evaluate, surroundings, shapes, None if module is None else module.within
    )


class _Module:
    """A module that is called with other parameters; its own stay as they are."""

    def __init__(self, module: nn.Module, dtype: torch.dtype | None) -> None:
        _check_movable(module)
        self.parameters = {
            name: _converted(parameter, dtype)
            for name, parameter in module.named_parameters()
            if parameter.requires_grad and differentiable(parameter)
        }
        self._rest = {
            name: _converted(tensor, dtype)
            for name, tensor in (*module.named_parameters(), *module.named_buffers())
            if name not in self.parameters
        }
        self._hooks = {name: gradient_hooks(one) for name, one in module.named_parameters()}
        self._module = module
        self._around = _Around(module)

    def __call__(self, at: Tensors, arguments: list[Any]) -> Any:
        for name in self.parameters:
            for hook in self._hooks[name] if at[name].requires_grad else ():
                at[name].register_hook(hook)  # type: ignore[no-untyped-call]
        return self.within(at, lambda: self._module(*arguments))

    def within(self, at: Tensors, run: Callable[[], T]) -> T:
        """Call `run` while the module has the parameters in `at`."""
        state = {**copies(self._rest), **{name: at[name] for name in self.parameters}}
        moved = {f"module.{name}": tensor for name, tensor in state.items()}
        result: T = torch.func.functional_call(self._around, moved, (run,))
        return result


class _Around(nn.Module):
    """Runs anything while `torch.func.functional_call` has exchanged the module's parameters."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, run: Callable[[], T]) -> T:
        """Return what `run` returns."""
        return run()


def _check_movable(module: nn.Module) -> None:
    """Raise `InputError` for modules whose parameters cannot be exchanged."""
    if isinstance(module, torch.jit.ScriptModule):
        raise InputError("target is a scripted module: expected the module that it was made of")
    for name, parameter in module.named_parameters():
        if isinstance(parameter, nn.parameter.UninitializedParameter):
            raise InputError(
                f"{name} of the target has no values yet: call the module on an input first"
            )


def _check_entries(tensors: Tensors) -> None:
    """Raise `InputError` for a tensor without entries."""
    for name, tensor in tensors.items():
        if Coordinates(tensor).count == 0:
            raise InputError(
                f"{name} is empty, shape {tuple(tensor.shape)}: expected at least one entry; "
                "give it entries, or hold it fixed by requires_grad_(False)"
            )


def _named_leaves(names: Sequence[str], values: Sequence[Any]) -> list[tuple[str, Any]]:
    pairs = zip(names, values, strict=True)
    return [leaf for name, value in pairs for leaf in leaves(value, name)]


def _requiring(given: list[tuple[str, Any]]) -> list[str]:
    return [name for name, v in given if isinstance(v, Tensor) and v.requires_grad]


def _floating(given: list[tuple[str, Any]]) -> list[str]:
    return [name for name, v in given if isinstance(v, Tensor) and differentiable(v)]


def _nothing(function: nn.Module | Callable[..., Any]) -> str:
    if isinstance(function, nn.Module):
        return "nothing to check: no parameter of the module requires a gradient, and no input does"
    return (
        "nothing to check: no input of the function is a floating-point tensor; expected tensors "
        "(or NumPy arrays together with gradient=) after the function"
    )


def _converted(tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    own = tensor.detach().clone()
    if dtype is None or not differentiable(own):
        return own
    return own.to(dtype.to_complex() if own.is_complex() else dtype)


def _coalesced(tensors: Tensors) -> Tensors:
    return {
        name: tensor.coalesce() if tensor.layout == torch.sparse_coo else tensor
        for name, tensor in tensors.items()
    }
