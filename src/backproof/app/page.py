"""The page: a header, and a panel a tab below it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import Request
from nicegui import ui

from backproof.app import gallery, gradient, planner, study, tape, test_error
from backproof.app.addresses import read, written
from backproof.app.processes import Apart
from backproof.app.section import Section
from backproof.app.settings import unseen
from backproof.app.train import settings as train_settings
from backproof.app.train.panel import Panel
from backproof.plots import style

_PANELS = {"train": "Train", "gradient": "Gradient", "tape": "Tape", "test-error": "Test error"}
_COLOURS = {"auto": "As the system", "light": "Light", "dark": "Dark"}
_FOCUS = """
button:focus-visible, .q-tab:focus-visible, .q-field--focused.q-field, .q-slider:focus-within {
    outline: 3px solid #E69F00; outline-offset: 2px; border-radius: 4px;
}
"""
"""Where the keyboard is: told from blue, white and black."""
_DARK = {"auto": None, "light": False, "dark": True}


def add_page() -> None:
    """Register the page, made anew for every browser tab that opens it."""
    ui.page("/", title="Backproof", response_timeout=30)(_page)


async def _page(request: Request) -> None:
    page = _Page(dict(request.query_params))
    page.build()
    client = ui.context.client
    await client.connected()
    if not client.is_deleted:  # whoever asked was no browser, or is gone
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
        self._complaints = [*complaints, *more]
        self._train = Panel(training, self._write_address)
        network = self._train.network
        # Each section computes one thing at a time, and all that ends with the page.
        self._apart = [Apart() for _ in range(4)]
        checks, steps, programs, studies = self._apart
        self._sections: dict[str, list[Section[Any, Any]]] = {
            "gradient": [
                self._section(
                    query,
                    "Is the gradient right?",
                    gradient.CheckSettings,
                    gradient.Checks(network, checks).make,
                    gradient.show_check,
                ),
                self._section(
                    query,
                    "Numeric slopes against the step",
                    gradient.StepSettings,
                    gradient.Steps(network, steps).make,
                    gradient.show_steps,
                ),
            ],
            "tape": [
                self._section(
                    query,
                    "What autograd records",
                    tape.Settings,
                    partial(tape.make_run, network),
                    tape.show_run,
                ),
                self._section(
                    query,
                    "Classic mistakes",
                    gallery.Settings,
                    gallery.Programs(programs).make,
                    gallery.show_program,
                ),
            ],
            "test-error": [
                self._section(
                    query,
                    "What a test error is worth",
                    study.Settings,
                    test_error.Studies(network, studies).make,
                    test_error.show_study,
                ),
                self._section(
                    query,
                    "How many test examples are needed",
                    planner.Settings,
                    planner.make_plans,
                    planner.show_plans,
                ),
            ],
        }

    def _section(
        self,
        query: dict[str, str],
        title: str,
        kind: type[Any],
        make: Callable[[Any], Awaitable[Any]],
        show: Callable[[Any], Awaitable[None]],
    ) -> Section[Any, Any]:
        settings, complaints = read(kind, query)
        self._complaints += complaints
        return Section(title, settings, make, show, self._write_address)

    def build(self) -> None:
        """Make everything that needs no computing."""
        ui.context.client.on_delete(self._end)
        ui.add_css(_FOCUS)
        ui.colors(primary=style.NEGATIVE)  # told from white and from black
        self._dark = ui.dark_mode(_DARK[self._look.colours])
        with ui.header().classes("items-center gap-x-4 gap-y-0 py-1"):
            ui.label("Backproof").classes("text-xl font-medium").props("role=heading aria-level=1")
            with (
                ui.tabs(on_change=self._turn)
                .props("no-caps dense inline-label")
                .classes("max-sm:order-last max-sm:w-full") as tabs
            ):
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
                for panel, sections in self._sections.items():
                    with ui.tab_panel(panel).classes("p-0 gap-6"):
                        for section in sections:
                            section.build()

    def _end(self) -> None:
        for apart in self._apart:
            apart.close()

    async def fill(self) -> None:
        """Compute what the shown panel shows; the network may have learned meanwhile."""
        panel = self._look.panel
        if panel == "train":
            if not self._train.begun:
                await self._train.reset()
            return
        for section in self._sections[panel]:
            if self._look.panel == panel:  # else somebody turned to another meanwhile
                await section.refresh()

    async def _turn(self, event: Any) -> None:
        if event.value == self._look.panel:
            return
        self._look = _Look(panel=event.value, colours=self._look.colours)
        self._write_address()
        await self.fill()

    def _recolour(self, event: Any) -> None:
        self._look = _Look(panel=self._look.panel, colours=event.value)
        self._dark.set_value(_DARK[event.value])
        self._write_address()

    def _write_address(self) -> None:
        settings = (one.settings for sections in self._sections.values() for one in sections)
        state = written(self._look, self._train.settings, *settings)
        ui.navigate.history.replace(f"/?{state}".rstrip("?"))
