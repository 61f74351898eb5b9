"""Large graphs, folded until they can be read: by module, by repeated block, by source line.

The tensors that calls made are taken in the order in which they were computed. Only neighbours in
that order are folded into one box; so whatever is folded, the arrows still make no cycle. What
existed before, such as a parameter, is folded into the box of the tensors that it served, if all
of them are in one.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from backproof.tape.parts import GraphEdge, GraphNode
from backproof.tape.rendering.drawing import Arrow, Box, Drawing, drawing_of, shortened

_LONGEST_BLOCK = 64


@dataclass(frozen=True)
class _Group:
    """Tensors that are shown as one box."""

    label: str
    nodes: tuple[GraphNode, ...]
    likeness: object
    """Equal for groups that do the same."""
    absorbs: bool = False
    """Whether it takes in the parameters that it alone uses."""


def folded(
    title: str, nodes: Sequence[GraphNode], edges: Sequence[GraphEdge], most: int
) -> Drawing:
    """Return a drawing of at most about `most` boxes; a small graph is not folded.

    Parameters of tensors that stay apart remain boxes of their own.
    """
    if len(nodes) <= most:
        return drawing_of(title, nodes, edges)
    made = {edge.target for edge in edges}
    used = {edge.source for edge in edges}
    ends = [_single(node) for node in nodes if node.id in made - used]
    groups = [_single(node) for node in nodes if node.id in made & used]
    if len(ends) > most // 4:
        groups, ends = sorted([*groups, *ends], key=lambda group: group.nodes[0].id), []
    for fold in _folds(groups):
        candidate = fold(groups)
        if len(candidate) < len(groups):
            groups = candidate
        boxes = _with_givens([*groups, *ends], nodes, edges)
        if len(boxes) <= most:
            return _drawing(title, boxes, edges)
    count = most
    while len(boxes) > most and count > 1:
        count //= 2
        boxes = _with_givens([*_chopped(groups, count), *ends], nodes, edges)
    return _drawing(title, boxes, edges)


def _folds(groups: list[_Group]) -> Iterator[Callable[[list[_Group]], list[_Group]]]:
    """Yield ways to fold, the gentlest first."""
    deepest = max((node.module.count(".") + 1 for g in groups for node in g.nodes), default=0)
    for depth in range(deepest, 0, -1):
        yield lambda found, depth=depth: _by_module(found, depth)  # type: ignore[misc]
        yield _by_repetition
    yield _by_line
    yield _by_repetition


def _single(node: GraphNode) -> _Group:
    return _Group(node.label, (node,), (node.operation, node.file, node.line, node.shape))


def _by_module(groups: list[_Group], depth: int) -> list[_Group]:
    def key(group: _Group) -> str:
        path = group.nodes[0].module.split(".")
        return ".".join(path[:depth]) if len(path) >= depth and path[0] else ""

    return list(_joined(groups, key, absorbs=True))


def _by_line(groups: list[_Group]) -> list[_Group]:
    def key(group: _Group) -> str:
        places = {(node.file, node.line) for node in group.nodes}
        file, line = next(iter(places))
        return f"{file}:{line}" if len(places) == 1 and file else ""

    return list(_joined(groups, key, absorbs=False))


def _joined(
    groups: list[_Group], key: Callable[[_Group], str], *, absorbs: bool
) -> Iterator[_Group]:
    """Join neighbours with the same key, which becomes their label; an empty key joins nothing."""
    for name, run in itertools.groupby(groups, key):
        if name:
            yield _merged(list(run), name, absorbs=absorbs)
        else:
            yield from run


def _by_repetition(groups: list[_Group]) -> list[_Group]:
    """Fold blocks that follow one another and do the same, the largest saving first."""
    while (block := _best_block(groups)) is not None:
        start, period, count = block
        # The last one stays as it is, to show what is repeated.
        end = start + period * (count - 1)
        part = groups[start:end]
        label = f"{count - 1} × {_range(part[:period])}"
        groups = [*groups[:start], _merged(part, label, absorbs=True), *groups[end:]]
    return groups


def _best_block(groups: list[_Group]) -> tuple[int, int, int] | None:
    """Return start, period and count of the repetition that saves most; at least three."""
    best, saved = None, 0
    likeness = [group.likeness for group in groups]
    for period in range(1, min(_LONGEST_BLOCK, len(groups) // 3) + 1):
        run = 0
        for index in range(period, len(groups) + 1):
            if index < len(groups) and likeness[index] == likeness[index - period]:
                run += 1
                continue
            count = run // period + 1
            if count >= 3 and (count - 1) * period > saved:
                best, saved = (index - run - period, period, count), (count - 1) * period
            run = 0
    return best


def _range(block: list[_Group]) -> str:
    labels = [group.label for group in block]
    paths = [node.module.split(".") for group in block for node in group.nodes if node.operation]
    alike = itertools.takewhile(lambda parts: len(set(parts)) == 1, zip(*paths, strict=False))
    common = ".".join(parts[0] for parts in alike)
    if common:
        return re.sub(r"\d+", "#", common)
    return labels[0] if len(labels) == 1 else f"({_from_to(labels[0], labels[-1])})"


def _from_to(first: str, last: str) -> str:
    return first if first == last else f"{shortened(first)} … {shortened(last)}"


def _merged(run: Sequence[_Group], label: str, *, absorbs: bool) -> _Group:
    if len(run) == 1 and not absorbs:
        return run[0]
    nodes = tuple(node for group in run for node in group.nodes)
    # Blocks 3 and 7 of a network do the same, though their names differ in a number.
    likeness = (re.sub(r"\d+", "#", label), tuple(group.likeness for group in run))
    return _Group(label, nodes, hash(likeness), absorbs)


def _chopped(groups: list[_Group], most: int) -> list[_Group]:
    size = -(-len(groups) // max(most, 1))
    parts = [groups[start : start + size] for start in range(0, len(groups), size)]
    return [_merged(part, _from_to(part[0].label, part[-1].label), absorbs=True) for part in parts]


def _with_givens(
    groups: list[_Group], nodes: Sequence[GraphNode], edges: Sequence[GraphEdge]
) -> list[_Group]:
    """Add what no call made: to the group that it serves, else as a group of its own."""
    where = {node.id: index for index, group in enumerate(groups) for node in group.nodes}
    serves: dict[int, set[int]] = {}
    for edge in edges:
        serves.setdefault(edge.source, set()).add(where[edge.target])
    added: dict[int, list[GraphNode]] = {}
    alone = []
    for node in nodes:
        if node.id in where:
            continue
        users = serves.get(node.id, set())
        user = next(iter(users), -1)
        if len(users) == 1 and groups[user].absorbs:
            added.setdefault(user, []).append(node)
        else:
            alone.append(_single(node))
    whole = [
        replace(group, nodes=(*added.get(index, ()), *group.nodes))
        for index, group in enumerate(groups)
    ]
    return sorted([*alone, *whole], key=lambda group: group.nodes[-1].id)


def _drawing(title: str, groups: list[_Group], edges: Sequence[GraphEdge]) -> Drawing:
    where = {node.id: index for index, group in enumerate(groups) for node in group.nodes}
    nodes = [node for group in groups for node in group.nodes]
    plain = drawing_of(title, nodes, edges)
    single = {box.id: box for box in plain.boxes}
    arrows: dict[tuple[int, int], Arrow] = {}
    for arrow in plain.arrows:
        pair = where[arrow.source], where[arrow.target]
        if pair[0] != pair[1]:
            old = arrows.get(pair)
            arrows[pair] = Arrow(
                source=pair[0],
                target=pair[1],
                followed=arrow.followed or (old is not None and old.followed),
                saved=tuple(dict.fromkeys((*(old.saved if old else ()), *arrow.saved))),
            )
    return Drawing(
        title=plain.title,
        boxes=tuple(
            _box(index, group, single[group.nodes[0].id]) for index, group in enumerate(groups)
        ),
        arrows=tuple(arrows.values()),
    )


def _box(index: int, group: _Group, first: Box) -> Box:
    if len(group.nodes) == 1:
        return Box(**{**vars(first), "id": index})
    made = [node for node in group.nodes if node.operation is not None]
    lines = sorted({node.line for node in made if node.line is not None})
    files = {node.file for node in made if node.file is not None}
    place = f"{next(iter(files))}:{_span(lines)}" if len(files) == 1 and lines else ""
    leaves = sum(node.kind == "leaf" for node in group.nodes)
    counted = f"{leaves} leaf" if leaves == 1 else f"{leaves} leaves"
    facts = (f"{len(group.nodes)} tensors", *([counted] if leaves else []))
    return Box(
        id=index, label=group.label, named=False, kind="folded", value="", scalar=False,
        facts=facts, saves="", gradient="", place=place,
    )  # fmt: skip


def _span(lines: list[int]) -> str:
    return f"{lines[0]}" if lines[0] == lines[-1] else f"{lines[0]}–{lines[-1]}"
