"""JAX functions as targets; JAX itself is the user's, and is not needed for anything else."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

import numpy as np
import torch

from backproof.gradcheck.numpy_target import NumpyTarget
from backproof.gradcheck.surroundings import Surroundings
from backproof.gradcheck.trees import argument_names, leaves, mapped


def jax_target(
    function: Callable[..., Any],
    inputs: tuple[Any, ...],
    loss: Callable[[Any], Any] | None,
    surroundings: Surroundings,
    dtype: torch.dtype | None,
) -> NumpyTarget:
    """Make a target of a function of JAX arrays and of its reverse-mode derivative."""
    jax: Any = import_module("jax")
    names = argument_names(function, len(inputs))

    def precision() -> AbstractContextManager[Any]:
        return _double_precision(jax) if dtype is not None else nullcontext()

    def evaluated(*arguments: Any) -> Any:
        result = function(*_to_jax(jax, arguments))
        return result if loss is None else loss(result)

    def value(*arguments: Any) -> Any:
        with precision():
            return mapped(evaluated(*arguments), _to_numpy)

    def gradient(*arguments: Any) -> Callable[[Any], dict[str, Any]]:
        def pull(cotangent: Any) -> dict[str, Any]:
            with precision():
                # Numbers that can move are differentiated; all else is handed on as it is.
                moving = {
                    name: jax.numpy.asarray(entry)
                    for top, one in zip(names, arguments, strict=True)
                    for name, entry in leaves(one, top)
                    if isinstance(entry, np.ndarray) and entry.dtype.kind in "fc"
                }

                def at(moved: dict[str, Any]) -> Any:
                    pairs = zip(names, arguments, strict=True)
                    return evaluated(
                        *(
                            mapped(one, lambda n, leaf: moved.get(n, leaf), top)
                            for top, one in pairs
                        )
                    )

                output, vjp = jax.vjp(at, moving)
                # JAX pairs without conjugation: Re(v·F), where PyTorch has Re(conj(v)·F).
                conjugate = jax.tree.map(
                    lambda v, o: jax.numpy.asarray(np.conj(v), o.dtype), cotangent, output
                )
                (pulled,) = vjp(conjugate)
                return {name: np.conj(np.asarray(entry)) for name, entry in pulled.items()}

        return pull

    value.__wrapped__ = function  # type: ignore[attr-defined]  # for the names of the arguments
    given = mapped(list(inputs), lambda _, one: _to_numpy("", one))
    if dtype is not None:
        given = mapped(given, _double)
    return NumpyTarget(value, gradient, tuple(given), None, surroundings, returns_pullback=True)


def _to_jax(jax: Any, arguments: tuple[Any, ...]) -> list[Any]:
    def placed(_: str, value: Any) -> Any:
        return jax.numpy.asarray(value) if isinstance(value, np.ndarray) else value

    return [mapped(value, placed) for value in arguments]


def _to_numpy(_: str, value: Any) -> Any:
    return np.array(value) if hasattr(value, "__array__") else value


def _double(_: str, value: Any) -> Any:
    if not (isinstance(value, np.ndarray) and value.dtype.kind in "fc"):
        return value
    return value.astype(np.complex128 if value.dtype.kind == "c" else np.float64)


def _double_precision(jax: Any) -> AbstractContextManager[Any]:
    home = jax if hasattr(jax, "enable_x64") else import_module("jax.experimental")
    switch = home.enable_x64
    manager: AbstractContextManager[Any] = switch(True)
    return manager
