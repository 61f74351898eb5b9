"""Where values or gradients stopped being finite, and where gradients became zero."""

from collections.abc import Iterator, Sequence
from typing import Any

from backproof.tape.findings import Severity, at
from backproof.tape.recording.calls import BackwardPass, Call, Snapshot
from backproof.tape.recording.nodes import Watch
from backproof.tape.rules.rule import Rule, named


class NonFinite(Rule):
    """An operation made NaN or Inf out of finite values, forward or backward."""

    code = "non-finite"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._nan: Snapshot | None = None
        self._told = False

    def called(self, call: Call, operands: Sequence[Snapshot], results: Sequence[Snapshot]) -> None:  # noqa: ARG002
        """Remember the first NaN that was made of anything else."""
        if self._nan is not None or any(_trouble(one) == "NaN" for one in operands):
            return
        self._nan = next((one for one in results if _trouble(one) == "NaN"), None)

    def before_backward(self, run: BackwardPass) -> None:
        """Follow a loss that is not finite back to where that began."""
        for end in run.ends:
            if _trouble(end):
                self._tell_forward(end, f"{named(end, 'The loss')} is {_trouble(end)}", run)

    def after_backward(self, run: BackwardPass) -> None:
        """Find the node at which the gradient of a leaf stopped being finite."""
        if any(_trouble(end) for end in run.ends):
            return
        suspects = [watch for watch in self.records.nodes.suspects if watch.state != "zero"]
        leaves = [watch.leaf.label for watch in suspects if watch.leaf is not None]
        for watch in suspects if leaves else ():
            for culprit in _turned(watch):
                self._tell_backward(culprit, watch, leaves[0], run)

    def ended(self) -> None:
        """Tell of a NaN that no backward pass met."""
        if self._nan is not None and not self._told:
            self._tell_forward(self._nan, f"{named(self._nan, 'A result')} is NaN", None)

    def _tell_forward(self, end: Snapshot, what: str, run: BackwardPass | None) -> None:
        self._told = True
        chain = _origins(end)
        first = chain[0]
        function = "" if first.call is None else f"`{first.call.function}` "
        made = (
            f"{function}first made {_trouble(first)} out of finite values"
            if function
            else f"{named(first, 'a tensor')} held {_trouble(first)} when it came in"
        )
        roles = [(f"made {_trouble(one)}", one.call) for one in chain]
        sites = sum((at(role, call) for role, call in roles), ())
        self.add(
            Severity.WARNING if run is None else Severity.ERROR,
            f"{what}: {made}.",
            sites,
            "Keep the argument inside the function's domain: `clamp` it or add a small number "
            "before `log`, `sqrt` or a division; use `logsumexp`, `log1p` or a loss on logits.",
        )

    def _tell_backward(self, node: Watch, to: Watch, leaf: str, run: BackwardPass) -> None:
        self._told = True
        function = "the backward pass" if node.call is None else f"`{node.call.function}`"
        self.add(
            Severity.ERROR,
            f"The gradient of {function} ({node.name}) is {to.state} although the gradient that "
            f"reached it is finite; `{leaf}` gets a gradient that is not finite.",
            at("made", node.call) + at("backward", run.call),
            "Keep the argument away from where the derivative is infinite or undefined; "
            "`torch.where` does not help after the fact, since the unused branch is "
            "differentiated too: choose the argument before the function.",
        )


class DeadGradient(Rule):
    """A gradient that was not zero became exactly zero."""

    code = "dead-gradient"

    def after_backward(self, run: BackwardPass) -> None:
        """Find the nodes that let no gradient through."""
        for watch in self.records.nodes.suspects:
            if watch.state == "zero":
                for culprit in _turned(watch):
                    self._tell(culprit, watch, run)

    def _tell(self, node: Watch, to: Watch, run: BackwardPass) -> None:
        function = node.name if node.call is None else f"`{node.call.function}`"
        towards = "what comes before it"
        if to.leaf is not None:
            towards = f"`{to.leaf.label}`"
        elif names := [one.name for one in to.outputs.values() if one.name is not None]:
            towards = f"`{names[0]}`"
        self.add(
            Severity.WARNING,
            f"{function} turned a nonzero gradient into exactly zero on its way to {towards}.",
            at("zero from here", node.call) + at("backward", run.call),
            "Look at the values that come in there: a saturated or dead unit, a kink, a factor "
            "of zero, or a function that is constant between jumps has no slope to learn from.",
        )


def _trouble(snapshot: Snapshot) -> str:
    return "" if snapshot.look is None else snapshot.look.trouble


def _turned(watch: Watch) -> Iterator[Watch]:
    """Yield the nodes that got a sound gradient and passed an unsound one on to `watch`."""
    parts = dict(watch.parts) if watch.shared else {}
    for node in _reaching(watch):
        part = parts.get(node)
        sound = node.passed == watch.passed and node.state == "fine"
        if sound and (part is None or part.zero or not part.finite):
            yield node


def _reaching(watch: Watch) -> Iterator[Watch]:
    """Yield the nearest nodes above `watch` whose gradients were looked at."""
    seen, stack = set(), [*watch.consumers]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.hooked:
            yield node
        else:
            stack.extend(node.consumers)


def _origins(end: Snapshot) -> list[Snapshot]:
    """Return where the trouble of `end` began, in the order of recording.

    That is the first NaN, and before it the first infinity of which the NaN was made.
    """
    chain = [_first(end, _trouble(end))]
    if _trouble(chain[0]) == "NaN":
        infinite = [one for one in chain[0].sources if _trouble(one) == "Inf"]
        chain = [*(_first(one, "Inf") for one in infinite[:1]), *chain]
    return chain


def _first(snapshot: Snapshot, trouble: str) -> Snapshot:
    """Follow one kind of trouble to the first record that has it."""
    while sources := [one for one in snapshot.sources if _trouble(one) == trouble]:
        snapshot = min(sources, key=lambda one: one.id)
    return snapshot
