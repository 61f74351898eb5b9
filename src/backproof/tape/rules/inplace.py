"""In-place writes: to what autograd had saved, behind its back, and to leaves."""

import re
from collections.abc import Iterator, Sequence

import torch

from backproof.tape._private import base_of, saved_complaint, saved_names, saved_tensors
from backproof.tape.findings import Severity, at
from backproof.tape.recording.calls import BackwardPass, Call, Snapshot, Write, ancestors
from backproof.tape.recording.writes import memory_of
from backproof.tape.rules.rule import Rule, listed, named


class InplaceAfterSave(Rule):
    """A tensor that autograd had saved was written, and the backward pass refused."""

    code = "inplace-after-save"

    def backward_failed(self, run: BackwardPass, error: Exception) -> None:
        """Name the line that saved each overwritten tensor and every line that wrote to it."""
        told = set()
        for node in run.nodes:
            for name in saved_names(node):
                # Freed buffers complain too, but nothing is left to have been overwritten.
                for tensor in saved_tensors(node, name)[:1]:
                    key = self.records.nodes.maker(node), memory_of(tensor)
                    if key not in told and saved_complaint(node, name) is not None:
                        told.add(key)
                        self._explain(node, name, tensor, error)

    def _explain(
        self, node: torch.autograd.graph.Node, name: str, tensor: torch.Tensor, error: Exception
    ) -> None:
        saver = self.records.nodes.maker(node)
        writes = self.records.writes.to(memory_of(tensor), after=saver)
        versions = f" (version {writes[0].before} to {writes[-1].after})" if writes else ""
        variable = self.records.name_at(memory_of(tensor), saver)
        self.add(
            Severity.ERROR,
            f"{node.name()} saved its `{name}`{f' (`{variable}`)' if variable else ''} for the "
            f"backward pass; {_writers(writes)} then changed it in place{versions}, so its value "
            "is gone.",
            at("saved", saver) + at("wrote", *(write.call for write in writes)),
            f"Write the new value to a new tensor{_instead(writes)}, or write in place only after "
            "the backward pass.",
            error,
        )


class SilentDataWrite(Rule):
    """A tensor on the tape was written behind autograd's back: the gradient is wrong, silently."""

    code = "silent-data-write"

    def before_backward(self, run: BackwardPass) -> None:
        """Look for values that the backward pass will take for what they no longer are."""
        if self.records.writes.behind:
            for saver, write, tensor in self._saved_then_written(run):
                self._saved(saver, write, self.records.name_at(memory_of(tensor), saver))
        if self.records.silent:
            for snapshot in ancestors(*run.ends):
                if snapshot.silent is not None and snapshot.followed:
                    self._used(snapshot, snapshot.silent)

    def _saved_then_written(
        self, run: BackwardPass
    ) -> Iterator[tuple[Call | None, Write, torch.Tensor]]:
        for node in run.nodes:
            saver = self.records.nodes.maker(node)
            for name in saved_names(node):
                for tensor in saved_tensors(node, name):
                    memory = memory_of(tensor)
                    if memory in self.records.writes.behind:
                        for write in self.records.writes.to(memory, after=saver):
                            if not write.counted:
                                yield saver, write, tensor

    def _saved(self, saver: Call | None, write: Write, variable: str | None) -> None:
        self.add(
            Severity.ERROR,
            f"{f'`{variable}`' if variable else 'A tensor'} was saved for the backward pass, then "
            f"`{write.call.function}` changed it past the version counter that PyTorch checks: "
            "the gradient is computed from the new value and is silently wrong.",
            at("saved", saver) + at("wrote", write.call),
            "Write the new value to a new tensor; never write through `.data`.",
        )

    def _used(self, snapshot: Snapshot, write: Write) -> None:
        self.add(
            Severity.ERROR,
            f"{named(snapshot, 'A tensor')} is on the tape, but `{write.call.function}` changed "
            "its values without autograd recording it: the loss depends on the new values, the "
            "gradient is that of the old computation and is silently wrong.",
            at("made", snapshot.tensor.call) + at("wrote", write.call),
            "Compute the new value as a new tensor, with gradients enabled and without `.data` "
            "or `.detach()`; if it is meant to be a constant, detach it before it is used.",
        )


class LeafInplace(Rule):
    """A leaf was written in place while autograd was recording."""

    code = "leaf-inplace"

    def failed(self, call: Call, operands: Sequence[torch.Tensor], error: Exception) -> None:
        """Recognise PyTorch's refusal, and name the leaf."""
        text = str(error)
        bases = [base_of(tensor) for tensor in operands]
        leaf = next((one for one in bases if one.is_leaf and one.requires_grad), None)
        refused = "leaf Variable" in text and "in-place" in text
        if not refused and (leaf is None or "is a view and is being modified" not in text):
            return
        record = None if leaf is None else self.records.find(leaf)
        made = None if record is None else record.tensor.call
        line = "w -= 0.1 * w.grad"
        if call.site is not None:
            line = call.site.code.partition("  #")[0].strip()
        self.add(
            Severity.ERROR,
            f"{named(record, 'A tensor')} is a leaf that requires a gradient, and "
            f"`{call.function}` would change it in place while autograd records.",
            at("made", made) + at("wrote", call),
            f"Write it off the tape: `with torch.no_grad(): {line}`; or compute a new tensor.",
            error,
        )


def _instead(writes: list[Write]) -> str:
    """Return what to write instead, where the line tells."""
    code = next((write.call.site.code for write in writes if write.call.site is not None), "")
    code = code.partition("  #")[0].strip()
    augmented = re.fullmatch(r"(\w+) ([-+*/@%&|^]|\*\*|//|<<|>>)= (.+)", code)
    if augmented is not None:
        name, operator, operand = augmented.groups()
        return f", `{name} = {name} {operator} {operand}` instead of `{code}`"
    return f" instead of `{code}`" if code else ""


def _writers(writes: list[Write]) -> str:
    functions = [f"`{write.call.function}`" for write in writes]
    return listed(functions) or "code that was not recorded"
