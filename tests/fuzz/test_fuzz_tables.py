"""Tables of predictions, and counts of them, that were damaged."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.inputs import SETTINGS, changed, chosen, in_words, mutated, run

from backproof import risk

TABLE = b"label,prediction,group\ncat,cat,a\ndog,cat,a\ncat,cat,b\ndog,dog,b\n" * 3
COMMANDS = ("certify", "count")


@SETTINGS
@given(mutated(TABLE), st.sampled_from(COMMANDS), st.sampled_from([".csv", ".jsonl", ".parquet"]))
def test_tables_of_any_kind(tmp_path: Path, content: bytes, command: str, suffix: str) -> None:
    path, out = tmp_path / f"table{suffix}", tmp_path / "counts.json"
    path.write_bytes(content)
    out.unlink(missing_ok=True)
    columns = ["--label", "label", "--prediction", "prediction"]
    written = ["--out", str(out)] if command == "count" else []
    code, printed = run(command, str(path), *columns, *written)
    in_words(code, printed)
    if command == "count":
        assert out.exists() == (code == 0)
        if code == 0:
            risk.Counts.from_json(out.read_bytes())


OPTIONS = {
    "--baseline": ["table.csv", "other.csv", "."],
    "--by": ["group", "label", "none"],
    "--cluster": ["group", "none"],
    "--confidence": ["0.5", "1"],
    "--engine": ["polars", "duckdb"],
    "--fail-above": ["0", "0.5", "1"],
    "--high": ["1", "0", "-1"],
    "--key": ["group", "none"],
    "--labels": ["cat,dog", "cat", ","],
    "--loss": ["size", "label"],
    "--low": ["0", "1", "2"],
    "--memory-limit": ["1MB", "1GB", "0"],
    "--metrics": ["accuracy", "recall,f1", "error,error", ",", "kappa"],
    "--positive": ["cat", "dog", "1"],
    "--prediction": ["label", "group"],
    "--score": ["size", "group"],
    "--side": ["upper", "lower"],
    "--threads": ["1", "0"],
    "--weight": ["size", "group"],
}


@SETTINGS
@given(chosen(OPTIONS))
def test_settings_of_any_kind(tmp_path: Path, options: list[str]) -> None:
    header, *rows = TABLE.decode().splitlines()
    sized = [f"{header},size", *(f"{row},{n % 3}" for n, row in enumerate(rows))]
    page = tmp_path / "page.html"
    with contextlib.chdir(tmp_path):
        Path("table.csv").write_text("\n".join(sized), encoding="utf-8")
        Path("other.csv").write_bytes(TABLE)
        page.unlink(missing_ok=True)
        code, printed = run("certify", "table.csv", "--html", str(page), *options)
    in_words(code, printed)
    assert page.exists() == (code != 2)


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("counts")
    (folder / "table.csv").write_bytes(TABLE)
    found = risk.count_table(folder / "table.csv", label="label", prediction="prediction")
    return found.to_json().encode()


@SETTINGS
@given(st.data())
def test_counts_of_any_kind(tmp_path: Path, counted: bytes, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["bytes", "tree"]))
    if kind == "bytes":
        content = data.draw(mutated(counted))
    else:
        content = json.dumps(data.draw(changed(json.loads(counted)))).encode()
    path = tmp_path / "counts.json"
    path.write_bytes(content)
    in_words(*run("certify", str(path)))
