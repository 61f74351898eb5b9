"""The group of commands, and what every command does with an error."""

import sys
from typing import Any, NoReturn

import click

from backproof import __version__
from backproof._core.errors import BackproofError
from backproof.cli.lab import lab
from backproof.cli.report import report

_INTERRUPTED = 130  # what a shell reports for a process that SIGINT ended


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="backproof")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def commands(debug: bool) -> None:
    """Proof for backprop: explain the tape, verify the gradient, train, certify the test error."""


commands.add_command(lab)
commands.add_command(report)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 ok, 1 a check found something, 2 unusable input."""
    words = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in words
    try:
        code: Any = commands.main(words, prog_name="backproof", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(_INTERRUPTED)
    except BackproofError as error:
        if debug:
            raise
        click.echo(f"backproof: {error}", err=True)
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)
