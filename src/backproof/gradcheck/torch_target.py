"""PyTorch modules and functions of tensors as targets."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from backproof._core.errors import InputError
from backproof.gradcheck._private import gradient_hooks
from backproof.gradcheck.coordinates import (
    Coordinates,
    differentiable,
    from_real_vector,
    real_shape,
    real_vector,
    roundoff_of,
)
from backproof.gradcheck.problem import Counts, NothingToCheckError, Pulled
from backproof.gradcheck.surroundings import Surroundings
from backproof.gradcheck.trees import argument_names, leaves, mapped

Tensors = dict[str, Tensor]


class TorchTarget:
    """A function of named tensors, evaluated on copies of them in unchanged surroundings."""

    def __init__(
        self,
        tensors: Tensors,
        function: Callable[[Tensors], Any],
        surroundings: Surroundings,
        held: Sequence[tuple[str, tuple[int, ...]]] = (),
    ) -> None:
        self.tensors = tensors
        self.held = list(held)
        self.function = function
        self.surroundings = surroundings
        self.counts = Counts()
        self.left_out: tuple[str, ...] = ()
        self._kept: tuple[str, ...] | None = None
        self._records: bool | None = None
        """Whether evaluations record a graph; found out at the first of them."""

    def outputs(self, at: Tensors) -> Tensor:
        """Return all differentiable outputs as a vector (m,), float64."""
        if self._records is None:
            parts = self._first_outputs(at)
        else:
            parts = self._outputs(at, records=self._records)
        device = next(iter(self.tensors.values())).device
        return torch.cat([real_vector(part).to(device) for part in parts])

    def linearised(self, at: Tensors) -> "TorchBackward":
        """Run the target with a graph, whatever the caller has set."""
        with torch.inference_mode(False), torch.enable_grad():
            own = {name: tensor.requires_grad_() for name, tensor in _copies(at).items()}
            handed = _copies(own)
            result = self.call(handed)
            self.surroundings.notice_use()
            if self._kept is None:
                self._choose(result)
            outputs = self.selected(result)
        changed = {
            name: tensor.detach() for name, tensor in handed.items() if _differs(tensor, own[name])
        }
        return TorchBackward(self, own, outputs, changed)

    def _first_outputs(self, at: Tensors) -> list[Tensor]:
        """Find out whether the target runs without a graph; not where it differentiates itself."""
        try:
            parts = self._outputs(at, records=False)
        except RuntimeError:
            parts = self._outputs(at, records=True)
            self._records = True
        else:
            self._records = False
        return parts

    def _outputs(self, at: Tensors, *, records: bool) -> list[Tensor]:
        with torch.inference_mode(False), torch.set_grad_enabled(records):
            own = _copies(at)
            if records:
                own = _copies({name: tensor.requires_grad_() for name, tensor in own.items()})
            return self.selected(self.call(own))

    def call(self, at: Tensors) -> Any:
        """Call the target in its surroundings as they were at the start."""
        self.surroundings.reset()
        self.counts.evaluations += 1
        return self.function(at)

    def _choose(self, result: Any) -> None:
        found = _tensors(result)
        if not found:
            raise InputError(
                "nothing to check: expected the target to return a tensor, or nested tuples, "
                f"lists and dictionaries of some, got {describe(result)}"
            )
        floating = [(name, tensor) for name, tensor in found if differentiable(tensor)]
        kept = tuple(name for name, tensor in floating if tensor.requires_grad)
        if not kept:
            raise NothingToCheckError(
                "nothing to check: the value does not depend on any checked tensor "
                "differentiably; expected an output that requires a gradient, got "
                + ", ".join(f"{name} {describe(tensor)}" for name, tensor in found)
            )
        if not any(tensor.numel() for name, tensor in floating if name in kept):
            raise InputError("nothing to check: the target's output is empty")
        self._kept = kept
        self.left_out = tuple(name for name, _ in floating if name not in kept)

    def selected(self, result: Any) -> list[Tensor]:
        """Return the outputs that are differentiated, dense."""
        return [
            tensor if tensor.layout == torch.strided else tensor.to_dense()
            for name, tensor in _tensors(result)
            if differentiable(tensor) and (self._kept is None or name in self._kept)
        ]


class TorchBackward:
    """A recorded graph."""

    def __init__(
        self,
        target: TorchTarget,
        own: Tensors,
        outputs: Sequence[Tensor],
        changed: Tensors,
    ) -> None:
        self._target = target
        self._own = own
        self.graph_outputs = tuple(outputs)
        self.changed = changed
        """Inputs that the forward pass wrote to, with what it left in them."""
        device = next(iter(own.values())).device
        self.outputs = torch.cat([real_vector(tensor).to(device) for tensor in outputs])
        self.roundoff = torch.cat([roundoff_of(tensor).to(device) for tensor in outputs])

    @property
    def leaves(self) -> list[Tensor]:
        """The checked tensors in this graph."""
        return list(self._own.values())

    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shape of each output, complex ones as pairs."""
        return [real_shape(tensor) for tensor in self.graph_outputs]

    def held_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Return names and shapes of everything that the target is called with."""
        return [*self._target.held, *((name, tuple(t.shape)) for name, t in self._own.items())]

    def cotangents(self, vector: Tensor) -> list[Tensor]:
        """Split a vector (m,) into tensors like the outputs, rounded to their dtypes."""
        sizes = [prod(shape) for shape in self.shapes()]
        return [
            from_real_vector(part.to(tensor.device), tensor.detach())
            for part, tensor in zip(torch.split(vector, sizes), self.graph_outputs, strict=True)
        ]

    def rounded(self, vector: Tensor) -> Tensor:
        """Return the cotangent that `pull` will use for the vector (m,)."""
        parts = [real_vector(part).to(vector.device) for part in self.cotangents(vector)]
        return torch.cat(parts)

    def pull(self, cotangent: Tensor) -> Pulled:
        """Return the claimed vᵀJ."""
        return self.pull_tensors(self.cotangents(cotangent))

    def pull_tensors(self, cotangents: Sequence[Tensor]) -> Pulled:
        """Return the claimed vᵀJ of cotangents like the outputs."""
        self._target.counts.pullbacks += 1
        with torch.inference_mode(False), torch.enable_grad():
            gradients = torch.autograd.grad(
                self.graph_outputs,
                list(self._own.values()),
                grad_outputs=list(cotangents),
                retain_graph=True,
                allow_unused=True,
            )
        parts: list[Tensor] = []
        missing: set[str] = set()
        device = self.outputs.device
        for (name, tensor), gradient in zip(self._own.items(), gradients, strict=True):
            coordinates = Coordinates(tensor.detach())
            if gradient is None:
                missing.add(name)
                part = torch.zeros(coordinates.count, dtype=torch.float64)
            else:
                part = coordinates.of_gradient(gradient)
            parts.append(part.to(device))
        return Pulled(gradient=torch.cat(parts), missing=frozenset(missing))


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

    described = function.forward if isinstance(function, nn.Module) else function
    names = argument_names(described, len(inputs))
    given = _named_leaves(names, inputs)
    held = [mapped(value, converted, name) for name, value in zip(names, inputs, strict=True)]
    if isinstance(function, nn.Module):
        parameters, call = _module_call(function, dtype)
        checked = _requiring(given)
    else:
        parameters, call = {}, _plain_call(function)
        checked = _requiring(given) or _floating(given)
    renamed = {name: f"input {name}" if name in parameters else name for name in checked}
    own = dict(_named_leaves(names, held))
    tensors = {**parameters, **{renamed[name]: own[name].detach() for name in checked}}
    if not tensors:
        raise InputError(_nothing(function))
    tensors = _coalesced(tensors)
    for name, tensor in tensors.items():
        if Coordinates(tensor).count == 0:
            raise InputError(
                f"{name} is empty, shape {tuple(tensor.shape)}: expected at least one entry; "
                "give it entries, or hold it fixed by requires_grad_(False)"
            )

    def evaluate(at: Tensors) -> Any:
        def placed(name: str, value: Any) -> Any:
            if name in renamed:
                return at[renamed[name]]
            return value.clone() if isinstance(value, Tensor) else value

        arguments = [mapped(v, placed, name) for name, v in zip(names, held, strict=True)]
        result = call({name: at[name] for name in parameters}, arguments)
        return result if loss is None else loss(result)

    shapes = [(name, tuple(value.shape)) for name, value in given if isinstance(value, Tensor)]
    return TorchTarget(tensors, evaluate, surroundings, shapes)


Call = Callable[[Tensors, list[Any]], Any]


def _module_call(module: nn.Module, dtype: torch.dtype | None) -> tuple[Tensors, Call]:
    _check_movable(module)
    parameters = {
        name: _converted(parameter, dtype)
        for name, parameter in module.named_parameters()
        if parameter.requires_grad and differentiable(parameter)
    }
    rest = {
        name: _converted(tensor, dtype)
        for name, tensor in (*module.named_parameters(), *module.named_buffers())
        if name not in parameters
    }

    hooks = {name: gradient_hooks(parameter) for name, parameter in module.named_parameters()}

    def call(at: Tensors, arguments: list[Any]) -> Any:
        for name, tensor in at.items():
            for hook in hooks.get(name, ()) if tensor.requires_grad else ():
                tensor.register_hook(hook)  # type: ignore[no-untyped-call]
        state = {**_copies(rest), **at}
        return torch.func.functional_call(module, state, tuple(arguments))

    return parameters, call


def _check_movable(module: nn.Module) -> None:
    """Raise `InputError` for modules whose parameters cannot be exchanged."""
    if isinstance(module, torch.jit.ScriptModule):
        raise InputError("target is a scripted module: expected the module that it was made of")
    for name, parameter in module.named_parameters():
        if isinstance(parameter, nn.parameter.UninitializedParameter):
            raise InputError(
                f"{name} of the target has no values yet: call the module on an input first"
            )


def _plain_call(function: Callable[..., Any]) -> Call:
    return lambda _, arguments: function(*arguments)


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


def _copies(at: Tensors) -> Tensors:
    return {name: tensor.clone() for name, tensor in at.items()}


def _coalesced(tensors: Tensors) -> Tensors:
    return {
        name: tensor.coalesce() if tensor.layout == torch.sparse_coo else tensor
        for name, tensor in tensors.items()
    }


def _differs(tensor: Tensor, other: Tensor) -> bool:
    if tensor.shape != other.shape or tensor.layout != torch.strided:
        return False
    with torch.no_grad():
        return not torch.equal(tensor, other)


def _tensors(result: Any) -> list[tuple[str, Tensor]]:
    return [(name, value) for name, value in leaves(result, "output") if isinstance(value, Tensor)]


def describe(value: object) -> str:
    """Say what a value is, for a message."""
    if isinstance(value, Tensor):
        kind = str(value.dtype).removeprefix("torch.")
        return f"a {kind} tensor of shape {tuple(value.shape)}"
    return f"a value of type {type(value).__name__}"
