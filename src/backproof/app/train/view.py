"""The pictures of the networks of one size."""

from collections.abc import Callable
from typing import Any

from nicegui import ui

from backproof._core.numbers import counted
from backproof.app.train import scene
from backproof.app.train.job import SizeFrame
from backproof.app.train.points import Points


class View:
    """The pictures of the networks of one size."""

    def __init__(self, title: str, on_mouse: Callable[..., Any]) -> None:
        self.title = title
        with ui.column().classes("gap-1 w-full max-w-xs"):
            ui.label(title).classes("font-medium")
            self._image = ui.interactive_image(
                size=(scene.SIDE, scene.SIDE),
                on_mouse=on_mouse,
                events=["mousedown", "mouseup"],
                sanitize=False,  # nothing but numbers of our own
            ).classes("w-full rounded")
            self._image.props('role=img aria-label="Points and prediction boundary"')
            self._learned = self._image.add_layer()
            self._numbers = ui.label().classes("text-sm")
            with ui.expansion("Weights").classes("w-full") as self._expansion:
                self._weights = ui.interactive_image(
                    size=(scene.SIDE, scene.SIDE), sanitize=False
                ).classes("w-full bg-white rounded")
                self._weights.props('role=img aria-label="Weights as lines"')

    def ground(self, content: str) -> None:
        """Show what stays, and nothing learned."""
        self._image.content = content
        self._learned.content = ""
        self._numbers.set_text("")

    def show(self, learned: str, size: SizeFrame, points: Points) -> None:
        """Show what the networks have learned."""
        self._learned.content = learned
        text = (
            f"{counted(size.train_errors, 'error')} on {counted(len(points.t), 'training point')}"
        )
        if size.test_errors is not None and points.test_t is not None:
            text += f", {size.test_errors} on {len(points.test_t)} test points"
        self._numbers.set_text(text)
        if self._expansion.value:
            self._weights.content = scene.weights(size.layers)
