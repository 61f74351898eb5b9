"""Parameters that the optimizer does not step, or steps in vain."""

from typing import Any

from backproof.tape.findings import Severity, at
from backproof.tape.recording.calls import Call
from backproof.tape.recording.leaves import Leaf
from backproof.tape.recording.steps import Step
from backproof.tape.rules.rule import Rule, listed, maker_of


class ParameterNotStepped(Rule):
    """The parameters that get gradients are not those that the optimizer was given."""

    code = "parameter-not-stepped"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._missed: dict[Leaf, Call] = {}
        self._starved: dict[Leaf, Call] = {}
        self._idle: dict[int, Call] = {}
        self._fed: set[int] = set()

    def stepped(self, step: Step) -> None:
        """Compare the parameters that got gradients with those that were stepped."""
        given = {id(tensor) for tensor in step.parameters}
        for tensor, gradient in zip(step.parameters, step.gradients, strict=True):
            leaf = self.records.leaves.meet(tensor)
            if gradient is None and tensor.requires_grad and leaf.filled is None:
                self._starved.setdefault(leaf, step.call)
            leaf.stepped |= gradient is not None
        if self._has_gradients(step):
            self._fed.add(step.optimizer)
        else:
            self._idle.setdefault(step.optimizer, step.call)
        for leaf in self.records.leaves:
            if leaf.filled is None or leaf.stepped:
                continue
            missed = leaf.tensor()
            if missed is not None and id(missed) not in given:
                self._missed.setdefault(leaf, step.call)

    def ended(self) -> None:
        """Tell of what was missed in every step."""
        missed = [leaf for leaf in self._missed if leaf.is_named]
        missed = [leaf for leaf in missed if not leaf.stepped and not leaf.read]
        if missed:
            self._tell_missed(missed)
        starved = [leaf for leaf in self._starved if leaf.filled is None]
        if starved:
            self._tell_starved(starved)
        for optimizer, call in self._idle.items():
            if optimizer not in self._fed and not starved:
                self._tell_idle(call)

    def _has_gradients(self, step: Step) -> bool:
        """Say whether there was anything to step by: gradients that were not cleared to zero."""
        present = [one for one in step.gradients if one is not None]
        if not present or not self.records.values or bool(present[0].any()):
            return bool(present)
        if any(bool(gradient.any()) for gradient in present[1:]):
            return True
        brought = [self.records.leaves.meet(tensor).snapshot for tensor in step.parameters]
        looks = [one.gradient for one in brought if one is not None and one.gradient is not None]
        return all(one.zero for one in looks)

    def _tell_idle(self, call: Call) -> None:
        self.add(
            Severity.ERROR,
            f"No parameter had a gradient when `{call.function}` was called: the steps of this "
            "optimizer change nothing.",
            at("stepped", call),
            "Call backward before the step, and clear the gradients before backward, not between "
            "the two.",
        )

    def _tell_missed(self, leaves: list[Leaf]) -> None:
        self.add(
            Severity.WARNING,
            f"{_labels(leaves)} got a gradient, but no optimizer that stepped was given "
            f"{'it' if len(leaves) == 1 else 'them'}.",
            at("got a gradient", leaves[0].filled) + at("stepped", self._missed[leaves[0]]),
            "Give the optimizer every parameter that is to be trained, and make it after the "
            "last change of the model; `requires_grad_(False)` where none is meant.",
        )

    def _tell_starved(self, leaves: list[Leaf]) -> None:
        call = self._starved[leaves[0]]
        idle = call in self._idle.values()
        self.add(
            Severity.ERROR if idle else Severity.WARNING,
            f"{_labels(leaves)} {'is' if len(leaves) == 1 else 'are'} in the optimizer that "
            f"stepped, but never got a gradient{': the step changes nothing' if idle else ''}.",
            at("made", *(maker_of(leaf) for leaf in leaves[:1])) + at("stepped", call),
            "Use the parameter in the loss, call backward before the step, and give the optimizer "
            "the parameters of the model that is trained, not those of an earlier one.",
        )


def _labels(leaves: list[Leaf]) -> str:
    return listed(f"`{leaf.label}`" for leaf in leaves)
