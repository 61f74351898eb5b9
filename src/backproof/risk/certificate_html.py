"""Tables and notes as HTML that asks nothing of the network; all of its text is escaped."""

import html
from collections.abc import Iterable, Sequence

_STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem; max-width: 72rem; }
.backproof-scroll { overflow-x: auto; }
.backproof-certificate table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.backproof-certificate th, .backproof-certificate td {
  padding: 0.25rem 0.75rem; text-align: left; border-bottom: 1px solid color-mix(in srgb,
  currentColor 25%, transparent); white-space: nowrap; }
.backproof-certificate p { max-width: 46rem; }
@media (max-width: 40rem) {
  .backproof-certificate th, .backproof-certificate td {
    padding: 0.25rem 0.4rem 0.25rem 0; font-size: 0.75rem; }
  .backproof-certificate td:nth-child(-n+2) { white-space: normal; } }
"""


def fragment(title: str, sentences: Iterable[str], parts: Iterable[str]) -> str:
    """Return a heading, sentences, and elements such as `table` and `note`, for any page."""
    first = "".join(f"<p>{_escaped(sentence)}</p>" for sentence in sentences)
    inside = f"<h2>{_escaped(title)}</h2>{first}{''.join(parts)}"
    return f'<div class="backproof-certificate">{inside}</div>'


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table that scrolls by itself where the page is narrow."""
    head = "".join(f'<th scope="col">{_escaped(column)}</th>' for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{_escaped(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<div class="backproof-scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def note(text: str) -> str:
    """Return a paragraph in small type."""
    return f"<p><small>{_escaped(text)}</small></p>"


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
