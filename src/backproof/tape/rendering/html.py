"""A graph as a page of its own, with the source beside it."""

from collections.abc import Sequence
from html import escape

from backproof.tape.parts import GraphNode
from backproof.tape.recording.sources import source_lines
from backproof.tape.rendering.drawing import Drawing
from backproof.tape.rendering.svg import to_svg

_AROUND = 4

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body{{margin:0;font-family:system-ui,sans-serif;color:#1a1a1a;background:#fff}}
h1{{font-size:1.1rem;margin:.8rem 1rem}}
main{{display:flex;flex-wrap:wrap;align-items:flex-start;border-top:1px solid #ccc}}
.graph{{flex:3 1 30rem;overflow:auto;max-height:calc(100vh - 3.2rem)}}
.source{{flex:2 1 24rem;overflow:auto;max-height:calc(100vh - 3.2rem);background:#fafafa}}
.source h2{{font-size:.95rem;margin:.8rem 1rem .3rem;font-family:monospace}}
table{{border-collapse:collapse;font:13px/1.5 "DejaVu Sans Mono",Menlo,Consolas,monospace}}
td{{padding:0 .6rem;white-space:pre;vertical-align:top}}
td.number{{text-align:right;color:#6a6a6a;user-select:none}}
td.made{{color:#00527f;max-width:12rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}}
tr:target{{background:#ffe9a8}}
tr.gap td{{color:#6a6a6a}}
</style>
</head>
<body>
<h1>{title}</h1>
<main>
<div class="graph">{svg}</div>
<div class="source">{source}</div>
</main>
</body>
</html>
"""


def to_html(drawing: Drawing, nodes: Sequence[GraphNode]) -> str:
    """Return a self-contained page; a click on a tensor shows the line that made it."""
    return _PAGE.format(
        title=escape(drawing.title or "Computation graph"),
        svg=to_svg(drawing, links=True),
        source="".join(_file(file, nodes) for file in _files(nodes))
        or "<p>No source is known.</p>",
    )


def _files(nodes: Sequence[GraphNode]) -> list[str]:
    return list(dict.fromkeys(node.file for node in nodes if node.file is not None))


def _file(file: str, nodes: Sequence[GraphNode]) -> str:
    made: dict[int, list[str]] = {}
    codes: dict[int, str] = {}
    for node in nodes:
        if node.file == file and node.line is not None:
            made.setdefault(node.line, []).append(node.label)
            codes[node.line] = node.code or ""
    lines = source_lines(file, codes)
    rows = []
    before = 0
    for number in _shown(made, len(lines)):
        if before and number != before + 1:
            rows.append('<tr class="gap"><td class="number">⋮</td><td></td><td></td></tr>')
        before = number
        text = lines[number - 1] if lines else codes.get(number, "")
        labels = ", ".join(dict.fromkeys(made.get(number, [])))
        rows.append(
            f'<tr id="{escape(file, quote=True)}:{number}"><td class="number">{number}</td>'
            f'<td class="made" title="{escape(labels, quote=True)}">{escape(labels)}</td>'
            f"<td>{escape(text)}</td></tr>"
        )
    return f"<h2>{escape(file)}</h2><table>{''.join(rows)}</table>"


def _shown(made: dict[int, list[str]], count: int) -> list[int]:
    """Return the lines that made a tensor, and what stands around them where it is known."""
    if not count:
        return sorted(made)
    shown = {n for line in made for n in range(line - _AROUND, line + _AROUND + 1)}
    return sorted(n for n in shown if 1 <= n <= count)
