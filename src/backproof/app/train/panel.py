"""The panel on which networks learn before one's eyes."""

import asyncio
import dataclasses
from collections.abc import Callable
from functools import partial
from time import monotonic

from nicegui import background_tasks, ui

from backproof import training
from backproof._core.errors import BackproofError
from backproof._core.numbers import counted
from backproof._core.sources import said
from backproof.app.controls import Controls
from backproof.app.network import Network
from backproof.app.pictures import drawing
from backproof.app.train import scene
from backproof.app.train.editor import Editor
from backproof.app.train.job import Frame, Line, shown_of
from backproof.app.train.losses import LossChart
from backproof.app.train.points import Points, points_of
from backproof.app.train.record import Trained
from backproof.app.train.saved import SAVED
from backproof.app.train.settings import MOST_SEED, OWN, Settings
from backproof.app.train.view import View
from backproof.app.train.worker import TrainingError, Worker

_LEGEND = (
    "Black: the median boundary of all networks of a size. Grey: where they disagree, from 10 % to "
    "90 %. Green, dashed: the Bayes-optimal boundary, where it is known. Circles: class −1; "
    "diamonds: class +1; ringed: errors of the first network, of which losses and weights are."
)
_SECONDS_A_PICTURE = 1 / 15


class Panel:
    """Networks in training on one open page.

    Parameters
    ----------
    settings
        What it shows at first.
    changed
        Told when a control has changed.
    """

    def __init__(self, settings: Settings, changed: Callable[[], None]) -> None:
        self._controls = Controls(settings, self._settings_changed)
        self._tell = changed
        self._worker = Worker()
        self._points: Points | None = None
        self._begun_with = settings
        self._bayes: tuple[Line, ...] = ()
        self._scene = scene.Scene(1.0)
        self._views: list[View] = []
        self.begun = False
        """Whether something was asked for."""
        self._playing = False
        self._player: asyncio.Task[None] | None = None
        self._network: Network | None = None
        self._editor = Editor(
            text=lambda: self.settings.own,
            chosen=lambda: self.settings.new,
            choose=self._choose,
            plane=lambda: self._scene,
            changed=self._own_changed,
            say=self._say,
        )
        self._busy = asyncio.Lock()

    @property
    def settings(self) -> Settings:
        """What the panel is set to."""
        return self._controls.settings

    def build(self) -> None:
        """Make the panel in the present slot; `reset` fills it."""
        with ui.row().classes("w-full gap-4 items-start md:flex-nowrap"):
            with ui.column().classes("w-full md:w-72 shrink-0 gap-3"):
                self._controls.show(narrow=True)
                self._editor.build()
            with ui.column().classes("grow min-w-0 gap-2"):
                self._build_buttons()
                self._status = ui.label().props("role=status").classes("text-base")
                self._pictures = ui.row().classes("w-full gap-4")
                ui.label(_LEGEND).classes("text-xs")
                self._chart = LossChart()
        ui.context.client.on_disconnect(self._pause)
        ui.context.client.on_delete(self.close)

    def _build_buttons(self) -> None:
        with ui.row().classes("gap-2 items-center"):
            self._play = ui.button("Play", icon="play_arrow", on_click=self._toggle)
            step = ui.button("Step", icon="skip_next", on_click=self._one_step)
            reset = ui.button("Reset", icon="replay", on_click=self.reset)
            reset.tooltip("to the same weights")
            new = ui.button("New weights", icon="casino", on_click=self._new_weights)
            for button in (self._play, step, reset, new):
                button.props("no-caps unelevated")
            saves = ui.dropdown_button("Save", icon="download", auto_close=True)
            with saves.props("no-caps unelevated"):
                for text, (name, made) in SAVED.items():
                    ui.item(text, on_click=partial(self._save, name, made))

    def close(self) -> None:
        """End the training; the page is gone."""
        self._playing = False
        self._worker.close()

    async def network(self) -> Network:
        """Return the first network as it is now; training goes no further meanwhile.

        Raises
        ------
        BackproofError
            If there is none.
        """
        self._pause()
        if not self.begun:
            await self.reset()
        async with self._busy:
            trained = await self._as_it_is()
            fits = trained.fits
            fit = shown_of(fits.of_size(fits.sizes[0]))
            if self._network is None or self._network.fit.steps != fit.steps:
                self._network = Network(fit, trained.points)
            return self._network

    async def _trained(self) -> Trained:
        async with self._busy:
            return await self._as_it_is()

    async def _as_it_is(self) -> Trained:
        if self._points is None:
            raise TrainingError("there is no network yet: its data are not complete")
        return Trained(self._begun_with, self._points, await self._worker.fits())

    async def reset(self) -> None:
        """Begin again with the same weights, on the data that the controls ask for."""
        self._pause()
        self.begun = True
        async with self._busy:
            self._network = None
            self._editor.set_visible(self.settings.data == OWN)
            settings = self._begun_with = self.settings
            try:
                self._points = await asyncio.to_thread(points_of, settings)
                self._scene = scene.Scene(self._points.window)
                self._bayes = await asyncio.to_thread(_bayes, self._points)
                frame = await self._worker.start(settings)
            except BackproofError as error:
                self._fail(error)
                return
            self._lay_out([f"H = {size.hidden}" for size in frame.sizes])
            ground = self._scene.ground(self._points, self._bayes)
            for view in self._views:
                view.ground(ground)
            self._show(frame)

    def _fail(self, error: BackproofError) -> None:
        self._points = None
        self._bayes = ()
        self._say(str(error))
        self._scene = scene.Scene(2.0)
        self._lay_out(["Your points"])
        self._views[0].ground(self._scene.ground(None, ()))

    def _lay_out(self, titles: list[str]) -> None:
        # A picture that stays where it is can be clicked on meanwhile.
        if [view.title for view in self._views] != titles:
            self._pictures.clear()
            with self._pictures:
                self._views = [View(title, self._editor.on_mouse) for title in titles]

    def _show(self, frame: Frame) -> None:
        assert self._points is not None
        for view, size in zip(self._views, frame.sizes, strict=True):
            view.show(self._scene.learned(size, self._points), size, self._points)
        self._chart.show(frame.sizes)
        text = f"Step {frame.step} of {self._begun_with.steps}"
        if frame.done:
            text += ": done"
        for size in (one for one in frame.sizes if one.diverged):
            text += (
                f". {size.diverged} of {counted(size.networks, 'network')} with H = {size.hidden} "
                "diverged: the loss is no longer a finite number; try a smaller learning rate"
            )
        self._say(text)
        if frame.done:
            self._pause()

    async def _toggle(self) -> None:
        if self._playing:
            self._pause()
            return
        self._playing = True
        self._play.set_text("Pause")
        self._play.set_icon("pause")
        # One that was paused a moment ago goes on; two would play at double speed.
        if self._player is None or self._player.done():
            self._player = background_tasks.create(self._keep_playing(), name="training")

    def _pause(self) -> None:
        self._playing = False
        self._play.set_text("Play")
        self._play.set_icon("play_arrow")

    async def _keep_playing(self) -> None:
        try:
            while self._playing:
                began = monotonic()
                await self._advance(self.settings.pace)
                await asyncio.sleep(max(0.001, _SECONDS_A_PICTURE - (monotonic() - began)))
        finally:
            self._pause()

    async def _one_step(self) -> None:
        self._pause()
        await self._advance(1)

    async def _advance(self, steps: int) -> None:
        async with self._busy:
            if self._points is None:
                self._pause()
                return
            try:
                frame = await self._worker.advance(steps)
            except TrainingError as error:
                self._pause()
                self._say(str(error))
                return
            self._show(frame)

    async def _save(self, name: str, made: Callable[[Trained], bytes]) -> None:
        try:
            trained = await self._trained()
            ui.download(await drawing(made, trained), name)
        except BackproofError as error:
            self._say(str(error))
        except Exception as error:
            self._say(f"unexpected {said(error)}")
            raise

    async def _new_weights(self) -> None:
        seed = self.settings.weights + self.settings.networks
        self._controls.replace(weights=seed % (MOST_SEED + 1))
        await self._settings_changed()

    def _say(self, text: str) -> None:
        self._status.set_text(text)

    def _choose(self, new: str) -> None:
        self._controls.replace(new=new)
        self._tell()

    async def _own_changed(self, text: str) -> None:
        self._controls.replace(own=text)
        await self._settings_changed()

    async def _settings_changed(self) -> None:
        self._tell()
        # How fast it goes, and what a click would add, are all the same to the networks.
        now = self.settings
        if dataclasses.replace(self._begun_with, pace=now.pace, new=now.new) != now:
            await self.reset()


def _bayes(points: Points) -> tuple[Line, ...]:
    if points.bayes is None:
        return ()
    return training.boundary(points.bayes, window=points.window).lines
