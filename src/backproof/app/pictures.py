"""Figures on the page, and for taking away."""

import asyncio
import base64
import threading
from collections.abc import Callable

from nicegui import ui

from backproof import plots

# Figures are drawn in the style of a moment, which is one for the whole process.
_DRAWING = threading.Lock()


async def show_figure(draw: Callable[[], plots.Figure], name: str, description: str) -> None:
    """Show a figure with what it shows in words, and offer it as SVG and PNG.

    As an image, not as markup: a browser runs nothing that an image holds.
    """
    drawn = await asyncio.to_thread(_rendered, draw, "svg")
    source = f"data:image/svg+xml;base64,{base64.b64encode(drawn).decode()}"
    with ui.element("figure").classes("w-full max-w-3xl m-0"):
        image = ui.element("img").classes("w-full bg-white rounded")
        image.props["src"], image.props["alt"] = source, description

        async def png() -> None:
            ui.download(await asyncio.to_thread(_rendered, draw, "png"), f"{name}.png")

        with ui.row().classes("gap-2"):
            for suffix, save in (("SVG", lambda: ui.download(drawn, f"{name}.svg")), ("PNG", png)):
                ui.button(suffix, icon="download", on_click=save, color=None).props(
                    f'flat dense no-caps aria-label="Save {name} as {suffix}"'
                )


def _rendered(draw: Callable[[], plots.Figure], suffix: str) -> bytes:
    with _DRAWING:
        return plots.rendered(draw(), suffix)
