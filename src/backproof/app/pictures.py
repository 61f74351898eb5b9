"""Figures on the page, and for taking away."""

import asyncio
import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from nicegui import ui

from backproof import plots
from backproof.tape import Graph

# Figures are drawn one after the other, since the style of a moment is one for the whole process;
# in a thread of their own, so that nothing else waits for it.
_DRAWING = ThreadPoolExecutor(1, "drawing")

_Result = TypeVar("_Result")


async def drawing(make: Callable[..., _Result], *arguments: Any) -> _Result:
    """Return what a function that draws gives, called where figures are drawn."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_DRAWING, make, *arguments)


async def show_figure(draw: Callable[[], plots.Figure], name: str, description: str) -> None:
    """Show a figure with what it shows in words, and offer it as SVG and PNG."""
    drawn = await drawing(rendered, draw, "svg")
    _show_svg(drawn, name, description, draw)


async def show_graph(graph: Graph, name: str) -> None:
    """Show a computation graph, as large as it is."""
    drawn = await asyncio.to_thread(graph.to_svg, "builtin")
    _show_svg(
        drawn.encode(),
        name,
        f"Computation graph of {name}: tensors with values, what was saved, and gradients",
        partial(plots.graph, graph),
        full=True,
    )


def _show_svg(
    drawn: bytes,
    name: str,
    description: str,
    draw: Callable[[], plots.Figure],
    *,
    full: bool = False,
) -> None:
    """Show an SVG file, as large as it is where it is to be seen in full.

    As an image, not as markup: a browser runs nothing that an image holds. `draw` gives the figure
    that is saved as PNG.
    """
    source = f"data:image/svg+xml;base64,{base64.b64encode(drawn).decode()}"
    with ui.element("figure").classes(f"w-full m-0 {'' if full else 'max-w-3xl'}"):
        with ui.element("div").classes("w-full overflow-x-auto"):
            image = ui.element("img").classes("bg-white rounded")
            image.classes("max-w-none md:max-w-full" if full else "max-w-none sm:max-w-full")
        image.props["src"], image.props["alt"] = source, description

        async def png() -> None:
            ui.download(await drawing(rendered, draw, "png"), f"{name}.png")

        with ui.row().classes("gap-2"):
            for suffix, save in (("SVG", lambda: ui.download(drawn, f"{name}.svg")), ("PNG", png)):
                ui.button(suffix, icon="download", on_click=save, color=None).props(
                    f'flat dense no-caps aria-label="Save {name} as {suffix}"'
                )


def rendered(draw: Callable[[], plots.Figure], suffix: str) -> bytes:
    """Return a figure as a file."""
    return plots.rendered(draw(), suffix)
