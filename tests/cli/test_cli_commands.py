"""The command line as a user meets it: what it prints, what it writes, how it fails."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from backproof import lab, plots
from backproof.cli.main import commands

ESCAPE = "\x1b["

Main = Callable[..., tuple[int, str, str]]


def environment(**more: str) -> dict[str, str]:
    plain = {
        name: value
        for name, value in os.environ.items()
        if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM")
    }
    return {**plain, "OMP_NUM_THREADS": "1", "TERM": "xterm-256color", **more}


def backproof(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "backproof", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment(PYTHONUTF8="1", **more),
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch, tiny_run: lab.LabRun) -> list[lab.LabConfig]:
    """Let the lab have its run at once; return the configurations that it was asked for."""
    asked: list[lab.LabConfig] = []

    def run(config: lab.LabConfig, progress: object, own: object) -> lab.LabRun:
        asked.append(config)
        return tiny_run

    monkeypatch.setattr(lab, "run", run)
    monkeypatch.setattr(lab, "write", lambda *_: None)
    return asked


# One real run from end to end.


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli") / "out"


@pytest.fixture(scope="module")
def done(folder: Path) -> subprocess.CompletedProcess[str]:
    return backproof("lab", "--quick", "--hidden", "3", "--seeds", "1", "--out", folder)


def test_the_lab_ends_well_and_silently(done: subprocess.CompletedProcess[str]) -> None:
    assert (done.returncode, done.stderr) == (0, "")


def test_the_lab_writes_report_record_figures_and_tables(
    done: subprocess.CompletedProcess[str], folder: Path
) -> None:
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    kinds = {(path.parent.name, path.suffix) for path in files}
    assert kinds == {
        ("", ".json"), ("", ".html"), ("figures", ".svg"), ("figures", ".png"),
        ("figures", ".pdf"), ("tables", ".csv"), ("tables", ".tex"),
    }  # fmt: skip


def test_the_lab_prints_every_claim_with_its_verdict(
    done: subprocess.CompletedProcess[str], folder: Path
) -> None:
    printed = " ".join(done.stdout.split())
    for claim in lab.load(folder / "run.json").claims:
        verdict = "held" if claim.held else "did not hold"
        assert f"{verdict}: {claim.claim} {claim.text}" in printed


def test_the_lab_says_where_the_report_is(
    done: subprocess.CompletedProcess[str], folder: Path
) -> None:
    assert done.stdout.splitlines()[-1] == f"Report: {folder / 'report.html'}"


def test_the_lab_was_run_as_asked(done: subprocess.CompletedProcess[str], folder: Path) -> None:
    config = lab.load(folder / "run.json").config
    assert config == lab.LabConfig.make(hidden=(3,), seeds=1, quick=True)


def test_no_escape_codes_where_there_is_no_terminal(
    done: subprocess.CompletedProcess[str],
) -> None:
    assert "Report:" in done.stdout
    assert ESCAPE not in done.stdout


def test_the_report_of_a_run_is_rendered_again_byte_for_byte(
    done: subprocess.CompletedProcess[str], folder: Path, tmp_path: Path
) -> None:
    again = backproof("report", folder / "run.json", "--out", tmp_path / "again.html")
    assert (again.returncode, again.stderr) == (0, "")
    same = (tmp_path / "again.html").read_bytes() == (folder / "report.html").read_bytes()
    assert same


# Options and output of the lab.


def test_json_is_all_that_is_printed(
    at_once: list[lab.LabConfig], run_main: Main, tmp_path: Path, tiny_run: lab.LabRun
) -> None:
    code, out, err = run_main("lab", "--json", "--out", tmp_path / "run")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert isinstance(found, dict)
    assert [claim["held"] for claim in found["claims"]] == [one.held for one in tiny_run.claims]
    assert found["out"] == str(tmp_path / "run")


def test_options_reach_the_configuration(
    at_once: list[lab.LabConfig], run_main: Main, tmp_path: Path
) -> None:
    options = ["--hidden", "10,4", "--seeds", "3", "--seed", "9", "--out", str(tmp_path / "run")]
    assert run_main("lab", *options)[0] == 0
    assert at_once == [lab.LabConfig.make(hidden=(4, 10), seeds=3, seed=9)]


def test_quick_is_the_quick_configuration(
    at_once: list[lab.LabConfig], run_main: Main, tmp_path: Path
) -> None:
    run_main("lab", "--quick", "--out", tmp_path / "run")
    assert at_once == [lab.LabConfig.make(quick=True)]


@pytest.mark.usefixtures("at_once")
def test_every_published_number_is_printed_beside_ours(
    run_main: Main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    _, out, _ = run_main("lab", "--out", tmp_path / "run")
    (line,) = [line for line in out.splitlines() if line.startswith("planned m")]
    assert line.split()[3:5] == ["26492", "26492"]


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(
    run_main: Main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    _, out, _ = run_main("lab", "--out", tmp_path / "run")
    assert all(len(line) <= columns for line in out.splitlines() if not line.startswith("Report: "))


# The report.


def recomputed(*_: object, **__: object) -> None:
    pytest.fail("something was computed again")


def test_the_report_computes_nothing(
    written: Path, tmp_path: Path, run_main: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (
        "backproof.lab.run",
        "backproof.lab.experiment.gradient_stage",
        "backproof.lab.networks.fit",
        "backproof.lab.networks.boundary",
        "backproof.lab.certainty.simulate_errors",
        "backproof.lab.certainty.interval",
        "backproof.lab.experiment.run_programs",
        "torch.Tensor.backward",
    ):
        monkeypatch.setattr(place, recomputed)
    code, out, err = run_main("report", written / "run.json", "--out", tmp_path / "r.html")
    assert (code, out, err) == (0, f"Report: {tmp_path / 'r.html'}\n", "")
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_report_stands_beside_its_record_by_default(
    written: Path, tmp_path: Path, run_main: Main
) -> None:
    shutil.copy(written / "run.json", tmp_path)
    assert run_main("report", tmp_path / "run.json")[0] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"run.json", "report.html"}


def test_the_report_never_replaces_its_record(
    written: Path, tmp_path: Path, run_main: Main
) -> None:
    record = tmp_path / "run.json"
    shutil.copy(written / "run.json", record)
    code, _, _ = run_main("report", record, "--out", record)
    assert code == 2
    assert record.read_bytes() == (written / "run.json").read_bytes()


# What cannot be used.


def spoiled(written: Path, folder: Path) -> dict[str, Path]:
    """Return files that are no run.json, by what is wrong with them."""
    whole = (written / "run.json").read_bytes()
    texts = {
        "truncated": whole[: len(whole) // 2],
        "newer": whole.replace(b'"format": 4,', b'"format": 5,', 1),
        "foreign": b'{"name": "package"}',
        "binary": b"\x89PNG\r\n\xff",
        "nested": b"[" * 100_000,
        "no time": re.sub(rb'"created": "[^"]*"', b'"created": "noon"', whole),
        "no sizes": re.sub(rb'"sampling": \[.*?\n  \]', b'"sampling": []', whole, flags=re.S),
    }
    assert len({*texts.values(), whole}) == len(texts) + 1
    paths = {name: folder / f"{name}.json" for name in texts}
    for name, text in texts.items():
        paths[name].write_bytes(text)
    return {**paths, "missing": folder / "missing.json", "folder": folder}


def fails_in_one_line(result: tuple[int, str, str]) -> str:
    code, out, err = result
    assert code == 2
    assert out == ""
    assert "Traceback" not in err
    assert len(err.splitlines()) == 1, err
    return err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--seed", "-1"), "seed must be at least 0, got -1"),
        (("--seeds", "0"), "seeds must be at least 1, got 0"),
        (("--hidden", "0"), "a hidden size must be at least 1, got 0"),
        (("--hidden", "5,5"), "must be distinct"),
        (("--hidden", "5,x"), "expected whole numbers such as 5,10,100, got '5,x'"),
        (("--hidden", ""), "expected whole numbers"),
        (("--seed", "one"), "'one' is not a valid integer"),
        (("--nonsense",), "--nonsense"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("at_once")
def test_options_that_cannot_be_used_end_with_2_and_one_line(
    arguments: tuple[str, ...], message: str, run_main: Main, tmp_path: Path
) -> None:
    error = fails_in_one_line(run_main("lab", *arguments, "--out", tmp_path / "run"))
    assert message in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("truncated", "not a whole run.json"),
        ("newer", "newer Backproof"),
        ("foreign", "no format number"),
        ("binary", "binary.json"),
        ("nested", "nested.json"),
        ("no time", "no time.json"),
        ("no sizes", "no sizes.json"),
        ("missing", "cannot read"),
        ("folder", "cannot read"),
    ],
)
def test_records_that_cannot_be_used_end_with_2_and_one_line(
    name: str, message: str, written: Path, tmp_path: Path, run_main: Main
) -> None:
    path = spoiled(written, tmp_path)[name]
    error = fails_in_one_line(run_main("report", path, "--out", tmp_path / "r.html"))
    assert message in error
    assert not (tmp_path / "r.html").exists()


@pytest.mark.usefixtures("at_once")
def test_a_place_below_a_file_ends_with_2_and_one_line(run_main: Main, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    error = fails_in_one_line(run_main("lab", "--out", tmp_path / "file" / "run"))
    assert "choose another place" in error


def test_a_report_below_a_file_ends_with_2_and_one_line(
    written: Path, run_main: Main, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    place = tmp_path / "file" / "r.html"
    error = fails_in_one_line(run_main("report", written / "run.json", "--out", place))
    assert "choose another place" in error


def test_an_unwritable_place_is_found_before_the_work(
    at_once: list[lab.LabConfig], run_main: Main, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    fails_in_one_line(run_main("lab", "--out", tmp_path))
    assert at_once == []


@pytest.mark.parametrize("words", [("nonsense",), ("--nonsense",), ("report",)], ids=" ".join)
def test_unknown_words_end_with_2_and_one_line(words: tuple[str, ...], run_main: Main) -> None:
    fails_in_one_line(run_main(*words))


def test_a_full_disk_ends_with_2_and_one_line(
    tiny_run: lab.LabRun, monkeypatch: pytest.MonkeyPatch, run_main: Main, tmp_path: Path
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lab, "run", lambda *_: tiny_run)
    monkeypatch.setattr(plots.style, "save", full)
    error = fails_in_one_line(run_main("lab", "--out", tmp_path / "run"))
    assert "No space left" in error
    assert list(tmp_path.iterdir()) == []


def test_a_process_fails_as_the_function_does(tmp_path: Path) -> None:
    done = backproof("report", tmp_path / "none.json")
    error = fails_in_one_line((done.returncode, done.stdout, done.stderr))
    assert error.startswith("backproof: cannot read")


def test_debug_shows_the_traceback(tmp_path: Path, run_main: Main) -> None:
    code, _, err = run_main("--debug", "report", tmp_path / "none.json")
    assert code == 2
    assert "Traceback" in err
    assert "InputError: cannot read" in err


# Help.


def names_of_commands() -> list[str]:
    return commands.list_commands(click.Context(commands))


def command_of(name: str) -> click.Command:
    command = commands.get_command(click.Context(commands), name)
    assert command is not None
    return command


def every_command() -> list[tuple[str, ...]]:
    return [(), *((name,) for name in names_of_commands())]


@pytest.mark.parametrize("words", every_command(), ids=lambda words: " ".join(words) or "group")
def test_help_names_every_option_on_a_narrow_terminal(
    words: tuple[str, ...], run_main: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    code, out, err = run_main(*words, "--help")
    command = command_of(words[0]) if words else commands
    assert (code, err) == (0, "")
    options = [o for p in command.params if isinstance(p, click.Option) for o in p.opts]
    assert options
    assert [one for one in options if one not in out] == []


@pytest.mark.parametrize("words", every_command(), ids=lambda words: " ".join(words) or "group")
def test_every_option_says_what_it_does(words: tuple[str, ...]) -> None:
    command = command_of(words[0]) if words else commands
    silent = [p.name for p in command.params if isinstance(p, click.Option) and not p.help]
    assert silent == []
    assert command.help


def test_help_names_every_command(run_main: Main) -> None:
    _, out, _ = run_main("-h")
    assert {"lab", "plan", "report"} <= set(names_of_commands())
    assert all(re.search(rf"^  {name} +\w", out, re.MULTILINE) for name in names_of_commands())


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom backproof.cli import main\n"
        "try: main(['lab', '--help'])\n"
        "except SystemExit: sys.exit(' '.join({'torch', 'matplotlib', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "--quick" in done.stdout
    assert done.stderr.strip() == ""


def test_the_version_is_printed(run_main: Main) -> None:
    from backproof import __version__

    assert run_main("--version")[:2] == (0, f"backproof, version {__version__}\n")


def test_a_reader_that_leaves_early_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "backproof", "--version"],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("interval 33 1000 --method all", 0),
        ("certify predictions.csv --fail-above 0.99", 0),
        ("certify predictions.csv --fail-above 0.01", 1),
        ("train table.csv --label kind --hidden 2 --seeds 1 --steps 2", 0),
    ],
)
def test_a_reader_that_leaves_changes_no_exit_code(tmp_path: Path, command: str, code: int) -> None:
    (tmp_path / "predictions.csv").write_text("y,yhat\n1,1\n0,1\n", encoding="utf-8")
    rows = "".join(f"{n % 5},{n % 2}\n" for n in range(20))
    (tmp_path / "table.csv").write_text(f"size,kind\n{rows}", encoding="utf-8")
    piped = f"{sys.executable} -m backproof {command} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", piped], cwd=tmp_path, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    if command.startswith("train"):
        assert (tmp_path / "backproof-train" / "report.html").exists()
