"""Steps of optimizers: which parameters they were given, and which they changed."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.utils.hooks import RemovableHandle

from backproof.tape import _private
from backproof.tape.recording.calls import Call


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """One step of an optimizer."""

    call: Call
    optimizer: int
    """Identity of the optimizer."""
    parameters: list[torch.Tensor]
    """Every parameter that the optimizer was given."""
    gradients: list[torch.Tensor | None]
    """Their gradients when the step began, else when it ended."""
    versions: list[int | None]
    """Their versions when the step began."""


class StepHooks:
    """Tells of every step that an optimizer takes in the thread that asked."""

    def __init__(
        self, begun: Callable[[torch.optim.Optimizer], Step | None], done: Callable[[Step], None]
    ) -> None:
        self._begun, self._done = begun, done
        self._running: list[Step] = []
        self._thread = threading.get_ident()
        self._handles: list[RemovableHandle] = []

    def install(self) -> None:
        """Begin to listen."""
        self._thread = threading.get_ident()
        self._handles = [
            register_optimizer_step_pre_hook(self._before),
            register_optimizer_step_post_hook(self._after),
        ]

    def remove(self) -> None:
        """Listen no more."""
        for handle in self._handles:
            handle.remove()

    def _before(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:  # noqa: ARG002
        if threading.get_ident() == self._thread:
            # A step that raised never came to its end.
            self._running = [one for one in self._running if one.optimizer != id(optimizer)]
            step = self._begun(optimizer)
            if step is not None:
                self._running.append(step)

    def _after(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:  # noqa: ARG002
        if self._running and self._running[-1].optimizer == id(optimizer):
            step = self._running.pop()
            for index, tensor in enumerate(step.parameters):
                if step.gradients[index] is None:  # a closure may have computed it meanwhile
                    step.gradients[index] = _private.gradient_of(tensor)
            self._done(step)


def parameters_of(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """Return every parameter that an optimizer was given."""
    return [tensor for group in optimizer.param_groups for tensor in group["params"]]


def step_of(optimizer: torch.optim.Optimizer, call: Call) -> Step:
    """Return what is known of a step when it begins."""
    parameters = parameters_of(optimizer)
    return Step(
        call,
        id(optimizer),
        parameters,
        [_private.gradient_of(tensor) for tensor in parameters],
        [_private.version(tensor) for tensor in parameters],
    )
