"""The group of commands, and what every command does with an error."""

import errno
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

import click
from click.shell_completion import shell_complete

from backproof import __version__
from backproof._core.errors import BackproofError
from backproof._core.texts import printable
from backproof.cli.exits import INTERRUPTED, UNUSABLE_INPUT
from backproof.cli.output import patient_output
from backproof.cli.startup import postpone_unused

_COMMANDS = (
    "app",
    "certify",
    "check",
    "compare",
    "count",
    "coverage",
    "explain",
    "interval",
    "lab",
    "plan",
    "predict",
    "report",
    "train",
)
_COMPLETION = "_BACKPROOF_COMPLETE"
"""By which a shell asks what could come next; the name is click's convention."""
_OF_OUTPUT = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class _Commands(click.Group):
    """A group whose commands are imported when they are called for, each from its own module."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of all commands, in the order of the help."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, or nothing where there is none of that name."""
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(import_module(f"backproof.cli.{cmd_name}"), cmd_name)
        return command if isinstance(command, click.Command) else None


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="backproof")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def commands(debug: bool) -> None:
    """Proof for backprop: explain the tape, verify the gradient, train, certify the test error."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 ok, 1 a check found something, 2 unusable input.

    130 where it was interrupted.
    """
    postpone_unused()
    if _COMPLETION in os.environ:
        sys.exit(shell_complete(commands, {}, "backproof", _COMPLETION, os.environ[_COMPLETION]))
    words = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without ε must not end a run
    with patient_output(), _one_interrupt():
        code = _run(words)
    sys.exit(code)


@contextmanager
def _one_interrupt() -> Iterator[None]:
    """Take the first Ctrl-C and ignore more, which would cut short the tidying up after it."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # as a shell does in the background
    if ignored or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _run(words: list[str]) -> int:
    # Not through click's own main, which prints errors on several lines and ends with exit code 1
    # where the output is closed.
    try:
        with commands.make_context("backproof", list(words) or ["--help"]) as context:
            code: Any = commands.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx is not None else "backproof"
        message = error.format_message().rstrip(".")
        click.echo(f"backproof: {message}. See {path} --help.", err=True)
        return UNUSABLE_INPUT
    except click.ClickException as error:
        click.echo(f"backproof: {error.format_message()}", err=True)
        return UNUSABLE_INPUT
    except BackproofError as error:
        if "--debug" in words:
            traceback.print_exc()
        else:
            click.echo(f"backproof: {printable(_with_options(str(error), words))}", err=True)
        return UNUSABLE_INPUT
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except Exception as error:
        if "--debug" in words:
            traceback.print_exc()
        else:
            click.echo(f"backproof: {_unexpected(error)}", err=True)
        return UNUSABLE_INPUT
    return code if isinstance(code, int) else 0


def _unexpected(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in _OF_OUTPUT and error.filename is None:
        return f"cannot write the output: {error.strerror}"
    what = f"{type(error).__name__}: {error}".rstrip(": ").splitlines()[0]
    return f"unexpected {what}; --debug shows where"


def _with_options(message: str, words: list[str]) -> str:
    """Return a message in which arguments of functions, ``name=``, are the command's options."""
    name = next((word for word in words if word in _COMMANDS), None)
    command = None if name is None else commands.get_command(click.Context(commands), name)
    options = {
        parameter.name: parameter.opts[0]
        for parameter in (command.params if command is not None else ())
        if isinstance(parameter, click.Option) and parameter.opts[0].startswith("--")
    }
    return re.sub(
        r"\b(\w+)=(?=[\s,;:.)]|$)", lambda found: options.get(found[1], found[0]), message
    )
