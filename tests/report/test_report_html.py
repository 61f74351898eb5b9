"""The HTML file: everything escaped, nothing asked of the network."""

import base64
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from backproof.report import (
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
    render_html,
)

GOLDEN = Path(__file__).parent / "golden"
HOSTILE = "</script><img src=x onerror=alert(1)>\"' onload='alert(2)&lt;{{ 7 * 7 }}"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


class Page(HTMLParser):
    """Every element with its attributes, and the text of each kind of element."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]][-1] += data

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def still_open(self) -> list[str]:
        return self._open


def hostile_document() -> Document:
    table = Table(
        name="t", caption=HOSTILE, columns=(Column(header=HOSTILE),), rows=((HOSTILE,), (None,))
    )
    return Document(
        title=HOSTILE,
        subtitle=HOSTILE,
        sections=(
            Section(
                title=HOSTILE,
                anchor=HOSTILE,
                blocks=(
                    Findings(items=(Finding(claim=HOSTILE, held=True, text=HOSTILE),)),
                    Paragraph(text=HOSTILE),
                    Code(text=HOSTILE),
                    Picture(name="p", caption=HOSTILE, svg=SVG),
                    Details(summary=HOSTILE, blocks=(table,)),
                ),
            ),
        ),
        footer=HOSTILE,
    )


def small_document() -> Document:
    table = Table(
        name="errors",
        caption="Errors of two sizes.",
        columns=(
            Column(header="size"),
            Column(header="error (%)", style="percent", digits=2),
            Column(header="difference", style="scientific", digits=1),
            Column(header="best", style="yes"),
        ),
        rows=(("H = 5", 0.0375, 1.5e-9, True), ("H = 10", None, 3e-12, False)),
    )
    return Document(
        title="A small document",
        subtitle="Two sections & a footer.",
        sections=(
            Section(
                title="Found",
                anchor="found",
                blocks=(
                    Findings(
                        items=(
                            Finding(claim="It is so.", held=True, text="Seen 3 times."),
                            Finding(claim="It is not.", held=False, text="Seen < 3 times."),
                        )
                    ),
                    table,
                    Picture(name="p", caption="A dot.", svg=SVG, narrow=True),
                ),
            ),
            Section(
                title="Method",
                anchor="method",
                blocks=(
                    Paragraph(text="One paragraph."),
                    Details(summary="Program", blocks=(Code(text="a = 1\nb = a < 2"),)),
                ),
            ),
        ),
        footer="The end.",
    )


@pytest.fixture(scope="module")
def hostile() -> Page:
    return Page(render_html(hostile_document()))


@pytest.fixture(scope="module", params=["hostile", "small", "lab"])
def html(request: pytest.FixtureRequest) -> str:
    if request.param == "lab":
        written: Path = request.getfixturevalue("written")
        return (written / "report.html").read_text(encoding="utf-8")
    document = hostile_document() if request.param == "hostile" else small_document()
    return render_html(document)


@pytest.mark.parametrize(
    "tag",
    ["title", "h1", "h2", "p", "code", "th", "td", "figcaption", "strong", "summary",
     "footer", "a"],
)  # fmt: skip
def test_hostile_text_is_shown_as_it_is(hostile: Page, tag: str) -> None:
    assert HOSTILE in hostile.texts[tag]


def test_hostile_text_makes_no_element(hostile: Page) -> None:
    tags = {tag for tag, _ in hostile.elements}
    assert "script" not in tags
    assert len(hostile.attributes("img")) == 1


def test_hostile_text_makes_no_attribute(html: str) -> None:
    names = {name for _, attributes in Page(html).elements for name in attributes}
    assert names <= {
        "lang", "charset", "name", "content", "http-equiv", "class", "href", "id", "src", "alt",
        "tabindex", "role", "aria-label", "aria-labelledby", "scope",
    }  # fmt: skip


def test_hostile_text_stays_inside_its_attribute(hostile: Page) -> None:
    assert [img["alt"] for img in hostile.attributes("img")] == [HOSTILE]
    assert [a["href"] for a in hostile.attributes("a")] == [f"#{HOSTILE}"]


def test_a_caption_is_shown_above_its_table_and_names_it(html: str) -> None:
    page = Page(html)
    captions = [p["id"] for p in page.attributes("p") if p.get("class") == "caption"]
    assert captions == [table["aria-labelledby"] for table in page.attributes("table")]
    assert captions
    assert len(set(captions)) == len(captions)


def test_hostile_captions_are_shown_as_they_are(hostile: Page) -> None:
    assert hostile.texts["p"].count(HOSTILE) == 3  # subtitle, paragraph, caption of the table


def test_elements_are_nested_and_closed(html: str) -> None:
    assert Page(html).still_open == []


def references(page: Page) -> Iterator[str]:
    for _, attributes in page.elements:
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            if name in attributes:
                yield attributes[name] or ""


def test_every_reference_is_inside_the_page(html: str) -> None:
    found = list(references(Page(html)))
    assert found
    assert all(one.startswith(("#", "data:image/svg+xml;base64,")) for one in found)


def test_the_styles_refer_to_nothing_outside(html: str) -> None:
    (style,) = Page(html).texts["style"]
    assert "url(" not in style
    assert "@import" not in style


def test_a_policy_forbids_scripts_and_the_network(html: str) -> None:
    (policy,) = [
        meta["content"] or ""
        for meta in Page(html).attributes("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules == {
        "default-src": "'none'", "img-src": "data:", "style-src": "'unsafe-inline'"
    }  # fmt: skip


def test_the_character_set_is_declared_within_the_first_kilobyte(html: str) -> None:
    assert b'<meta charset="utf-8">' in html.encode()[:1024]


def test_a_picture_comes_back_from_its_data(hostile: Page) -> None:
    (img,) = hostile.attributes("img")
    data = (img["src"] or "").removeprefix("data:image/svg+xml;base64,")
    assert base64.b64decode(data, validate=True).decode() == SVG


def test_links_lead_to_sections(html: str) -> None:
    page = Page(html)
    ids = [section["id"] for section in page.attributes("section")]
    assert [f"#{name}" for name in ids] == [a["href"] for a in page.attributes("a")]
    assert len(set(ids)) == len(ids)


def test_numbers_are_aligned_to_the_right_and_text_is_not() -> None:
    page = Page(render_html(small_document()))
    row = [None, "number", "number", None]
    assert [th.get("class") for th in page.attributes("th")] == row
    assert [td.get("class") for td in page.attributes("td")] == row * 2


def test_cells_are_formatted_by_their_column() -> None:
    cells = Page(render_html(small_document())).texts["td"]
    assert cells == ["H = 5", "3.75", "1.5e-09", "yes", "H = 10", "–", "3.0e-12", "no"]


def test_a_verdict_is_words_and_not_colour_alone() -> None:
    spans = Page(render_html(small_document())).texts["span"]
    assert spans[::2] == ["✓ held", "✗ did not hold"]


def test_the_same_document_gives_the_same_page() -> None:
    assert render_html(hostile_document()) == render_html(hostile_document())


def test_a_small_document_is_rendered_as_agreed() -> None:
    expected = (GOLDEN / "document.html").read_text(encoding="utf-8")
    # The style sheet may change its look; the structure of the page is what is agreed on.
    html = render_html(small_document())
    start, end = html.index("<style>"), html.index("</style>")
    assert html[: start + 7] + html[end:] == expected
