"""A second backward pass through a graph whose buffers the first one freed."""

from collections import deque
from typing import Any

from backproof.tape._private import is_freed, nodes
from backproof.tape.findings import Severity, at
from backproof.tape.recording.calls import BackwardPass, Call, ancestors
from backproof.tape.rules.rule import Rule

# The records of older passes have let go of what they were computed from.
_KEPT = 4


class BackwardTwice(Rule):
    """Two backward passes share a part of the graph."""

    code = "backward-twice"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._passes: deque[BackwardPass] = deque(maxlen=_KEPT)

    def after_backward(self, run: BackwardPass) -> None:
        """Remember the pass; its tensors and nodes are not kept."""
        if not run.keeps_graph:
            self._passes.append(run)

    def backward_failed(self, run: BackwardPass, error: Exception) -> None:
        """Find the part that an earlier pass went through."""
        if "second time" not in str(error):
            return  # a pass that failed for another reason has freed what it had done by then
        freed = [node for node in nodes(*run.nodes) if is_freed(node)]
        if not freed:
            return
        makers = [(node, self.records.nodes.maker(node)) for node in freed]
        # Nearest to the loss: what comes before it was freed by the same pass.
        node, maker = max(makers, key=lambda one: -1 if one[1] is None else one[1].index)
        first = self._through(maker)
        where = "" if maker is None else f" (of `{maker.function}`)"
        by = "an earlier backward pass" if first is None else "the first backward pass"
        self.add(
            Severity.ERROR,
            f"This backward pass reaches {node.name()}{where}, whose saved tensors {by} has "
            "already used and freed: the two passes share it.",
            at("shared", maker) + at("first backward", first) + at("second backward", run.call),
            "Add the losses and call backward once, or pass `retain_graph=True` to the first "
            "pass; where a state is carried from step to step, `.detach()` it between them.",
            error,
        )

    def _through(self, maker: Call | None) -> Call | None:
        """Return the earlier pass whose graph held what a call made."""
        for run in reversed(self._passes):
            if maker is not None and any(one.call is maker for one in ancestors(*run.ends)):
                return run.call
        return None
