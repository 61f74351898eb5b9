"""One recorder of what a program does with tensors; everything else reads its records.

It changes nothing that the program can observe: no `retain_grad`, and no hooks on saved tensors,
which would silence PyTorch's own check for in-place writes. It holds no tensor either, so
memory is freed as without it.
"""

import sys
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import FrameType, TracebackType
from typing import Any, Self, cast

import torch
from torch.autograd.graph import Node
from torch.overrides import TorchFunctionMode

from backproof.tape._private import version
from backproof.tape.ancestry import graph_of
from backproof.tape.calls import Call, NonLeafRead, Snapshot, Write
from backproof.tape.graph import Graph
from backproof.tape.names import Names, variable_of
from backproof.tape.sites import site_of, user_frame
from backproof.tape.snapshots import summary

# Properties that compute a new tensor on the tape; all others only read.
_COMPUTING = frozenset({"T", "mT", "H", "mH", "real", "imag"})


def memory_of(tensor: torch.Tensor) -> int | None:
    """Return the address of the memory behind `tensor`, which its views share; None if it has none.

    It tells tensors apart only while they live.
    """
    try:
        return tensor.untyped_storage().data_ptr() or None
    except (RuntimeError, NotImplementedError):  # sparse, fake
        return None


class Recorder(TorchFunctionMode):
    """Context manager that records every torch call of the code inside it.

    Examples
    --------
    >>> w = torch.tensor(3.0, requires_grad=True)
    >>> with Recorder() as tape:
    ...     y = w * w
    ...     y.backward()
    >>> tape.graph(y).node("w").gradient
    6.0
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        """The calls, in order."""
        self.writes: list[Write] = []
        """The in-place writes, in order."""
        self.non_leaf_reads: list[NonLeafRead] = []
        """Reads of `.grad` that could only give None."""
        self._count = 0
        self._known: dict[int, tuple[weakref.ref[torch.Tensor], Snapshot]] = {}
        self._writes_to: dict[int | None, list[Write]] = {}
        self._names = Names()
        # Keys in the metadata of autograd nodes; another recorder has its own.
        self._maker, self._holder = object(), object()

    def __enter__(self) -> Self:
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)  # type: ignore[no-untyped-call]
        self._names.settle_all()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run `func` and record it; inside, the mode is off."""
        kwargs = kwargs or {}
        frame = user_frame(sys._getframe(1), __file__)  # noqa: SLF001
        if frame is not None:
            self._names.settle(frame)
        access, name = _what(func)
        if access == "read":
            return self._read(func, name, args, frame)
        if access == "write":
            return self._set(func, name, args, frame)
        operands = list(_tensors((args, kwargs)))
        sources = [self._snapshot_of(tensor, frame) for tensor in operands]
        versions = [version(tensor) for tensor in operands]
        result = func(*args, **kwargs)
        results = list(_tensors(result))
        if operands or results:
            call = self._call(name, frame)
            written = self._find_writes(call, operands, versions)
            self._add_results(call, written, results, sources)
            if frame is not None and len(results) == 1:
                made = self.snapshot(results[0])
                if made is not None:
                    self._names.expect(frame, results[0], made)
        return result

    def snapshot(self, tensor: torch.Tensor) -> Snapshot | None:
        """Return the latest record of `tensor`; None if no recorded call used it."""
        known = self._known.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor else None

    def maker(self, node: Node) -> Call | None:
        """Return the call that put `node` on the tape; None if it was not recorded."""
        call = _notes(node).get(self._maker)
        return call if isinstance(call, Call) else None

    def writes_to(self, tensor: torch.Tensor, after: Call | None) -> list[Write]:
        """Return the in-place writes to the memory of `tensor` after a call, or all of them."""
        # Memory that is alive since that call cannot have been given to another tensor since.
        start = -1 if after is None else after.index
        writes = self._writes_to.get(memory_of(tensor), [])
        return [write for write in writes if write.call.index > start]

    def graph(self, of: torch.Tensor, title: str = "") -> Graph:
        """Return everything that `of` was computed from, gradients included.

        Raises
        ------
        KeyError
            If no recorded call made or used the tensor.
        """
        end = self.snapshot(of)
        if end is None:
            raise KeyError("expected a tensor of the recorded program; this one was not recorded")
        end.name = end.name or variable_of(sys._getframe(1), of)  # noqa: SLF001
        return graph_of(end, title)

    def _read(
        self, func: Callable[..., Any], name: str, args: tuple[Any, ...], frame: FrameType | None
    ) -> Any:
        tensor = args[0]
        if name != "grad" or tensor.is_leaf or tensor.retains_grad:
            result = func(*args)
            if name in ("grad", "data") and isinstance(result, torch.Tensor):
                self._name_after(result, f".{name}", self._snapshot_of(tensor, frame))
            return result
        # PyTorch would blame this file for the read; the user is told about the user's line.
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = func(*args)
        snapshot = self._snapshot_of(tensor, frame)
        site = site_of(frame) if frame else None
        for warning in caught:
            self.non_leaf_reads.append(NonLeafRead(snapshot, site, _message(warning)))
            _warn_at(frame, warning)
        return result

    def _set(
        self, func: Callable[..., Any], name: str, args: tuple[Any, ...], frame: FrameType | None
    ) -> Any:
        # Of the properties that can be set, only `.data` changes what a tensor holds.
        sources = [self._snapshot_of(t, frame) for t in _tensors(args)] if name == "data" else []
        result = func(*args)
        if sources:
            call = self._call(name, frame)
            call.results.append(self._add(args[0], call, sources[1:]))
        return result

    def _call(self, name: str, frame: FrameType | None) -> Call:
        call = Call(len(self.calls), name, site_of(frame) if frame is not None else None)
        self.calls.append(call)
        return call

    def _name_after(self, tensor: torch.Tensor, suffix: str, owner: Snapshot) -> None:
        snapshot = self._snapshot_of(tensor, None)
        if snapshot.name is None and owner.name is not None:
            snapshot.name = owner.name + suffix

    def _snapshot_of(self, tensor: torch.Tensor, frame: FrameType | None) -> Snapshot:
        """Return the record of an operand, made now if it is new or was changed behind its back."""
        snapshot = self.snapshot(tensor)
        if snapshot is None:
            snapshot = self._add(tensor, None, ())
        elif (writes := self._unseen_writes(tensor, snapshot)) or (
            version(tensor) != snapshot.version
        ):
            call = writes[-1].call if writes else None
            sources = [r for w in writes for r in w.call.results]
            snapshot = self._add(tensor, call, (snapshot, *sources))
        elif snapshot.requires_grad != tensor.requires_grad:
            # Set by hand, or put on the tape by a custom function, whose call is not seen.
            self._join_tape(snapshot, tensor, None)
        if snapshot.name is None and frame is not None:
            self._names.settle_all()
            # A tensor keeps the name that it had in another function.
            snapshot.name = snapshot.name or variable_of(frame, tensor)
        return snapshot

    def _unseen_writes(self, tensor: torch.Tensor, snapshot: Snapshot) -> list[Write]:
        """Return writes through a view or `.data`, which make no new record of `tensor` itself."""
        unseen = []
        for write in reversed(self._writes_to.get(memory_of(tensor), [])):
            if all(result.id <= snapshot.id for result in write.call.results):
                break
            unseen.append(write)
        return unseen[::-1]

    def _add(
        self, tensor: torch.Tensor, call: Call | None, sources: Iterable[Snapshot]
    ) -> Snapshot:
        old = self.snapshot(tensor)
        snapshot = Snapshot(
            id=self._count,
            call=call,
            sources=tuple(dict.fromkeys(sources)),
            shape=tuple(tensor.shape),
            dtype=str(tensor.dtype).removeprefix("torch."),
            value=summary(tensor),
            version=version(tensor),
            memory=memory_of(tensor),
            name=None if old is None else old.name,
        )
        self._count += 1
        self._known[id(tensor)] = weakref.ref(tensor), snapshot
        self._join_tape(snapshot, tensor, call)
        return snapshot

    def _join_tape(self, snapshot: Snapshot, tensor: torch.Tensor, call: Call | None) -> None:
        snapshot.look_at_tape(tensor)
        if tensor.grad_fn is not None:
            self._sign(tensor.grad_fn, call)
            _watch(tensor.grad_fn, tensor.output_nr, [snapshot])

    def _sign(self, node: Node, call: Call | None) -> None:
        """Mark `node`, and unmarked ones behind it, as made by `call` (None: not recorded)."""
        stack = [node]
        while stack:
            node = stack.pop()
            if isinstance(leaf := getattr(node, "variable", None), torch.Tensor):
                self._watch_leaf(node, leaf)
            elif self._maker not in _notes(node):
                _notes(node)[self._maker] = call
                stack.extend(parent for parent, _ in node.next_functions if parent is not None)

    def _watch_leaf(self, node: Node, leaf: torch.Tensor) -> None:
        # The node that accumulates into a leaf may serve several steps. One hook is enough; later
        # steps only redirect what it writes to.
        if (snapshot := self.snapshot(leaf)) is not None:
            holder = _notes(node).get(self._holder)
            if holder is None:
                holder = _notes(node)[self._holder] = [snapshot]
                _watch(node, 0, holder)
            holder[0] = snapshot

    def _find_writes(
        self, call: Call, operands: list[torch.Tensor], versions: list[int | None]
    ) -> list[torch.Tensor]:
        written = []
        for tensor, before in zip(operands, versions, strict=True):
            after = version(tensor)
            if before is not None and after is not None and after != before:
                write = Write(call, memory_of(tensor), before, after)
                self.writes.append(write)
                if write.memory is not None:
                    self._writes_to.setdefault(write.memory, []).append(write)
                written.append(tensor)
        return written

    def _add_results(
        self,
        call: Call,
        written: list[torch.Tensor],
        results: list[torch.Tensor],
        sources: list[Snapshot],
    ) -> None:
        for tensor in {id(tensor): tensor for tensor in (*written, *results)}.values():
            old = self.snapshot(tensor)
            if old is None or any(tensor is other for other in written):
                call.results.append(self._add(tensor, call, sources))
            else:  # an operand came back as it was, as from `requires_grad_()`
                old.look_at_tape(tensor)


