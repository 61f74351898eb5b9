"""The panel of the tape: what autograd records of a step, and how gradients flow back."""

import asyncio
from dataclasses import dataclass, replace

import torch
from nicegui import ui

from backproof import tape
from backproof.app.network import Network, Source
from backproof.app.pictures import show_graph
from backproof.app.settings import choice, number
from backproof.app.tables import show_table
from backproof.lab.tables.tape import observation_table
from backproof.training.activations import activation_function

STEP = "one step"
"""The program that is a training step of the network."""
_PROGRAMS = {"program A": tape.run_program_a, "program B": tape.run_program_b}
_ALL = 12
"""Gradients of one step; the programs have fewer."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is recorded, and how much of the backward pass is shown."""

    program: str = choice(STEP, "Program", (STEP, *_PROGRAMS))
    few: int = number(3, "Points of the step", least=1, most=8)
    back: int = number(_ALL, "Gradients shown", least=0, most=_ALL, slider=True)


async def make_run(source: Source, settings: Settings) -> tape.ProgramRun:
    """Run a program under the tape."""
    if settings.program == STEP:
        run = await asyncio.to_thread(_step, await source(), settings.few)
    else:
        run = await asyncio.to_thread(_PROGRAMS[settings.program])
    return replace(run, graph=_flowing(run.graph, settings.back))


def _step(network: Network, few: int) -> tape.ProgramRun:
    fit, points = network.fit, network.points
    first, last = fit.layers
    return tape.run_step(
        torch.from_numpy(points.x[:few]),
        torch.from_numpy(points.t[:few]),
        (first[:-1], first[-1], last[:-1, 0], last[-1, 0]),
        activation_function(fit.spec.activation),
    )


def _flowing(graph: tape.Graph, back: int) -> tape.Graph:
    """Return the graph with the gradients that the first steps of the backward pass bring."""
    if back == _ALL:
        return graph
    order = [node.id for node in reversed(graph.nodes) if node.gradient is not None]
    shown = set(order[:back])
    nodes = (node if node.id in shown else replace(node, gradient=None) for node in graph.nodes)
    return replace(graph, nodes=tuple(nodes))


async def show_run(run: tape.ProgramRun) -> None:
    """Show the graph of a run, its lines, and what was observed."""
    ui.label(run.title).classes("text-base font-medium")
    await show_graph(run.graph, run.name)
    ui.label(run.source).classes("font-mono text-sm whitespace-pre overflow-x-auto w-full")
    if run.observations:
        show_table(observation_table(run))
    for finding in run.findings:
        ui.label(str(finding)).classes("font-mono text-sm whitespace-pre-wrap break-words")
