"""What lies around a target and could change between two evaluations: generators, modules.

Every evaluation starts from the same state, and the caller finds everything as it was.
"""

import functools
import inspect
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from backproof._core.recorders import unrecorded


class Surroundings:
    """The state around a target, kept on entry, set again by `reset` and on exit.

    Between entry and exit nothing records this thread: a check's own steps are nobody's mistake.

    Parameters
    ----------
    *holders
        What the target consists of and is called with: functions, methods, partial functions,
        objects, containers. The modules that they hold are kept as they are. A module that is a
        holder itself is not: it is evaluated on copies of its tensors.
    """

    def __init__(self, *holders: Any) -> None:
        self._unrecorded = unrecorded()
        own = {id(holder) for holder in holders if isinstance(holder, nn.Module)}
        with unrecorded():
            self._kept = [
                _Kept(part, name, tensor)
                for module in _modules(holders)
                if id(module) not in own
                for part in module.modules()
                for name, tensor in (
                    *part.named_buffers(recurse=False),
                    *part.named_parameters(recurse=False),
                )
            ]
        self._torch = torch.get_rng_state()
        self._devices = _device_states()
        self._python = random.getstate()
        self._numpy = np.random.get_state()  # noqa: NPY002  (what the target may use)
        # Python's and NumPy's generators take longer to set than a small network to evaluate:
        # they are set only where the target has been seen to use them.
        self._uses_python = self._uses_numpy = False

    def __enter__(self) -> Self:
        self._unrecorded.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._uses_python = self._uses_numpy = True
        try:
            self.reset()
        finally:
            self._unrecorded.__exit__(None, None, None)

    def reset(self) -> None:
        """Set everything to what it was at the start."""
        torch.set_rng_state(self._torch)
        for device, state in self._devices.items():
            torch.cuda.set_rng_state(state, device)
        for kept in self._kept:
            kept.restore()
        if self._uses_python:
            random.setstate(self._python)
        if self._uses_numpy:
            np.random.set_state(self._numpy)  # noqa: NPY002

    def notice_use(self) -> None:
        """Find out, after an evaluation, which slow generators the target uses."""
        numpy = np.random.get_state()  # noqa: NPY002
        self._uses_python |= random.getstate() != self._python
        self._uses_numpy |= any(
            np.any(now != before) for now, before in zip(numpy, self._numpy, strict=True)
        )


class _Kept:
    """A tensor of a module, and what was in it; written to only where something else is."""

    def __init__(self, module: nn.Module, name: str, tensor: Tensor) -> None:
        self._module, self._name, self._tensor = module, name, tensor
        self._value = tensor.detach().clone()

    def restore(self) -> None:
        if getattr(self._module, self._name, None) is not self._tensor:
            setattr(self._module, self._name, self._tensor)
        # Not by version counters: batch norm writes its statistics without counting.
        if not torch.equal(self._tensor.detach(), self._value):
            with torch.inference_mode(self._tensor.is_inference()), torch.no_grad():
                self._tensor.copy_(self._value)


def _device_states() -> dict[int, Tensor]:
    initialised = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    if not (torch.cuda.is_available() and initialised):
        return {}
    return {i: torch.cuda.get_rng_state(i) for i in range(torch.cuda.device_count())}


def _modules(holders: Iterable[Any]) -> Iterator[nn.Module]:
    """Yield the modules that are reached from what a target consists of."""
    seen: set[int] = set()
    waiting: list[Any] = list(holders)
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, nn.Module):
            yield one
        else:
            waiting += _held_by(one)


def _held_by(one: Any) -> Iterable[Any]:
    """Return what an object holds that may hold modules."""
    if isinstance(one, list | tuple | set):
        return list(one)
    if isinstance(one, dict):
        return list(one.values())
    if isinstance(one, functools.partial):
        return [one.func, *one.args, *one.keywords.values()]
    if inspect.ismethod(one):
        return [one.__self__, one.__func__]
    if inspect.isfunction(one):
        return _referenced(one)
    if isinstance(one, type | Tensor | np.ndarray) or inspect.ismodule(one):
        return []
    return [value for value in getattr(one, "__dict__", {}).values() if _may_hold(value)]


def _referenced(function: Callable[..., Any]) -> list[Any]:
    try:
        found = inspect.getclosurevars(function)
    except ValueError:  # a cell that is still empty
        return []
    defaults = (function.__defaults__ or (), (function.__kwdefaults__ or {}).values())
    values = [*found.nonlocals.values(), *found.globals.values(), *defaults[0], *defaults[1]]
    return [value for value in values if _may_hold(value) or _is_sibling(value, function)]


def _may_hold(value: Any) -> bool:
    if isinstance(value, type) or inspect.ismodule(value) or inspect.isfunction(value):
        return False
    if isinstance(value, nn.Module | functools.partial | list | tuple | dict):
        return True
    attributes = getattr(value, "__dict__", {}).values()
    return inspect.ismethod(value) or any(isinstance(one, nn.Module) for one in attributes)


def _is_sibling(value: Any, function: Callable[..., Any]) -> bool:
    # Functions of other modules are left alone: libraries would be walked through to their end.
    return inspect.isfunction(value) and value.__module__ == function.__module__
