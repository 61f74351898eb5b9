"""Write docs/gallery.md: one program for each finding, and what the tape says of it.

Everything on the page is produced by running the programs of examples/gallery.
"""

import contextlib
import io
import re
import traceback
from pathlib import Path

from backproof.cli.explain import finding_text
from backproof.tape import CODES
from backproof.tape.scripts import run_script

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "gallery.md"

_HEAD = """# What the tape finds

One program for each finding, and what `backproof explain` says of it. This page is written by
`python docs/gallery.py`, which runs the programs of `examples/gallery/`.
"""


def gallery() -> str:
    """Run every program and return the page."""
    return "\n".join([_HEAD, *map(_section, CODES)])


def _section(code: str) -> str:
    path = ROOT / "examples" / "gallery" / f"{code.replace('-', '_')}.py"
    with contextlib.redirect_stdout(io.StringIO()):
        session, ended = run_script(path)
    found = "\n".join(finding_text(finding).plain for finding in session.findings)
    title, program = _parts(path.read_text(encoding="utf-8"))
    raised = f"\nPyTorch says: `{_first_line(ended)}`\n" if isinstance(ended, Exception) else ""
    return (
        f"## {code}\n\n{title}\n\n```python\n{program}\n```\n{raised}\n"
        f"```text\n{found.rstrip()}\n```\n"
    )


def _parts(source: str) -> tuple[str, str]:
    """Split a program into its docstring and the rest."""
    docstring, program = source.split('"""', 2)[1:]
    return docstring, program.strip("\n")


def _first_line(error: Exception) -> str:
    (text,) = traceback.format_exception_only(type(error), error)[:1]
    return re.sub(r"\s+", " ", text.split(". ")[0]).strip()


if __name__ == "__main__":
    PAGE.write_text(gallery(), encoding="utf-8")
