"""``backproof explain``: run a script and say what went wrong on the tape, by line."""

import contextlib
import os
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.text import Text

from backproof._core.errors import InputError
from backproof._core.files import write_text

if TYPE_CHECKING:
    from backproof.tape import Finding, Place, Session

_FOUND_SOMETHING = 1
_INTERRUPTED = 130
_OUR_NOTES = "backproof: "
_COLOURS = {"error": "bold red", "warning": "bold yellow", "note": "bold blue"}
_RENDERS = {
    ".svg": "to_svg",
    ".html": "to_html",
    ".dot": "to_dot",
    ".gv": "to_dot",
    ".mmd": "to_mermaid",
    ".txt": "__str__",
}


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("script", type=click.Path(path_type=Path))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--graph",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the graph of the last backward pass to a file: .svg, .html, .dot, .mmd or .txt.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def explain(script: Path, arguments: tuple[str, ...], graph: Path | None, as_json: bool) -> int:
    """Run SCRIPT and explain what went wrong in its autograd, by line.

    Options that are not ours, and everything after --, go to the script. With --json the script's
    own output goes to standard error.

    Exits with 1 if there is an error among the findings; otherwise as the script does.

    Example: backproof explain examples/inplace_bug.py --graph graph.svg
    """
    from backproof.tape.scripts import run_script  # imports PyTorch: not for --help

    render = None if graph is None else _render(graph)
    with _output_aside() if as_json else contextlib.nullcontext():
        session, ended = run_script(script, arguments)
        if isinstance(ended, Exception):
            _show_exception(ended)
    if graph is not None and render is not None:
        write_text(graph, _drawn(session, render))
    if as_json:
        click.echo(_json(session))
    else:
        _show(session, graph)
    return _exit_code(session, ended)


def _render(graph: Path) -> str:
    suffix = graph.suffix.lower()
    if suffix not in _RENDERS:
        raise InputError(f"--graph must end in {', '.join(_RENDERS)}, got {graph}")
    return _RENDERS[suffix]


def _drawn(session: "Session", render: str) -> str:
    drawn = getattr(session.graph, render)()
    return str(drawn).rstrip("\n") + "\n"


@contextlib.contextmanager
def _output_aside() -> Iterator[None]:
    """Send what the script prints to standard error, also from C code and child processes."""
    sys.stdout.flush()
    try:
        kept = os.dup(1)
        os.dup2(2, 1)
    except OSError:
        kept = None
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stderr.flush()
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)


def _show_exception(error: Exception) -> None:
    """Print the script's traceback; our notes are printed as findings."""
    notes = [n for n in getattr(error, "__notes__", []) if not n.startswith(_OUR_NOTES)]
    error.__notes__ = notes
    traceback.print_exception(error)


def _json(session: "Session") -> str:
    import msgspec

    content = {"findings": session.findings, "limits": session.limits}
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode()


def _exit_code(session: "Session", ended: BaseException | None) -> int:
    if isinstance(ended, KeyboardInterrupt):
        return _INTERRUPTED
    if any(finding.severity == "error" for finding in session.findings):
        return _FOUND_SOMETHING
    if isinstance(ended, SystemExit):
        return _status(ended.code)
    return _FOUND_SOMETHING if ended is not None else 0


def _status(code: Any) -> int:
    """Return the exit status of ``sys.exit(code)``; a message goes to standard error."""
    if code is None or isinstance(code, int):
        return code or 0
    click.echo(code, err=True)
    return 1


def _show(session: "Session", graph: Path | None) -> None:
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    for finding in session.findings:
        console.print(_finding(finding))
    for limit in session.limits:
        console.print(Text(f"note: {limit}", style="dim"))
    console.print(_summary(session))
    if graph is not None:
        console.print(f"graph: {graph}", markup=False)


def _finding(finding: "Finding") -> Text:
    colour = _COLOURS[finding.severity]
    often = f" ({finding.times} times)" if finding.times > 1 else ""
    text = Text.assemble((f"{finding.severity} {finding.code}", colour), f": {finding.message}")
    text.append(f"{often}\n")
    for place in finding.places:
        text.append(f"  {place.role} at ").append(f"{place.file}:{place.line}\n", style="cyan")
        text.append_text(_frame(place))
    text.append("  fix: ", style="bold green").append(f"{finding.fix}\n")
    return text


def _frame(place: "Place") -> Text:
    """Return the line with those around it, where the source can be read."""
    from backproof.tape.recording.sources import source_lines

    lines = source_lines(place.file, {place.line: place.code})
    numbers = range(max(1, place.line - 1), min(len(lines), place.line + 1) + 1)
    shown = [(number, lines[number - 1]) for number in numbers] or [(place.line, place.code)]
    text = Text()
    for number, line in shown:
        here = number == place.line
        mark = ">" if here else " "
        text.append(f"  {mark} {number:>5} | {line}\n", style="bold" if here else "dim")
    return text


def _summary(session: "Session") -> str:
    counts = Counter(str(finding.severity) for finding in session.findings)
    found = [_counted(counts[kind], kind) for kind in _COLOURS if counts[kind]]
    passes = _counted(session.backward_passes, "backward pass", "backward passes")
    return f"{', '.join(found) or 'nothing found'} in {passes}"


def _counted(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
