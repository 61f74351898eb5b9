"""A user's model: its parameters as named arrays, its scores, its loss and its gradient."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[np.float64]


class FailedError(Exception):
    """A point that is not given; the message is the reason."""


class Implementation:
    """One instance of a user's class.

    Its parameters are those of a module, or what its method or attribute ``parameters`` gives, or
    else its attributes that are floating-point tensors (those that require a gradient, where some
    do) or arrays. Its gradient is what its method ``gradient(x, t)`` returns, by name or in the
    order of the parameters, or else what autograd makes of ``mean_loss(x, t)``.

    Parameters
    ----------
    model
        The instance.

    Raises
    ------
    FailedError
        If it has no parameters, or lacks a method.
    """

    def __init__(self, model: Any) -> None:
        for method in ("score", "mean_loss"):
            if not callable(getattr(model, method, None)):
                raise FailedError(f"it has no method {method}")
        self._model = model
        self._parameters = _parameters(model)
        if not self._parameters:
            raise FailedError(
                "no parameters were found: expected a torch.nn.Module, attributes that are "
                "floating-point tensors or arrays, or a method parameters()"
            )

    @property
    def values(self) -> dict[str, Array]:
        """The parameters by name, copied, in float64."""
        return {name: _array(one).copy() for name, one in self._parameters.items()}

    @property
    def dtype(self) -> str:
        """Name of the dtype of the parameters."""
        names = {str(one.dtype).removeprefix("torch.") for one in self._parameters.values()}
        return ", ".join(sorted(names))

    @property
    def precision(self) -> float:
        """Relative rounding of the parameters' coarsest dtype."""
        return max(
            torch.finfo(one.dtype).eps
            if isinstance(one, Tensor)
            else float(np.finfo(one.dtype).eps)
            for one in self._parameters.values()
        )

    def set(self, values: Mapping[str, Array]) -> None:
        """Give parameters other values."""
        for name, value in values.items():
            one = self._parameters[name]
            if isinstance(one, Tensor):
                with torch.no_grad():
                    one.copy_(torch.from_numpy(np.asarray(value, np.float64)))
            else:
                one[...] = value

    def convert(self, dtype: str) -> None:
        """Give all parameters another dtype, ``float32`` or ``float64``."""
        for name, one in self._parameters.items():
            if isinstance(one, Tensor):
                one.data = one.data.to(getattr(torch, dtype))
            else:
                converted = one.astype(dtype)
                if getattr(self._model, name, None) is not one:
                    raise FailedError(f"the dtype of {name} cannot be changed: it is no attribute")
                setattr(self._model, name, converted)
                self._parameters[name] = converted

    def raw_score(self, given: Any) -> Any:
        """Return what ``score`` does, for points as `given` makes them."""
        return self._model.score(given)

    def score(self, x: Array) -> Array:
        """Return the scores of points, shape (n,), in float64."""
        scores = _array(self.raw_score(self.given(x)))
        if scores.shape != (len(x),):
            raise FailedError(
                f"score returned shape {scores.shape} for {len(x)} points: expected ({len(x)},)"
            )
        return scores

    def mean_loss(self, x: Array, t: Array) -> float:
        """Return the mean loss."""
        loss = _array(self._model.mean_loss(self.given(x), self.given(t)))
        if loss.size != 1:
            raise FailedError(f"mean_loss returned shape {loss.shape}: expected one number")
        return float(loss.reshape(()))

    def gradient(self, x: Array, t: Array) -> dict[str, Array]:
        """Return the gradient of the mean loss by each parameter."""
        own: Callable[..., Any] | None = getattr(self._model, "gradient", None)
        if callable(own):
            found = self._named(own(self.given(x), self.given(t)))
        else:
            found = self._backpropagated(x, t)
        for name, value in found.items():
            expected = self._parameters[name].shape
            if value.shape != tuple(expected):
                raise FailedError(
                    f"the gradient by {name} has shape {value.shape}: expected {tuple(expected)}"
                )
        return found

    def _named(self, gradient: Any) -> dict[str, Array]:
        names = list(self._parameters)
        if isinstance(gradient, Mapping):
            missing = [name for name in names if name not in gradient]
            if missing:
                raise FailedError(
                    f"gradient() has no entry for {', '.join(missing)}: expected one for each of "
                    f"{', '.join(names)}"
                )
            return {name: _array(gradient[name]) for name in names}
        found = list(gradient) if isinstance(gradient, tuple | list) else [gradient]
        if len(found) != len(names):
            raise FailedError(
                f"gradient() returned {len(found)} arrays: expected one for each of "
                f"{', '.join(names)}"
            )
        return dict(zip(names, map(_array, found), strict=True))

    def _backpropagated(self, x: Array, t: Array) -> dict[str, Array]:
        tensors = {n: one for n, one in self._parameters.items() if isinstance(one, Tensor)}
        if len(tensors) < len(self._parameters):
            raise FailedError(
                "its parameters are arrays, so it needs a method gradient(x, t) that returns the "
                "gradient of mean_loss by each of them"
            )
        for one in tensors.values():
            one.requires_grad_()
            one.grad = None
        with torch.enable_grad():
            loss = self._model.mean_loss(self.given(x), self.given(t))
            if not isinstance(loss, Tensor) or not loss.requires_grad:
                raise FailedError(
                    "mean_loss returns no tensor with a gradient: something cuts it off, such as "
                    "detach, item, numpy or no_grad"
                )
            loss.backward()  # type: ignore[no-untyped-call]
        silent = [name for name, one in tensors.items() if one.grad is None]
        if silent:
            raise FailedError(f"no gradient reaches {', '.join(silent)}")
        return {name: _array(one.grad).copy() for name, one in tensors.items()}

    def given(self, values: Array) -> Any:
        """Return a copy of points or labels as the model takes them: as its parameters are."""
        one = next(iter(self._parameters.values()))
        if isinstance(one, Tensor):
            return torch.tensor(values, dtype=one.dtype)
        return np.array(values, dtype=one.dtype)


def _parameters(model: Any) -> dict[str, Any]:
    if isinstance(model, nn.Module):
        return dict(model.named_parameters())
    given = getattr(model, "parameters", None)
    given = given() if callable(given) else given
    if isinstance(given, Mapping):
        return {str(name): one for name, one in given.items() if _is_floating(one)}
    attributes = {name: one for name, one in vars(model).items() if _is_floating(one)}
    if isinstance(given, Iterable):
        return dict(_name(one, number, attributes) for number, one in enumerate(given))
    learning = {
        name: one
        for name, one in attributes.items()
        if isinstance(one, Tensor) and one.requires_grad
    }
    return learning or attributes


def _name(one: Any, number: int, attributes: Mapping[str, Any]) -> tuple[str, Any]:
    names = [name for name, attribute in attributes.items() if attribute is one]
    return (names[0] if names else f"parameter {number}"), one


def _is_floating(one: Any) -> bool:
    if isinstance(one, Tensor):
        return one.is_floating_point()
    return isinstance(one, np.ndarray) and bool(np.issubdtype(one.dtype, np.floating))


def _rounding(one: Any) -> float:
    return float(torch.finfo(one.dtype).eps if isinstance(one, Tensor) else np.finfo(one.dtype).eps)


def _array(value: Any) -> Array:
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    return np.asarray(value, dtype=np.float64)
