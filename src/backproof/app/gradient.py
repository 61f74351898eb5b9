"""The panel of the gradient: is it right, and what would a mistake look like."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from nicegui import ui
from numpy.typing import NDArray

from backproof import plots, training
from backproof._core.errors import InputError
from backproof.app.pictures import show_figure
from backproof.app.settings import choice, number
from backproof.app.tables import show_table
from backproof.app.train.points import Points
from backproof.gradcheck import Difference, GradientReport, Sweep, check, directional, sweep
from backproof.lab import mistakes
from backproof.report import Column, Table

RIGHT = "backpropagated"
"""The gradient that PyTorch computes."""
_DTYPES = {"float64": torch.float64, "float32": torch.float32}


@dataclass(frozen=True, kw_only=True)
class CheckSettings:
    """What is checked."""

    mistake: str = choice(RIGHT, "Gradient", (RIGHT, *mistakes.MISTAKES))
    directions: int = number(0, "Seed of the directions", least=0, most=2**31)


@dataclass(frozen=True, kw_only=True)
class StepSettings:
    """At which step slopes are compared."""

    exponent: float = number(-5.0, "log₁₀ of the step ε", least=-12, most=-1, slider=True)
    dtype: str = choice("float64", "Dtype", _DTYPES)


@dataclass(frozen=True, eq=False)
class Network:
    """A network as it stands, and the points that it learns from."""

    fit: training.Fit
    points: Points

    @property
    def name(self) -> str:
        """Which network it is, in words."""
        fit = self.fit
        return (
            f"The network with H = {fit.spec.hidden[0]} and seed {fit.spec.seed} after {fit.steps} "
            "steps"
        )

    @property
    def where(self) -> str:
        """Which network it is, and where its gradient is looked at, in words."""
        return f"{self.name}, on its {len(self.points.t)} training points."

    def classify(self, x: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the labels of points, shape (n, 2)."""
        return np.asarray(self.fit.classify(x))

    def check(self, settings: CheckSettings) -> GradientReport:
        """Check the gradient that PyTorch computes, or one with a mistake."""
        seed = settings.directions
        if settings.mistake == RIGHT:
            return check(self._model, self._x, loss=self._loss, seed=seed)
        if self.fit.spec.activation != "tanh":
            raise InputError(
                "the gradients by hand are those of the lab's model, whose activation is tanh: "
                "choose it on the panel Train"
            )
        x, t = self.points.x, self.points.t
        return check(
            mistakes.mean_loss(x, t),
            *(value.numpy() for value in self.fit.parameters.values()),
            gradient=mistakes.gradient(x, t, settings.mistake),
            seed=seed,
        )

    def sweeps(self) -> list[Sweep]:
        """Return the difference of numeric and backpropagated slope over the step, by dtype."""
        return [
            sweep(self._model, self._x, loss=self._loss, directions=4, dtype=dtype)
            for dtype in _DTYPES.values()
        ]

    def differences(self, settings: StepSettings) -> tuple[Difference, ...]:
        """Return the difference at one step."""
        dtype = _DTYPES[settings.dtype]
        step = 10.0**settings.exponent
        return tuple(directional(self._model, self._x, loss=self._loss, step=step, dtype=dtype))

    @property
    def _model(self) -> torch.nn.Module:
        # One of its own for each thread: a check puts other values in the place of parameters.
        return self.fit.as_module()

    @property
    def _x(self) -> torch.Tensor:
        return torch.from_numpy(self.points.x)

    @property
    def _loss(self) -> Callable[[torch.Tensor], torch.Tensor]:
        return partial(training.mean_logistic_loss, t=torch.from_numpy(self.points.t))


Source = Callable[[], Awaitable[Network]]
"""Says which network there is to look at."""


async def make_check(source: Source, settings: CheckSettings) -> tuple[str, GradientReport]:
    """Check the network's gradient; return what was checked, and the report."""
    network = await source()
    report = await asyncio.to_thread(network.check, settings)
    if settings.mistake == RIGHT:
        return f"{network.where} Its gradient as PyTorch backpropagates it.", report
    mistake = mistakes.MISTAKES[settings.mistake]
    spoilt = f" Spoilt: {', '.join(mistake.tensors)}." if mistake.tensors else ""
    return f"{network.where} {mistake.text}{spoilt}", report


async def show_check(found: tuple[str, GradientReport]) -> None:
    """Show a report."""
    what, report = found
    ui.label(what).classes("text-sm")
    ui.label(f"{report.verdict.upper()}").classes("text-lg font-medium").mark("verdict")
    show_table(_report_table(report))
    for tensor in report.tensors:
        if tensor.wrong or tensor.diagnosis or tensor.reason:
            ui.label(f"{tensor.name}: {tensor.finding()}").classes(
                "font-mono text-sm whitespace-pre-wrap break-words"
            )


class Steps:
    """The differences over all steps, kept as long as the network is the same, and at one step."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._of: Network | None = None
        self._sweeps: list[Sweep] = []

    async def make(self, settings: StepSettings) -> tuple[list[Sweep], Table]:
        """Measure."""
        network = await self._source()
        if network is not self._of:
            self._sweeps = await asyncio.to_thread(network.sweeps)
            self._of = network
        found = await asyncio.to_thread(network.differences, settings)
        return self._sweeps, _difference_table(found, settings.dtype)


async def show_steps(found: tuple[list[Sweep], Table]) -> None:
    """Show the differences at one step, and the V-shaped curves."""
    sweeps, table = found
    show_table(table)
    await show_figure(
        partial(plots.sweep, sweeps),
        "gradient-sweep",
        "Difference of numeric and backpropagated slope against the step, a panel a parameter",
    )


def _report_table(report: GradientReport) -> Table:
    return Table(
        name="gradient",
        caption=(
            f"{report.evaluations} evaluations in {report.seconds:.2g} s, {report.precision}; a "
            f"right gradient is called wrong with probability {report.false_alarm:g}."
        ),
        columns=(
            Column(header="tensor"),
            Column(header="verdict"),
            Column(header="shape"),
            Column(header="discrepancy ± uncertainty"),
            Column(header="order", style="decimal", digits=2),
        ),
        rows=tuple(
            (one.name, one.verdict.upper(), str(one.shape), one.relative(), one.order)
            for one in report.tensors
        ),
    )


def _difference_table(found: tuple[Difference, ...], dtype: str) -> Table:
    return Table(
        name="differences",
        caption=f"Slopes along a random direction, at ε = {found[0].step:.2g} in {dtype}.",
        columns=(
            Column(header="tensor"),
            Column(header="numeric"),
            Column(header="backpropagated"),
            Column(header="|difference|", style="scientific"),
        ),
        rows=tuple(
            (one.tensor, f"{one.numeric:.12g}", f"{one.claimed:.12g}", one.absolute)
            for one in found
        ),
    )
