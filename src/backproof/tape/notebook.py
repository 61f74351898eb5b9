"""The cell magic ``%%explain``: run a cell under the tape and show what was found."""

import asyncio
import keyword
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from backproof._core.errors import InputError
from backproof.tape.session import explain


def load(shell: Any) -> None:
    """Register the magic with an IPython shell."""

    def run(line: str, cell: str) -> None:
        """Run the cell under the tape, and show what was found.

        Use ``%%explain name`` to keep the session in a variable of that name.
        """
        name = line.strip()
        if name and (keyword.iskeyword(name) or not name.isidentifier()):
            raise InputError(f"%%explain takes the name of a variable, got {name!r}")
        if _must_be_awaited(shell, cell):
            raise InputError(
                "%%explain cannot run a cell that awaits at its top level: write "
                "`with backproof.tape.explain() as session:` around the code instead"
            )
        with _exceptions_not_shown(shell), explain() as session:
            ran = shell.run_cell(cell)
        if name:
            shell.user_ns[name] = session
        shell.display_pub.publish({"text/plain": str(session), "text/html": session._repr_html_()})
        error = ran.error_before_exec or ran.error_in_exec
        if error is not None:
            raise _shown_as_of_the_cell(shell, error)

    shell.register_magic_function(run, "cell", "explain")


def _must_be_awaited(shell: Any, cell: str) -> bool:
    """Whether a cell can only run in the event loop that is running already, as a notebook's is."""
    try:
        asyncio.get_running_loop()
        transformed = shell.transform_cell(cell)
    except Exception:  # no loop; or no Python, which running the cell will say
        return False
    return bool(shell.should_run_async(cell, transformed_cell=transformed))


@contextmanager
def _exceptions_not_shown(shell: Any) -> Iterator[None]:
    """Keep the shell from showing exceptions, which are raised again and shown then."""
    names = ("showtraceback", "showsyntaxerror", "showindentationerror")
    own = {name: vars(shell)[name] for name in names if name in vars(shell)}
    for name in names:
        setattr(shell, name, lambda *_, **__: None)
    try:
        yield
    finally:
        for name in names:
            delattr(shell, name)
        vars(shell).update(own)


def _shown_as_of_the_cell(shell: Any, error: BaseException) -> BaseException:
    """Return an exception that the shell shows as if nothing stood around the cell."""
    shown = shell.InteractiveTB.structured_traceback(type(error), error, error.__traceback__)
    with suppress(AttributeError):  # an exception that refuses attributes is shown with all frames
        error._render_traceback_ = lambda: shown  # type: ignore[attr-defined]
    return error
