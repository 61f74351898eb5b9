"""A document as one HTML file that asks nothing of the network."""

import base64
from functools import cache
from typing import TYPE_CHECKING

from backproof.report.document import Document

if TYPE_CHECKING:
    from jinja2 import Template


def render_html(document: Document) -> str:
    """Return `document` as one self-contained page; every text in it is escaped."""
    return _template().render(document=document)


@cache
def _template() -> "Template":
    # Not at the top: whoever only makes tables does not wait for it.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("backproof.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = _data_uri
    environment.tests["kind"] = lambda block, name: type(block).__name__ == name
    return environment.get_template("document.html")


def _data_uri(svg: str) -> str:
    # As an image rather than inline: its identifiers cannot clash with another picture's, and
    # nothing in it can run.
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
