"""The example notebooks run, show what they compute, and are what their scripts say."""

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import jupytext
import pytest
from nbclient import NotebookClient

from backproof import datasets, gradcheck, grading, lab, risk, tape, training
from backproof._core.results import Result

FOLDER = Path(__file__).parents[2] / "examples" / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))


def test_there_are_two() -> None:
    assert len(NAMES) == 2
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_paired_with_its_script(name: str) -> None:
    """`jupytext --sync examples/notebooks/*.py` writes them anew."""
    script = jupytext.read(FOLDER / f"{name}.py")
    notebook = jupytext.read(FOLDER / f"{name}.ipynb")
    assert [(c.cell_type, c.source) for c in script.cells] == [
        (c.cell_type, c.source) for c in notebook.cells
    ]
    assert not any(cell.get("outputs") for cell in notebook.cells)


@pytest.fixture(scope="module", params=NAMES)
def outputs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What each cell of a notebook shows, as MIME types to contents."""
    notebook = jupytext.read(FOLDER / f"{request.param}.py")
    folder = str(tmp_path_factory.mktemp("notebook"))
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    client.execute()
    shown = [
        {**output.get("data", {}), "stream": output.get("text", "")}
        for cell in notebook.cells
        for output in cell.get("outputs", ())
    ]
    return request.param, shown


def test_a_notebook_runs_and_shows_results_and_pictures(outputs: Any) -> None:
    name, shown = outputs
    rich = [one for one in shown if "text/html" in one]
    assert len(rich) >= 3
    pictures = [one["image/svg+xml"] for one in shown if "image/svg+xml" in one]
    assert len(pictures) == 1
    assert "<svg" in pictures[0]
    text = " ".join(str(one) for one in shown)
    expected = {
        "explain_and_check": ("cut-graph", "DISAGREE", "x[99]"),
        "train_and_certify": ("Bayes error 1.6774%", "Clopper", "26492", "of the intervals cover"),
    }
    for part in expected[name]:
        assert part in text


def results() -> list[type]:
    """Every public class of results."""
    found = set()
    for module in (datasets, gradcheck, grading, lab, risk, tape, training):
        for name in module.__all__:
            one = getattr(module, name)
            if inspect.isclass(one) and issubclass(one, Result):
                found.add(one)
    return sorted(found, key=lambda one: one.__qualname__)


@pytest.mark.parametrize("kind", results(), ids=lambda kind: kind.__qualname__)
def test_every_result_has_a_text_and_a_picture_of_it(kind: type) -> None:
    assert callable(getattr(kind, "_repr_html_", None))
    assert dataclasses.is_dataclass(kind)


def test_what_is_shown_holds_no_markup_of_the_users() -> None:
    evil = "</script><img onerror=alert(1)>"
    certificate = risk.certify(["a", evil] * 20, ["a", "a"] * 20, metrics="recall", positive=evil)
    for shown in (certificate._repr_html_(), risk.confusion([evil], ["b"])._repr_html_()):
        assert "<img" not in shown
        assert "img onerror" in shown
