"""Documents of text, tables and pictures, rendered as one HTML file, CSV and LaTeX."""

from backproof.report.document import (
    Block,
    Code,
    Column,
    Details,
    Document,
    Finding,
    Findings,
    Paragraph,
    Picture,
    Section,
    Table,
)
from backproof.report.html import render_html
from backproof.report.tables import to_csv, to_latex

__all__ = [
    "Block",
    "Code",
    "Column",
    "Details",
    "Document",
    "Finding",
    "Findings",
    "Paragraph",
    "Picture",
    "Section",
    "Table",
    "render_html",
    "to_csv",
    "to_latex",
]
