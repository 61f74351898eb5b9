"""The lab: settings of any kind, and records that were damaged."""

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.inputs import SETTINGS, changed, chosen, in_words, mutated, run

from backproof import lab
from backproof._core.errors import BackproofError


@pytest.fixture(scope="module")
def record(tiny_run: lab.LabRun) -> dict[str, Any]:
    return tiny_run.to_dict()


@settings(SETTINGS, max_examples=40)
@given(st.data())
def test_records_of_any_kind(tmp_path: Path, record: dict[str, Any], data: st.DataObject) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(data.draw(changed(record))), encoding="utf-8")
    with contextlib.suppress(BackproofError):
        lab.document(lab.load(path), _Blank())


@SETTINGS
@given(st.data())
def test_records_that_are_no_json(
    tmp_path: Path, record: dict[str, Any], data: st.DataObject
) -> None:
    path, out = tmp_path / "run.json", tmp_path / "report.html"
    whole = json.dumps(record).encode()
    path.write_bytes(data.draw(mutated(whole).filter(lambda text: not _is_json(text))))
    code, printed = run("report", str(path), "--out", str(out))
    assert code == 2
    in_words(code, printed)
    assert not out.exists()


class _Blank(dict[str, str]):
    """Every figure, drawn nowhere."""

    def __missing__(self, name: str) -> str:
        return "<svg/>"


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


OPTIONS = {
    "--hidden": ["2,3", "2,2", "", "2,"],
    "--seeds": ["1", "0", "10001"],
    "--seed": ["5", "-1"],
    "--model": ["nothing.py:Model", "nothing.py", ":"],
    "--grade": ["points.json"],
    "--memory-limit": ["0", "-1"],
    "--time-limit": ["0", "-1"],
}


@settings(SETTINGS, max_examples=8)  # those that are right run the lab
@given(chosen(OPTIONS))
def test_settings_of_any_kind(tmp_path: Path, options: list[str]) -> None:
    out = tmp_path / "out"
    shutil.rmtree(out, ignore_errors=True)
    small = ("--quick", "--hidden", "2", "--seeds", "1", "--out", str(out))
    with contextlib.chdir(tmp_path):
        code, printed = run("lab", *small, *options)
    in_words(code, printed)
    assert out.exists() == (code != 2)