def _what(func: Callable[..., Any]) -> tuple[str, str]:
    """Return how `func` touches a tensor (read, write or call) and what it is called."""
    name = getattr(func, "__name__", type(func).__name__)
    if name not in ("__get__", "__set__", "__delete__"):
        return "call", name
    attribute = getattr(getattr(func, "__self__", None), "__name__", name)
    if name != "__get__":
        return "write", attribute
    return "call" if attribute in _COMPUTING else "read", attribute


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors in nested arguments."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _tensors(entry)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))


def _notes(node: Node) -> dict[object, Any]:
    """Return the dictionary that belongs to `node` as long as the node lives."""
    notes: Any = node.metadata  # a property of the node, though annotated as a method
    return cast("dict[object, Any]", notes)


def _watch(node: Node, index: int, holder: list[Snapshot]) -> None:
    """Copy what reaches output `index` of `node` in a backward pass into the held snapshot."""

    def note(gradients: tuple[torch.Tensor | None, ...]) -> None:
        gradient = gradients[index]
        if gradient is not None:
            holder[0].gradient = summary(gradient)

    node.register_prehook(note)


def _message(warning: warnings.WarningMessage) -> str:
    # PyTorch ends its warnings with a line of its own C++ code, which helps nobody here.
    return str(warning.message).partition(" (Triggered internally")[0]


def _warn_at(frame: FrameType | None, warning: warnings.WarningMessage) -> None:
    if frame is None:
        warnings.warn(warning.message, warning.category, stacklevel=1)
        return
    warnings.warn_explicit(
        warning.message,
        warning.category,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=frame.f_globals.get("__name__"),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )
