"""`backproof lab --model`, in processes of its own."""

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from tests.cli.conftest import INTERRUPTIBLE
from tests.grading.models import LINEAR, MODULE, NUMPY
from tests.waiting import eventually

from backproof import lab
from backproof.grading import Grade


def run(*arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "backproof", "lab", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=300)


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")


def test_the_lab_is_run_on_a_model_of_ones_own(tmp_path: Path) -> None:
    write(tmp_path, mine=NUMPY)
    done = run("--model", "mine.py:FFModel", "--quick", "--hidden", "3,5", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "mine.py:FFModel: 20 of 20 points." in done.stdout
    found = lab.load(tmp_path / "backproof-lab" / "run.json")
    assert found.grade is not None
    assert found.grade.place == found.training.engine == "mine.py:FFModel"
    # From the same weights and points, by the same gradients: Backproof's own networks.
    expected = lab.run(lab.LabConfig.make(quick=True, hidden=(3, 5)))
    for one, other in zip(found.training.networks, expected.training.networks, strict=True):
        assert one.final_loss == pytest.approx(other.final_loss, rel=1e-9)
        assert one.test_errors == other.test_errors
    report = (tmp_path / "backproof-lab" / "report.html").read_text(encoding="utf-8")
    assert "Your model" in report
    assert "mine.py:FFModel: 20 of 20 points." in report
    assert str(tmp_path) not in report


def test_a_wrong_gradient_is_seen_in_the_whole_lab(tmp_path: Path) -> None:
    write(tmp_path, mine=NUMPY.replace("inner.sum(0)", "inner.mean(0)"))
    done = run("--model", "mine.py:FFModel", "--quick", "--hidden", "3", folder=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "17 of 20 points" in done.stdout
    assert "did not hold: The difference between numeric and backpropagated" in done.stdout


def test_a_model_with_other_scores_is_judged_but_not_run(tmp_path: Path) -> None:
    write(tmp_path, mine=MODULE.replace("torch.tanh", "torch.sigmoid"))
    done = run("--model", "mine.py:FFModel", "--quick", folder=tmp_path)
    assert done.returncode == 2
    assert "17 of 20 points" in done.stdout
    assert "the lab is not run on this model: score: with H = 7, at x" in done.stderr
    assert not (tmp_path / "backproof-lab").exists()


def test_points_are_written(tmp_path: Path) -> None:
    write(tmp_path, mine=MODULE)
    done = run("--model", "mine.py:FFModel", "--grade", "points.json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    found = Grade.from_json((tmp_path / "points.json").read_text(encoding="utf-8"))
    assert found.passed
    done = run(
        "--model", "mine.py:FFModel", "--grade", "results.json", "--grade-format", "gradescope",
        "--json", folder=tmp_path,
    )  # fmt: skip
    assert json.loads(done.stdout)[0]["place"] == "mine.py:FFModel"
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert results["score"] == 20


def test_a_folder_of_submissions_is_judged_in_one_call(tmp_path: Path) -> None:
    folder = tmp_path / "handed in"
    folder.mkdir()
    naive = LINEAR.replace("torch.nn.functional.softplus(", "torch.log1p(torch.exp(") + ")"
    naive = naive.replace(".mean()\n)", ").mean()\n")
    write(folder, ada=NUMPY, bob=naive, cay="while True: pass", dan="")
    command = ["--model", "handed in:FFModel", "--grade", "points", "--time-limit", "8"]
    done = run(*command, folder=tmp_path)
    assert done.returncode == 1, done.stderr
    with (tmp_path / "points" / "grades.csv").open(encoding="utf-8") as file:
        rows = {row["submission"]: row for row in csv.DictReader(file)}
    assert [float(rows[name]["points"]) for name in ("ada", "bob", "cay")] == [20, 17, 0]
    assert rows["cay"]["ended"] == "timed out after 8 s"
    assert rows["dan"]["reason"] == "dan.py has no class FFModel"
    assert rows["ada"]["reason"] == rows["bob"]["reason"] == ""
    assert "everything: dan.py has no class FFModel" in " ".join(done.stdout.split())
    assert Grade.from_json((tmp_path / "points" / "ada.json").read_text(encoding="utf-8")).passed
    # The same place again: what is ours is replaced, what is not stays.
    assert run(*command, folder=tmp_path).returncode == 1
    (tmp_path / "points" / "mine.txt").write_text("mine", encoding="utf-8")
    done = run(*command, folder=tmp_path)
    assert done.returncode == 2
    assert "mine.txt" in done.stderr


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("    def gradient", "    def grad"), "so it needs a method gradient(x, t)"),
        ((', "d": delta.sum()[None]', ""), "gradient() has no entry for d"),
        (
            ("        hidden = np", "        assert len(x) < 200, 'too many'\n        hidden = np"),
            "the model raised AssertionError: too many in line 19: assert len(x) < 200",
        ),
    ],
)
def test_a_model_that_fails_in_the_lab_is_told_by_line(
    tmp_path: Path, change: tuple[str, str], complaint: str
) -> None:
    assert change[0] in NUMPY
    write(tmp_path, mine=NUMPY.replace(*change))
    done = run("--model", "mine.py:FFModel", "--quick", "--hidden", "3", folder=tmp_path)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert not (tmp_path / "backproof-lab").exists()


