"""What is checked, as mathematics: F: Rⁿ → Rᵐ near a point x, with a claimed vᵀJ."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from backproof._core.errors import InputError
from backproof.gradcheck.coordinates import Coordinates


class NothingToCheckError(InputError):
    """A target whose value depends on no checked tensor."""


@dataclass
class Counts:
    """How often a target was run."""

    evaluations: int = 0
    """Forward passes."""
    pullbacks: int = 0
    """Backward passes."""


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """What a target claims as vᵀJ for one cotangent v."""

    gradient: Tensor
    """(n,) float64; zeros where there was no gradient at all."""
    missing: frozenset[str] = frozenset()
    """Names of the tensors for which there was none."""


class Backward(Protocol):
    """The claimed derivative at one point."""

    @property
    def outputs(self) -> Tensor:
        """(m,) The outputs of the forward pass that it belongs to."""

    @property
    def roundoff(self) -> Tensor:
        """(m,) Unit roundoff of the dtype of each output."""

    @property
    def changed(self) -> dict[str, Tensor]:
        """Checked tensors that the forward pass wrote to, with what it left in them."""

    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shape of each output, complex ones as pairs."""

    def held_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Return names and shapes of everything that the target is called with."""

    def rounded(self, vector: Tensor) -> Tensor:
        """Return the cotangent (m,) that `pull` uses for `vector`, rounded to the dtypes."""

    def pull(self, cotangent: Tensor) -> Pulled:
        """Return the claimed vᵀJ of a cotangent (m,)."""


class Target(Protocol):
    """A function of named tensors with its claimed derivative: PyTorch's, NumPy's or JAX's."""

    @property
    def counts(self) -> Counts:
        """How often it was run."""

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The checked tensors at the point; detached copies."""

    def outputs(self, at: dict[str, Tensor]) -> Tensor:
        """Return all differentiable outputs as a vector (m,), float64."""

    def linearised(self, at: dict[str, Tensor]) -> Backward:
        """Run the target forwards so that cotangents can be pulled back."""


@dataclass(frozen=True)
class Segment:
    """Where a tensor lies in the vector x."""

    name: str
    coordinates: Coordinates
    start: int
    stop: int

    @property
    def slice(self) -> slice:
        """The tensor's place in x."""
        return slice(self.start, self.stop)

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape."""
        return tuple(self.coordinates.tensor.shape)

    @property
    def dtype(self) -> str:
        """The name of the tensor's dtype."""
        return str(self.coordinates.tensor.dtype).removeprefix("torch.")


@dataclass
class Problem:
    """A target with all its tensors in one vector.

    Legend: n coordinates of all tensors, m outputs.
    """

    target: Target
    segments: tuple[Segment, ...]
    x: Tensor
    """(n,) The point."""
    outputs: int = field(default=0)
    """m, known after the first evaluation."""

    @classmethod
    def of(cls, target: Target) -> "Problem":
        """Lay the tensors of `target` end to end."""
        segments: list[Segment] = []
        start = 0
        for name, tensor in target.tensors.items():
            coordinates = Coordinates(tensor)
            segments.append(Segment(name, coordinates, start, start + coordinates.count))
            start += coordinates.count
        device = segments[0].coordinates.tensor.device
        x = torch.cat([segment.coordinates.vector().to(device) for segment in segments])
        return cls(target=target, segments=tuple(segments), x=x)

    @cached_property
    def roundoff(self) -> Tensor:
        """(n,) Unit roundoff of the tensor that each coordinate belongs to."""
        u = torch.empty_like(self.x)
        for segment in self.segments:
            u[segment.slice] = segment.coordinates.unit_roundoff
        return u

    @cached_property
    def all_float64(self) -> bool:
        """Whether no step is rounded to less than float64."""
        return bool((self.roundoff <= torch.finfo(torch.float64).eps / 2).all())

    def dtype_names(self) -> str:
        """Return the names of all dtypes, sorted."""
        return ", ".join(sorted({segment.dtype for segment in self.segments}))

    def moved_to(self, x: Tensor) -> "Problem":
        """Return the problem at another point."""
        rounded, _ = self._rounded(x)
        return Problem(target=self.target, segments=self.segments, x=rounded, outputs=self.outputs)

    def value(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return F near x (m,), and the point (n,) that rounding to the dtypes made of x."""
        rounded, tensors = self._rounded(x)
        try:
            outputs = self.target.outputs(tensors)
        except Exception as error:
            error.add_note(self._raised(self._distance(rounded)))
            raise
        self._same_size(outputs)
        return outputs, rounded

    def linearised(self) -> Backward:
        """Run the target at the point so that cotangents can be pulled back."""
        _, tensors = self._rounded(self.x)
        try:
            backward = self.target.linearised(tensors)
        except InputError:
            raise
        except Exception as error:
            error.add_note(self._raised("at the point itself, where a graph is recorded"))
            raise
        self._same_size(backward.outputs)
        return backward

    def subset(self, names: Sequence[str]) -> Tensor:
        """(n,) One in the tensors of these names, zero elsewhere."""
        mask = torch.zeros_like(self.x)
        for segment in self.segments:
            if segment.name in names:
                mask[segment.slice] = 1
        return mask

    def _rounded(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        tensors: dict[str, Tensor] = {}
        rounded = x if self.all_float64 else x.clone()
        for segment in self.segments:
            part = x[segment.slice]
            tensor = segment.coordinates.rebuilt(part.to(segment.coordinates.tensor.device))
            tensors[segment.name] = tensor
            if not self.all_float64:
                own = Coordinates(tensor).vector()
                rounded[segment.slice] = own.to(x.device)
        return rounded, tensors

    def _same_size(self, outputs: Tensor) -> None:
        if self.outputs and len(outputs) != self.outputs:
            raise InputError(
                f"the output changed its size from {self.outputs} to {len(outputs)} numbers "
                "between two evaluations: expected the same shape near the point"
            )
        self.outputs = len(outputs)

    def _raised(self, where: str) -> str:
        number = self.target.counts.evaluations
        return f"raised at evaluation {number} of the gradient check, {where}"

    def _distance(self, x: Tensor) -> str:
        distance = float((x - self.x).abs().max())
        return "at the point itself" if distance == 0 else f"up to {distance:.1e} from the point"
