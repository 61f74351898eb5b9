"""Which operand of a call, or which result, autograd saved for the backward pass."""

from collections.abc import Sequence

from torch.autograd.graph import Node

from backproof.tape import _private
from backproof.tape.recording.calls import Snapshot
from backproof.tape.recording.sites import Site
from backproof.tape.recording.writes import memory_of

# What a function saves depends on which operands require a gradient, and on little else.
_Way = tuple[str, str, tuple[bool, ...]]
_Pattern = tuple[tuple[int, str], ...]
_RESULT = -1


class Saving:
    """Finds what nodes saved, once for each way in which a line calls a function."""

    def __init__(self) -> None:
        self.packed = False
        """Whether a saved-tensor hook, such as checkpointing's, was met."""
        self._patterns: dict[tuple[Site, _Way], _Pattern] = {}

    def note(self, new: Sequence[Node], made: Snapshot) -> None:
        """Note in the record of a result what its new nodes saved."""
        if not new or made.call is None or made.call.site is None:
            return
        way = made.call.function, made.grad_fn or "", tuple(s.requires_grad for s in made.sources)
        key = made.call.site, way
        pattern = self._patterns.get(key)
        if pattern is None:
            pattern = self._patterns[key] = _pattern(new, made)
            self.packed |= any(map(_private.is_packed, new))
        made.saved = tuple(
            (made.id if index == _RESULT else made.sources[index].id, name)
            for index, name in pattern
        )


def _pattern(new: Sequence[Node], made: Snapshot) -> _Pattern:
    found = []
    for node in new:
        for name in _private.saved_names(node):
            for tensor in _private.saved_tensors(node, name):
                memory, shape = memory_of(tensor), tensor.shape
                if memory == made.memory and name == "result":
                    found.append((_RESULT, name))
                    continue
                sharing = [
                    index for index, source in enumerate(made.sources) if source.memory == memory
                ]
                # A matrix may be saved as its transpose.
                sharing.sort(key=lambda index: made.sources[index].shape != shape)
                found += [(index, name) for index in sharing[:1]]
    return tuple(dict.fromkeys(found))
