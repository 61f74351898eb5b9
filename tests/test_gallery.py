"""The gallery in the docs is what its programs give when they run."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from backproof import tape
from backproof.tape.scripts import run_script

ROOT = Path(__file__).parents[1]
PROGRAMS = ROOT / "examples" / "gallery"


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gallery", ROOT / "docs" / "gallery.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_is_a_program_for_each_finding() -> None:
    found = {path.stem.replace("_", "-") for path in PROGRAMS.glob("*.py")}
    assert found == set(tape.CODES)


@pytest.mark.parametrize("code", tape.CODES)
def test_a_program_shows_its_finding_first(code: str) -> None:
    session, _ = run_script(PROGRAMS / f"{code.replace('-', '_')}.py")
    assert session.findings[0].code == code


def test_the_page_is_what_the_programs_give(writer: ModuleType) -> None:
    assert writer.gallery() == writer.PAGE.read_text(encoding="utf-8"), (
        "docs/gallery.md is out of date: run python docs/gallery.py"
    )
