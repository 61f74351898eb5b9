"""A table with notes as HTML that asks nothing of the network; all of its text is escaped."""

import html
from collections.abc import Iterable, Sequence

_STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem; max-width: 60rem; }
.backproof-scroll { overflow-x: auto; }
.backproof-certificate table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.backproof-certificate th, .backproof-certificate td {
  padding: 0.25rem 0.75rem; text-align: left; border-bottom: 1px solid color-mix(in srgb,
  currentColor 25%, transparent); white-space: nowrap; }
.backproof-certificate p { max-width: 46rem; }
"""


def fragment(
    title: str,
    sentence: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    notes: Iterable[str],
) -> str:
    """Return a heading, a sentence, a table and notes as an element for any page."""
    head = "".join(f'<th scope="col">{_escaped(column)}</th>' for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{_escaped(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    ends = "".join(f"<p><small>{_escaped(note)}</small></p>" for note in notes)
    return (
        f'<div class="backproof-certificate"><h2>{_escaped(title)}</h2><p>{_escaped(sentence)}</p>'
        f'<div class="backproof-scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{ends}</div>"
    )


def page(title: str, body: str) -> str:
    """Return a whole page around a `fragment`."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_escaped(title)}</title><style>{_STYLE}</style></head>"
        f"<body>{body}</body></html>\n"
    )


def _escaped(text: str) -> str:
    return html.escape(text)
