"""Which network: its layers, its activation and where its initial weights come from."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex

from torch import Tensor

from backproof._core.checks import whole_number
from backproof._core.errors import InputError

Hidden = SupportsIndex | Sequence[SupportsIndex]
"""The size of one hidden layer, or the sizes of several."""
ActivationLike = str | Callable[[Tensor], Tensor]
"""The name of an activation, or a function of a tensor."""

_MOST_UNITS = 10**12  # of a layer: more than any machine holds, few enough to multiply


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """A fully connected network and its initial weights."""

    hidden: tuple[int, ...]
    """Sizes of the hidden layers, each at least 1."""
    seed: int
    """Seed of the initial weights; see `Network`."""
    activation: ActivationLike = "tanh"
    """Name of the activation of the hidden layers, or a function."""

    def __post_init__(self) -> None:
        if not isinstance(self.hidden, Sequence) or isinstance(self.hidden, str):
            raise InputError(f"hidden must be a tuple of layer sizes, got {self.hidden!r}")
        if not self.hidden:
            raise InputError("hidden must name the size of at least one layer, got none")
        sizes = tuple(
            whole_number("a hidden size", size, at_least=1, at_most=_MOST_UNITS)
            for size in self.hidden
        )
        object.__setattr__(self, "hidden", sizes)
        object.__setattr__(self, "seed", whole_number("seed", self.seed, at_least=0))

    @property
    def size(self) -> str:
        """The hidden sizes as text, such as ``5`` or ``10-10``."""
        return "-".join(map(str, self.hidden))

    @property
    def activation_name(self) -> str:
        """Name of the activation, also of a function."""
        if isinstance(self.activation, str):
            return self.activation
        return getattr(self.activation, "__name__", repr(self.activation))

    def __str__(self) -> str:
        return f"hidden {self.size}, seed {self.seed}"


def hidden_sizes(hidden: SupportsIndex | Iterable[Any]) -> list[tuple[int, ...]]:
    """Return what is given as `hidden` as tuples of layer sizes.

    A number is one layer; in a list each number, or tuple of numbers, is one network.

    Raises
    ------
    InputError
        If a size is not a whole number of at least 1, or there is none.
    """
    if isinstance(hidden, (str, bytes)):
        raise InputError(f"hidden must be whole numbers, or tuples of them, got {hidden!r}")
    entries = list(hidden) if isinstance(hidden, Iterable) else [hidden]
    if not entries:
        raise InputError("hidden must hold at least one size, got none")
    return [_layers(entry) for entry in entries]


def _layers(entry: Hidden | Iterable[SupportsIndex]) -> tuple[int, ...]:
    sizes = tuple(entry) if isinstance(entry, Iterable) else (entry,)
    if not sizes:
        raise InputError("hidden must name the size of at least one layer, got an empty one")
    return tuple(whole_number("hidden", size, at_least=1, at_most=_MOST_UNITS) for size in sizes)
