"""The cell magic ``%%explain``: run a cell under the tape and show what was found."""

import keyword
from typing import Any

from backproof._core.errors import InputError
from backproof.tape.session import explain


class _Shown(Exception):  # noqa: N818
    """Stops the notebook at a cell whose own exception was shown already."""

    def _render_traceback_(self) -> list[str]:
        return []


def load(shell: Any) -> None:
    """Register the magic with an IPython shell."""

    def run(line: str, cell: str) -> None:
        """Run the cell under the tape, and show what was found.

        Use ``%%explain name`` to keep the session in a variable of that name.
        """
        name = line.strip()
        if name and (keyword.iskeyword(name) or not name.isidentifier()):
            raise InputError(f"%%explain takes the name of a variable, got {name!r}")
        with explain() as session:
            # The shell shows an exception itself, with the notes that were added to it.
            ran = shell.run_cell(cell)
        if name:
            shell.user_ns[name] = session
        shell.display_pub.publish({"text/plain": str(session), "text/html": session._repr_html_()})

        if not ran.success:
            raise _Shown

    shell.register_magic_function(run, "cell", "explain")