@pytest.mark.parametrize("place", ["mine.py:FFModel", "handed in:FFModel"])
def test_points_are_written_though_nobody_reads_the_output(tmp_path: Path, place: str) -> None:
    (tmp_path / "handed in").mkdir()
    write(tmp_path, mine=MODULE.replace("torch.tanh", "torch.sigmoid"))
    write(tmp_path / "handed in", mine=MODULE)
    command = f"{sys.executable} -m backproof lab --model '{place}' --grade points | true"
    done = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (tmp_path / "points").exists()
    assert (done.returncode, done.stderr) == (1 if "mine.py" in place else 0, "")


def worker_on(file: str, process: "subprocess.Popen[str]") -> bool:
    """Whether a process has a child that judges a file."""
    for one in psutil.Process(process.pid).children():
        with contextlib.suppress(psutil.Error):  # it may end meanwhile
            if any(file in word for word in one.cmdline()):
                return True
    return False


def test_what_was_judged_before_an_interrupt_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "handed in"
    folder.mkdir()
    # One more than are judged at a time: the last one is begun when Ada's is judged.
    others = [f"zoe{number:04}" for number in range(os.cpu_count() or 1)]
    write(folder, ada=MODULE, **dict.fromkeys(others, "import time\ntime.sleep(600)"))
    command = [*INTERRUPTIBLE, "lab", "--model", "handed in:FFModel"]
    with subprocess.Popen(
        [*command, "--grade", "points"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            eventually(lambda: worker_on(f"{others[-1]}.py", process))
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert f"interrupted; 1 of {len(others) + 1} judged, their points are in points" in err
    assert Grade.from_json((tmp_path / "points" / "ada.json").read_bytes()).passed
    assert not list((tmp_path / "points").glob("zoe*"))


def test_no_name_is_a_formula(tmp_path: Path) -> None:
    folder = tmp_path / "handed in"
    folder.mkdir()
    (folder / "=1+1.py").write_text("x = 1", encoding="utf-8")
    (folder / "\x1b[31mred.py").write_text("x = 1", encoding="utf-8")
    done = run("--model", "handed in:FFModel", "--grade", "points", folder=tmp_path)
    assert "\x1b" not in done.stdout
    lines = (tmp_path / "points" / "grades.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in lines] == ["submission", "\\x1b[31mred", "'=1+1"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--grade", "x.json"], "--grade judges a model: name it"),
        (["--model", "none.py:FFModel"], "there is no file none.py"),
        (["--model", "mine.py"], "must be FILE.py:CLASS or FOLDER:CLASS, got mine.py"),
        (["--model", ".:FFModel"], "is a folder of submissions: say where their points go"),
        (["--model", "mine.py:FFModel", "--grade", "."], "cannot write .: it is a folder"),
        (["--model", "mine.py:FFModel", "--time-limit", "0"], "time_limit must be"),
        (
            ["--model", "mine.py:FFModel", "--memory-limit", "-1"],
            "memory_limit other than 0 must be at least 64, got -1",
        ),
    ],
)
def test_what_cannot_be_judged_is_said_in_a_line(
    tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    write(tmp_path, mine=MODULE)
    done = run(*arguments, folder=tmp_path)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1
