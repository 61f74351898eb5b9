"""Failures of autograd, traced back to the lines that caused them."""

from collections.abc import Iterator

import torch
from torch.autograd.graph import Node

from backproof.tape._private import nodes, saved_complaint, saved_names, saved_tensors
from backproof.tape.calls import Call, NonLeafRead, Snapshot, Write
from backproof.tape.recorder import Recorder, memory_of
from backproof.tape.records import Explanation, Place
from backproof.tape.sites import Site


def overwritten(recorder: Recorder, loss: torch.Tensor) -> tuple[Explanation, ...]:
    """Explain which tensors saved for the backward pass of `loss` were written since.

    Each explanation names the line that saved the tensor and every line that wrote to its memory
    afterwards. The saving line is left out if it was not recorded.
    """
    return tuple(
        _overwritten(recorder, node, name, tensor, complaint)
        for node, name, tensor, complaint in _victims(loss.grad_fn)
    )


def non_leaf_grads(recorder: Recorder) -> tuple[Explanation, ...]:
    """Explain each tensor whose `.grad` was read although only leaves have one."""
    first: dict[int, NonLeafRead] = {}
    for read in recorder.non_leaf_reads:
        first.setdefault(read.tensor.id, read)
    return tuple(map(_non_leaf, first.values()))


def _victims(root: Node | None) -> Iterator[tuple[Node, str, torch.Tensor, str]]:
    for node in nodes(root):
        for name in saved_names(node):
            # Freed buffers complain as well, but then nothing is left to have been overwritten.
            tensors = saved_tensors(node, name)
            if tensors and (complaint := saved_complaint(node, name)) is not None:
                yield node, name, tensors[0], complaint


def _overwritten(
    recorder: Recorder, node: Node, name: str, tensor: torch.Tensor, complaint: str
) -> Explanation:
    saver = recorder.maker(node)
    writes = recorder.writes_to(tensor, after=saver)
    places = [*_places("saved", saver), *(p for w in writes for p in _places("wrote", w.call))]
    what = _saved_what(tensor, name, saver)
    changes = f" (version {writes[0].before} to {writes[-1].after})" if writes else ""
    return Explanation(
        code="inplace-after-save",
        message=(
            f"{node.name()} saved {what} for the backward pass; "
            f"{_writers(writes)} then changed it in place{changes}, so its value is gone."
        ),
        places=tuple(dict.fromkeys(places)),
        fix=_overwritten_fix(writes),
        error=complaint,
    )


def _saved_what(tensor: torch.Tensor, name: str, saver: Call | None) -> str:
    what = f"its `{name}`"
    involved = () if saver is None else (*_operands(saver), *saver.results)
    for snapshot in involved:
        if snapshot.name is not None and snapshot.memory == memory_of(tensor):
            return f"{what} (`{snapshot.name}`)"
    return what


def _operands(call: Call) -> Iterator[Snapshot]:
    for result in call.results:
        yield from result.sources


def _writers(writes: list[Write]) -> str:
    functions = dict.fromkeys(f"`{write.call.function}`" for write in writes)
    return " and ".join(functions) if functions else "code that was not recorded"


def _overwritten_fix(writes: list[Write]) -> str:
    lines = [w.call.site.code for w in writes if w.call.site is not None]
    instead = f" instead of `{lines[0]}`" if lines else ""
    return (
        f"Write the new value to a new tensor{instead} (such as `y = y / 2` for `y /= 2`), "
        "or write in place only after the backward pass."
    )


def _non_leaf(read: NonLeafRead) -> Explanation:
    call = read.tensor.call
    name = f"`{read.tensor.name}`" if read.tensor.name else "The tensor"
    made = f" It is the result of `{call.function}`, a new tensor." if call is not None else ""
    return Explanation(
        code="non-leaf-grad",
        message=(f"{name} is not a leaf, and autograd fills `.grad` of leaves only.{made}"),
        places=(*_places("made", call), *_site_places("read", read.site)),
        fix=(
            "Update the leaf itself, in place and off the tape: "
            "`with torch.no_grad(): w -= 0.1 * w.grad`, or use an optimizer."
        ),
        error=read.warning,
    )


def _places(role: str, call: Call | None) -> tuple[Place, ...]:
    return _site_places(role, call.site if call is not None else None)


def _site_places(role: str, site: Site | None) -> tuple[Place, ...]:
    if site is None:
        return ()
    return (Place(role=role, file=site.file, line=site.line, code=site.code),)
