"""The cell magic ``%%explain``: run a cell under the tape and show what was found."""

from typing import Any

from backproof.tape.session import explain


def load(shell: Any) -> None:
    """Register the magic with an IPython shell."""

    def run(line: str, cell: str) -> None:
        """Run the cell under the tape, and show what was found.

        Use ``%%explain name`` to keep the session in a variable of that name.
        """
        with explain() as session:
            # The shell shows an exception itself, with the notes that were added to it.
            shell.run_cell(cell)
        if name := line.strip():
            shell.user_ns[name] = session
        shell.display_pub.publish({"text/plain": str(session), "text/html": session._repr_html_()})

    shell.register_magic_function(run, "cell", "explain")
