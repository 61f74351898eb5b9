"""In-place writes, by the memory that they changed."""

import torch

from backproof.tape.recording.calls import Call, Write


class Writes:
    """The in-place writes of the steps that are still remembered."""

    def __init__(self) -> None:
        self.behind: set[int] = set()
        """Memory that was written past the counter which PyTorch checks."""
        self._to: dict[int, list[Write]] = {}

    def add(self, write: Write) -> None:
        """Note a write."""
        if write.memory is not None:
            self._to.setdefault(write.memory, []).append(write)
            if not write.counted:
                self.behind.add(write.memory)

    def to(self, memory: int | None, after: Call | None) -> list[Write]:
        """Return the writes to memory after a call, or all that are remembered."""
        # Memory that is alive since that call cannot have been given to another tensor since.
        start = -1 if after is None else after.index
        writes = self._to.get(memory, []) if memory is not None else []
        return [write for write in writes if write.call.index > start]

    def since(self, memory: int | None, number: int) -> list[Write]:
        """Return the writes that changed memory since there were `number` snapshots."""
        writes = self._to.get(memory) if memory is not None else None
        if not writes or writes[-1].number <= number:
            return []
        return [write for write in writes if write.number > number and write.in_place]

    def forget_before(self, call_index: int) -> None:
        """Let go of older writes."""
        for memory, writes in list(self._to.items()):
            if writes[-1].call.index < call_index:
                del self._to[memory]
                self.behind.discard(memory)
            elif writes[0].call.index < call_index:
                self._to[memory] = [write for write in writes if write.call.index >= call_index]


def memory_of(tensor: torch.Tensor) -> int | None:
    """Return the address of the memory behind `tensor`, which its views share; None if it has none.

    It tells tensors apart only while they live.
    """
    try:
        return tensor.untyped_storage().data_ptr() or None
    except (RuntimeError, NotImplementedError):  # sparse, fake
        return None
