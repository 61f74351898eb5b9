"""A function of named PyTorch tensors as a target, and its recorded graph."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from backproof._core.errors import InputError
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
from backproof.gradcheck.trees import leaves

Tensors = dict[str, Tensor]
Within = Callable[[Tensors, Callable[[], Any]], Any]
"""Calls a function while the target's modules have the tensors for parameters."""


class TorchTarget:
    """A function of named tensors, evaluated on copies of them in unchanged surroundings."""

    def __init__(
        self,
        tensors: Tensors,
        function: Callable[[Tensors], Any],
        surroundings: Surroundings,
        held: Sequence[tuple[str, tuple[int, ...]]] = (),
        within: Within | None = None,
    ) -> None:
        self.tensors = tensors
        self.held = list(held)
        self.function = function
        self.surroundings = surroundings
        self.within: Within = within or (lambda _, run: run())
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
            own = {name: tensor.requires_grad_() for name, tensor in copies(at).items()}
            handed = copies(own)
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
            own = copies(at)
            if records:
                own = copies({name: tensor.requires_grad_() for name, tensor in own.items()})
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
            # Checkpointed parts run forward again here, with the parameters that the module has.
            gradients = self._target.within(
                self._own,
                lambda: torch.autograd.grad(
                    self.graph_outputs,
                    list(self._own.values()),
                    grad_outputs=list(cotangents),
                    retain_graph=True,
                    allow_unused=True,
                ),
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


def copies(at: Tensors) -> Tensors:
    """Return copies of the tensors, in the graph where they are."""
    return {name: tensor.clone() for name, tensor in at.items()}


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
