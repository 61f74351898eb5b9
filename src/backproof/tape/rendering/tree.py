"""A graph as a tree for the terminal: from the result down to what it was computed from."""

from collections import deque
from collections.abc import Iterator

from rich.text import Text
from rich.tree import Tree

from backproof.tape.rendering.drawing import Box, Drawing

_STYLES = {"leaf": "bold blue", "result": "bold", "constant": "dim", "folded": "magenta"}


# Deeper branches would leave no room for text on a terminal of 80 columns.
_DEEPEST = 10


def tree_text(drawing: Drawing) -> str:
    """Return the tree as plain text."""
    shown: set[int] = set()
    lines = [drawing.title] if drawing.title else []
    for end in drawing.ends:
        lines += _branch(drawing, end, "", "", shown)
    return "\n".join(lines)


def rich_tree(drawing: Drawing) -> Tree:
    """Return the tree for a Rich console."""
    root = Tree(Text(drawing.title or "computation graph"), guide_style="dim")
    shown: set[int] = set()
    boxes = {box.id: box for box in drawing.boxes}
    later = deque(drawing.ends)
    while later:
        stack = [(root, later.popleft(), 0)]
        while stack:
            above, box, depth = stack.pop()
            if box.id in shown:
                above.add(_reference(box, "shown above"))
            elif depth == _DEEPEST:
                above.add(_reference(box, "continued below"))
                later.append(box)
            else:
                shown.add(box.id)
                here = above.add(_styled(box))
                sources = reversed(drawing.sources[box.id])
                stack += [(here, boxes[source], depth + 1) for source in sources]
    return root


def _branch(drawing: Drawing, end: Box, first: str, rest: str, shown: set[int]) -> Iterator[str]:
    """Yield the lines of a subtree; deep graphs must not exhaust Python's own stack."""
    boxes = {box.id: box for box in drawing.boxes}
    stack = [(end, first, rest)]
    while stack:
        box, first, rest = stack.pop()
        if box.id in shown:
            yield f"{first}{box.label} (shown above)"
            continue
        shown.add(box.id)
        yield first + "  ".join(_parts(box))
        sources = drawing.sources[box.id]
        branches = [
            (
                boxes[source],
                rest + ("└─ " if index == len(sources) - 1 else "├─ "),
                rest + ("   " if index == len(sources) - 1 else "│  "),
            )
            for index, source in enumerate(sources)
        ]
        stack += reversed(branches)


def _parts(box: Box) -> list[str]:
    parts = [f"{box.label} = {box.value}" if box.value else box.label]
    parts += [fact for fact in box.facts if fact != "no grad_fn"]
    if box.kind == "constant":
        parts.append("constant")
    if box.saves:
        parts.append(f"saves {box.saves}")
    if box.gradient:
        parts.append(f"gradient {box.gradient}")
    return [*parts, box.place] if box.place else parts


def _reference(box: Box, where: str) -> Text:
    return Text.assemble((box.label, _STYLES[box.kind]), (f" ({where})", "dim"))


def _styled(box: Box) -> Text:
    label, *facts = _parts(box)
    text = Text.assemble((label, _STYLES[box.kind]))
    for fact in facts:
        style = "bold red" if fact.startswith("gradient ") else "dim"
        text.append("  ").append(fact, style="cyan" if fact == box.place else style)
    return text
