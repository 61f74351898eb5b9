"""Implementations of the model, judged point by point, each in a process of its own."""

import json
import time
from pathlib import Path

import pytest
from tests.grading.models import LISTED, MODULE, NUMPY, RIGHT, WRONG

from backproof import grading
from backproof._core.errors import InputError
from backproof.grading import Grade, Submission
from backproof.grading.points import CHECKS, judge
from backproof.grading.subject import loaded


def judged_here(path: Path) -> dict[str, grading.Point]:
    """Judge a class in this process, which takes no seconds to begin."""
    subject = loaded(path, "FFModel")
    return {check.name: judge(check, subject) for check in CHECKS}


def file_of(folder: Path, text: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", RIGHT)
def test_a_right_implementation_gets_every_point(tmp_path: Path, kind: str) -> None:
    found = judged_here(file_of(tmp_path, RIGHT[kind]))
    assert not {name: point.reason for name, point in found.items() if not point.passed}
    assert sum(point.worth for point in found.values()) == 20


def test_parameters_may_be_given_by_a_method(tmp_path: Path) -> None:
    found = judged_here(file_of(tmp_path, LISTED))
    failed = {name for name, point in found.items() if not point.passed}
    # What is in no attribute cannot be given another dtype.
    assert failed == {"shapes and dtypes", "loss at extreme scores", "gradient at extreme scores"}
    assert "cannot be changed" in found["shapes and dtypes"].reason


@pytest.mark.parametrize("what", WRONG)
def test_a_mistake_costs_its_points_and_is_named(tmp_path: Path, what: str) -> None:
    text, right, wrong, points, reason = WRONG[what]
    assert right in text
    found = judged_here(file_of(tmp_path, text.replace(right, wrong)))
    failed = {name: point.reason for name, point in found.items() if not point.passed}
    assert set(failed) == points
    assert reason in " | ".join(failed.values())


def test_a_submission_is_judged_in_a_process_of_its_own(tmp_path: Path) -> None:
    path = file_of(tmp_path, "print('hello')\n" + MODULE)
    found = grading.grade(Submission(name="mine", file=path, made="FFModel"))
    assert (found.score, found.worth, found.ended) == (20, 20, "finished")
    assert found.passed
    assert found.output == "hello"
    assert Grade.from_json(found.to_json()) == found


BROKEN = {
    "hangs": (MODULE.replace("return nn", "while True: pass\n        return nn"), 6, "timed out"),
    "crashes": (
        MODULE.replace("return nn", "import ctypes; ctypes.string_at(0)\n        return nn"),
        6,
        "crashed: SIGSEGV",
    ),
    "takes all memory": (
        MODULE.replace(
            "return nn", "x = [bytearray(1 << 28) for _ in range(99)]\n        return nn"
        ),
        6,
        "finished",
    ),
    "leaves": ("import os\nos._exit(0)\n", 0, "ended itself with exit code 0"),
    "exits": ("import sys\nsys.exit('no')\n", 0, "finished"),
    "is no Python": ("def (\n", 0, "finished"),
    "lacks the class": ("x = 1\n", 0, "finished"),
    "has a child that hangs": (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n" + MODULE,
        20,
        "finished",
    ),
}


def test_no_submission_stops_the_batch(tmp_path: Path) -> None:
    for name, (text, _, _) in BROKEN.items():
        file_of(tmp_path, text, f"{name}.py")
    good = tmp_path / "with a folder"
    good.mkdir()
    file_of(good, NUMPY, "model.py")
    file_of(good, "x = 1", "other.py")
    (tmp_path / "empty").mkdir()
    (tmp_path / ".hidden").mkdir()
    chosen = grading.submissions(tmp_path, "FFModel")
    began = time.monotonic()
    found = {
        one.submission: one
        for one in grading.grade_all(chosen, time_limit=15, memory_limit=1024, workers=2)
    }
    assert time.monotonic() - began < 120
    assert set(found) == {*BROKEN, "with a folder", "empty"}
    for name, (_, score, ended) in BROKEN.items():
        assert found[name].score == score, found[name]
        assert found[name].ended.startswith(ended), found[name]
        assert len(found[name].points) == len(CHECKS)
    assert found["with a folder"].score == 20
    assert "no file of Python in it defines the class" in found["empty"].ended
    assert "MemoryError" in str(found["takes all memory"])
    assert "not reached: timed out after 15 s" in str(found["hangs"])
    assert "has no class FFModel" in str(found["lacks the class"])
    assert str(tmp_path) not in str(found["is no Python"])


def test_a_folder_without_submissions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no submission"):
        grading.submissions(tmp_path, "FFModel")


def test_two_submissions_of_one_name_are_refused(tmp_path: Path) -> None:
    file_of(tmp_path, MODULE, "ada.py")
    (tmp_path / "ada").mkdir()
    file_of(tmp_path / "ada", MODULE, "model.py")
    with pytest.raises(InputError, match="two submissions named ada"):
        grading.submissions(tmp_path, "FFModel")


def test_gradescope_gets_its_layout(tmp_path: Path) -> None:
    path = file_of(tmp_path, "print('seen')\n" + MODULE.replace("torch.tanh", "torch.sigmoid"))
    found = grading.grade(Submission(name="mine", file=path, made="FFModel"))
    results = json.loads(json.dumps(grading.gradescope(found)))
    assert results["score"] == found.score == 16
    assert "seen" in results["output"]
    assert results["visibility"] == "visible"
    assert sum(test["max_score"] for test in results["tests"]) == 20
    failed = [test for test in results["tests"] if test["status"] == "failed"]
    assert [test["name"] for test in failed] == ["score", "training"]
    assert "expected wᵀ tanh" in failed[0]["output"]
    assert all(test["score"] in (0, test["max_score"]) for test in results["tests"])
