"""The panel of the gradient: is it right, and what would a mistake look like."""

import asyncio
from dataclasses import dataclass
from functools import partial

from nicegui import ui

from backproof import plots
from backproof.app.network import DTYPES, Network, Source
from backproof.app.pictures import show_figure
from backproof.app.processes import Apart
from backproof.app.settings import choice, number
from backproof.app.tables import show_table
from backproof.gradcheck import Difference, GradientReport, Sweep
from backproof.lab import mistakes
from backproof.report import Column, Table

RIGHT = "backpropagated"
"""The gradient that PyTorch computes."""


@dataclass(frozen=True, kw_only=True)
class CheckSettings:
    """What is checked."""

    mistake: str = choice(RIGHT, "Gradient", (RIGHT, *mistakes.MISTAKES))
    directions: int = number(0, "Seed of the directions", least=0, most=2**31)


@dataclass(frozen=True, kw_only=True)
class StepSettings:
    """At which step slopes are compared."""

    exponent: float = number(-5.0, "log₁₀ of the step ε", least=-12, most=-1, slider=True)
    dtype: str = choice("float64", "Dtype", DTYPES)


class Checks:
    """Makes checks."""

    def __init__(self, source: Source, apart: Apart) -> None:
        self._source, self._apart = source, apart

    async def make(self, settings: CheckSettings) -> tuple[str, GradientReport]:
        """Check the network's gradient; return what was checked, and the report."""
        network = await self._source()
        network.refuse_diverged()
        chosen = None if settings.mistake == RIGHT else settings.mistake
        report = await self._apart.run(network.check, chosen, settings.directions)
        if chosen is None:
            return f"{network.where} Its gradient as PyTorch backpropagates it.", report
        names = network.spoilt(chosen)
        spoilt = f"Spoilt: {', '.join(names)}." if names else "Here it changes no gradient."
        return f"{network.where} {mistakes.MISTAKES[chosen].text} {spoilt}", report


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

    def __init__(self, source: Source, apart: Apart) -> None:
        self._source, self._apart = source, apart
        self._known: tuple[Network, list[Sweep]] | None = None

    async def make(self, settings: StepSettings) -> tuple[list[Sweep], Table]:
        """Measure."""
        network = await self._source()
        network.refuse_diverged()
        if self._known is None or self._known[0] is not network:
            self._known = network, await self._apart.run(network.sweeps)
        found = await asyncio.to_thread(
            network.differences, 10.0**settings.exponent, settings.dtype
        )
        return self._known[1], _difference_table(found, settings.dtype)


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
