"""Calls that no function mode sees: `autograd.Function.apply`, `nn.Parameter`, `torch.compile`."""

import threading
import warnings
from collections.abc import Callable
from typing import Any, Protocol

import torch

from backproof.tape import _private


class _Watcher(Protocol):
    def run_custom(
        self,
        function: type,
        apply: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any: ...

    def made_parameter(self, parameter: torch.Tensor, data: Any) -> None: ...

    def compiling(self) -> None: ...


class Detours:
    """Lead calls past the watchers of their thread, as long as there is one in any thread."""

    def __init__(self) -> None:
        self._here = threading.local()
        self._lock = threading.Lock()
        self._count = 0
        self._apply: Any = None
        self._compile: Any = None
        self._new: Any = None

    def enter(self, watcher: _Watcher) -> None:
        """Begin to lead this thread's calls past `watcher`."""
        self._watchers().append(watcher)
        with self._lock:
            self._count += 1
            if self._count == 1:
                self._install()

    def leave(self, watcher: _Watcher) -> None:
        """Stop."""
        self._watchers().remove(watcher)
        with self._lock:
            self._count -= 1
            if self._count == 0:
                self._remove()

    def _watchers(self) -> list[_Watcher]:
        if not hasattr(self._here, "watchers"):
            self._here.watchers = []
        watchers: list[_Watcher] = self._here.watchers
        return watchers

    def _install(self) -> None:
        original = self._apply = vars(torch.autograd.Function)["apply"]
        compile_ = self._compile = torch.compile
        new = self._new = vars(torch.nn.Parameter)["__new__"]
        here = self

        def apply(cls: type, *args: Any, **kwargs: Any) -> Any:
            call = original.__get__(None, cls)
            for watcher in here._watchers():
                call = _past(watcher, cls, call)
            return call(*args, **kwargs)

        def compile(*args: Any, **kwargs: Any) -> Any:  # noqa: A001
            for watcher in here._watchers():
                watcher.compiling()
            return compile_(*args, **kwargs)

        def __new__(cls: type, data: Any = None, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
            parameter = new.__get__(None, torch.nn.Parameter)(cls, data, *args, **kwargs)
            for watcher in here._watchers():
                watcher.made_parameter(parameter, data)
            return parameter

        torch.nn.Parameter.__new__ = __new__  # type: ignore[method-assign]
        torch.autograd.Function.apply = classmethod(apply)  # type: ignore[assignment]
        torch.compile = compile

    def _remove(self) -> None:
        torch.autograd.Function.apply = self._apply  # type: ignore[method-assign]
        torch.compile = self._compile
        torch.nn.Parameter.__new__ = self._new  # type: ignore[method-assign]


DETOURS = Detours()


class _Eagerly:
    """Makes compiled code run eagerly as long as there is a recorder in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._stance: Any = None
        self._filter: Any = None

    def enter(self) -> None:
        """Ask for it, where there is a compiler to be asked."""
        with self._lock:
            self._count += 1
        self.ask()

    def ask(self, *, load: bool = False) -> None:
        """Ask for it, unless that was done; with `load`, although it takes seconds to import."""
        with self._lock:
            if self._stance is None and (load or _private.compiler_is_loaded()):
                self._stance = torch.compiler.set_stance("force_eager")
                # The hooks that compiled modules warn of are the recorder's own.
                warnings.filterwarnings("ignore", "Using `torch.compile.*global hooks", UserWarning)
                self._filter = warnings.filters[0]

    def leave(self) -> None:
        """Let compiled code be as it was before the first recorder."""
        with self._lock:
            self._count -= 1
            if self._count == 0 and self._stance is not None:
                self._stance.__exit__(None, None, None)
                self._stance = None
                if self._filter in warnings.filters:
                    warnings.filters.remove(self._filter)  # type: ignore[attr-defined]


EAGERLY = _Eagerly()


def _past(watcher: _Watcher, cls: type, call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: watcher.run_custom(cls, call, args, kwargs)
