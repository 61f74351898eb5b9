"""The gallery's programs show their findings, and the page in the docs is what they give."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from backproof import lab, tape
from backproof._core.errors import InputError
from backproof.lab.gallery import explain_program

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(lab.__file__).parent / "gallery" / "programs"


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
def test_a_program_shows_its_finding_first_at_lines_of_its_own(code: str) -> None:
    explained = explain_program(code)
    lines = explained.source.splitlines()
    first = explained.findings[0]
    assert first.code == code
    assert first.places
    for place in first.places:
        assert place.file == f"{code.replace('-', '_')}.py"
        assert lines[place.line - 1].strip() == place.code
    assert type(explained).from_json(explained.to_json()) == explained


def test_an_unknown_program_is_refused() -> None:
    with pytest.raises(InputError, match="code must be one of"):
        explain_program("../../secret")


def test_the_page_is_what_the_programs_give(writer: ModuleType) -> None:
    assert writer.gallery() == writer.PAGE.read_text(encoding="utf-8"), (
        "docs/gallery.md is out of date: run python docs/gallery.py"
    )
