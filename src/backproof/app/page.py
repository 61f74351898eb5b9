"""The page: a header, and a panel a tab below it."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from nicegui import ui

from backproof.app import test_error
from backproof.app.addresses import read, written
from backproof.app.section import Section
from backproof.app.settings import unseen
from backproof.app.train import settings as train_settings
from backproof.app.train.panel import Panel

_PANELS = {"train": "Train", "test-error": "Test error"}
_COLOURS = {"auto": "As the system", "light": "Light", "dark": "Dark"}
_DARK = {"auto": None, "light": False, "dark": True}


def add_page() -> None:
    """Register the page, made anew for every browser tab that opens it."""
    ui.page("/", title="Backproof", response_timeout=30)(_page)


async def _page(request: Request) -> None:
    page = _Page(dict(request.query_params))
    page.build()
    await ui.context.client.connected()
    await page.fill()


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What of the page is shown, and in which colours."""

    panel: str = unseen("train", _PANELS)
    colours: str = unseen("auto", _COLOURS)


class _Page:
    """One open page."""

    def __init__(self, query: dict[str, str]) -> None:
        self._look, complaints = read(_Look, query)
        training, more = read(train_settings.Settings, query)
        study, others = read(test_error.StudySettings, query)
        plan, rest = read(test_error.PlanSettings, query)
        self._complaints = [*complaints, *more, *others, *rest]
        self._train = Panel(training, self._write_address)
        self._sections: list[Section[Any, Any]] = [
            Section(
                "What a test error is worth",
                study,
                test_error.make_study,
                test_error.show_study,
                self._write_address,
            ),
            Section(
                "How many test examples are needed",
                plan,
                test_error.make_plans,
                test_error.show_plan,
                self._write_address,
            ),
        ]
        self._filled: set[str] = set()

    def build(self) -> None:
        """Make everything that needs no computing."""
        ui.colors(primary="#005A8C")
        self._dark = ui.dark_mode(_DARK[self._look.colours])
        with ui.header().classes("items-center gap-x-4 gap-y-0 py-1"):
            ui.label("Backproof").classes("text-xl font-medium").props("role=heading aria-level=1")
            with ui.tabs(on_change=self._turn).props("no-caps") as tabs:
                for name, title in _PANELS.items():
                    ui.tab(name, title)
            ui.space()
            ui.select(_COLOURS, value=self._look.colours, on_change=self._recolour).props(
                'dense borderless dark aria-label="Colours"'
            ).classes("w-36")
        with ui.column().classes("w-full max-w-5xl mx-auto gap-4 p-2"):
            for complaint in self._complaints:
                ui.label(complaint).props("role=alert").classes("text-sm")
            with ui.tab_panels(tabs, value=self._look.panel, animated=False).classes(
                "w-full bg-transparent"
            ):
                with ui.tab_panel("train").classes("p-0 gap-4"):
                    self._train.build()
                with ui.tab_panel("test-error").classes("p-0 gap-6"):
                    for section in self._sections:
                        section.build()

    async def fill(self) -> None:
        """Compute what the shown panel shows, if that was not done."""
        panel = self._look.panel
        if panel in self._filled:
            return
        self._filled.add(panel)
        if panel == "train":
            await self._train.reset()
        else:
            for section in self._sections:
                await section.refresh()

    async def _turn(self, event: Any) -> None:
        self._look = _Look(panel=event.value, colours=self._look.colours)
        self._write_address()
        await self.fill()

    def _recolour(self, event: Any) -> None:
        self._look = _Look(panel=self._look.panel, colours=event.value)
        self._dark.set_value(_DARK[event.value])
        self._write_address()

    def _write_address(self) -> None:
        settings = (section.settings for section in self._sections)
        state = written(self._look, self._train.settings, *settings)
        ui.navigate.history.replace(f"/?{state}".rstrip("?"))
