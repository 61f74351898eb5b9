"""What lies around a target and could change between two evaluations: generators, buffers.

Every evaluation starts from the same state, and the caller finds everything as it was.
"""

import functools
import inspect
import random
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn


class Surroundings:
    """The state around a target, kept on entry, set again by `reset` and on exit."""

    def __init__(self, *functions: Callable[..., Any] | None) -> None:
        self._buffers = [
            (buffer, buffer.detach().clone())
            for module in _modules(functions)
            for buffer in module.buffers()
        ]
        self._torch = torch.get_rng_state()
        self._devices = _device_states()
        self._python = random.getstate()
        self._numpy = np.random.get_state()  # noqa: NPY002  (what the target may use)
        # Python's and NumPy's generators take longer to set than a small network to evaluate:
        # they are set only where the first evaluation has used them.
        self._used: tuple[bool, bool] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._used = (True, True)
        self.reset()

    def reset(self) -> None:
        """Set everything to what it was at the start."""
        torch.set_rng_state(self._torch)
        for device, state in self._devices.items():
            torch.cuda.set_rng_state(state, device)
        for buffer, value in self._buffers:
            with torch.no_grad():
                buffer.copy_(value)
        python, numpy = self._used or (False, False)
        if python:
            random.setstate(self._python)
        if numpy:
            np.random.set_state(self._numpy)  # noqa: NPY002

    def notice_use(self) -> None:
        """Find out, after the first evaluation, which slow generators the target uses."""
        numpy = np.random.get_state()  # noqa: NPY002
        self._used = (
            random.getstate() != self._python,
            any(np.any(now != before) for now, before in zip(numpy, self._numpy, strict=True)),
        )


def _device_states() -> dict[int, Tensor]:
    initialised = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    if not (torch.cuda.is_available() and initialised):
        return {}
    return {i: torch.cuda.get_rng_state(i) for i in range(torch.cuda.device_count())}


def _modules(functions: tuple[Callable[..., Any] | None, ...]) -> Iterator[nn.Module]:
    """Yield the modules that functions hold: bound methods, partial arguments, closures."""
    seen: set[int] = set()
    waiting: list[Any] = list(functions)
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, nn.Module):
            yield one
        elif isinstance(one, functools.partial):
            waiting += [one.func, *one.args, *one.keywords.values()]
        elif inspect.ismethod(one):
            waiting += [one.__self__, one.__func__]
        elif inspect.isfunction(one):
            waiting += _referenced(one)


def _referenced(function: Callable[..., Any]) -> list[Any]:
    try:
        found = inspect.getclosurevars(function)
    except ValueError:  # a cell that is still empty
        return []
    return [
        value
        for value in (*found.nonlocals.values(), *found.globals.values())
        if isinstance(value, nn.Module | functools.partial) or _is_sibling(value, function)
    ]


def _is_sibling(value: Any, function: Callable[..., Any]) -> bool:
    # Functions of other modules are left alone: libraries would be walked through to their end.
    routine = inspect.isfunction(value) or inspect.ismethod(value)
    return routine and value.__module__ == function.__module__
