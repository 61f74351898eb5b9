"""A graph in the language of Graphviz."""

import shutil
import subprocess

from backproof.tape.rendering.drawing import Arrow, Box, Drawing

_SECONDS = 10
_MOST_ARROWS = 250
"""Graphviz takes half a minute for a few hundred more."""
_STYLES = {
    "leaf": 'color="#0072B2", fillcolor="#E3F0F8", style="rounded,filled", penwidth=2',
    "result": 'color="#0072B2", style="rounded", penwidth=2',
    "constant": 'color="#767676", style="rounded,dashed"',
    "folded": 'color="#8F4E8B", fillcolor="#F5EBF4", style="rounded,filled", penwidth=2',
}


def to_dot(drawing: Drawing) -> str:
    """Return the graph as a DOT file."""
    lines = [
        "digraph {",
        f"  graph [label={_quoted(drawing.title)}, labelloc=t, rankdir=TB];",
        '  node [shape=box, fontname="Helvetica", fontsize=10];',
        '  edge [fontname="Helvetica", fontsize=8, arrowsize=0.7];',
        *(f"  n{box.id} [label={_label(box)}, {_STYLES[box.kind]}];" for box in drawing.boxes),
        *(f"  n{arrow.source} -> n{arrow.target} [{_edge(arrow)}];" for arrow in drawing.arrows),
        "}",
    ]
    return "\n".join(lines) + "\n"


def graphviz_svg(drawing: Drawing) -> str | None:
    """Return the graph as Graphviz draws it; None where Graphviz is missing or fails."""
    program = shutil.which("dot")
    if program is None or len(drawing.arrows) > _MOST_ARROWS:
        return None
    try:
        done = subprocess.run(
            [program, "-Tsvg"],
            input=to_dot(drawing).encode(),
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
        svg = done.stdout.decode()
        return svg[svg.index("<svg") :]
    except (subprocess.SubprocessError, OSError, ValueError):
        return None


def _edge(arrow: Arrow) -> str:
    colour = 'color="#0072B2", penwidth=1.4' if arrow.followed else 'color="#767676"'
    saved = f", label={_quoted('saved as ' + ', '.join(arrow.saved))}" if arrow.saved else ""
    return colour + saved


def _label(box: Box) -> str:
    return '"' + "\\n".join(_escaped(line) for line in box.lines) + '"'


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    # Graphviz reads entities, so that an ampersand has to be one.
    return text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
