"""Write docs/gallery.md: one program for each finding, and what the tape says of it.

Everything on the page is produced by running the programs of the lab's gallery.
"""

from pathlib import Path

from backproof.cli.explain import finding_text
from backproof.lab.gallery import explain_program
from backproof.tape import CODES

PAGE = Path(__file__).parent / "gallery.md"

_HEAD = """# What the tape finds

One program for each finding, and what `backproof explain` says of it. This page is written by
`python docs/gallery.py`, which runs the programs of `src/backproof/lab/gallery/programs/`.
"""


def gallery() -> str:
    """Run every program and return the page."""
    return "\n".join([_HEAD, *map(_section, CODES)])


def _section(code: str) -> str:
    explained = explain_program(code)
    program = explained.source.split('"""', 2)[2].strip("\n")
    found = "\n".join(finding_text(finding).plain for finding in explained.findings)
    raised = f"\nPyTorch says: `{explained.raised}`\n" if explained.raised else ""
    return (
        f"## {code}\n\n{explained.title}\n\n```python\n{program}\n```\n{raised}\n"
        f"```text\n{found.rstrip()}\n```\n"
    )


if __name__ == "__main__":
    PAGE.write_text(gallery(), encoding="utf-8")
