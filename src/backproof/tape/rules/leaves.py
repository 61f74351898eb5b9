"""Tensors that are no leaf where one was meant, and leaves that cannot be one."""

from collections.abc import Sequence
from typing import Any

import torch

from backproof.tape._private import refused_parameter
from backproof.tape.findings import Severity, Sites, at
from backproof.tape.recording.calls import Call, Snapshot
from backproof.tape.recording.sites import Site, raised_at
from backproof.tape.rules.rule import Rule, named


class NonLeafGrad(Rule):
    """`.grad` of a tensor that autograd computed was read, or an optimizer was given one."""

    code = "non-leaf-grad"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._told: set[int] = set()

    def read_missing(self, call: Call, tensor: Snapshot, warning: str) -> None:
        """Say which call made the tensor that has no `.grad`."""
        if tensor.tensor.id in self._told:
            return
        self._told.add(tensor.tensor.id)
        self._add(tensor, at("read", call), "autograd fills `.grad` of leaves only", warning)

    def crashed(self, error: Exception) -> None:
        """Recognise an optimizer's refusal."""
        if "can't optimize a non-leaf Tensor" not in str(error):
            return
        tensor = refused_parameter(error)
        record = None if tensor is None else self.records.find(tensor)
        self._add(record, _raised_at(error), "an optimizer changes leaves only", error)

    def _add(self, tensor: Snapshot | None, sites: Sites, why: str, error: Exception | str) -> None:
        made = None if tensor is None else tensor.call
        by = f": it is the result of `{made.function}`, a new tensor" if made is not None else ""
        self.add(
            Severity.ERROR,
            f"{named(tensor, 'The tensor')} is not a leaf, and {why}{by}.",
            at("made", made) + sites,
            "Keep the leaf: update it in place and off the tape, `with torch.no_grad(): "
            "w -= 0.1 * w.grad`, or use an optimizer; make a new one as a leaf, with "
            "`.detach().requires_grad_()` at its end.",
            error,
        )


class IntegerLeaf(Rule):
    """A tensor of integers or truth values was asked to require a gradient."""

    code = "integer-leaf"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._told: set[tuple[str, int] | None] = set()

    def failed(self, call: Call, operands: Sequence[torch.Tensor], error: Exception) -> None:  # noqa: ARG002
        """Recognise PyTorch's refusal at the call that asked."""
        if _TEXT in str(error):
            self._told.add(_line(call.site))
            self._add(at("asked", call), error)

    def crashed(self, error: Exception) -> None:
        """Recognise it where no torch function asked, as in `nn.Parameter`."""
        if _TEXT in str(error) and _line(raised_at(error)) not in self._told:
            self._add(_raised_at(error), error)

    def _add(self, sites: Sites, error: Exception) -> None:
        self.add(
            Severity.ERROR,
            "A tensor of integers or truth values cannot require a gradient: torch.tensor(1) and "
            "torch.arange(3) are int64.",
            sites,
            "Give floating-point numbers, `torch.tensor(1.0)`, or the dtype, "
            "`dtype=torch.float32`.",
            error,
        )


_TEXT = "dtype can require gradients"  # floating point, and in one of two places complex


def _line(site: Site | None) -> tuple[str, int] | None:
    return None if site is None else (site.path, site.line)


def _raised_at(error: Exception) -> Sites:
    site = raised_at(error)
    return () if site is None else (("raised", site),)
