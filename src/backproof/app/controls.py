"""Widgets for settings, each labelled, each telling its panel of a change."""

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar, get_origin

from nicegui import ui

from backproof._core.errors import InputError
from backproof.app.addresses import as_text, parsed
from backproof.app.settings import Setting, settings_of

_Settings = TypeVar("_Settings")


class Controls(Generic[_Settings]):
    """The widgets of a panel and the settings that they show.

    Parameters
    ----------
    settings
        What they show at first.
    changed
        Awaited after a change to other valid settings.
    """

    def __init__(self, settings: _Settings, changed: Callable[[], Awaitable[None]]) -> None:
        self.settings = settings
        self._changed = changed
        self._widgets: dict[str, Any] = {}

    def show(self, *, narrow: bool = False) -> None:
        """Make the widgets, in two columns or in as many as there is room for."""
        columns = "grid-cols-2" if narrow else "grid-cols-2 sm:grid-cols-3 lg:grid-cols-5"
        with ui.element("div").classes(f"grid {columns} gap-2 w-full"):
            for setting in settings_of(self.settings):
                if setting.control.label:
                    self._make(setting)

    def _make(self, setting: Setting) -> None:
        control, value = setting.control, getattr(self.settings, setting.name)

        async def changed(event: Any) -> None:
            await self._change(setting, event.value)

        if control.choices is not None:
            widget: Any = ui.select(
                list(control.choices), label=control.label, value=value, on_change=changed
            )
        elif control.slider:
            _slider(setting, value, changed)
            return
        else:
            widget = ui.input(
                control.label,
                value=as_text(value),
                on_change=changed,
                validation=lambda text: _complaint(text, setting),
            ).props("debounce=300")
            if get_origin(setting.kind) is not tuple:
                widget.props("inputmode=decimal")
        self._widgets[setting.name] = widget
        widget.props("dense outlined hide-bottom-space").classes("w-full").mark(setting.name)

    async def _change(self, setting: Setting, value: Any) -> None:
        try:
            value = parsed(str(value), setting)
        except InputError:
            return  # the widget itself says so
        if value != getattr(self.settings, setting.name):
            self.replace(**{setting.name: value})
            await self._changed()

    def replace(self, **values: Any) -> None:
        """Set what is set by other means than its widget, which then shows it; nobody is told."""
        self.settings = dataclasses.replace(self.settings, **values)  # type: ignore[type-var]
        for name, value in values.items():
            widget = self._widgets.get(name)
            if widget is not None and isinstance(widget, ui.input):
                widget.set_value(as_text(value))


class _Slider(ui.slider):
    """A slider whose move is not taken back by the server's answer to an earlier one."""

    LOOPBACK = False


def _slider(setting: Setting, value: float, changed: Callable[..., Any]) -> None:
    control = setting.control
    assert control.least is not None
    assert control.most is not None
    with ui.column().classes("gap-8"):
        ui.label(control.label).classes("text-xs")
        step = 1 if setting.kind is int else 0.25
        slider = _Slider(min=control.least, max=control.most, step=step, value=value)
        slider.props(f'label-always dense aria-label="{control.label}"')
        slider.on_value_change(changed).mark(setting.name)


def _complaint(text: Any, setting: Setting) -> str | None:
    try:
        parsed(str(text), setting)
    except InputError as error:
        return str(error)
    return None
