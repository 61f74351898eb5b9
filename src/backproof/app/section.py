"""One part of a panel: controls, and below them what follows from their settings."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from nicegui import ui

from backproof._core.errors import BackproofError
from backproof._core.sources import said
from backproof.app.controls import Controls

_LOG = logging.getLogger(__name__)
_Settings = TypeVar("_Settings")
_Result = TypeVar("_Result")


class Section(Generic[_Settings, _Result]):
    """Controls and a result, which is made again whenever a control changes.

    Parameters
    ----------
    title
        Its heading.
    settings
        What the controls show at first.
    make
        Makes the result from settings.
    show
        Shows it.
    changed
        Told when a control has changed.
    """

    def __init__(
        self,
        title: str,
        settings: _Settings,
        make: Callable[[_Settings], Awaitable[_Result]],
        show: Callable[[_Result], Awaitable[None]],
        changed: Callable[[], None],
    ) -> None:
        self._title = title
        self._controls = Controls(settings, self._changed)
        self._make, self._show, self._tell = make, show, changed
        self._asked = 0
        self._showing = asyncio.Lock()

    @property
    def settings(self) -> _Settings:
        """What the controls show."""
        return self._controls.settings

    def build(self) -> None:
        """Make the section in the present slot; `refresh` fills it."""
        with ui.element("section").classes("w-full flex flex-col gap-3"):
            ui.label(self._title).classes("text-lg font-medium").props("role=heading aria-level=2")
            self._controls.show()
            self._status = ui.label("computing …").props("role=status").classes("text-sm")
            self._place = ui.column().classes("w-full gap-3")

    async def refresh(self) -> None:
        """Make the result and show it, unless another was asked for meanwhile."""
        self._asked += 1
        asked = self._asked
        self._status.set_text("computing …")
        said_at_last = ""
        try:
            result = await self._make(self.settings)
            # One after the other: what shows a result waits too, and two would fill one place.
            async with self._showing:
                if asked != self._asked:
                    return
                self._place.clear()
                with self._place:
                    await self._show(result)
        except BackproofError as error:
            said_at_last = str(error)
        except Exception as error:
            _LOG.exception("a section of the page failed")
            said_at_last = f"unexpected {said(error)}"
        if asked == self._asked:
            if said_at_last:
                self._place.clear()  # what stood there is of other settings
            self._status.set_text(said_at_last)

    async def _changed(self) -> None:
        self._tell()
        await self.refresh()
