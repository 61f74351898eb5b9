"""The classic mistakes of autograd on the panel of the tape, each explained with its lines."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from nicegui import ui

from backproof.app.pictures import show_graph
from backproof.app.processes import apart
from backproof.app.settings import choice
from backproof.lab.gallery import ExplainedProgram, explain_program
from backproof.tape import CODES, Place

_TEXT = "font-mono text-sm whitespace-pre-wrap break-words"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Which mistake is explained."""

    program_of: str = choice("inplace-after-save", "Mistake", CODES)


async def make_program(settings: Settings) -> ExplainedProgram:
    """Run a program and explain it."""
    return await asyncio.to_thread(_explained, settings.program_of)


@cache
def _explained(code: str) -> ExplainedProgram:
    # It sets what is one for the whole process, so it has a process of its own.
    return apart(explain_program, code)


async def show_program(explained: ExplainedProgram) -> None:
    """Show a program, the lines that took part, and what the tape says."""
    ui.label(explained.title).classes("text-base font-medium")
    _show_lines(explained.source, [p for found in explained.findings for p in found.places])
    if explained.raised:
        ui.label(f"PyTorch says: {explained.raised}").classes(_TEXT)
    for finding in explained.findings:
        ui.label(f"{finding.severity} {finding.code}: {finding.message}").classes("font-medium")
        for place in finding.places:
            ui.label(f"{place.role} in line {place.line}: {place.code}").classes(_TEXT)
        ui.label(f"Fix: {finding.fix}").classes("text-sm")
    if explained.graph is not None:
        await show_graph(explained.graph, explained.code)


def _show_lines(source: str, places: Iterable[Place]) -> None:
    """Show a program with its lines numbered, those of places marked with what they did."""
    roles: dict[int, list[str]] = {}
    for place in places:
        known = roles.setdefault(place.line, [])
        if place.role not in known:
            known.append(place.role)
    with ui.column().classes("w-full gap-0 overflow-x-auto py-1").props("tabindex=0"):
        for number, text in enumerate(source.splitlines(), 1):
            role = ", ".join(roles.get(number, ()))
            label = ui.label(f"{'▶' if role else ' '} {number:>2}  {text}")
            label.classes("font-mono text-sm whitespace-pre")
            if role:
                label.set_text(f"{label.text}   ← {role}")
                label.classes("font-bold").mark("place")
