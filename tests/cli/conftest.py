"""The command line run in this process, or in one that can be interrupted."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backproof.cli.main import main

Main = Callable[..., tuple[int, str, str]]

_INTERRUPTIBLE = """
import signal

# Under some runners the signal is ignored, which a child inherits.
signal.signal(signal.SIGINT, signal.default_int_handler)

from backproof.cli import main

main()
"""
INTERRUPTIBLE = [sys.executable, "-c", _INTERRUPTIBLE]
"""The command line as a process that takes Ctrl-C."""


@pytest.fixture
def run_main(capsys: pytest.CaptureFixture[str]) -> Main:
    """Run the command line in this process; return exit code, stdout and stderr."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main([*map(str, arguments)])
        out, err = capsys.readouterr()
        code = stopped.value.code
        assert isinstance(code, int)
        return code, out, err

    return run
