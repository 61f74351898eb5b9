"""Where values or gradients stopped being finite, and where gradients became zero."""

from collections.abc import Iterator, Sequence
from typing import Any

from backproof.tape.findings import Severity, Sites, at
from backproof.tape.recording.calls import BackwardPass, Call, Snapshot
from backproof.tape.recording.leaves import Leaf
from backproof.tape.recording.nodes import Watch
from backproof.tape.rules.rule import Rule, listed, named


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
        for culprit, (to, leaves) in _culprits(suspects, run, ("fine", "zero")).items():
            self._tell_backward(culprit, to, leaves, run)

    def ended(self) -> None:
        """Tell of a NaN that no backward pass met."""
        if self._nan is not None and not self._told:
            self._tell_forward(self._nan, f"{named(self._nan, 'A result')} is NaN", None)

    def _tell_forward(self, end: Snapshot, what: str, run: BackwardPass | None) -> None:
        self._told = True
        chain = _origins(end)
        first = chain[0]
        if first.call is None or not first.sources:
            made = f"{named(first, 'a tensor')} held {_trouble(first)} from the start"
        elif _by_a_bad_gradient(first):
            return  # told when the gradient came up
        else:
            made = f"`{first.call.function}` first made {_trouble(first)} out of finite values"
        self.add(
            Severity.WARNING if run is None else Severity.ERROR,
            f"{what}: {made}.",
            _made_in(chain) or at("backward", None if run is None else run.call),
            "Keep the argument inside the function's domain: `clamp` it or add a small number "
            "before `log`, `sqrt` or a division; use `logsumexp`, `log1p` or a loss on logits.",
        )

    def _tell_backward(self, node: Watch, to: Watch, leaves: list[Leaf], run: BackwardPass) -> None:
        self._told = True
        function = "the backward pass" if node.call is None else f"`{node.call.function}`"
        bad = [
            source for made in node.outputs.values() for source in made.sources if _trouble(source)
        ]
        self.add(
            Severity.ERROR,
            f"The gradient of {function} ({node.name}) is {to.state}, although the one that "
            f"reached it is finite{_gets(leaves, 'it')}.",
            (_made_in(_origins(bad[0])) if bad else ())
            + at("made", node.call)
            + at("backward", run.call),
            "Keep the argument away from where the derivative is infinite or undefined; "
            "`torch.where` does not help after the fact, since the unused branch is "
            "differentiated too: choose the argument before the function.",
        )


class DeadGradient(Rule):
    """A gradient that was not zero became exactly zero."""

    code = "dead-gradient"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._dead: dict[Leaf, tuple[Call | None, str, Call]] = {}

    def after_backward(self, run: BackwardPass) -> None:
        """Find the nodes that let no gradient through."""
        suspects = [watch for watch in self.records.nodes.suspects if watch.state == "zero"]
        for culprit, (_, leaves) in _culprits(suspects, run, ("fine",)).items():
            for leaf in leaves:
                self._dead[leaf] = culprit.call, culprit.name, run.call
            if not leaves:
                self._tell(culprit.call, culprit.name, run.call, [])

    def ended(self) -> None:
        """Tell of the leaves to which the last pass brought nothing."""
        groups: dict[tuple[Call | None, str, Call], list[Leaf]] = {}
        for leaf, found in self._dead.items():
            if leaf.brought is not None and leaf.brought.zero:
                groups.setdefault(found, []).append(leaf)
        for (call, name, run), leaves in groups.items():
            self._tell(call, name, run, leaves)

    def _tell(self, call: Call | None, name: str, run: Call, leaves: list[Leaf]) -> None:
        function = name if call is None else f"`{call.function}`"
        self.add(
            Severity.WARNING,
            f"{function} turned a nonzero gradient into exactly zero{_gets(leaves, 'none')}.",
            at("zero from here", call) + at("backward", run),
            "Look at the values that come in there: a saturated or dead unit, a kink, a factor "
            "of zero, or a function that is constant between jumps has no slope to learn from.",
        )


def _gets(leaves: list[Leaf], what: str) -> str:
    if not leaves:
        return ""
    labels = listed(f"`{leaf.label}`" for leaf in leaves)
    return f": {labels} {'get' if len(leaves) > 1 else 'gets'} {what}"


def _trouble(snapshot: Snapshot) -> str:
    return "" if snapshot.look is None else snapshot.look.trouble


def _culprits(
    suspects: list[Watch], run: BackwardPass, sound: Sequence[str]
) -> dict[Watch, tuple[Watch, list[Leaf]]]:
    """Return the nodes that got a gradient in a sound state and passed an unsound one on.

    With each come the node that it passed it on to, and the leaves that have it in the end. Where
    no leaf was to get a gradient, every unsound gradient counts.
    """
    ends = [watch for watch in suspects if watch.leaf is not None]
    if not ends and run.inputs is not None:
        ends = suspects
    found: dict[Watch, tuple[Watch, list[Leaf]]] = {}
    for end in ends:
        own = [] if end.leaf is None else [end.leaf]
        for culprit, to in _turned(end, sound):
            leaves = found.setdefault(culprit, (to, []))[1]
            leaves += [one for one in own if one not in leaves]
    return found


def _turned(end: Watch, sound: Sequence[str]) -> Iterator[tuple[Watch, Watch]]:
    """Yield the nodes above `end` that turned a sound gradient into an unsound one."""
    seen, stack = {end}, [end]
    while stack:
        watch = stack.pop()
        parts = dict(watch.parts) if watch.shared else {}
        for node in _reaching(watch):
            if node.passed != watch.passed or node in seen:
                continue
            part = parts.get(node)
            if node.state not in sound:
                seen.add(node)
                stack.append(node)
            elif part is None or not part.finite or (part.zero and "zero" not in sound):
                yield node, watch


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


def _made_in(chain: list[Snapshot]) -> Sites:
    return tuple(site for one in chain for site in at(f"made {_trouble(one)}", one.call))


def _by_a_bad_gradient(snapshot: Snapshot) -> bool:
    """Whether a step made a parameter so because its gradient was not finite."""
    gradients = [one.gradient for one in snapshot.sources if one.tensor is snapshot.tensor]
    return any(gradient is not None and not gradient.finite for gradient in gradients)
