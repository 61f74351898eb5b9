"""Gradients that were added to those of an earlier step."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from backproof.tape import _private
from backproof.tape._private import gradient_of
from backproof.tape.findings import Severity, at
from backproof.tape.recording.calls import BackwardPass, Call, Snapshot, ancestors
from backproof.tape.recording.leaves import Leaf
from backproof.tape.recording.steps import Step
from backproof.tape.rules.rule import Rule, listed


@dataclass(eq=False, slots=True)
class _Used:
    """A gradient that a step has used up."""

    leaf: Leaf
    gradient: "weakref.ref[torch.Tensor]"
    version: int | None
    step: Call
    added: list[Call] = field(default_factory=list)
    """The backward passes that added to it since."""


class AccumulatedGrad(Rule):
    """A backward pass added to a gradient that a step had already used."""

    code = "accumulated-grad"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._used: dict[int, _Used] = {}
        self._clears = False

    def stepped(self, step: Step) -> None:
        """Tell of gradients that hold more than this step's; remember all as used."""
        mixed = []
        for tensor, gradient in zip(step.parameters, step.gradients, strict=True):
            if gradient is None:
                continue
            used = self._find(tensor)
            if used is not None and used.added and used.gradient() is gradient:
                mixed.append(used)
            self._use(tensor, gradient, step.call)
        if mixed:
            self._tell(mixed, step.call)

    def called(self, call: Call, operands: Sequence[Snapshot], results: Sequence[Snapshot]) -> None:
        """Recognise a step by hand: a leaf that is changed in place by its own gradient."""
        for made in results:
            own = made.leaf and made.requires_grad and made.first is not None
            leaves = self.records.leaves
            leaf = leaves.of(made) if own else leaves.behind(made)
            tensor = None if leaf is None else leaf.tensor()
            gradient = None if tensor is None else gradient_of(tensor)
            if tensor is None or gradient is None:
                continue
            record = self.records.find(gradient)
            if record is None or not any(one is record for one in ancestors(*operands)):
                continue
            used = self._find(tensor)
            if used is not None and used.added:
                self._tell([used], call)
            self._use(tensor, gradient, call)

    def before_backward(self, run: BackwardPass) -> None:
        """Forget the gradients that were cleared."""
        if not run.accumulates:
            return
        for key, used in list(self._used.items()):
            gradient = used.gradient()
            if gradient is None or _is_cleared(used, gradient, run):
                self._clears = True
                del self._used[key]

    def after_backward(self, run: BackwardPass) -> None:
        """Note which used gradients the pass has added to."""
        if not run.accumulates:
            return
        for used in self._used.values():
            gradient = None if used.leaf.reached_by(run) is None else used.gradient()
            if gradient is not None and _private.version(gradient) != used.version:
                used.added.append(run.call)
                used.version = _private.version(gradient)

    def ended(self) -> None:
        """Tell of what no later step came to use, unless gradients were cleared at other times."""
        left = [used for used in self._used.values() if used.added]
        if left and not self._clears:
            self._tell(left, None)

    def _find(self, tensor: torch.Tensor) -> _Used | None:
        used = self._used.get(id(tensor))
        return used if used is not None and used.leaf.tensor() is tensor else None

    def _use(self, tensor: torch.Tensor, gradient: torch.Tensor, step: Call) -> None:
        self._used[id(tensor)] = _Used(
            self.records.leaves.meet(tensor),
            weakref.ref(gradient),
            _private.version(gradient),
            step,
        )

    def _tell(self, mixed: list[_Used], later: Call | None) -> None:
        first = mixed[0]
        labels = listed(f"`{one.leaf.label}`" for one in mixed)
        then = "" if later is None else ", and the next step used the sum"
        self.add(
            Severity.WARNING if later is None else Severity.ERROR,
            f"backward added to the gradient of {labels} that a step had already used{then}.",
            at("first step", first.step) + at("added", *first.added) + at("next step", later),
            "Clear the gradients in every step, before its backward pass: "
            "`optimizer.zero_grad()`, or `w.grad = None`.",
        )


def _is_cleared(used: _Used, gradient: torch.Tensor, run: BackwardPass) -> bool:
    """Whether a pass finds another gradient than the used one, or only zeros."""
    tensor = used.leaf.reached_by(run)
    if tensor is None:
        return False  # it is not looked at before a pass reaches it
    # `.grad.data.zero_()` passes the version by, so the values decide where it did not change.
    return (
        gradient_of(tensor) is not gradient
        or _private.version(gradient) != used.version
        or not bool(gradient.any())
    )
