"""Implementations of the model, judged point by point, each in a process of its own."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from tests.grading.models import MODULE, NUMPY, RIGHT, WRONG
from tests.waiting import eventually

from backproof import grading
from backproof._core.errors import InputError
from backproof.grading import Grade, Submission
from backproof.grading.points import CHECKS, judge
from backproof.grading.subject import loaded


def judged_here(path: Path) -> dict[str, grading.Point]:
    """Judge a class in this process, which takes no seconds to begin."""
    with np.errstate():  # which a submission may change
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


FORGING = """
import os

for number in range(20):
    try:
        os.write(number, b'[true, "mine"]\\n' * 20)
    except OSError:
        pass
os._exit(0)
"""
# What each gets: what does not need the mean loss comes first, and is worth 3 points.
BROKEN = {
    "hangs": (MODULE.replace("return nn", "while True: pass\n        return nn"), 3, "timed out"),
    "crashes": (
        MODULE.replace("return nn", "import ctypes; ctypes.string_at(0)\n        return nn"),
        3,
        "crashed: SIGSEGV",
    ),
    "ends by a signal without a name": (
        "import os\nos.kill(os.getpid(), 40)\n",
        0,
        "crashed: signal 40",
    ),
    "takes all memory": (
        MODULE.replace(
            "return nn", "x = [bytearray(1 << 28) for _ in range(99)]\n        return nn"
        ),
        5,
        "finished",
    ),
    "leaves": ("import os\nos._exit(0)\n", 0, "ended itself with exit code 0"),
    "exits": ("import sys\nsys.exit('no')\n", 0, "finished"),
    "interrupts": (
        MODULE.replace("return nn", "raise KeyboardInterrupt\n        return nn"),
        5,
        "finished",
    ),
    "is no Python": ("def (\n", 0, "finished"),
    "lacks the class": ("x = 1\n", 0, "finished"),
    "says what is no text": (
        MODULE.replace("return nn", "raise ValueError('\\ud800\\x1b[2J' + 'x' * 10**8)"),
        5,
        "finished",
    ),
    "has a child that hangs": (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n" + MODULE,
        20,
        "finished",
    ),
    "has a child that leaves": (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(612)'], "
        "start_new_session=True)\n" + MODULE,
        20,
        "finished",
    ),
    "has a thread that does not end": (
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(600,)).start()\n" + MODULE,
        20,
        "finished",
    ),
    "forks": ("import os\nos.fork()\n" + MODULE, 20, "finished"),
    "writes points of its own": (
        FORGING,
        0,
        "ended itself with exit code 0",
    ),
    "clears its folder": (
        "import os, shutil\nshutil.rmtree(os.getcwd())\n" + MODULE,
        20,
        "finished",
    ),
    "prints without end": (
        MODULE.replace("super().__init__()", "super().__init__(); print('y' * 10**7)"),
        20,
        "finished",
    ),
    "imports another's": ("from crashes import FFModel\n", 0, "finished"),
    "random": ("raise ImportError('a module of this name was taken for another')\n", 0, "finished"),
}


def running(words: str) -> list[int]:
    """Return the processes whose command line has these words."""
    return [
        one.pid
        for one in psutil.process_iter(["cmdline"])
        if any(words in word for word in one.info["cmdline"] or ())
    ]


def test_no_submission_stops_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, (text, _, _) in BROKEN.items():
        file_of(tmp_path, text, f"{name}.py")
    good = tmp_path / "with a folder"
    (good / ".ipynb_checkpoints").mkdir(parents=True)
    file_of(good, NUMPY, "model.py")
    file_of(good, "x = 1", "other.py")
    file_of(good / ".ipynb_checkpoints", NUMPY, "model-checkpoint.py")
    (tmp_path / "empty").mkdir()
    (tmp_path / ".hidden").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.py")).write_text(MODULE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)  # where random.py is
    chosen = grading.submissions(tmp_path, "FFModel")
    began = time.monotonic()
    judged = grading.grade_all(chosen, time_limit=15, memory_limit=1024, workers=2)
    found = {one.submission: one for one in judged}
    assert time.monotonic() - began < 240
    assert set(found) == {*BROKEN, "with a folder", "empty", "\ufffd"}
    for name, (_, score, ended) in BROKEN.items():
        assert found[name].score == score, found[name]
        assert found[name].ended.startswith(ended), found[name]
        assert [point.name for point in found[name].points] == [check.name for check in CHECKS]
        assert found[name].worth == 20
        json.loads(found[name].to_json())
    assert found["with a folder"].score == found["\ufffd"].score == 20
    assert "no file of Python in it defines the class" in found["empty"].ended
    assert "MemoryError" in str(found["takes all memory"])
    assert "not reached: timed out after 15 s" in str(found["hangs"])
    assert "has no class FFModel" in str(found["lacks the class"])
    assert "No module named 'crashes'" in str(found["imports another's"])
    assert str(tmp_path) not in str(found["is no Python"])
    said = str(found["says what is no text"])
    assert "\\ud800\\x1b[2J" in said
    assert len(said) < 50_000
    assert found["prints without end"].output.endswith("yyy")
    assert not running("time.sleep(612)")
    assert not running("time.sleep(600)")


def test_what_is_interrupted_leaves_no_process(tmp_path: Path) -> None:
    for name in ("one", "two"):
        file_of(tmp_path, "import time\ntime.sleep(613)\n", f"{name}.py")
    file_of(tmp_path, MODULE, "right.py")
    chosen = grading.submissions(tmp_path, "FFModel")
    judged = grading.grade_all(chosen, time_limit=300, workers=3)
    first = next(judged)
    assert first.submission == "right"
    began = time.monotonic()
    judged.close()
    assert time.monotonic() - began < 20
    assert not running(str(tmp_path))


@pytest.mark.skipif(sys.platform != "linux", reason="what ends whom is Unix")
def test_a_worker_ends_with_the_process_that_called_it(tmp_path: Path) -> None:
    path = file_of(tmp_path, "import time\ntime.sleep(614)\n", "sleeping614.py")
    code = (
        "from pathlib import Path\nfrom backproof import grading\n"
        f"one = grading.Submission(name='a', file=Path({str(path)!r}), made='FFModel')\n"
        "grading.grade(one)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as caller:
        eventually(lambda: bool(running("sleeping614.py")))
        time.sleep(0.5)
        caller.kill()
    eventually(lambda: not running("sleeping614.py"))


@pytest.mark.parametrize("limit", ["ulimit -v 8000000", "ulimit -f 20000"])
def test_limits_that_there_are_stay(tmp_path: Path, limit: str) -> None:
    path = file_of(tmp_path, MODULE)
    command = f"{limit}; {sys.executable} -m backproof lab --model {path}:FFModel --grade o.json"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


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
    assert results["score"] == found.score
    assert "seen" in results["output"]
    assert results["visibility"] == "visible"
    assert sum(test["max_score"] for test in results["tests"]) == 20
    failed = [test for test in results["tests"] if test["status"] == "failed"]
    assert [test["name"] for test in failed] == ["score", "training"]
    assert "expected wᵀ tanh" in failed[0]["output"]
    assert all(test["score"] in (0, test["max_score"]) for test in results["tests"])
