"""The classic mistakes of autograd on the panel of the tape, each explained with its lines."""

from collections.abc import Iterable
from dataclasses import dataclass

from nicegui import ui

from backproof.app.pictures import show_graph
from backproof.app.processes import Apart
from backproof.app.settings import choice
from backproof.lab.gallery import ExplainedProgram, explain_program
from backproof.tape import CODES, Place

_TEXT = "font-mono text-sm whitespace-pre-wrap break-words"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Which mistake is explained."""

    program_of: str = choice("inplace-after-save", "Mistake", CODES)


class Programs:
    """Runs programs, each in a process of its own: it sets what is one for the whole process."""

    def __init__(self, apart: Apart) -> None:
        self._apart = apart
        self._known: dict[str, ExplainedProgram] = {}

    async def make(self, settings: Settings) -> ExplainedProgram:
        """Run a program and explain it."""
        code = settings.program_of
        if code not in self._known:
            self._known[code] = await self._apart.run(explain_program, code)
        return self._known[code]


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
