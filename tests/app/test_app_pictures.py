"""Every panel as it looks on a desk and on a phone; the pictures in the docs come from here.

`make pictures` writes them anew. They are compared by eye: fonts differ from machine to machine.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from tests.app.conftest import Open

pytestmark = pytest.mark.browser

KEPT = Path(__file__).parents[2] / "docs" / "images"
SIZES = {"": (1280, 720), "-phone": (390, 844)}
TIMEOUT = 60_000


def trained(page: Page) -> None:
    status = page.get_by_role("status").locator("visible=true").first
    expect(status).to_contain_text("Step 0 of", timeout=TIMEOUT)
    page.get_by_role("button", name="Play", exact=True).click()
    expect(status).to_contain_text(": done", timeout=TIMEOUT)


def checked(page: Page) -> None:
    expect(page.get_by_text("DISAGREE", exact=True).first).to_be_visible(timeout=TIMEOUT)
    drawn(page)


def drawn(page: Page) -> None:
    expect(page.locator("img").first).to_be_visible(timeout=TIMEOUT)
    expect(page.get_by_text("computing …")).to_have_count(0, timeout=TIMEOUT)
    page.wait_for_function("[...document.images].every(image => image.complete)")


PANELS: dict[str, tuple[str, Callable[[Page], None]]] = {
    "train": ("?hidden=5,100&steps=1000&pace=100", trained),
    "gradient": ("?panel=gradient&hidden=5&mistake=transpose", checked),
    "tape": ("?panel=tape&hidden=2&back=6", drawn),
    "test-error": ("?panel=test-error", drawn),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_is_full_and_its_picture_is_in_the_docs(
    open_page: Open, tmp_path: Path, panel: str, size: str
) -> None:
    query, ready = PANELS[panel]
    width, height = SIZES[size]
    page = open_page(query, width=width, height=height)
    ready(page)
    name = f"app-{panel}{size}.png"
    path = Path(os.environ.get("BACKPROOF_PICTURES", tmp_path)) / name
    page.screenshot(path=path)
    with Image.open(path) as taken, Image.open(KEPT / name) as kept:
        assert taken.size == kept.size == (width, height)
        # A blank page, or one with a header alone, is nearly all of one colour.
        counts = taken.convert("L").histogram()
    assert max(counts) < 0.97 * sum(counts)
