"""Which module is running, and what the parameters of modules are called."""

import threading
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.utils.hooks import RemovableHandle

from backproof.tape import _private

# In evaluation these take a faster way, with other roundings, but not under a function mode.
_WITH_FAST_PATHS = (
    torch.nn.TransformerEncoder,
    torch.nn.TransformerEncoderLayer,
    torch.nn.MultiheadAttention,
)


class Modules:
    """The stack of running modules, in the thread that asked."""

    def __init__(
        self,
        met: Callable[[torch.nn.Module], str | None],
        ran_whole: Callable[[torch.nn.Module, Any, Any], None],
    ) -> None:
        """Listen for modules.

        `met` is told of each outermost one and says what it is called, None where it is not to be
        known; `ran_whole` of each that ran unseen, with its arguments and its result.
        """
        self.path = ""
        """Path of the innermost module that is running, such as ``model.layers.3``."""
        self._met, self._ran_whole = met, ran_whole
        self._unseen: tuple[int, AbstractContextManager[Any]] | None = None
        self._stack: list[tuple[int, str]] = []
        self._paths: dict[int, tuple[weakref.ref[torch.nn.Module], str]] = {}
        self._thread = threading.get_ident()
        self._handles: list[RemovableHandle] = []

    def install(self) -> None:
        """Begin to listen."""
        self._thread = threading.get_ident()
        self._handles = [
            register_module_forward_pre_hook(self._before),
            register_module_forward_hook(self._after, always_call=True),
        ]

    def remove(self) -> None:
        """Listen no more."""
        for handle in self._handles:
            handle.remove()

    def _before(self, module: torch.nn.Module, args: Any) -> None:  # noqa: ARG002
        if threading.get_ident() != self._thread:
            return
        path = self._known(module) or self._meet(module)
        self._stack.append((id(module), path))
        self.path = path
        if self._unseen is None and _takes_fast_path(module):
            self._unseen = id(module), _private.unseen()
            self._unseen[1].__enter__()

    def _after(self, module: torch.nn.Module, args: Any, result: Any) -> None:
        if threading.get_ident() != self._thread:
            return
        if self._unseen is not None and self._unseen[0] == id(module):
            self._unseen[1].__exit__(None, None, None)
            self._unseen = None
            self._ran_whole(module, args, result)
        # A module that raised may have left others above it.
        while self._stack and self._stack.pop()[0] != id(module):
            pass
        self.path = self._stack[-1][1] if self._stack else ""

    def _known(self, module: torch.nn.Module) -> str | None:
        known = self._paths.get(id(module))
        return known[1] if known is not None and known[0]() is module else None

    def _meet(self, module: torch.nn.Module) -> str:
        root = self._met(module)
        if root is None:
            return ""
        for path, part in module.named_modules():
            if self._known(part) is None:
                name = f"{root}.{path}" if path else root
                self._paths[id(part)] = weakref.ref(part), name
        return self._known(module) or root


def _takes_fast_path(module: torch.nn.Module) -> bool:
    if not isinstance(module, _WITH_FAST_PATHS) or module.training:
        return False
    learns = any(parameter.requires_grad for parameter in module.parameters())
    return not (torch.is_grad_enabled() and learns)
