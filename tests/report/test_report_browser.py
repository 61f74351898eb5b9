"""The report in a real browser: offline, on wide and narrow screens, light, dark and on paper."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route

pytestmark = pytest.mark.browser

# Contrast of a text with what is painted behind it, as WCAG 2 defines it.
CONTRASTS = """
selector => {
  const channels = colour => colour.match(/[\\d.]+/g).map(Number);
  const luminance = colour => {
    const [r, g, b] = channels(colour).slice(0, 3).map(v => {
      v /= 255;
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if ((channels(colour)[3] ?? 1) > 0) return colour;
    }
    return getComputedStyle(document.documentElement).colorScheme.includes("dark") &&
      matchMedia("(prefers-color-scheme: dark)").matches ? "rgb(0,0,0)" : "rgb(255,255,255)";
  };
  return [...document.querySelectorAll(selector)].map(element => {
    const [a, b] = [luminance(getComputedStyle(element).color), luminance(behind(element))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  });
}
"""


@dataclass
class Opened:
    """A page with the report, and what went on while it was opened."""

    page: Page
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def opened(browser: Browser, written: Path) -> Iterator[Opened]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    seen = Opened(context.new_page())

    def outside(route: Route) -> None:
        seen.requests.append(route.request.url)
        route.abort()

    context.route(lambda url: not url.startswith(("file:", "data:")), outside)
    seen.page.on("console", lambda message: seen.messages.append(message.text))
    seen.page.on("pageerror", lambda error: seen.messages.append(str(error)))
    seen.page.goto((written / "report.html").as_uri(), wait_until="load")
    yield seen
    context.close()


@pytest.fixture
def page(opened: Opened) -> Page:
    """The report as it is first seen: wide, light, folded."""
    opened.page.set_viewport_size({"width": 1280, "height": 900})
    opened.page.emulate_media(media="screen", color_scheme="light")
    opened.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = false)")
    return opened.page


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")


def test_every_picture_is_decoded(page: Page) -> None:
    widths = page.evaluate(
        "Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))"
    )
    assert len(widths) == 10
    assert min(widths) > 0


def test_a_picture_from_elsewhere_would_be_seen_by_these_tests(opened: Opened) -> None:
    # The guard of the next test: its listener does hear requests that leave the file.
    other = opened.page.context.new_page()
    other.set_content("<img src='http://backproof.invalid/picture.png'>")
    other.wait_for_load_state("load")
    other.close()
    assert "http://backproof.invalid/picture.png" in opened.requests
    opened.requests.remove("http://backproof.invalid/picture.png")


def test_nothing_is_asked_of_the_network(opened: Opened) -> None:
    opened.page.reload(wait_until="networkidle")
    assert opened.requests == []


def test_the_browser_has_nothing_to_complain_about(opened: Opened, page: Page) -> None:
    unfold(page)
    assert opened.messages == []


def test_a_script_in_the_page_does_not_run(opened: Opened, page: Page) -> None:
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        " document.body.append(s); }"
    )
    assert page.evaluate("window.ran") is None
    assert any("Content Security Policy" in message for message in opened.messages)
    page.reload(wait_until="load")
    opened.messages.clear()


@pytest.mark.parametrize("width", [1280, 768, 375, 320])
@pytest.mark.parametrize("folded", [True, False], ids=["folded", "unfolded"])
def test_the_page_does_not_scroll_sideways(page: Page, width: int, folded: bool) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    if not folded:
        unfold(page)
    inside = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert inside[0] <= inside[1]


def test_a_table_too_wide_for_a_phone_can_be_scrolled(page: Page) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    overflowing = page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth)"
        ".map(e => getComputedStyle(e).overflowX)"
    )
    assert overflowing
    assert set(overflowing) <= {"auto", "scroll"}


def test_narrow_pictures_stand_beside_each_other_on_a_wide_screen_only(page: Page) -> None:
    boxes = "[...document.querySelectorAll('figure.narrow')].map(f => f.offsetTop)"
    wide = page.evaluate(boxes)
    page.set_viewport_size({"width": 375, "height": 800})
    narrow = page.evaluate(boxes)
    assert len(set(wide)) < len(wide)
    assert len(set(narrow)) == len(narrow)


TEXTS = [
    "h1", "main p", ".subtitle", "nav a", "td", "th", "p.caption", "figcaption", "pre code",
    ".verdict", ".findings span", "summary", "footer",
]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("selector", TEXTS)
def test_text_is_readable_in_both_colour_schemes(page: Page, scheme: str, selector: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    unfold(page)
    contrasts = page.evaluate(CONTRASTS, selector)
    assert contrasts
    assert min(contrasts) >= 4.5  # WCAG 2.1, level AA, 1.4.3


def test_the_dark_scheme_is_dark(page: Page) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    assert light == "rgb(255, 255, 255)"
    assert max(int(part) for part in page.evaluate(colour)[4:-1].split(",")) < 64


def test_links_lead_to_the_sections(page: Page) -> None:
    for link in page.query_selector_all("nav a"):
        link.click()
        assert page.evaluate("document.querySelector(location.hash) !== null")


def test_numbers_are_aligned_to_the_right(page: Page) -> None:
    unfold(page)
    assert page.evaluate(
        "[...new Set([...document.querySelectorAll('.number')]"
        ".map(e => getComputedStyle(e).textAlign))]"
    ) == ["right"]


def test_every_scrolling_region_can_be_reached_and_is_named(page: Page) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    unfold(page)
    unreachable = page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(e => e.tabIndex < 0 ||"
        " !document.getElementById(e.getAttribute('aria-labelledby'))?.textContent).length"
    )
    assert page.evaluate("document.querySelectorAll('.scroll').length") == 14
    assert unreachable == 0


def test_the_page_is_printed_to_pdf(page: Page) -> None:
    data = page.pdf(format="A4")
    assert data.startswith(b"%PDF-")
    assert data.count(b"/Type /Page\n") + data.count(b"/Type /Page/") >= 3


def test_nothing_is_cut_off_on_paper(page: Page) -> None:
    # A4 at 96 dots per inch, less margins of 0.4 inches. What is wider, Chromium shrinks to fit,
    # to a half at most; then it cuts.
    page.set_viewport_size({"width": 717, "height": 1046})
    page.emulate_media(media="print")
    unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 2 * 717


def test_paper_is_white_whatever_the_screen(page: Page) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert min(page.evaluate(CONTRASTS, "main p")) >= 4.5
