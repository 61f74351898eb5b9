"""Programs with the classic mistakes of autograd, one for each kind of finding."""

import contextlib
import io
import re
import traceback
from dataclasses import dataclass
from pathlib import Path

from backproof._core.checks import one_of
from backproof._core.errors import InputError
from backproof._core.results import Result
from backproof.tape import CODES, Finding, Graph
from backproof.tape.scripts import run_script

_PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True, kw_only=True)
class ExplainedProgram(Result):
    """A program with a mistake, run and explained."""

    code: str
    """The kind of finding that it is an example of."""
    title: str
    """What is wrong, in words."""
    source: str
    """The text of its file, to which the places of the findings refer."""
    raised: str
    """What PyTorch said when the program failed; empty where it ran to its end."""
    findings: tuple[Finding, ...]
    """What the tape says of it, the worst first."""
    graph: Graph | None
    """The graph of its last backward pass, or of its last tensor; ``None`` where there is none."""

    def __str__(self) -> str:
        return "\n\n".join([self.title, self.source, *map(str, self.findings)])


def explain_program(code: str) -> ExplainedProgram:
    """Run the program for a kind of finding, and explain it.

    As every script that is run, it sets `sys.argv` and `sys.path` meanwhile, and the seed of
    PyTorch's draws.

    Parameters
    ----------
    code
        One of `backproof.tape.CODES`.

    Raises
    ------
    InputError
        If there is no such kind.
    """
    path = _PROGRAMS / f"{one_of('code', code, CODES).replace('-', '_')}.py"
    with contextlib.redirect_stdout(io.StringIO()):
        session, ended = run_script(path)
    try:
        graph = session.graph
    except InputError:
        graph = None
    source = path.read_text(encoding="utf-8")
    return ExplainedProgram(
        code=code,
        title=source.split('"""', 2)[1],
        source=source,
        raised=_first_sentence(ended) if isinstance(ended, Exception) else "",
        findings=session.findings,
        graph=graph,
    )


def _first_sentence(error: Exception) -> str:
    (text,) = traceback.format_exception_only(type(error), error)[:1]
    return re.sub(r"\s+", " ", text.split(". ")[0]).strip()
