"""A graph as SVG, without any other program."""

import unicodedata
from html import escape

from backproof.tape.rendering.drawing import Arrow, Box, Drawing, one_line
from backproof.tape.rendering.geometry import Arrangement, Route, Spacing, arrange

# Lengths are pixels. A monospaced font is as wide on every machine as it is here.
_SIZE = 12.0
_WIDTH = 0.602 * _SIZE  # DejaVu Sans Mono, Menlo and Consolas are at most as wide
_LINE = 16.0
_PAD_X, _PAD_Y = 10.0, 7.0
_MARGIN = 16.0
_SPACING = Spacing(across=24.0, down=34.0, ends=22.0)

# Inlined in a notebook, the rules would otherwise hold for all of it.
_RULES = {
    ".box": "stroke:#0072B2;stroke-width:1.8;fill:#fff",
    ".leaf .box": "fill:#E3F0F8",
    ".constant .box": "stroke:#767676;stroke-width:1;stroke-dasharray:5 3",
    ".folded .box": "stroke:#8F4E8B;fill:#F5EBF4",
    "text": 'font-family:"DejaVu Sans Mono",Menlo,Consolas,monospace;font-size:12px;fill:#000',
    ".label": "font-weight:bold",
    ".expression": "font-style:italic",
    ".gradient": "fill:#B84700;font-weight:bold",
    ".place": "fill:#5A5A5A",
    "path": "fill:none;stroke:#767676;stroke-width:1",
    "path.followed": "stroke:#0072B2;stroke-width:1.5",
    "path.head": "stroke:none;fill:#767676",
    "path.head.followed": "stroke:none;fill:#0072B2",
    ".saved": "fill:#B84700",
    "a:hover .box": "stroke-width:3",
}
_STYLE = "\n".join(f".backproof-graph {what}{{{how}}}" for what, how in _RULES.items())


def to_svg(drawing: Drawing, *, links: bool = False) -> str:
    """Return the graph as an SVG element; with `links`, each box leads to ``#file:line``."""
    sizes = {box.id: _size(box) for box in drawing.boxes}
    pairs = [(arrow.source, arrow.target) for arrow in drawing.arrows]
    plan = arrange(sizes, pairs, _SPACING)
    keys = _keys(drawing)
    top = _MARGIN + (2 * _LINE if drawing.title else 0.0)
    texts = (drawing.title, *(text for _, text in keys))
    width = max(plan.width, *(_WIDTH * _columns(text) + 30 for text in texts)) + 2 * _MARGIN
    height = top + plan.height + _LINE * (len(keys) + 1) + 2 * _MARGIN
    left = (width - plan.width) / 2
    parts = [
        (
            '<svg xmlns="http://www.w3.org/2000/svg" class="backproof-graph" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" role="img" '
            f'aria-label="{escape(drawing.title or "computation graph", quote=True)}">'
        ),
        f"<style>{_STYLE}</style>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>',
    ]
    if drawing.title:
        parts.append(_text(width / 2, _MARGIN + _LINE / 2, drawing.title, "label"))
    parts.append(f'<g transform="translate({left:.1f},{top:.1f})">')
    parts += [_arrow(arrow, plan.routes[arrow.source, arrow.target]) for arrow in drawing.arrows]
    parts += [_box(box, plan, sizes[box.id], links=links) for box in drawing.boxes]
    parts.append("</g>")
    parts += _legend(keys, top + plan.height + _MARGIN + _LINE)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _size(box: Box) -> tuple[float, float]:
    longest = max(_columns(line) for line in box.lines)
    return longest * _WIDTH + 2 * _PAD_X, len(box.lines) * _LINE + 2 * _PAD_Y


def _columns(text: str) -> float:
    """Return how many letters of usual width a text takes; East Asian ones are wider."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) - wide + wide / 0.602


def _box(box: Box, plan: Arrangement, size: tuple[float, float], *, links: bool) -> str:
    (x, y), (width, height) = plan.centres[box.id], size
    top = y - height / 2
    lines = [
        _text(x, top + _PAD_Y + (index + 0.5) * _LINE, line, _class(box, index, line))
        for index, line in enumerate(box.lines)
    ]
    code = one_line(box.node.code or "") if box.node is not None else ""
    drawn = [
        f'<g class="{box.kind}">',
        f"<title>{escape(code)}</title>" if code else "",
        (
            f'<rect class="box" x="{x - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}" rx="6"/>'
        ),
        *lines,
        "</g>",
    ]
    whole = "".join(drawn)
    if links and box.node is not None and box.node.file is not None:
        place = f"{box.node.file}:{box.node.line}"
        return f'<a href="#{escape(place, quote=True)}">{whole}</a>'
    return whole


def _class(box: Box, index: int, line: str) -> str:
    if index == 0:
        return "label" if box.named or box.kind == "folded" else "expression"
    if line.startswith("gradient "):
        return "gradient"
    return "place" if line == box.place else ""


def _text(x: float, y: float, text: str, kind: str) -> str:
    name = f' class="{kind}"' if kind else ""
    return (
        f'<text{name} x="{x:.1f}" y="{y:.1f}" text-anchor="middle" '
        f'dominant-baseline="central">{escape(text)}</text>'
    )


def _arrow(arrow: Arrow, route: Route) -> str:
    x, y = route.end
    way = [f"M{route.start[0]:.1f} {route.start[1]:.1f}"]
    for index, (first, second, end) in enumerate(route.bends()):
        stop = end if index < len(route.rows) else (x, y - 6)
        points = (first, second, stop)
        way.append("C" + " ".join(f"{px:.1f} {py:.1f}" for px, py in points))
        if index < len(route.rows):
            way.append(f"V{route.rows[index][2]:.1f}")
    kind = " followed" if arrow.followed else ""
    saved = ""
    if arrow.saved:
        names = escape(", ".join(arrow.saved))
        saved = (
            f'<circle class="saved" cx="{route.start[0]:.1f}" cy="{route.start[1] + 5:.1f}" '
            f'r="3.5"><title>saved as {names}</title></circle>'
        )
    return (
        f'<path class="line{kind}" d="{"".join(way)}"/>'
        f'<path class="head{kind}" d="M{x:.1f} {y:.1f}l-4-8h8z"/>{saved}'
    )


def _keys(drawing: Drawing) -> list[tuple[str, str]]:
    texts = {
        "leaf": "leaf that requires a gradient",
        "result": "computed from such a leaf",
        "constant": "requires no gradient",
        "folded": "several tensors",
    }
    kinds = {box.kind for box in drawing.boxes}
    keys = [(kind, text) for kind, text in texts.items() if kind in kinds]
    if any(arrow.saved for arrow in drawing.arrows):
        keys.append(("saved", "saved for the backward pass"))
    return keys


def _legend(keys: list[tuple[str, str]], y: float) -> list[str]:
    drawn = []
    for index, (kind, text) in enumerate(keys):
        middle = y + index * _LINE
        if kind == "saved":
            mark = f'<circle class="saved" cx="{_MARGIN + 9}" cy="{middle}" r="3.5"/>'
        else:
            mark = (
                f'<g class="{kind}"><rect class="box" x="{_MARGIN}" y="{middle - 5}" '
                'width="18" height="10" rx="3"/></g>'
            )
        drawn.append(
            f'{mark}<text x="{_MARGIN + 26}" y="{middle}" dominant-baseline="central">'
            f"{escape(text)}</text>"
        )
    return drawn
