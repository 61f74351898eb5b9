"""Setting points of one's own: with the mouse, by typing, from a table."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from nicegui import events, ui

from backproof._core.errors import BackproofError
from backproof.app.train.own import OwnPoint, own_points, own_text, read_upload
from backproof.app.train.scene import Scene
from backproof.app.train.settings import CLASSES

_LEFT = 0
_ENDINGS = ".csv,.tsv,.txt"
_REFUSED = f"A table must be a file of at most 1 MiB that ends in {_ENDINGS.replace(',', ', ')}."
_NEAR = 12
"""Pixels within which a click means a point that is there."""


class Editor:
    """The widgets for own points, and what clicks into a picture mean.

    Parameters
    ----------
    text
        Returns the points that there are, as they stand in the address.
    chosen, choose
        Returns the class of new points, and is told of another.
    plane
        Returns how the picture shows the plane.
    changed
        Awaited with the text of other points.
    say
        Told what is wrong.
    """

    def __init__(
        self,
        *,
        text: Callable[[], str],
        chosen: Callable[[], str],
        choose: Callable[[str], None],
        plane: Callable[[], Scene],
        changed: Callable[[str], Awaitable[None]],
        say: Callable[[str], None],
    ) -> None:
        self._text, self._plane, self._changed, self._say = text, plane, changed, say
        self._chosen, self._choose = chosen, choose
        self._visible = False
        self._dragged: int | None = None
        self._pressed = False

    def build(self) -> None:
        """Make the widgets in the present slot."""
        with ui.column().classes("gap-2") as self._place:
            ui.label(
                "Click into a picture to add a point of the chosen class, drag one to move it, "
                "click with Shift to remove one."
            ).classes("text-sm")
            with ui.row().classes("gap-3 items-center"):
                ui.radio(
                    CLASSES,
                    value=self._chosen(),
                    on_change=lambda event: self._choose(event.value),
                ).props('inline aria-label="Class of new points"')
                self._build_typing()
                self._uploads = ui.upload(
                    label="CSV: two columns of numbers, then two labels",
                    auto_upload=True,
                    max_file_size=1 << 20,
                    max_files=100,
                    on_upload=self._upload,
                    on_rejected=lambda: self._say(_REFUSED),
                )
                self._uploads.props(f'accept="{_ENDINGS}" flat bordered').classes("w-full")

    def set_visible(self, visible: bool) -> None:
        """Show the widgets and heed the mouse, or neither."""
        self._visible = visible
        self._place.set_visibility(visible)

    async def on_mouse(self, event: events.MouseEventArguments) -> None:
        """Add, move or remove a point, as the mouse says."""
        if not self._visible:
            return
        points = self._points()
        if event.type == "mousedown":
            self._pressed = event.button == _LEFT
            self._dragged = self._nearest(points, event.image_x, event.image_y)
        elif event.type == "mouseup" and self._pressed:
            self._pressed = False
            at = self._plane().point(event.image_x, event.image_y)
            dragged, self._dragged = self._dragged, None
            if dragged is not None and dragged < len(points):
                if event.shift:
                    del points[dragged]
                else:
                    points[dragged] = (*at, points[dragged][2])
            elif not event.shift:
                points.append(self._new(*at))
            await self._set(points)

    def _build_typing(self) -> None:
        x1 = ui.number("x1", value=0, step=0.1).classes("w-20").props("dense outlined")
        x2 = ui.number("x2", value=0, step=0.1).classes("w-20").props("dense outlined")

        async def add() -> None:
            if x1.value is None or x2.value is None:
                self._say("x1 and x2 must be numbers.")
                return
            await self._set([*self._points(), self._new(x1.value, x2.value)])

        async def remove() -> None:
            await self._set(self._points()[:-1])

        async def clear() -> None:
            await self._set([])

        for text, action in (("Add point", add), ("Remove last", remove), ("Clear", clear)):
            ui.button(text, on_click=action).props("no-caps outline dense").classes("px-2")

    def _new(self, x1: float, x2: float) -> OwnPoint:
        return x1, x2, 1 if self._chosen() == "b" else -1

    def _points(self) -> list[OwnPoint]:
        try:
            return own_points(self._text())
        except BackproofError:  # an address may hold anything; what is set now takes its place
            return []

    async def _set(self, points: list[OwnPoint]) -> None:
        try:
            text = own_text(points)
            own_points(text)
        except BackproofError as error:
            self._say(str(error))
            return
        await self._changed(text)

    async def _upload(self, event: events.UploadEventArguments) -> None:
        content = await event.file.read()
        self._uploads.reset()  # it would say 100 % of a table that is refused, too
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "upload.csv"
            path.write_bytes(content)
            try:
                points = await asyncio.to_thread(read_upload, str(path))
            except BackproofError as error:
                self._say(str(error).replace(str(path), event.file.name))
                return
        await self._set(points)

    def _nearest(self, points: list[OwnPoint], across: float, down: float) -> int | None:
        """Return the number of the point that a place in the picture means."""
        plane = self._plane()

        def distance(number: int) -> float:
            x1, x2, _ = points[number]
            return max(abs(plane.across(x1) - across), abs(plane.down(x2) - down))

        nearest = min(range(len(points)), key=distance, default=None)
        return None if nearest is None or distance(nearest) > _NEAR else nearest
