"""A tensor as a vector of real numbers: what a step moves and a gradient has one entry for.

A complex entry is two real ones, in PyTorch's convention of the gradient: ∂L/∂Re + i·∂L/∂Im. Of
a sparse tensor the stored values are the coordinates, since no others can move.
"""

from dataclasses import dataclass
from functools import cached_property
from math import prod

import torch
from torch import Tensor

_COMPRESSED = (torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc)


def differentiable(tensor: Tensor) -> bool:
    """Say whether a tensor of this dtype can have a gradient."""
    return tensor.is_floating_point() or tensor.is_complex()


def real_vector(values: Tensor) -> Tensor:
    """Return a dense tensor as a flat float64 vector, complex entries as pairs."""
    plain = values.detach().resolve_conj().resolve_neg()
    if plain.is_complex():
        plain = torch.view_as_real(plain.to(torch.complex128))
    return plain.to(torch.float64).reshape(-1)


def real_shape(tensor: Tensor) -> tuple[int, ...]:
    """Return the shape of a dense tensor as real numbers, complex entries as pairs."""
    return (*tensor.shape, 2) if tensor.is_complex() else tuple(tensor.shape)


def roundoff_of(tensor: Tensor) -> Tensor:
    """Return the unit roundoff of a dense tensor's dtype, once for each of its real numbers."""
    unit = torch.finfo(tensor.dtype).eps / 2
    return torch.full((prod(real_shape(tensor)),), unit, dtype=torch.float64)


def from_real_vector(vector: Tensor, like: Tensor) -> Tensor:
    """Return a dense tensor of the shape, strides, dtype and device of `like`."""
    if like.is_complex():
        pairs = vector.reshape(*like.shape, 2)
        entries = torch.complex(pairs[..., 0], pairs[..., 1])
    else:
        entries = vector.reshape(like.shape)
    # A copy with memory of its own: the target may look at strides and storage, or write.
    return torch.empty_like(like, memory_format=torch.preserve_format).copy_(entries)


@dataclass(frozen=True)
class Coordinates:
    """The real coordinates of one checked tensor."""

    tensor: Tensor
    """A detached copy in its own layout and dtype; sparse ones coalesced."""

    @cached_property
    def values(self) -> Tensor:
        """The entries that can move, dense: all, or the stored ones of a sparse tensor."""
        if self.tensor.layout == torch.sparse_coo or self.tensor.layout in _COMPRESSED:
            return self.tensor.values()
        return self.tensor

    @cached_property
    def count(self) -> int:
        """Number of real coordinates."""
        return self.values.numel() * self.parts

    @property
    def parts(self) -> int:
        """Real numbers in an entry: 2 for complex tensors."""
        return 2 if self.tensor.is_complex() else 1

    @property
    def unit_roundoff(self) -> float:
        """Largest relative error of rounding to the tensor's dtype."""
        return float(torch.finfo(self.tensor.dtype).eps) / 2

    def vector(self) -> Tensor:
        """Return the coordinates of the tensor itself."""
        return real_vector(self.values)

    def rebuilt(self, vector: Tensor) -> Tensor:
        """Return a tensor with these coordinates, rounded to its dtype."""
        values = from_real_vector(vector, self.values)
        layout = self.tensor.layout
        if layout == torch.sparse_coo:
            return torch.sparse_coo_tensor(
                self.tensor.indices(),
                values,
                self.tensor.shape,
                is_coalesced=True,
                check_invariants=False,
            )
        if layout in _COMPRESSED:
            first, second = _compressed_indices(self.tensor)
            return torch.sparse_compressed_tensor(
                first, second, values, self.tensor.shape, layout=layout, check_invariants=False
            )
        return values

    def of_gradient(self, gradient: Tensor) -> Tensor:
        """Return the coordinates of a gradient of this tensor, dense or sparse."""
        if self.tensor.layout == torch.strided:
            return real_vector(gradient if _is_dense(gradient) else gradient.to_dense())
        if self.tensor.layout == torch.sparse_coo and not _is_dense(gradient):
            # Never dense: a sparse tensor may be too large for that.
            pattern = (
                gradient.to_sparse(layout=torch.sparse_coo).coalesce().sparse_mask(self.tensor)
            )
            return real_vector(pattern.coalesce().values())
        dense = gradient if _is_dense(gradient) else gradient.to_dense()
        return real_vector(dense.reshape(-1)[self._positions]).reshape(-1)

    def index(self, coordinate: int) -> tuple[int, ...]:
        """Return the index, in the tensor, of the entry that a coordinate belongs to."""
        entry = coordinate // self.parts
        if self.tensor.layout != torch.strided:
            entry = int(self._positions[entry])
        return tuple(int(i) for i in torch.unravel_index(torch.tensor(entry), self.tensor.shape))

    @cached_property
    def _positions(self) -> Tensor:
        """Flat dense positions of the stored values of a sparse tensor."""
        if self.tensor.layout == torch.sparse_coo:
            return _coo_positions(self.tensor)
        numbers = torch.arange(1, self.values.numel() + 1, device=self.values.device)
        first, second = _compressed_indices(self.tensor)
        numbered = torch.sparse_compressed_tensor(
            first,
            second,
            numbers.reshape(self.values.shape).to(torch.float64),
            self.tensor.shape,
            layout=self.tensor.layout,
            check_invariants=False,
        )
        dense = numbered.to_dense().reshape(-1)
        places = torch.nonzero(dense).reshape(-1)
        return places[torch.argsort(dense[places])]


def _is_dense(tensor: Tensor) -> bool:
    return tensor.layout == torch.strided


def _compressed_indices(tensor: Tensor) -> tuple[Tensor, Tensor]:
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return tensor.crow_indices(), tensor.col_indices()
    return tensor.ccol_indices(), tensor.row_indices()


def _coo_positions(tensor: Tensor) -> Tensor:
    sparse, shape = tensor.sparse_dim(), tuple(tensor.shape)
    block = prod(shape[sparse:])
    start = torch.zeros_like(tensor.indices()[0])
    for axis in range(sparse):
        start = start * shape[axis] + tensor.indices()[axis]
    within = torch.arange(block, device=start.device)
    return (start[:, None] * block + within).reshape(-1)
