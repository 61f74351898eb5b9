"""Leaves that no gradient reached, and the line that cut them off."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backproof.tape._private import leaf_of, nodes
from backproof.tape.findings import Severity, Sites, at
from backproof.tape.recording.calls import BackwardPass, Call, Snapshot, ancestors
from backproof.tape.recording.leaves import Leaf
from backproof.tape.recording.steps import Step
from backproof.tape.rules.rule import Rule, listed, maker_of, named

_MOST_ESCAPES = 64
_TRIES = 8
_COPIES = frozenset({"tensor", "as_tensor", "asarray", "new_tensor"})
_COMPARISONS = frozenset(
    {"eq", "ne", "lt", "le", "gt", "ge", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"}
)


@dataclass(frozen=True, slots=True)
class _Cut:
    """Why no gradient reached a leaf."""

    kind: str
    """``cut`` (proved), ``left`` (its value left the tape), ``unused`` or ``apart``."""
    call: Call | None
    why: str
    run: Call


class CutGraph(Rule):
    """A leaf that requires a gradient got none in any backward pass."""

    code = "cut-graph"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._cuts: dict[Leaf, list[_Cut]] = {}
        self._tries: dict[Leaf, int] = {}
        self._escapes: deque[tuple[Call, tuple[Snapshot, ...]]] = deque(maxlen=_MOST_ESCAPES)
        self._stepped: set[Leaf] = set()
        self._any_step = False
        self._told: set[Leaf] = set()

    def escaped(self, call: Call, operands: Sequence[Snapshot]) -> None:
        """Remember values that left for Python or NumPy."""
        self._escapes.append((call, tuple(operands)))

    def stepped(self, step: Step) -> None:
        """Remember which leaves are meant to be trained."""
        self._any_step = True
        self._stepped |= {self.records.leaves.meet(tensor) for tensor in step.parameters}

    def before_backward(self, run: BackwardPass) -> None:
        """Find out why the pass will not reach the leaves that no pass has reached."""
        waiting = [leaf for leaf in self.records.leaves if leaf.reached is None]
        if not waiting:
            return
        left = []
        for leaf in waiting:
            tensor = leaf.tensor()
            if tensor is None or not tensor.requires_grad:
                continue
            if id(tensor) in run.ends_in:
                leaf.reached = run.call
            elif self._tries.get(leaf, 0) < _TRIES:
                self._tries[leaf] = self._tries.get(leaf, 0) + 1
                left.append(leaf)
        if left:
            self._diagnose(left, run)

    def backward_failed(self, run: BackwardPass, error: Exception) -> None:
        """Explain a pass for which there was nothing to differentiate by."""
        if "is not implemented" in str(error):
            self._tell_not_implemented(run, error)
        if run.inputs is None and any(root.requires_grad for root in run.roots):
            return
        if run.inputs is not None:
            self._explain_inputs(run, error)
            return
        cut = [leaf for leaf in self._cuts if leaf.reached is None]
        if cut:
            self._tell_all(cut, Severity.ERROR, error)
        else:
            self._tell_nothing(run, error)

    def ended(self) -> None:
        """Tell of the leaves that no pass reached."""
        lost = [leaf for leaf in self._cuts if leaf not in self._told and _is_lost(leaf)]
        lost = [leaf for leaf in lost if leaf in self._stepped or self._is_meant(leaf)]
        some_reached = any(leaf.reached is not None for leaf in self.records.leaves)
        groups: dict[Severity, list[Leaf]] = {}
        for leaf in lost:
            groups.setdefault(self._severity(leaf, some_reached), []).append(leaf)
        for severity, leaves in groups.items():
            self._tell_all(leaves, severity, "")

    def _is_meant(self, leaf: Leaf) -> bool:
        """Whether a leaf that no optimizer steps may have been meant to get a gradient.

        Not so the parameters of a layer that only served as a template for others.
        """
        idle = self._cuts[leaf][0].kind in ("unused", "apart") and self._any_step
        return leaf.is_named and not idle

    def _severity(self, leaf: Leaf, some_reached: bool) -> Severity:
        cuts = self._cuts[leaf]
        if self._any_step and leaf not in self._stepped:
            return Severity.NOTE  # a teacher, a target network, a frozen part
        if cuts[0].kind in ("unused", "apart"):
            return Severity.WARNING
        deliberate = all(cut.call is not None and not cut.call.grad_enabled for cut in cuts)
        if deliberate and some_reached and not self._any_step:
            return Severity.WARNING
        return Severity.ERROR

    def _diagnose(self, leaves: list[Leaf], run: BackwardPass) -> None:
        cuts = _cuts_before(run)
        for leaf in leaves:
            if leaf.snapshot is None:
                self._cuts.setdefault(leaf, [_Cut("unused", None, "", run.call)])
                continue
            found = cuts.get(leaf.snapshot.tensor.id, [])
            known = self._cuts.get(leaf)
            if found:
                self._cuts[leaf] = found
            elif known is None or known[0].kind != "cut":
                self._cuts[leaf] = self._other(leaf, run)

    def _other(self, leaf: Leaf, run: BackwardPass) -> list[_Cut]:
        assert leaf.snapshot is not None
        mine = leaf.snapshot.tensor
        left = [
            _Cut("left", call, f"`{call.function}` gave its value to Python", run.call)
            for call, operands in self._escapes
            if any(one.tensor is mine for one in ancestors(*operands))
        ]
        if left:
            return left[-3:]
        if leaf.used is None:
            return [_Cut("unused", None, "", run.call)]
        return [_Cut("apart", leaf.used, "", run.call)]

    def _explain_inputs(self, run: BackwardPass, error: Exception) -> None:
        wanted = [self.records.leaves.find(one) for one in run.inputs or ()]
        lost = [leaf for leaf in wanted if leaf is not None and leaf in self._cuts]
        lost = [leaf for leaf in lost if leaf.reached is None]
        if lost:
            self._tell_all(lost, Severity.ERROR, error)
        elif any(not root.requires_grad for root in run.roots):
            self._tell_nothing(run, error)

    def _tell_all(self, leaves: list[Leaf], severity: Severity, error: Exception | str) -> None:
        groups: dict[object, list[Leaf]] = {}
        for leaf in leaves:
            cuts = self._cuts[leaf]
            key = cuts[0].kind, tuple(cut.call.site if cut.call else None for cut in cuts)
            groups.setdefault(key, []).append(leaf)
        for group in groups.values():
            self._tell(group, severity, error)
        if error:
            self._told.update(leaves)

    def _tell(self, leaves: list[Leaf], severity: Severity, error: Exception | str) -> None:
        cuts = self._cuts[leaves[0]]
        kind = cuts[0].kind
        labels = listed(f"`{leaf.label}`" for leaf in leaves)
        few = len(leaves) == 1
        sites = at("made", *(maker_of(leaf) for leaf in leaves[:1])) if few else ()
        sites += at({"apart": "used"}.get(kind, kind), *(cut.call for cut in cuts))
        sites += at("backward", cuts[0].run)
        self.add(
            severity,
            f"{labels} should get a gradient and got none: "
            f"{_REASONS[kind].format(why=_joined(cuts), it='it' if few else 'them')}.",
            sites,
            _FIXES[kind],
            error,
        )

    def _tell_not_implemented(self, run: BackwardPass, error: Exception) -> None:
        for node in run.nodes:
            if type(node).__name__ == "NotImplemented":
                maker = self.records.nodes.maker(node)
                behind = [leaf_of(one) for one in nodes(node)]
                leaves = [self.records.leaves.find(one) for one in behind if one is not None]
                function = "A function" if maker is None else f"`{maker.function}`"
                self.add(
                    Severity.ERROR,
                    f"{function} has no derivative, but lies between the loss and tensors that "
                    "require a gradient.",
                    at("made", *(maker_of(leaf) for leaf in leaves if leaf is not None))
                    + at("cut", maker)
                    + at("backward", run.call),
                    "Use a function that has a derivative, or `.detach()` its operand where no "
                    "gradient is meant.",
                    error,
                )

    def _tell_nothing(self, run: BackwardPass, error: Exception) -> None:
        end = run.ends[0] if run.ends else None
        constants = [
            one for one in ancestors(*run.ends)
            if not one.sources and one.name is not None and not one.requires_grad
        ]  # fmt: skip
        names = listed(f"`{one.name}`" for one in constants)
        of = f" ({names})" if names else ""
        made: Sites = at("made", *(one.call for one in constants[:8]))
        self.add(
            Severity.ERROR,
            f"Nothing that {named(end, 'the loss')} was computed from{of} requires a gradient.",
            made + at("backward", run.call),
            "Make the tensors to learn with `requires_grad=True`, and compute with gradients "
            "enabled.",
            error,
        )


_NO_GRAD = "{} ran without gradients, as under `torch.no_grad()`"
_REASONS = {
    "cut": "{why}",
    "left": "{why}, where autograd does not follow",
    "unused": "no recorded call ever used {it}",
    "apart": "what was computed from {it} is no part of the loss",
}
_FIXES = {
    "cut": "Compute with the tensor itself, with gradients enabled and without `.detach()`, "
    "`.data`, `torch.tensor(t)`, comparisons or casts to integers on the way to the loss; where "
    "the cut is meant, `requires_grad_(False)` says so.",
    "left": "Stay in PyTorch between the parameter and the loss: no `.item()`, `float(t)`, "
    "`.tolist()` or `.numpy()`.",
    "unused": "Use it in the loss, or remove it; `requires_grad_(False)` where it is not meant "
    "to be learned.",
    "apart": "Make the loss depend on that result, or remove it.",
}


def _cuts_before(run: BackwardPass) -> dict[int, list[_Cut]]:
    """Return the cuts between each leaf, by the id of its first record, and the loss."""
    carried: dict[int, frozenset[int]] = {}
    cuts: dict[int, list[_Cut]] = {}
    for one in ancestors(*run.ends):
        through = frozenset[int]().union(*(carried.get(s.id, ()) for s in one.sources))
        if one.followed:
            carried[one.id] = through
            continue
        own = frozenset([one.tensor.id]) if one.requires_grad else frozenset[int]()
        carried[one.id] = own
        for leaf in through - own:
            cuts.setdefault(leaf, []).append(_Cut("cut", one.call, _why(one), run.call))
    return {leaf: list(dict.fromkeys(found))[:3] for leaf, found in cuts.items()}


def _why(cut: Snapshot) -> str:
    call = cut.call
    if call is None:
        return "a value was taken off the tape"
    function = f"`{call.function}`"
    if call.function in _COPIES:
        return f"{function} copies values only"
    if call.function in ("detach", "detach_", "data"):
        return f"{function} takes its result off the tape"
    if call.function in _COMPARISONS:
        return f"the comparison {function} has no gradient"
    if not (cut.dtype.is_floating_point or cut.dtype.is_complex):
        return f"{function} gives {str(cut.dtype).removeprefix('torch.')}, which has no gradient"
    if not call.grad_enabled:
        return _NO_GRAD.format(function)
    return f"{function} is not differentiable"


def _is_lost(leaf: Leaf) -> bool:
    """Whether no pass reached a leaf that still asks for a gradient."""
    tensor = leaf.tensor()
    wanted = tensor is None or tensor.requires_grad
    # Reentrant checkpointing fills leaves that the graph does not show.
    return wanted and leaf.reached is None and leaf.filled is None


def _joined(cuts: list[_Cut]) -> str:
    return listed(cut.why for cut in cuts)
