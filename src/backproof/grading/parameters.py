"""Where a user's model keeps its parameters: read, set and converted in place."""

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, MutableSequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[np.float64]


@dataclass
class Parameter:
    """One floating-point tensor, array or number of a model.

    It is looked up anew each time, because a model may put another in its place.
    """

    read: Callable[[], Any]
    """Returns it."""
    write: Callable[[Any], None] | None
    """Puts another in its place; ``None`` where nobody knows how."""

    @property
    def value(self) -> Array:
        """Its numbers, copied, in float64."""
        return as_array(self.read()).copy()

    @property
    def dtype(self) -> str | None:
        """Name of its dtype; ``None`` for a number of Python's, which has none."""
        dtype = getattr(self.read(), "dtype", None)
        return None if dtype is None else str(dtype).removeprefix("torch.")

    def set(self, value: Array) -> None:
        """Give it other numbers."""
        one = self.read()
        if isinstance(one, Tensor):
            with torch.no_grad():
                one.copy_(torch.from_numpy(np.asarray(value, np.float64)))
        elif isinstance(one, np.ndarray):
            one[...] = value
        elif self.write is not None:
            self.write(type(one)(np.reshape(value, ())))

    def convert(self, dtype: str) -> bool:
        """Give it another dtype; return whether that could be done."""
        one = self.read()
        if self.dtype in (dtype, None):
            return True
        if isinstance(one, Tensor):
            one.data = one.data.to(getattr(torch, dtype))
            return True
        if self.write is None:
            return False
        self.write(one.astype(dtype))
        return self.dtype == dtype


def as_array(value: Any) -> Array:
    """Return numbers as an array of float64."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    return np.asarray(value, dtype=np.float64)


def stated(model: Any) -> dict[str, Parameter]:
    """Return what a model says are its parameters, by name; empty where it says nothing.

    Those of a module, without frozen ones, or what its method or attribute ``parameters`` gives:
    by name, or several, which have the names of the places where the model keeps them.
    """
    if isinstance(model, nn.Module):
        named = dict(model.named_parameters())
        learning = {name: one for name, one in named.items() if one.requires_grad}
        return {name: _loose(one) for name, one in (learning or named).items()}
    given = _given(model)
    if isinstance(given, Mapping):
        return {str(key): _given_entry(model, key) for key, one in given.items() if floating(one)}
    if not isinstance(given, Iterable):
        return {}
    kept = list(kept_in(model).items())
    found = {}
    for number, one in enumerate(given):
        places = [(name, place) for name, place in kept if place.read() is one]
        name, place = places[0] if places else (f"parameter {number}", _loose(one))
        found[name] = place
    return found


def kept_in(model: Any) -> dict[str, Parameter]:
    """Return the floating-point tensors, arrays and numbers in a model's attributes, by name.

    Also those in attributes that are lists or dictionaries: ``layers[0]``, or by key.
    """
    found: dict[str, Parameter] = {}
    for name, value in _attributes(model):
        if floating(value):
            found[name] = _attribute(model, name)
        elif isinstance(value, MutableMapping):
            entries = {str(key): key for key, one in value.items() if floating(one)}
            found |= {text: _entry(value, key) for text, key in entries.items()}
        elif isinstance(value, MutableSequence):
            places = [place for place, one in enumerate(value) if floating(one)]
            found |= {f"{name}[{place}]": _entry(value, place) for place in places}
    return found


def floating(one: Any) -> bool:
    """Return whether something is a floating-point tensor, array or number."""
    if isinstance(one, Tensor):
        return one.is_floating_point()
    if isinstance(one, np.ndarray):
        return bool(np.issubdtype(one.dtype, np.floating))
    return isinstance(one, float | np.floating)


def _attributes(model: Any) -> Iterator[tuple[str, Any]]:
    slots = (name for kind in type(model).__mro__ for name in _slots(kind))
    for name in dict.fromkeys([*getattr(model, "__dict__", {}), *slots]):
        if not (isinstance(model, nn.Module) and name.startswith("_")) and hasattr(model, name):
            yield name, getattr(model, name)


def _slots(kind: type) -> Iterable[str]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else slots


def _given(model: Any) -> Any:
    given = getattr(model, "parameters", None)
    return given() if callable(given) else given


def _loose(one: Any) -> Parameter:
    return Parameter(lambda: one, None)


def _attribute(model: Any, name: str) -> Parameter:
    return Parameter(lambda: getattr(model, name), lambda new: setattr(model, name, new))


def _entry(held: Any, key: Any) -> Parameter:
    return Parameter(lambda: held[key], lambda new: held.__setitem__(key, new))


def _given_entry(model: Any, key: Any) -> Parameter:
    """Return an entry of what a model gives as its parameters, which it may make anew each time."""

    def write(new: Any) -> None:
        given = _given(model)
        if isinstance(given, MutableMapping):
            given[key] = new

    return Parameter(lambda: _given(model)[key], write)
