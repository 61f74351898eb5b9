"""The imports hold to the layers of docs/architecture.md."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "backproof"

JOBS = {"tape", "gradcheck", "training", "risk", "datasets"}
BELOW = {
    "cli": {"app", "lab", "grading", "tabular", "report", "plots", "_core", *JOBS},
    "pytest_plugin": {"tape", "gradcheck", "risk", "_core"},
    "app": {"lab", "tabular", "report", "plots", "_core", *JOBS},
    "lab": {"grading", "report", "plots", "_core", *JOBS},
    "grading": {"gradcheck", "training", "datasets", "_core"},
    "tabular": {"report", "plots", "_core", "training", "risk", "datasets"},
    "report": {"_core"},
    "plots": {"_core", *JOBS},
    **{job: {"_core"} for job in JOBS},
    "risk": {"_tables", "_core"},
    "datasets": {"_tables", "_core"},
    "_tables": {"_core"},
    "_core": set(),
}
"""What each package may import; the five jobs never import each other."""

ONLY_IMPORTERS = {
    "matplotlib": {"plots"},
    "jinja2": {"report"},
    "pytest": {"pytest_plugin"},
    "click": {"cli"},
    "rich": {"cli", "tape"},
    "torch": {"tape", "gradcheck", "training", "grading", "lab", "tabular", "app"},
    "numba": {"training"},
    "nicegui": {"app"},
    "fastapi": {"app"},
    "uvicorn": {"app"},
    "joblib": {"training"},
    "duckdb": {"_tables", "datasets", "risk"},
    "narwhals": {"risk"},
    "polars": {"risk"},
    "pyspark": {"risk"},
    "sklearn": {"training", "datasets", "tabular"},
}
"""Libraries that belong to certain packages."""


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def package(path: Path) -> str:
    parts = path.relative_to(SOURCE).parts
    name = parts[0].removesuffix(".py")
    return "" if name.startswith("__") else name


def violations(path: Path, found: Iterator[str]) -> list[str]:
    own = package(path)
    wrong = []
    for name in found:
        parts = name.split(".")
        if parts[0] == "backproof" and len(parts) > 1 and own:
            target = parts[1]
            if target in BELOW and target != own and target not in BELOW[own]:
                wrong.append(f"{own} imports {name}")
        elif own not in ONLY_IMPORTERS.get(parts[0], {own}):
            wrong.append(f"{own} imports {name}")
    return wrong


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_imports_only_what_stands_below_it(path: Path) -> None:
    assert violations(path, imports(path)) == []


def test_every_package_has_its_place() -> None:
    assert {package(path) for path in modules()} - {""} == set(BELOW)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("risk/interval.py", "torch"),
        ("risk/interval.py", "backproof.training"),
        ("_core/errors.py", "backproof.risk"),
        ("lab/tables.py", "matplotlib.figure"),
        ("report/html.py", "backproof.plots"),
    ],
)
def test_a_planted_import_is_found(module: str, name: str) -> None:
    assert violations(SOURCE / module, iter([name])) != []


def test_there_are_no_import_cycles() -> None:
    names = {
        ".".join(("backproof", *path.relative_to(SOURCE).with_suffix("").parts)): path
        for path in modules()
    }
    # A package is reached through its __init__, which only re-exports: cycles between a package
    # and its own modules would show as an ImportError, so only modules are looked at.
    graph = {
        name: {found for found in imports(path) if found in names}
        for name, path in names.items()
        if path.name != "__init__.py"
    }
    finished: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above, name))
        if name not in finished:
            for below in graph.get(name, ()):
                visit(below, (*above, name))
            finished.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("module", ["backproof", "backproof.risk", "backproof.cli"])
def test_light_modules_import_nothing_heavy(module: str) -> None:
    code = f"import {module}, sys; print(sorted({{'torch', 'matplotlib'}} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout.strip() == "[]"
