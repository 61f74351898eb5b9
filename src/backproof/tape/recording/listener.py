"""What a recorder tells those who listen."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from backproof.tape.recording.calls import BackwardPass, Call, Snapshot

if TYPE_CHECKING:
    from backproof.tape.recording.steps import Step


class Listener:
    """Base of those who listen; each method may be left out."""

    def called(self, call: Call, operands: Sequence[Snapshot], results: Sequence[Snapshot]) -> None:
        """Hear of a call that made or wrote tensors."""

    def escaped(self, call: Call, operands: Sequence[Snapshot]) -> None:
        """Hear of values that left for Python or NumPy."""

    def read_missing(self, call: Call, tensor: Snapshot, warning: str) -> None:
        """Hear that `.grad` was read where PyTorch keeps none, and what it said."""

    def failed(self, call: Call, operands: Sequence[torch.Tensor], error: Exception) -> None:
        """Hear of a call that raised."""

    def before_backward(self, run: BackwardPass) -> None:
        """Hear of a backward pass that is about to run."""

    def after_backward(self, run: BackwardPass) -> None:
        """Hear of a backward pass that ran to its end."""

    def backward_failed(self, run: BackwardPass, error: Exception) -> None:
        """Hear of a backward pass that raised."""

    def stepped(self, step: "Step") -> None:
        """Hear of a step that an optimizer took."""

    def crashed(self, error: Exception) -> None:
        """Hear of the exception that ended the recorded code."""

    def ended(self) -> None:
        """Hear that the recording is over."""


EVENTS = tuple(name for name in vars(Listener) if not name.startswith("_"))


def hears(listener: Listener, event: str) -> bool:
    """Whether a listener does anything with an event."""
    return getattr(type(listener), event) is not getattr(Listener, event)
