"""``backproof explain``: run a script and say what went wrong on the tape, by line."""

import contextlib
import os
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.text import Text

from backproof._core.errors import InputError
from backproof._core.files import check_writable, write_text
from backproof.cli.exits import FOUND_SOMETHING, INTERRUPTED

if TYPE_CHECKING:
    from backproof.tape import Finding, Place, Session

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

    if str(script).startswith("-") and not script.exists():
        raise click.NoSuchOption(str(script))
    picture = None if graph is None else _Picture(graph)
    print_json = _set_output_aside() if as_json else None
    session, ended = run_script(script, arguments)
    if isinstance(ended, Exception):
        _show_exception(ended)
    code = _exit_code(session, ended)
    if print_json is None:
        _show(session)
    else:
        print_json(_json(session))
    if picture is not None:
        picture.write(session)
        click.echo(f"graph: {graph}", err=as_json)
    return code


class _Picture:
    """Where to draw the graph, and how; refused before the script runs, if it must be."""

    def __init__(self, path: Path) -> None:
        suffix = path.suffix.lower()
        if suffix not in _RENDERS:
            raise InputError(f"--graph must end in {', '.join(_RENDERS)}, got {path}")
        self._render = _RENDERS[suffix]
        self._path = path.absolute()  # the script may go elsewhere
        check_writable(path)

    def write(self, session: "Session") -> None:
        drawn = str(getattr(session.graph, self._render)())
        write_text(self._path, drawn.rstrip("\n") + "\n")


def _set_output_aside() -> Callable[[str], None]:
    """Send all further output to standard error; return how to print on standard output.

    What C code, child processes and functions that run at exit print goes there as well.
    """
    output = sys.stdout
    output.flush()
    sys.stdout = sys.stderr
    try:
        descriptor = os.dup(output.fileno())
        os.dup2(sys.stderr.fileno(), output.fileno())
    except (OSError, ValueError):  # standard output is no file, as under a test runner

        def give_back(text: str) -> None:
            sys.stdout = output
            click.echo(text)

        return give_back

    def write(text: str) -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")

    return write


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
        return INTERRUPTED
    status = _status(ended.code) if isinstance(ended, SystemExit) else None
    if any(finding.severity == "error" for finding in session.findings):
        return FOUND_SOMETHING
    if status is not None:
        return status
    return FOUND_SOMETHING if ended is not None else 0


def _status(code: Any) -> int:
    """Return the exit status of ``sys.exit(code)``; a message goes to standard error."""
    if code is None or isinstance(code, int):
        return code or 0
    click.echo(code, err=True)
    return 1


def _show(session: "Session") -> None:
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    with console.capture() as captured:
        for finding in session.findings:
            console.print(finding_text(finding))
        for limit in session.limits:
            console.print(Text(f"note: {limit}", style="dim"))
        console.print(_summary(session))
    click.echo(captured.get(), nl=False, color=True)


def finding_text(finding: "Finding") -> Text:
    """Return a finding with the lines of source around each place."""
    colour = _COLOURS[finding.severity]
    often = f" ({finding.times} times)" if finding.times > 1 else ""
    text = Text.assemble((f"{finding.severity} {finding.code}", colour), f": {finding.message}")
    text.append(f"{often}\n")
    for (file, line), places in _by_line(finding.places).items():
        roles = ", ".join(dict.fromkeys(place.role for place in places))
        text.append(f"  {roles} at ").append(f"{file}:{line}\n", style="cyan")
        text.append_text(_frame(places[0]))
    text.append("  fix: ", style="bold green").append(f"{finding.fix}\n")
    return text


def _by_line(places: "Sequence[Place]") -> "dict[tuple[str, int], list[Place]]":
    found: dict[tuple[str, int], list[Place]] = {}
    for place in places:
        found.setdefault((place.file, place.line), []).append(place)
    return found


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
