"""`backproof lab --model`, in processes of its own."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.grading.models import LINEAR, MODULE, NUMPY

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
    assert "16 of 20 points" in done.stdout
    assert "the lab is not run on this model: score: at x = " in done.stderr
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
    write(folder, ada=NUMPY, bob=naive, cay="while True: pass")
    command = ["--model", "handed in:FFModel", "--grade", "points", "--time-limit", "8"]
    done = run(*command, folder=tmp_path)
    assert done.returncode == 1, done.stderr
    with (tmp_path / "points" / "grades.csv").open(encoding="utf-8") as file:
        rows = {row["submission"]: row for row in csv.DictReader(file)}
    assert [float(rows[name]["points"]) for name in ("ada", "bob", "cay")] == [20, 17, 0]
    assert rows["cay"]["ended"] == "timed out after 8 s"
    assert Grade.from_json((tmp_path / "points" / "ada.json").read_text(encoding="utf-8")).passed
    # The same place again: what is ours is replaced, what is not stays.
    assert run(*command, folder=tmp_path).returncode == 1
    (tmp_path / "points" / "mine.txt").write_text("mine", encoding="utf-8")
    done = run(*command, folder=tmp_path)
    assert done.returncode == 2
    assert "mine.txt" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--grade", "x.json"], "--grade judges a model: name it"),
        (["--model", "none.py:FFModel"], "there is no file none.py"),
        (["--model", "mine.py"], "must be FILE.py:CLASS or FOLDER:CLASS, got mine.py"),
        (["--model", ".:FFModel"], "is a folder of submissions: say where their points go"),
        (["--model", "mine.py:FFModel", "--time-limit", "0"], "time_limit must be"),
        (["--model", "mine.py:FFModel", "--memory-limit", "-1"], "memory_limit must be"),
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
