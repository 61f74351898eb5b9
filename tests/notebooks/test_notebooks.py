"""The example notebooks run, show what they compute, and are what their scripts say."""

import inspect
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints

import jupytext
import pytest
from nbclient import NotebookClient

from backproof import datasets, gradcheck, grading, lab, risk, tabular, tape, training

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


JOBS = (datasets, gradcheck, grading, lab, risk, tabular, tape, training)
# What asks for something, or is made of what a notebook shows already.
NO_RESULTS = {
    "Arrangement", "Case", "Document", "Explain", "FFModel", "Network", "Scaling", "Submission",
    "Table", "TwoClassMixture",
}  # fmt: skip


def callables(module: Any) -> Iterator[Any]:
    """Yield the public functions of a module, and the public methods of its classes."""
    for name in module.__all__:
        found = getattr(module, name)
        if inspect.isfunction(found):
            yield found
        if inspect.isclass(found):
            for key, member in inspect.getmembers(found):
                member = member.fget if isinstance(member, property) else member
                if not key.startswith("_") and inspect.isfunction(member):
                    yield member


def classes(hint: Any) -> Iterator[type]:
    """Yield our classes in an annotation, also those in containers and unions."""
    if inspect.isclass(hint) and hint.__module__.startswith("backproof"):
        yield hint
    for part in get_args(hint):
        yield from classes(part)


def returned() -> list[type]:
    """Every class that something public returns."""
    found = {
        kind
        for module in JOBS
        for function in callables(module)
        for kind in classes(get_type_hints(function).get("return"))
        if not issubclass(kind, Enum)
    }
    return sorted(found, key=lambda kind: kind.__qualname__)


@pytest.mark.parametrize("kind", returned(), ids=lambda kind: kind.__qualname__)
def test_a_notebook_shows_every_result(kind: type) -> None:
    assert callable(getattr(kind, "_repr_html_", None)) != (kind.__name__ in NO_RESULTS)
    if kind.__name__ not in NO_RESULTS:
        own = [set(vars(base)) for base in kind.__mro__ if base is not object]
        assert any(names & {"__str__", "__repr__"} for names in own)


def test_the_walk_finds_what_the_jobs_return() -> None:
    names = {kind.__name__ for kind in returned()}
    assert {"Fits", "Fit", "GradientReport", "Certificate", "Graph", "LabRun", "Dataset"} <= names


def test_networks_show_their_number_and_losses() -> None:
    fits = training.fit([2, (3, 3)], seeds=range(2), x=[[0.0, 1.0], [1.0, 0.0]], t=[-1, 1], steps=3)
    assert repr(fits) == "<Fits: 4 networks, hidden 2, 3-3>"
    assert repr(fits[:0]) == "<Fits: 0 networks>"
    assert fits._repr_html_().count("after 3 steps") == 4


def test_a_monitor_shows_where_it_stands() -> None:
    monitor = risk.Monitor()
    assert repr(monitor) == "<Monitor: no examples yet>"
    monitor.update(3, 100)
    assert str(monitor.interval) in monitor._repr_html_()
    assert "after 100 examples" in repr(monitor)


def test_what_is_shown_holds_no_markup_of_the_users() -> None:
    evil = "</script><img onerror=alert(1)>"
    certificate = risk.certify(["a", evil] * 20, ["a", "a"] * 20, metrics="recall", positive=evil)
    for shown in (certificate._repr_html_(), risk.confusion([evil], ["b"])._repr_html_()):
        assert "<img" not in shown
        assert "img onerror" in shown
