"""On a terminal: progress that is seen, colours that can be refused, work that can be stopped."""

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from backproof import lab, plots
from backproof.cli.main import main

pty = pytest.importorskip("pty", reason="there are no pseudo-terminals on this system")

COLOUR = re.compile(r"\x1b\[[0-9;]*(3[0-9]|9[0-9]|38;[0-9;]+)[0-9;]*m")
SLOW = ("lab", "--hidden", "200", "--seeds", "40")
PATIENCE = 120.0  # seconds until a hung process fails the test; never an expectation


class Terminal:
    """A process whose output goes to a pseudo-terminal."""

    def __init__(self, arguments: list[str], stdout: int | None, **more: str) -> None:
        self.output = ""
        self._ours, theirs = pty.openpty()
        usual = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "CI")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "backproof", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=theirs if stdout is None else stdout,
            stderr=theirs,
            env={
                **usual, "TERM": "xterm-256color", "COLUMNS": "100", "OMP_NUM_THREADS": "1", **more
            },
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)

    def read_until(self, text: str | None) -> None:
        """Read until `text` has been shown; with ``None`` until the process closes its output."""
        end = time.monotonic() + PATIENCE
        while text is None or text not in self.output:
            left = end - time.monotonic()
            assert left > 0, f"{text!r} was not shown:\n{self.output}"
            if not select.select([self._ours], [], [], left)[0]:
                continue
            try:
                data = os.read(self._ours, 65536)
            except OSError:  # how Linux tells that the other end is closed
                data = b""
            if not data:
                assert text is None, f"ended without showing {text!r}:\n{self.output}"
                return
            self.output += data.decode(errors="replace")

    def send(self, what: signal.Signals) -> int:
        self.process.send_signal(what)
        self.read_until(None)
        return self.process.wait(timeout=PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        os.close(self._ours)


@contextlib.contextmanager
def terminal(*arguments: str | Path, stdout: int | None = None, **more: str) -> Iterator[Terminal]:
    shown = Terminal([*map(str, arguments)], stdout, **more)
    try:
        yield shown
    finally:
        shown.close()


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def old(written: Path, tmp_path: Path) -> Path:
    """A folder of an earlier run."""
    return Path(shutil.copytree(written, tmp_path / "run"))


def test_an_interrupt_ends_with_130_and_says_what_was_kept(old: Path, tmp_path: Path) -> None:
    before = contents(old)
    with terminal(*SLOW, "--out", old) as shown:
        shown.read_until("training")
        assert shown.send(signal.SIGINT) == 130
        assert f"interrupted; the earlier run in {old} is as it was" in " ".join(
            shown.output.split()
        )
        assert "Traceback" not in shown.output
    assert contents(old) == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_interrupt_of_a_first_run_leaves_nothing(tmp_path: Path) -> None:
    with terminal(*SLOW, "--out", tmp_path / "new" / "run") as shown:
        shown.read_until("gradient check")
        assert shown.send(signal.SIGINT) == 130
        assert "interrupted; nothing was written" in shown.output
    assert list(tmp_path.iterdir()) == []


def test_an_impatient_second_interrupt_changes_nothing(tmp_path: Path) -> None:
    with terminal(*SLOW, "--out", tmp_path / "run") as shown:
        shown.read_until("training")
        shown.process.send_signal(signal.SIGINT)
        assert shown.send(signal.SIGINT) == 130
        assert "interrupted; nothing was written" in shown.output
        assert "Traceback" not in shown.output


def test_a_killed_run_leaves_the_earlier_one(old: Path) -> None:
    before = contents(old)
    with terminal(*SLOW, "--out", old) as shown:
        shown.read_until("training")
        assert shown.send(signal.SIGKILL) == -signal.SIGKILL
    assert contents(old) == before


@pytest.mark.parametrize("exists", [True, False], ids=["old run", "no old run"])
def test_an_interrupt_while_writing_leaves_what_was_there(
    written: Path,
    tmp_path: Path,
    tiny_run: lab.LabRun,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    exists: bool,
) -> None:
    folder = tmp_path / "run"
    if exists:
        shutil.copytree(written, folder)
    before = contents(tmp_path)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(lab, "run", lambda *_: tiny_run)
    monkeypatch.setattr(plots.style, "save", interrupted)
    with pytest.raises(SystemExit) as stopped:
        main(["lab", "--out", str(folder)])
    assert stopped.value.code == 130
    kept = f"the earlier run in {folder} is as it was" if exists else "nothing was written"
    out, err = capsys.readouterr()
    assert (out, err.rstrip()) == ("", f"backproof: interrupted; {kept}")
    assert contents(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == (["run"] if exists else [])


@dataclass(frozen=True)
class Shown:
    """What one command showed on a terminal, while its standard output went to a pipe."""

    code: int
    terminal: str
    piped: str


@pytest.fixture(scope="module")
def shown(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    out = tmp_path_factory.mktemp("terminal") / "r.html"
    command = ("report", written / "run.json", "--out", out)
    with terminal(*command, stdout=subprocess.PIPE) as process:
        process.read_until(None)
        assert process.process.stdout is not None
        piped = process.process.stdout.read().decode()
        code = process.process.wait(timeout=PATIENCE)
    return Shown(code, process.output, piped.replace(str(out), "r.html"))


def test_progress_is_shown_on_a_terminal(shown: Shown) -> None:
    assert shown.code == 0
    assert "figures" in shown.terminal
    assert "10/10" in shown.terminal


def test_colours_are_used_on_a_terminal(shown: Shown) -> None:
    assert COLOUR.search(shown.terminal)


def test_the_cursor_is_given_back(shown: Shown) -> None:
    assert shown.terminal.count("\x1b[?25l") == shown.terminal.count("\x1b[?25h") == 1
    assert shown.terminal.index("\x1b[?25l") < shown.terminal.index("\x1b[?25h")


def test_progress_does_not_enter_what_is_piped_on(shown: Shown) -> None:
    assert shown.piped == "Report: r.html\n"


def test_no_color_is_honoured_on_a_terminal(written: Path, tmp_path: Path) -> None:
    command = ("report", written / "run.json", "--out", tmp_path / "r.html")
    with terminal(*command, NO_COLOR="1") as process:
        process.read_until(None)
        assert process.process.wait(timeout=PATIENCE) == 0
        assert "figures" in process.output
        assert not COLOUR.search(process.output)
