"""A second backward pass through a graph whose buffers the first one freed."""

from backproof.tape._private import is_freed
from backproof.tape.findings import Severity, at
from backproof.tape.recording.calls import BackwardPass
from backproof.tape.recording.nodes import Watch
from backproof.tape.rules.rule import Rule


class BackwardTwice(Rule):
    """Two backward passes share a part of the graph."""

    code = "backward-twice"

    def after_backward(self, run: BackwardPass) -> None:
        """Note which nodes the pass has freed."""
        if run.keeps_graph:
            return
        for node in run.nodes:
            watch = self.records.nodes.watch(node)
            if watch is not None and watch.freed_by is None:
                watch.freed_by = run.call

    def backward_failed(self, run: BackwardPass, error: Exception) -> None:
        """Find the part that an earlier pass went through."""
        if "second time" not in str(error):
            return  # a pass that failed for another reason has freed what it had done by then
        watches = [self.records.nodes.watch(node) for node in run.nodes if is_freed(node)]
        shared = [one for one in watches if one is not None and one.freed_by is not None]
        if shared:
            self._explain(max(shared, key=_made), run, error)

    def _explain(self, node: Watch, run: BackwardPass, error: Exception) -> None:
        of = "" if node.call is None else f" (of `{node.call.function}`)"
        self.add(
            Severity.ERROR,
            f"This backward pass reaches {node.name}{of}, whose saved tensors an earlier one has "
            "already used and freed: the two passes share it.",
            at("shared", node.call)
            + at("first backward", node.freed_by)
            + at("second backward", run.call),
            "Add the losses and call backward once, or pass `retain_graph=True` to the first "
            "pass; where a state is carried from step to step, `.detach()` it between them.",
            error,
        )


def _made(node: Watch) -> int:
    """Order nodes by their calls: the last is nearest to the loss."""
    return -1 if node.call is None else node.call.index
