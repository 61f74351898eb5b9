"""A graph in the language of Mermaid, which GitHub and many editors draw."""

from backproof.tape.rendering.drawing import Arrow, Drawing

_CLASSES = (
    "classDef leaf fill:#E3F0F8,stroke:#0072B2,stroke-width:2px,color:#000",
    "classDef result fill:#FFF,stroke:#0072B2,stroke-width:2px,color:#000",
    "classDef constant fill:#FFF,stroke:#767676,stroke-dasharray:4,color:#000",
    "classDef folded fill:#F5EBF4,stroke:#8F4E8B,stroke-width:2px,color:#000",
)

_ENTITIES = {letter: f"#{ord(letter)};" for letter in '#&<>"`[]{}|'} | {"\n": " "}


def to_mermaid(drawing: Drawing) -> str:
    """Return the graph as a Mermaid flowchart."""
    lines = [
        *(["---", f"title: {_title(drawing.title)}", "---"] if drawing.title else []),
        "flowchart TB",
        *(
            f'  n{box.id}["{"<br/>".join(map(_escaped, box.lines))}"]:::{box.kind}'
            for box in drawing.boxes
        ),
        *(f"  {_arrow(arrow)}" for arrow in drawing.arrows),
        *(f"  {line}" for line in _CLASSES),
    ]
    return "\n".join(lines) + "\n"


def _arrow(arrow: Arrow) -> str:
    stroke = "==>" if arrow.followed else "-.->"
    saved = f"|saved as {_escaped(', '.join(arrow.saved))}|" if arrow.saved else ""
    return f"n{arrow.source} {stroke}{saved} n{arrow.target}"


def _escaped(text: str) -> str:
    # Mermaid writes entities as #35; and reads quotes, brackets and bars as its own.
    return "".join(_ENTITIES.get(letter, letter) for letter in text)


def _title(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
