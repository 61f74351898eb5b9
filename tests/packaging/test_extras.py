"""The wheel in a clean environment: without an extra everything else works, with it that too."""

import ast
import os
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from urllib.request import urlopen

import pytest
from packaging.utils import canonicalize_name
from tests.packaging.conftest import ROOT
from tests.packaging.environments import Environment, applying, interrupt, make, requirements

EXTRAS = ("", "fast", "dask", "spark", "app", "docs")
BROUGHT = {
    "fast": ("numba", "llvmlite"),
    "dask": ("distributed", "dask"),
    "spark": ("pyspark",),
    "app": ("nicegui", "fastapi", "uvicorn"),
    "docs": ("sphinx", "furo", "myst_parser", "sphinx_click"),
}
"""What each extra is there for, by the name that is imported."""
LEFT_TO_USERS = ("pytest", "polars", "mlflow")
"""What Backproof imports where users have it, and no extra brings."""
ABSENT = (*LEFT_TO_USERS, "pandas", "pyarrow", "jax", "IPython", "tensorboard", "pip")
NOT_WITHOUT = {
    "fast": ("training.engines.kernel", "training.engines.elementary"),
    "app": ("app",),
}
"""Modules that are loaded with an extra alone, by the beginning of their names."""


@pytest.fixture(scope="module", params=EXTRAS, ids=lambda extra: extra or "none")
def environment(
    request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    return make(tmp_path_factory.mktemp("clean"), wheel, request.param)


def only(*extras: str) -> pytest.MarkDecorator:
    """Give a test the environments of some extras alone."""
    named = [pytest.param(extra, id=extra or "none") for extra in extras]
    return pytest.mark.parametrize("environment", named, indirect=True)


def test_pip_would_install_nothing_more(environment: Environment) -> None:
    wanted = f"backproof[{environment.extra}]" if environment.extra else "backproof"
    done = environment.pip("install", "--no-index", "--dry-run", wanted)
    assert done.returncode == 0, done.stderr
    assert "Would install" not in done.stdout


def test_only_what_the_extra_brings_can_be_imported(environment: Environment) -> None:
    names = [name for brought in BROUGHT.values() for name in brought]
    printed = environment.python(
        "from importlib.util import find_spec\n"
        f"print(*(name for name in {[*names, *ABSENT]} if find_spec(name)))"
    )
    assert printed.split() == list(BROUGHT.get(environment.extra, ()))


def test_the_program_runs(environment: Environment) -> None:
    assert (
        environment.run("backproof", "--version").stdout
        == environment.run("python", "-m", "backproof", "--version").stdout
    )
    plan = environment.run("backproof", "plan", "--margin", "0.01", "--confidence", "0.99")
    assert "26492" in plan.stdout
    assert plan.stderr == ""


MODULES = """
import pkgutil
from importlib import import_module

import backproof

print(backproof.__file__)
for module in pkgutil.walk_packages(backproof.__path__, "backproof.", onerror=lambda name: None):
    if "gallery.programs" in module.name or module.name == "backproof.__main__":
        continue
    try:
        import_module(module.name)
    except ModuleNotFoundError as error:
        print(module.name, error.name)
"""


@only("", *NOT_WITHOUT)
def test_every_module_is_loaded_but_those_of_other_extras(environment: Environment) -> None:
    where, *failed = environment.python(MODULES).splitlines()
    assert where.startswith(str(environment.bin.parent))
    names = {tuple(line.split()) for line in failed}
    names.remove(("backproof.pytest_plugin", "pytest"))
    expected = {extra for extra in NOT_WITHOUT if extra != environment.extra}
    for extra in expected:
        of_extra = {
            (module, missing)
            for module, missing in names
            if module.removeprefix("backproof.").startswith(NOT_WITHOUT[extra])
        }
        assert of_extra
        assert {missing for _, missing in of_extra} <= set(BROUGHT[extra])
        names -= of_extra
    assert names == set()


JOBS = """
import torch

import backproof
from backproof import datasets, gradcheck, lab, plots, report, risk, tape, training

data = datasets.lab_mixture()
x, t = data.sample(60, seed=1)
fits = training.fit([2, 3], seeds=2, x=x, t=t, steps=20)
print(risk.certify(t, fits.best().classify(x).numpy(), metrics=("error", "macro-f1")))
print(gradcheck.check(torch.sin, torch.ones(2, dtype=torch.float64)).verdict.name)
with tape.explain() as session:
    w = torch.ones(2, requires_grad=True)
    (w.detach() * torch.ones(2, requires_grad=True)).sum().backward()
print([found.code for found in session.findings])
curve = fits[0].losses
drawn = plots.LossCurve(label="2", median=curve, lower=curve, upper=curve)
print(plots.svg(plots.losses([drawn], "nothing")).count("</svg>"))
"""


@only("")
def test_the_five_jobs_need_no_extra(environment: Environment) -> None:
    error, f1, verdict, codes, drawn = environment.python(JOBS).splitlines()[-5:]
    assert error.startswith("error ")
    assert f1.startswith("macro-f1 ")
    assert verdict == "AGREE"
    assert codes == "['cut-graph']"
    assert drawn == "1"


PREDICTIONS = "truth,predicted\na,a\nb,a\nb,b\na,a\n"


@only("")
@pytest.mark.parametrize(
    ("extra", "command"),
    [
        ("app", ["app", "--no-open", "--port", "0"]),
        ("fast", ["train", "lab", "--hidden", "2", "--seeds", "1", "--engine", "fused"]),
        ("dask", ["train", "lab", "--hidden", "2", "--seeds", "1", "--dask", "tcp://127.0.0.1:1"]),
        ("spark", ["certify", "predictions.csv", "--engine", "spark"]),
    ],
)
def test_what_needs_an_extra_names_it(
    environment: Environment, extra: str, command: list[str]
) -> None:
    (environment.elsewhere / "predictions.csv").write_text(PREDICTIONS, encoding="utf-8")
    done = environment.run("backproof", *command, exits=2)
    assert done.stdout == ""
    assert done.stderr.startswith("backproof: ")
    assert done.stderr.count("\n") == 1
    assert f"pip install 'backproof[{extra}]'" in done.stderr


FUSED = """
from backproof import datasets, training

x, t = datasets.lab_mixture().sample(20, seed=1)
fused, plain = (
    training.fit(2, 1, x=x, t=t, steps=3, engine=engine) for engine in ("fused", "batched")
)
print(fused.engine, fused[0].losses[-1], plain[0].losses[-1])
"""


@only("fast")
def test_with_fast_the_fused_engine_trains(environment: Environment) -> None:
    engine, fused, plain = environment.python(FUSED).split()
    assert engine == "fused"
    assert float(fused) == pytest.approx(float(plain), rel=1e-9)


CLUSTER = """
from distributed import LocalCluster

from backproof import datasets, training
from backproof._core.errors import InputError

x, t = datasets.lab_mixture().sample(20, seed=1)
with LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster:
    here = cluster.scheduler_address
    swept = training.sweep(2, 1, x, t, steps=3, dask=here)
print(swept[0].losses[-1], training.fit(2, 1, x=x, t=t, steps=3)[0].losses[-1])
try:
    training.sweep(2, 1, x, t, steps=3, dask="tcp://nowhere")  # without a port
except InputError as error:
    print(error)
"""


@only("dask")
def test_with_dask_a_cluster_trains(environment: Environment) -> None:
    losses, refused = environment.python(CLUSTER).splitlines()
    swept, here = losses.split()
    assert swept == here
    assert refused.startswith("dask must be an address such as tcp://host:8786")


@only("spark")
def test_with_spark_a_file_is_certified(environment: Environment) -> None:
    if shutil.which("java") is None:
        assert "java" not in os.environ.get("BACKPROOF_REQUIRE", "")
        environment.run("python", "-c", "import pyspark.sql")
        pytest.skip("Spark needs a Java runtime")
    (environment.elsewhere / "predictions.csv").write_text(PREDICTIONS, encoding="utf-8")
    done = environment.run(
        "backproof", "certify", "predictions.csv", "--engine", "spark",
        "--spark-master", "local[1]",
    )  # fmt: skip
    assert done.stdout.startswith("error 25 %")
    assert "counted by Spark" in done.stdout


@only("app")
def test_with_app_the_page_is_served(environment: Environment) -> None:
    with environment.start("app", "--no-open", "--port", "0") as process:
        assert process.stdout is not None
        try:
            first, last = process.stdout.readline(), process.stdout.readline()
            assert first.startswith("Backproof is at http://127.0.0.1:"), first
            assert last == "Ctrl-C ends it.\n"
            with urlopen(first.split()[-1], timeout=30) as answer:
                assert answer.status == 200
                assert "<title>Backproof</title>" in answer.read().decode()
            assert interrupt(process) == ""
        finally:
            process.kill()


@only("docs")
def test_with_docs_there_is_what_builds_them(environment: Environment) -> None:
    """What conf.py names can be loaded; tests/docs builds the pages."""
    settings = {
        node.targets[0].id: node.value
        for node in ast.parse((ROOT / "docs" / "conf.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    extensions = ast.literal_eval(settings["extensions"])
    theme = ast.literal_eval(settings["html_theme"])
    assert extensions
    names = [*extensions, theme]
    assert environment.python(f"import {', '.join(names)}\nprint({theme}.__name__)") == f"{theme}\n"


def imported() -> Iterator[tuple[str, str]]:
    """Yield the modules of others that the source imports anywhere, and the file that does."""
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                names = [node.module]
            else:
                continue
            for name in {one.partition(".")[0] for one in names}:
                if name not in sys.stdlib_module_names and name != "backproof":
                    yield name, str(path.relative_to(ROOT))


def test_what_is_imported_is_required_by_name(wheel: Path) -> None:
    """Not only by way of something else, which could cease to need it."""
    wanted = requirements(wheel)
    home = metadata.packages_distributions()
    extra_of = {name: extra for extra, names in BROUGHT.items() for name in names}
    missing = set()
    for name, file in imported():
        if name in LEFT_TO_USERS:
            continue
        extra = extra_of.get(name, "")
        named = {canonicalize_name(one.name) for one in applying(wanted, {extra})}
        if not named & set(map(canonicalize_name, home[name])):
            missing.add((name, extra, file))
    assert missing == set()
