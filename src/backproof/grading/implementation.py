"""A user's model: its parameters as named arrays, its scores, its loss and its gradient."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backproof._core.errors import InputError
from backproof.grading.parameters import Parameter, as_array, kept_in, stated

Array = NDArray[np.float64]

_PROBES = np.array([[0.3, -0.7], [-1.1, 0.4], [0.9, 1.3]])
"""Points at which it is seen what the scores depend on."""


class FailedError(InputError):
    """A point that is not given; the message is the reason."""


class Implementation:
    """One instance of a user's class.

    Its parameters are what it says they are: those of a module, or what its method or attribute
    ``parameters`` gives. Where it says nothing, they are found among the floating-point tensors,
    arrays and numbers that it keeps: those that require a gradient, or all of them, whichever are
    as large as the model's; or else those that its scores depend on.

    Its gradient is what its method ``gradient(x, t)`` returns, by name or in the order of the
    parameters, or else what autograd makes of ``mean_loss(x, t)``.

    Parameters
    ----------
    model
        The instance.
    hidden
        Its number H of hidden units.

    Raises
    ------
    FailedError
        If it has no parameters, or lacks a method.
    """

    def __init__(self, model: Any, hidden: int) -> None:
        for method in ("score", "mean_loss"):
            if not callable(getattr(model, method, None)):
                raise FailedError(f"it has no method {method}")
        self._model = model
        self._parameters = stated(model) or self._found(hidden)
        if not self._parameters:
            raise FailedError(
                "no parameters were found: expected a torch.nn.Module, attributes that are "
                "floating-point tensors or arrays, or a method parameters()"
            )

    def _found(self, hidden: int) -> dict[str, Parameter]:
        kept = self._parameters = kept_in(self._model)
        tensors = {n: one for n, one in kept.items() if getattr(one.read(), "requires_grad", False)}
        arrays = {name: one for name, one in kept.items() if one.dtype is not None}
        sizes = sorted((2 * hidden, hidden, hidden, 1))
        for some in (tensors, arrays, kept):
            if sorted(one.value.size for one in some.values()) == sizes:
                return some
        return {name: one for name, one in kept.items() if self._depends_on(one)} or arrays

    def _depends_on(self, one: Parameter) -> bool:
        before = one.value
        try:
            scores = as_array(self._model.score(self.given(_PROBES)))
            one.set(before + 0.375)
            return not np.array_equal(scores, as_array(self._model.score(self.given(_PROBES))))
        except Exception:  # whatever is wrong with the scores is a point of its own
            return False
        finally:
            one.set(before)

    @property
    def values(self) -> dict[str, Array]:
        """The parameters by name, copied, in float64."""
        return {name: one.value for name, one in self._parameters.items()}

    @property
    def dtype(self) -> str:
        """Name of the dtype of the parameters; of several, all."""
        names = {one.dtype for one in self._parameters.values()} - {None}
        return ", ".join(sorted(map(str, names))) or "float64"

    @property
    def precision(self) -> float:
        """Relative rounding of the parameters' coarsest dtype."""
        dtypes = self.dtype.split(", ")
        return max(float(torch.finfo(getattr(torch, dtype)).eps) for dtype in dtypes)

    def set(self, values: Mapping[str, Array]) -> None:
        """Give parameters other values."""
        for name, value in values.items():
            self._parameters[name].set(value)

    def convert(self, dtype: str) -> bool:
        """Give all parameters another dtype, ``float32`` or ``float64``.

        Return whether that could be done: views of something else cannot be replaced.
        """
        before = [(one, one.dtype) for one in self._parameters.values()]
        if all(one.convert(dtype) for one, _ in before):
            return True
        for one, kept in before:
            if kept is not None:
                one.convert(kept)
        return False

    def raw_score(self, given: Any) -> Any:
        """Return what ``score`` does, for points as `given` makes them."""
        return self._model.score(given)

    def score(self, x: Array) -> Array:
        """Return the scores of points, shape (n,), in float64."""
        scores = as_array(self.raw_score(self.given(x)))
        if scores.shape != (len(x),):
            raise FailedError(
                f"score returned shape {scores.shape} for {len(x)} points: expected ({len(x)},)"
            )
        return scores

    def raw_mean_loss(self, x: Any, t: Any) -> Any:
        """Return what ``mean_loss`` does, for points and labels as `given` makes them."""
        return self._model.mean_loss(x, t)

    def mean_loss(self, x: Array, t: Array) -> float:
        """Return the mean loss."""
        loss = as_array(self.raw_mean_loss(self.given(x), self.given(t)))
        if loss.size != 1:
            raise FailedError(f"mean_loss returned shape {loss.shape}: expected one number")
        return float(loss.reshape(()))

    @property
    def own_gradient(self) -> Callable[[Any, Any], Any] | None:
        """The method ``gradient``, where there is one."""
        method = getattr(self._model, "gradient", None)
        return method if callable(method) else None

    def gradient(self, x: Array, t: Array) -> dict[str, Array]:
        """Return the gradient of the mean loss by each parameter; `FailedError` if one lacks."""
        found, faults = self.gradient_parts(x, t)
        for reason in faults.values():
            raise FailedError(reason)
        return found

    def gradient_parts(self, x: Array, t: Array) -> tuple[dict[str, Array], dict[str, str]]:
        """Return the gradient by those parameters that have one, and why the others have none."""
        raw = self.raw_gradient(x, t)
        found, faults = {}, {}
        for name, parameter in self._parameters.items():
            expected, one = parameter.value.shape, raw[name]
            if one is None:
                faults[name] = (
                    f"no gradient reaches {name}"
                    if self.own_gradient is None
                    else f"gradient() has no entry for {name}: expected one for each parameter"
                )
            elif (array := as_array(one)).shape == expected or array.size == 1 == np.prod(expected):
                found[name] = array.reshape(expected)
            else:
                faults[name] = (
                    f"the gradient by {name} has shape {array.shape}: expected {expected}"
                )
        return found, faults

    def raw_gradient(self, x: Array, t: Array) -> dict[str, Any]:
        """Return the gradient as it is given, by parameter; ``None`` where there is none."""
        own = self.own_gradient
        return self._backpropagated(x, t) if own is None else self._named(own, x, t)

    def _named(self, own: Callable[[Any, Any], Any], x: Array, t: Array) -> dict[str, Any]:
        """Return what ``gradient`` does by the names of the parameters, ``None`` what it lacks."""
        names, gradient = list(self._parameters), own(self.given(x), self.given(t))
        if isinstance(gradient, Mapping):
            if len(gradient) == len(names) and not set(gradient) & set(names):
                return dict(zip(names, gradient.values(), strict=True))  # of names unknown here
            return {name: gradient.get(name) for name in names}
        found = list(gradient) if isinstance(gradient, tuple | list) else [gradient]
        if len(found) != len(names):
            raise FailedError(
                f"gradient() returned {len(found)} arrays: expected one for each of "
                f"{', '.join(names)}"
            )
        return dict(zip(names, found, strict=True))

    def _backpropagated(self, x: Array, t: Array) -> dict[str, Any]:
        tensors = {name: one.read() for name, one in self._parameters.items()}
        if not all(isinstance(one, Tensor) for one in tensors.values()):
            raise FailedError(
                "its parameters are arrays, so it needs a method gradient(x, t) that returns the "
                "gradient of mean_loss by each of them"
            )
        for one in tensors.values():
            one.requires_grad_()
            one.grad = None
        with torch.enable_grad():
            loss = self.raw_mean_loss(self.given(x), self.given(t))
            if not isinstance(loss, Tensor) or not loss.requires_grad:
                raise FailedError(
                    "mean_loss returns no tensor with a gradient: something cuts it off, such as "
                    "detach, item, numpy or no_grad"
                )
            if loss.numel() != 1:
                raise FailedError(
                    f"mean_loss returned shape {tuple(loss.shape)}: expected one number"
                )
            loss.sum().backward()  # type: ignore[no-untyped-call]
        return {name: one.grad for name, one in tensors.items()}

    def given(self, values: Array) -> Any:
        """Return a copy of points or labels as the model takes them: as its parameters are."""
        kept = [one.read() for one in self._parameters.values()]
        for one in kept:
            if isinstance(one, Tensor):
                return torch.tensor(values, dtype=one.dtype)
        dtypes = [one.dtype for one in kept if isinstance(one, np.ndarray | np.floating)]
        return np.array(values, dtype=dtypes[0] if dtypes else np.float64)
