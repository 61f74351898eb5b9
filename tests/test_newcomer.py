"""Somebody follows the README alone: its commands, on files of their own, to what they promise."""

import csv
import json
import os
import random
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pytest
from playwright.sync_api import expect
from tests.app.conftest import Open, Server, open_page, start, stop
from tests.docs.test_docs import commands_run

BACKPROOF = str(Path(sys.executable).with_name("backproof"))
OPEN_APP = "backproof app"
README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
FOLLOWED: list[str] = []
"""The commands of the README that the tests below give, as it has them."""

Done = subprocess.CompletedProcess[str]

__all__ = ["open_page"]  # the fixture


def follows(*commands: str) -> pytest.MarkDecorator:
    """Give a test commands of the README to run."""
    FOLLOWED.extend(commands)
    return pytest.mark.parametrize("commands", [commands], ids=[commands[0]])


def readme_commands() -> list[str]:
    section = README.partition("\n## The command line\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^    (backproof .*)$", section, re.MULTILINE)
    return [line.partition("  #")[0].rstrip() for line in lines]


@dataclass(frozen=True)
class Shell:
    """Runs what a newcomer types in a folder."""

    folder: Path

    def __call__(self, typed: str, *, exits: int = 0) -> Done:
        program, *words = shlex.split(typed)
        assert program == "backproof"
        done = subprocess.run(
            [BACKPROOF, *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == exits, f"{typed}\n{done.stdout}\n{done.stderr}"
        assert "Warning" not in done.stderr
        return done

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_the_readme_and_the_program_have_the_same_commands(shell: Shell) -> None:
    listed = shell("backproof --help").stdout.partition("Commands:\n")[2]
    subcommands = re.findall(r"^  (\w+)", listed, re.MULTILINE)
    assert len(subcommands) > 10
    assert {line.split()[1] for line in readme_commands()} == set(subcommands)


def test_every_command_of_the_readme_is_run() -> None:
    """By a test of this file, or as the beginning of a command of the documentation."""
    commands = readme_commands()
    assert len(commands) > 10
    assert set(FOLLOWED) <= set(commands)
    in_docs = commands_run()
    assert in_docs
    left = [
        line
        for line in commands
        if line not in FOLLOWED and not any(f"{run} ".startswith(f"{line} ") for run in in_docs)
    ]
    assert left == []


class Page(HTMLParser):
    """What a page refers to, and what in it can be referred to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.feed(text)

    def handle_starttag(
        self,
        tag: str,  # noqa: ARG002
        attrs: Sequence[tuple[str, str | None]],
    ) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            elif name in ("href", "src") and value:
                self.targets.append(value)


def broken(path: Path) -> list[str]:
    """Return what a page refers to that is neither in it nor beside it."""
    page = Page(path.read_text(encoding="utf-8"))
    assert page.targets
    return [
        target
        for target in page.targets
        if not target.startswith("data:")
        and not (target.startswith("#") and target[1:] in page.ids)
        and not (path.parent / unquote(target.partition("#")[0] or "nothing")).is_file()
    ]


@follows(
    "backproof lab --quick",
    "backproof lab --seeds 32 --seed 7",
    "backproof lab --hidden 3,30 --out DIR",
    "backproof report DIR/run.json",
)
def test_the_lab_is_run_and_its_report_made_again(shell: Shell, commands: tuple[str, ...]) -> None:
    *labs, again = commands
    # The options of all three in one run, made smaller by later ones.
    options = " ".join(line.removeprefix("backproof lab") for line in labs)
    done = shell(f"backproof lab {options} --hidden 3,5 --seeds 2")
    assert "Report: DIR/report.html" in done.stdout
    assert re.search(r"^(held|did not hold): ", done.stdout, re.MULTILINE)
    folder = shell.folder / "DIR"
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert broken(folder / "report.html") == []
    assert len(re.findall(r"<img [^>]*src=\"data:image/svg", report)) >= 8
    config = json.loads((folder / "run.json").read_text(encoding="utf-8"))["config"]
    assert (config["hidden"], config["seeds"], config["seed"]) == ([3, 5], 2, 7)
    (folder / "report.html").unlink()
    assert "Report: DIR/report.html" in shell(again).stdout
    assert (folder / "report.html").read_text(encoding="utf-8") == report


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The app as it is started by hand; Ctrl-C ends it with exit code 0 and without a word."""
    running = start(command=[BACKPROOF, *OPEN_APP.split()[1:], "--no-open"])
    yield running
    assert stop(running) == ""


@pytest.mark.browser
@follows(OPEN_APP)
def test_the_app_shows_networks_that_learn(open_page: Open, commands: tuple[str, ...]) -> None:
    """The fixture `open_page` sees that the console of the page stays empty."""
    page = open_page()
    status = page.get_by_role("status").locator("visible=true").first
    expect(status).to_contain_text("Step 0 of", timeout=30_000)
    boundary = page.locator("path[stroke=black][stroke-width='2']").first
    before = boundary.get_attribute("d", timeout=30_000)
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function(
        "Number(document.querySelector('[role=status]').innerText.split(' ')[1]) >= 20",
        timeout=30_000,
    )
    assert boundary.get_attribute("d") != before


def flowers(count: int, seed: int) -> list[dict[str, str]]:
    """Return flowers of two kinds that overlap a little."""
    draws = random.Random(seed)
    found = []
    for number in range(count):
        kind = ("rose", "tulip")[number % 2]
        sizes = (f"{draws.gauss(number % 2, 0.5):.3f}" for _ in range(2))
        found.append({**dict(zip(("width", "length"), sizes, strict=True)), "COLUMN": kind})
    return found


def write_csv(path: Path, rows: Sequence[dict[str, str]], *names: str) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


@follows(
    "backproof train DATA.csv --label COLUMN --hidden 5,50 --seeds 16 --out MODEL",
    "backproof predict MODEL NEW.csv",
)
def test_networks_are_trained_applied_and_certified(
    shell: Shell, commands: tuple[str, ...]
) -> None:
    train, predict = commands
    write_csv(shell.folder / "DATA.csv", flowers(80, 0), "width", "length", "COLUMN")
    done = shell(f"{train} --hidden 5 --seeds 2 --steps 100")
    assert "60 rows to learn from, 20 to test with" in done.stdout
    assert broken(shell.folder / "MODEL" / "report.html") == []
    new = flowers(200, 1)
    write_csv(shell.folder / "NEW.csv", new, "width", "length")
    assert "predictions: predictions.csv" in shell(f"{predict} --out predictions.csv").stdout
    with (shell.folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        predicted = [row["COLUMN"] for row in csv.DictReader(file)]
    truth = [row["COLUMN"] for row in new]
    rows = [{"truth": t, "predicted": p} for t, p in zip(truth, predicted, strict=True)]
    write_csv(shell.folder / "judged.csv", rows, "truth", "predicted")
    wrong = sum(t != p for t, p in zip(truth, predicted, strict=True))
    assert wrong < 40
    (found,) = json.loads(shell("backproof certify judged.csv --json").stdout)["statements"]
    assert found["measurement"]["examples"] == 200
    assert found["measurement"]["estimate"] == pytest.approx(wrong / 200)


FUNCTION = """
import torch


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g


class Slip(Cube):
    @staticmethod
    def backward(ctx, g):
        gradient = Cube.backward(ctx, g).clone()
        gradient[7] *= 0.9
        return gradient


def right():
    return Cube.apply, torch.linspace(1, 2, 20, dtype=torch.float64)


def wrong():
    return Slip.apply, torch.linspace(1, 2, 20, dtype=torch.float64)
"""


@follows("backproof check FILE.py:NAME")
def test_the_gradient_of_ones_own_function_is_checked(
    shell: Shell, commands: tuple[str, ...]
) -> None:
    (check,) = commands
    shell.write("mine.py", FUNCTION)
    done = shell(check.replace("FILE.py:NAME", "mine.py:wrong"), exits=1)
    assert "DISAGREE" in done.stdout
    entries = re.findall(r"^ +(\w+\[\d+\]): claimed", done.stdout, re.MULTILINE)
    assert entries == ["x[7]"]
    assert "constant factor 0.9" in done.stdout
    done = shell(check.replace("FILE.py:NAME", "mine.py:right"))
    assert "AGREE" in done.stdout
    assert "DISAGREE" not in done.stdout


SCRIPT = """\
import torch

w = torch.tensor([1.0, 2.0], requires_grad=True)
hidden = torch.exp(w)
loss = hidden.sum()
hidden += 1
loss.backward()
"""


@follows("backproof explain SCRIPT.py")
def test_a_broken_script_is_explained_by_line(shell: Shell, commands: tuple[str, ...]) -> None:
    (explain,) = commands
    shell.write("SCRIPT.py", SCRIPT)
    done = shell(explain, exits=1)
    assert "saved at SCRIPT.py:4" in done.stdout
    assert "wrote at SCRIPT.py:6" in done.stdout
    assert "fix: " in done.stdout
    shell.write("SCRIPT.py", SCRIPT.replace("hidden += 1", "hidden = hidden + 1"))
    assert "error" not in shell(explain).stdout


@follows("backproof interval 33 1000")
def test_errors_are_counted_by_hand(shell: Shell, commands: tuple[str, ...]) -> None:
    assert "error 3.3 % (95 % CI 2.2–4.7 %" in shell(commands[0]).stdout


@follows("backproof compare a.txt b.txt --truth labels.txt")
def test_two_models_are_told_apart(shell: Shell, commands: tuple[str, ...]) -> None:
    def column(wrong: range) -> str:
        return "".join(f"{(n + (n in wrong)) % 2}\n" for n in range(100))

    shell.write("labels.txt", column(range(0)))
    shell.write("a.txt", column(range(0, 100, 20)))
    shell.write("b.txt", column(range(0, 100, 4)))
    done = shell(commands[0])
    assert "A has the smaller error at confidence 0.95" in done.stdout
    assert "A 5.0000%, B 25.0000%" in done.stdout


def judged(hospitals: Sequence[str]) -> list[dict[str, str]]:
    """Return 400 predictions a hospital, 4 % of them wrong in the first and 10 % in others."""
    return [
        {
            "hospital": hospital,
            "truth": str(n % 2),
            "predicted": str((n + (n % (25 if hospital == hospitals[0] else 10) == 0)) % 2),
        }
        for hospital in hospitals
        for n in range(400)
    ]


@follows(
    "backproof certify 'preds/*.parquet'", "backproof count 'shard1/*.parquet' --out shard1.json"
)
def test_predictions_in_files_are_certified(shell: Shell, commands: tuple[str, ...]) -> None:
    certify, count = commands
    names = ("hospital", "truth", "predicted")
    write_csv(shell.folder / "preds.csv", judged(["north", "south"]), *names)
    for folder in ("preds", "shard1"):
        (shell.folder / folder).mkdir()
        for hospital in ("north", "south"):
            target = shell.folder / folder / f"{hospital}.parquet"
            duckdb.sql(
                f"COPY (SELECT * FROM '{shell.folder / 'preds.csv'}' "
                f"WHERE hospital = '{hospital}') TO '{target}' (FORMAT parquet)"
            )

    done = shell("backproof certify preds.csv")
    assert "takes the column 'truth' as the label" in done.stderr
    assert "takes the column 'predicted' as the prediction" in done.stderr
    (statement,) = (line for line in done.stdout.splitlines() if line.startswith("error "))
    assert statement.startswith("error 7.0 % (95 % CI ")
    assert "m = 800" in statement
    assert statement in shell(certify).stdout
    shell(count)
    assert statement in shell("backproof certify shard1.json").stdout

    by = "backproof certify preds.csv --by hospital"
    done = shell(f"{by} --html page.html --fail-above 0.2")
    assert "north: error 4.0 %" in done.stdout
    assert "south: error 10.0 %" in done.stdout
    page = (shell.folder / "page.html").read_text(encoding="utf-8")
    assert "north" in page
    assert "south" in page
    done = shell(f"{by} --json --fail-above 0.1", exits=1)
    assert "error of group south: the upper bound" in done.stderr
    assert "group north" not in done.stderr
    found = {
        one["group"]: one["measurement"]["estimate"]
        for one in json.loads(done.stdout)["statements"]
    }
    assert found == {None: 0.07, "north": 0.04, "south": 0.1}
