"""What people install: a wheel and an sdist that are whole, typed, and complete in a shell."""

import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest
from tests.packaging.conftest import ROOT, run

import backproof
from backproof.tape import CODES


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel alone, unpacked as pip does; dependencies are those of the tests."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    run([*pip, "--target", str(folder), str(wheel)], folder)
    return folder


def test_the_version_is_said_in_one_place(built: Path) -> None:
    assert {path.name.split("-")[1].removesuffix(".tar.gz") for path in built.iterdir()} == {
        backproof.__version__
    }


def test_the_wheel_holds_everything_that_runs_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "backproof/py.typed" in names
    assert "backproof/report/templates/document.html" in names
    for code in CODES:
        assert f"backproof/lab/gallery/programs/{code.replace('-', '_')}.py" in names
    sources = {str(p.relative_to(ROOT / "src")) for p in (ROOT / "src").rglob("*.py")}
    assert sources <= set(names)
    assert not [name for name in names if not name.startswith("backproof")]


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as file:
        (name,) = (one for one in file.namelist() if one.endswith("METADATA"))
        return message_from_string(file.read(name).decode())


def test_the_metadata_says_licence_extras_and_entry_points(wheel: Path) -> None:
    found = metadata(wheel)
    assert found["License-Expression"] == "Apache-2.0"
    assert {"app", "dask", "docs", "fast", "spark"} <= set(found.get_all("Provides-Extra", []))
    needed = [one for one in found.get_all("Requires-Dist", []) if "extra" not in one]
    assert not [one for one in needed if one.startswith(("pytest", "nicegui", "numba"))]
    with zipfile.ZipFile(wheel) as file:
        (name,) = (one for one in file.namelist() if one.endswith("entry_points.txt"))
        text = file.read(name).decode()
    assert "backproof = backproof.cli:main" in text
    assert "backproof = backproof.pytest_plugin" in text


def test_the_sdist_holds_tests_and_documentation(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    for name in (
        "pyproject.toml",
        "LICENSE",
        "README.md",
        "docs/tour.md",
        "docs/images/report.png",
    ):
        assert name in names
    assert any(name.startswith("tests/") for name in names)
    assert not any(name.startswith((".venv", "docs/_")) for name in names)


def test_the_installed_program_runs(installed: Path, tmp_path: Path) -> None:
    where = "import backproof; print(backproof.__file__)"
    path = run([sys.executable, "-c", where], tmp_path, PYTHONPATH=str(installed))
    assert path.startswith(str(installed))
    program = [sys.executable, "-m", "backproof"]
    assert backproof.__version__ in run(
        [*program, "--version"], tmp_path, PYTHONPATH=str(installed)
    )
    assert "26492" in run(
        [*program, "plan", "--margin", "0.01", "--confidence", "0.99"],
        tmp_path,
        PYTHONPATH=str(installed),
    )
    run(
        [*program, "lab", "--quick", "--hidden", "2", "--seeds", "1"],
        tmp_path,
        PYTHONPATH=str(installed),
    )
    assert (tmp_path / "backproof-lab" / "report.html").exists()


USER = """
import numpy as np
import torch

import backproof
from backproof import datasets, gradcheck, risk, tape, training

data = datasets.lab_mixture()
x, t = data.sample(200, seed=1)
fits: training.Fits = training.fit([2, 3], seeds=range(2), x=x, t=t, steps=5)
module: torch.nn.Module = fits.best().as_module()
report: gradcheck.GradientReport = gradcheck.check(torch.sin, torch.ones(2))
wrong: bool = report.verdict == gradcheck.Verdict.DISAGREE
certificate: risk.Certificate = risk.certify([0, 1], [0, 1])
upper: float = risk.interval(1, 10).upper
bound: risk.ErrorBound = risk.bound_error(1, 100, limit=0.05)
covered: np.ndarray[tuple[int], np.dtype[np.bool_]] | object = risk.covered_sets(
    "hoeffding", [1, 2], 10, error=0.1
)
with tape.explain() as session:
    pass
findings: tuple[tape.Finding, ...] = session.findings
print(backproof.__version__, wrong, certificate, upper, bound, covered, findings, module)


@tape.explain
def step(value: float) -> float:
    return 2 * value


half: float = step(0.25)
"""


def test_the_public_names_are_typed(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(USER, encoding="utf-8")
    mypy = [sys.executable, "-m", "mypy", "--strict", "mine.py"]
    run(mypy, tmp_path)
    wrong = USER + "\nrisk.interval('one', 10)\ntraining.fit(x=1)\n"
    path.write_text(wrong, encoding="utf-8")
    done = subprocess.run(mypy, cwd=tmp_path, capture_output=True, text=True)
    assert "Found 2 errors" in done.stdout, done.stdout


@pytest.mark.parametrize(
    ("words", "place", "expected"),
    [
        ("backproof pl", "1", "plain,plan"),
        ("backproof plan --mar", "2", "plain,--margin"),
        ("backproof lab --grade-format g", "3", "plain,gradescope"),
    ],
)
def test_a_shell_completes(tmp_path: Path, words: str, place: str, expected: str) -> None:
    program = [sys.executable, "-c", "from backproof.cli import main; main()"]
    printed = run(
        program,
        tmp_path,
        _BACKPROOF_COMPLETE="bash_complete",
        COMP_WORDS=words,
        COMP_CWORD=place,
    )
    assert printed.splitlines() == [expected]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_complete(tmp_path: Path, shell: str) -> None:
    program = [sys.executable, "-c", "from backproof.cli import main; main()"]
    assert "_BACKPROOF_COMPLETE" in run(program, tmp_path, _BACKPROOF_COMPLETE=f"{shell}_source")
