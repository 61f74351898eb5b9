"""Files of predictions: every format, and what can be wrong with them."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.risk.tables import KINDS, in_memory, predictions, same_counts

from backproof import risk
from backproof._core.errors import BackproofError, EngineError, InputError

Write = Callable[[pd.DataFrame, Path], Any]


def _csv(**options: Any) -> Write:
    return lambda table, path: table.to_csv(path, index=False, **options)


def _json(table: pd.DataFrame, path: Path) -> None:
    lines = "".join(f"{json.dumps(row)}\n" for row in table.to_dict("records")).encode()
    path.write_bytes(gzip.compress(lines) if path.suffix == ".gz" else lines)


def _duck(table: pd.DataFrame) -> duckdb.DuckDBPyRelation:
    return duckdb.from_df(table)


WRITERS: dict[str, Write] = {
    "csv": _csv(),
    "csv.gz": _csv(),
    "csv.zst": lambda table, path: _duck(table).write_csv(str(path), compression="zstd"),
    "tsv": _csv(sep="\t"),
    "txt": _csv(sep=";"),
    "jsonl": _json,
    "jsonl.gz": _json,
    "parquet": lambda table, path: table.to_parquet(path),
    "pq": lambda table, path: table.to_parquet(path, compression="zstd"),
}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return predictions(1000)


@pytest.fixture(scope="module")
def expected(table: pd.DataFrame) -> dict[str, risk.Counts]:
    arrays = in_memory(table)["arrays"]
    return {kind: risk.count_table(arrays, **options) for kind, options in KINDS.items()}


def written(table: pd.DataFrame, folder: Path, end: str, shards: int = 3) -> list[Path]:
    paths = [folder / f"part-{number}.{end}" for number in range(shards)]
    for number, path in enumerate(paths):
        WRITERS[end](table.iloc[number::shards], path)
    return paths


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("end", WRITERS)
def test_every_format_is_counted_the_same(
    table: pd.DataFrame, expected: dict[str, risk.Counts], tmp_path: Path, end: str, kind: str
) -> None:
    paths = written(table, tmp_path, end)
    found = risk.count_table(f"{tmp_path}/part-*.{end}", **KINDS[kind])
    assert same_counts(found, expected[kind])
    (source,) = found.sources
    assert source.engine == "DuckDB"
    assert [file.path for file in source.files] == list(map(str, paths))
    assert [file.rows for file in source.files] == [334, 333, 333]
    assert [file.bytes for file in source.files] == [path.stat().st_size for path in paths]


@pytest.mark.parametrize("end", ["parquet", "jsonl"])
@pytest.mark.parametrize("kind", KINDS)
def test_polars_reads_files_too(
    table: pd.DataFrame, expected: dict[str, risk.Counts], tmp_path: Path, end: str, kind: str
) -> None:
    written(table, tmp_path, end)
    found = risk.count_table(tmp_path, engine="polars", **KINDS[kind])
    assert same_counts(found, expected[kind])
    assert [file.rows for file in found.sources[0].files] == [334, 333, 333]


def test_polars_reads_no_text(table: pd.DataFrame, tmp_path: Path) -> None:
    written(table, tmp_path, "csv")
    with pytest.raises(InputError, match="engine duckdb"):
        risk.count_table(tmp_path, engine="polars")


def test_columns_of_text_files_go_by_name(table: pd.DataFrame, tmp_path: Path) -> None:
    table[["y", "yhat"]].iloc[:500].to_csv(tmp_path / "a.csv", index=False)
    turned = table[["group", "yhat", "y"]].iloc[500:]
    turned.to_csv(tmp_path / "b.csv", index=False, sep=";")
    found = risk.count_table(tmp_path)
    assert same_counts(found, risk.count_table(table))


@pytest.mark.parametrize("end", ["csv", "jsonl", "parquet"])
def test_numbers_stay_numbers(tmp_path: Path, end: str) -> None:
    frame = pd.DataFrame({"y": [1, 2, 2], "yhat": [1, 1, 2]})
    WRITERS[end](frame, tmp_path / f"a.{end}")
    assert risk.count_table(tmp_path).labels == (1, 2)


def test_words_for_missing_numbers_are_missing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("y,yhat\n1,1\nNA,0\n0,\n")
    found = risk.count_table(tmp_path)
    assert found.missing == {"y": 1, "yhat": 1}
    (tmp_path / "a.csv").write_text("y,yhat\ncat,cat\nNA,cat\nNA,NA\n")
    assert risk.count_table(tmp_path).labels == ("NA", "cat")


@pytest.mark.parametrize("end", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("text_in", ["column", "file"])
def test_text_beside_numbers_is_an_error(tmp_path: Path, end: str, text_in: str) -> None:
    if text_in == "column":
        WRITERS[end](pd.DataFrame({"y": [1, 0], "yhat": ["one", "zero"]}), tmp_path / f"a.{end}")
    else:
        WRITERS[end](pd.DataFrame({"y": [1, 0], "yhat": [1, 0]}), tmp_path / f"a.{end}")
        WRITERS[end](pd.DataFrame({"y": ["x", "z"], "yhat": ["x", "z"]}), tmp_path / f"b.{end}")
    if end == "csv" and text_in == "file":
        # All cells are text then: labels of one file are just other words.
        assert risk.count_table(tmp_path).labels == ("0", "1", "x", "z")
    else:
        with pytest.raises(InputError, match=r"text|labels"):
            risk.certify_table(tmp_path)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _garbage(path: Path) -> None:
    path.write_bytes(b"PAR1" + bytes(range(256)) * 4 + b"PAR1")


def _short_line(path: Path) -> None:
    lines = path.read_text().splitlines()
    lines[100] = lines[100].split(",")[0]
    path.write_text("\n".join(lines) + "\n")


def _long_line(path: Path) -> None:
    lines = path.read_text().splitlines()
    lines[100] += ",1,2"
    path.write_text("\n".join(lines) + "\n")


def _open_quote(path: Path) -> None:
    path.write_text(path.read_text() + 'cat,"dog\n')


def _half_object(path: Path) -> None:
    path.write_text(path.read_text() + '{"y": "cat", "yh')


def _no_comma(path: Path) -> None:
    lines = path.read_text().splitlines()
    lines[50] = lines[50].replace(",", " ", 1)
    path.write_text("\n".join(lines) + "\n")


def _word_for_a_number(path: Path) -> None:
    path.write_text(path.read_text().replace("0.", "x.", 1))


FAULTS: list[tuple[str, Callable[[Path], Any], str]] = [
    ("parquet", _cut, ""),
    ("parquet", _garbage, ""),
    ("parquet", lambda path: path.write_bytes(b""), ""),
    ("csv", _short_line, "101"),
    ("csv", _long_line, "101"),
    ("csv", _open_quote, ""),
    ("csv", lambda path: path.write_bytes(b""), ""),
    ("csv", lambda path: path.write_bytes(path.read_bytes().replace(b"cat", b"\xff\xfe", 1)), ""),
    ("csv.gz", _cut, ""),
    ("jsonl", _half_object, "line 334"),
    ("jsonl", _no_comma, "line 51"),
    ("jsonl.gz", _cut, ""),
    ("csv", Path.unlink, ""),
    ("parquet", Path.unlink, ""),
]


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize(("end", "spoil", "row"), FAULTS)
def test_a_spoiled_file_is_named_and_nothing_certified(
    table: pd.DataFrame,
    tmp_path: Path,
    end: str,
    spoil: Callable[[Path], Any],
    row: str,
    alone: bool,
) -> None:
    paths = written(table[["y", "yhat", "p"]], tmp_path, end)
    spoil(paths[1])
    given = [paths[1]] if alone else paths
    with pytest.raises(BackproofError) as failed:
        risk.certify_table(given, score="p", metrics="error")
    assert "part-1" in str(failed.value)
    assert "part-0" not in str(failed.value)
    assert row in str(failed.value)


@pytest.mark.parametrize(("end", "spoil"), [("parquet", _cut), ("jsonl", _half_object)])
def test_polars_names_a_spoiled_file(
    table: pd.DataFrame, tmp_path: Path, end: str, spoil: Callable[[Path], Any]
) -> None:
    spoil(written(table[["y", "yhat"]], tmp_path, end)[1])
    with pytest.raises(InputError, match=r"part-1.*nothing was certified"):
        risk.certify_table(tmp_path, engine="polars")


@pytest.mark.parametrize("end", ["csv", "jsonl"])
def test_a_word_in_a_column_of_numbers_names_the_file(
    table: pd.DataFrame, tmp_path: Path, end: str
) -> None:
    paths = written(table[["p", "y", "yhat"]], tmp_path, end)
    _word_for_a_number(paths[2])
    with pytest.raises(InputError, match="part-2"):
        risk.count_table(paths, score="p")


def without_privileges(*words: str | Path) -> tuple[int, str, str]:
    """Run certify as somebody who may not read every file; exit code, stdout and stderr."""
    command = [sys.executable, "-m", "backproof", "certify", *map(str, words)]
    if os.geteuid() == 0:  # root reads every file, unless it gives that right up
        if shutil.which("setpriv") is None:
            pytest.skip("root reads every file")
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_one_unreadable_file_is_named(table: pd.DataFrame, tmp_path: Path, engine: str) -> None:
    paths = written(table, tmp_path, "parquet")
    paths[1].chmod(0)
    named = ("--label", "y", "--prediction", "yhat", "--engine", engine)
    code, out, err = without_privileges(tmp_path / "*.parquet", *named)
    assert (code, out) == (2, "")
    assert f"cannot read {paths[1]}: " in err
    assert "Permission denied" in err


@pytest.mark.parametrize("given", ["", "**/*.csv", "*/*.csv", "*/part-0.csv", "sub/part-0.csv"])
def test_a_folder_that_may_not_be_read_is_named(
    table: pd.DataFrame, tmp_path: Path, given: str
) -> None:
    for name in ("open", "sub"):
        (tmp_path / name).mkdir()
        written(table[["y", "yhat"]], tmp_path / name, "csv", shards=1)
    (tmp_path / "sub").chmod(0)
    try:
        code, out, err = without_privileges(tmp_path / given)
    finally:
        (tmp_path / "sub").chmod(0o700)
    assert (code, out) == (2, "")
    assert f"cannot read {tmp_path}/sub" in err
    assert "Permission denied" in err


def test_blanks_do_not_make_one_label_of_two(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("y, yhat\ncat, cat\ndog, dog\n")
    with pytest.raises(InputError, match="' cat' and 'cat' of 'y' and 'yhat' differ by blanks"):
        risk.count_table(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("y, yhat\ncat , 1\ndog , 1\n")
    assert risk.count_table(tmp_path / "a.csv", prediction=None, score="yhat").labels == (
        "cat",
        "dog",
    )
    (tmp_path / "a.csv").write_text("y, yhat\n1, 1\n0, 1\n")
    assert risk.count_table(tmp_path / "a.csv").labels == (0, 1)


def test_json_may_be_one_array(table: pd.DataFrame, tmp_path: Path) -> None:
    rows = json.loads(table[["y", "yhat"]].to_json(orient="records"))
    (tmp_path / "a.json").write_text(json.dumps(rows[:400], indent=1))
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(json.dumps(rows[400:500]).encode()))
    WRITERS["jsonl"](table[["y", "yhat"]].iloc[500:], tmp_path / "c.jsonl")
    found = risk.count_table(tmp_path)
    assert same_counts(found, risk.count_table(table))
    (tmp_path / "a.json").write_text(json.dumps(rows)[:-1])
    with pytest.raises(InputError, match=r"a\.json"):
        risk.count_table(tmp_path)


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("end", ["json", "json.gz"])
def test_json_may_be_one_object_of_lists(
    table: pd.DataFrame, tmp_path: Path, indent: int | None, end: str
) -> None:
    """As people dump what they hand to ``evaluate``: predictions and references."""
    renamed = table.rename(columns={"y": "references", "yhat": "predictions"})
    lists = {name: renamed[name].tolist() for name in ("references", "predictions", "group", "p")}
    text = json.dumps({"model": "mine", **lists}, indent=indent).encode()
    path = tmp_path / f"a.{end}"
    path.write_bytes(gzip.compress(text) if end.endswith("gz") else text)
    names: dict[str, Any] = {"label": "references", "prediction": "predictions"}
    found = risk.count_table(path, by="group", score="p", **names)
    assert same_counts(found, risk.count_table(renamed, by="group", score="p", **names))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"y": [1, 2], "yhat": [1]}', "equally long, got 2 in 'y', 1 in 'yhat'"),
        ('{"y": [1, 2], "p": [1, 2]}', "no list 'yhat', which is to be the prediction"),
        ('{"y": [1, [2]], "yhat": [1, 2]}', "got list"),
        ('{"y": [], "yhat": []}', "no rows"),
        ('{"y": [1, 2], "yhat": [1, 2', "a.json"),
        ('{\n"y": [1, 2],\n "yhat": [1, 2', "a.json"),
    ],
)
def test_lists_that_are_no_predictions_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=re.escape(message)):
        risk.count_table(tmp_path / "a.json")


def test_a_list_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'{"\x80y": [1, 2], "yhat": [1, 2]}')
    with pytest.raises(InputError, match=r"a\.json"):
        risk.count_table(tmp_path / "a.json")


def test_rows_that_hold_lists_are_rows(tmp_path: Path) -> None:
    rows = [{"logits": [0.1, 0.9], "y": n % 2, "yhat": 1} for n in range(4)]
    (tmp_path / "a.json").write_text("\n".join(map(json.dumps, rows)))
    assert risk.count_table(tmp_path / "a.json").rows == 4


def test_an_object_that_is_cut_off_is_never_passed_over(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    """Of several files DuckDB's own detection of the format does so, every third time or so."""
    paths = written(table[["y", "yhat"]], tmp_path, "jsonl")
    _half_object(paths[1])
    for _ in range(40):
        with pytest.raises(InputError, match="part-1"):
            risk.count_table(paths)


def test_a_link_to_nothing_is_named(table: pd.DataFrame, tmp_path: Path) -> None:
    written(table, tmp_path, "parquet")
    (tmp_path / "part-9.parquet").symlink_to(tmp_path / "gone.parquet")
    for given in (f"{tmp_path}/*.parquet", tmp_path):
        with pytest.raises(InputError, match="part-9"):
            risk.certify_table(given)


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_a_file_that_changes_while_it_is_read(
    table: pd.DataFrame, tmp_path: Path, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backproof.risk.tables import frames

    paths = written(table, tmp_path, "parquet")
    fetched = frames.fetched

    def slowly(*arguments: Any) -> Any:
        found = fetched(*arguments)
        table.iloc[:5].to_parquet(paths[1])  # another process would do it at this moment
        return found

    monkeypatch.setattr(frames, "fetched", slowly)
    with pytest.raises(EngineError, match=r"part-1.*changed while it was read"):
        risk.certify_table(tmp_path, engine=engine)


def test_a_file_that_is_written_to_all_the_time(table: pd.DataFrame, tmp_path: Path) -> None:
    (path,) = written(table[["y", "yhat"]], tmp_path, "csv", shards=1)
    lines = len(path.read_text().splitlines())
    stop, started = threading.Event(), threading.Event()

    def write() -> None:
        line = path.read_text().splitlines()[1]
        while not stop.wait(timeout=0.0005):
            with path.open("a") as file:
                file.write(f"{line}\n")
            started.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        started.wait(timeout=60)
        for _ in range(5):
            with pytest.raises(EngineError, match="changed while it was read"):
                risk.count_table(path)
    finally:
        stop.set()
        writer.join()
    assert risk.count_table(path).examples > lines


def test_names_that_are_patterns_or_odd(table: pd.DataFrame, tmp_path: Path) -> None:
    folder = tmp_path / "a=[1]*?" / "größe 'x'"
    folder.mkdir(parents=True)
    table.to_parquet(folder / "p[0-9]*.parquet")
    table.to_csv(folder / "p[0-9]*.csv", index=False)
    for end in ("parquet", "csv"):
        found = risk.count_table(folder / f"p[0-9]*.{end}")
        assert found.sources[0].files[0].rows == 1000


def test_odd_column_names(tmp_path: Path) -> None:
    frame = pd.DataFrame({'the "true" one': [1, 0], "$path_0": [1, 1], "rows": [0, 1]})
    for end in ("csv", "jsonl", "parquet"):
        WRITERS[end](frame, tmp_path / f"a.{end}")
        found = risk.count_table(tmp_path / f"a.{end}", 'the "true" one', "$path_0", by="rows")
        assert found.groups == (0, 1)


def test_folders_as_spark_writes_them(table: pd.DataFrame, tmp_path: Path) -> None:
    for number, part in table.groupby("group"):
        (tmp_path / f"day={number}").mkdir()
        part.to_parquet(tmp_path / f"day={number}" / "part-0.parquet")
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / "day=0" / ".part-0.parquet.crc").write_bytes(b"x")
    assert same_counts(risk.count_table(tmp_path), risk.count_table(table))


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ([], "at least one path"),
        ("*.parquet", "no file matches"),
        ("s3://bucket/a.parquet", "address"),
        ("a.xlsx", "format"),
        ("empty", "no files"),
        (["a.csv", "b.parquet"], "one format"),
    ],
)
def test_paths_that_name_no_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: Any, match: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=match):
        risk.count_table(given)


def test_the_same_file_never_counts_twice(table: pd.DataFrame, tmp_path: Path) -> None:
    paths = written(table, tmp_path, "parquet")
    (tmp_path / "again.parquet").symlink_to(paths[0])
    with pytest.raises(InputError, match="count twice"):
        risk.count_table(tmp_path)
    (tmp_path / "again.parquet").unlink()
    shards = [risk.count_table(paths[:2]), risk.count_table(paths[1:])]
    with pytest.raises(InputError, match=r"part-1.*count twice"):
        sum(shards)


def test_a_certificate_says_what_it_covers(table: pd.DataFrame, tmp_path: Path) -> None:
    paths = written(table, tmp_path, "parquet")
    found = risk.certify_table(paths)
    told = json.loads(found.to_json())["sources"][0]
    assert (told["engine"], told["version"], told["rows"]) == ("DuckDB", duckdb.__version__, 1000)
    assert [file["rows"] for file in told["files"]] == [334, 333, 333]
    assert f"counted by DuckDB {duckdb.__version__}" in str(found)
    assert str(paths[2]) in found.to_html()
    assert risk.Certificate.from_json(found.to_json()) == found


def test_little_memory_is_enough_or_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"y": rng.integers(0, 2, 400_000)})
    table = table.assign(yhat=table["y"], cluster=rng.permutation(400_000).astype(str))
    table.to_parquet(tmp_path / "a.parquet")
    found = risk.count_table(tmp_path, cluster="cluster", memory_limit="60MB", threads=1)
    assert len(found.clusters) == 400_000
    with pytest.raises(EngineError, match="memory"):
        risk.count_table(tmp_path, cluster="cluster", memory_limit="1MB", threads=1)


def test_the_first_line_of_a_long_file_is_its_first(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("y,yhat\n" + "cat,dog\ndog,dog\n" * 2_000_000)
    found = risk.count_table(path)
    assert (found.labels, found.rows) == (("cat", "dog"), 4_000_000)


def test_a_cut_gzip_is_not_a_shorter_table(tmp_path: Path) -> None:
    text = b"y,yhat\n" + b"1,1\n" * 100_000
    whole = gzip.compress(text)
    (tmp_path / "a.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"a\.csv\.gz"):
        risk.count_table(tmp_path)


def _two(folder: Path, first: dict[str, Any], second: dict[str, Any]) -> Path:
    for name, columns in (("a", first), ("b", second)):
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return folder


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_files_of_other_types_are_read_as_what_they_hold(tmp_path: Path, engine: Any) -> None:
    whole, parts = {"l": [0, 1], "g": [1, 1]}, {"l": [0.4, 0.45], "g": [1, 1]}
    try:
        found = risk.certify_table(_two(tmp_path, whole, parts), loss="l", by="g", engine=engine)
    except InputError:
        assert engine == "polars"  # which refuses them
    else:
        assert found.statements[0].measurement.estimate == pytest.approx(0.4625)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([True, False], [2, 3]),
        ([1, 2], ["a", "b"]),
        (pa.array([1, 2], pa.float32()), [16777217.0, 1.0]),
        (["a", "b"], [b"a", b"b"]),
    ],
)
def test_types_that_no_type_holds_are_refused(tmp_path: Path, first: Any, second: Any) -> None:
    _two(tmp_path, {"y": first, "yhat": first}, {"y": second, "yhat": second})
    with pytest.raises(InputError, match=r"'y' has the type .*a\.parquet and .*b\.parquet"):
        risk.count_table(tmp_path)


def test_a_file_without_a_column_is_named(tmp_path: Path) -> None:
    labels = [1, 2]
    _two(tmp_path, {"y": labels, "yhat": labels}, {"y": labels})
    with pytest.raises(InputError, match=r"b\.parquet has no column 'yhat'"):
        risk.count_table(tmp_path)


def test_a_file_without_values_has_any_type(tmp_path: Path) -> None:
    gaps = pa.nulls(2)
    _two(tmp_path, {"y": gaps, "yhat": gaps}, {"y": ["a", "b"], "yhat": ["a", "b"]})
    found = risk.count_table(tmp_path)
    assert (found.labels, found.incomplete) == (("a", "b"), 2)


def test_a_field_of_a_structure_is_no_column(tmp_path: Path) -> None:
    part = {"y": [1, 2], "yhat": [1, 2], "more": [{"y": "a"}, {"y": "b"}]}
    assert risk.count_table(_two(tmp_path, part, part)).labels == (1, 2)


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
@pytest.mark.parametrize("end", ["parquet", "jsonl"])
def test_names_of_folders_are_no_columns(tmp_path: Path, end: str, engine: Any) -> None:
    folder = tmp_path / "yhat=0" / "group=a"
    folder.mkdir(parents=True)
    table = pd.DataFrame({"y": [0, 1], "yhat": [1, 0], "group": ["x", "z"]})
    WRITERS[end](table, folder / f"part.{end}")
    found = risk.certify_table(tmp_path, by="group", engine=engine)
    assert found.statements[0].measurement.estimate == 1
    assert [one.group for one in found.statements] == [None, "x", "z"]


def test_only_the_ending_of_a_name_makes_a_file_tab_separated(tmp_path: Path) -> None:
    (tmp_path / "x.tsv.d").mkdir()
    (tmp_path / "x.tsv.d" / "a.csv").write_text("y,yhat\n1,1\n")
    assert risk.count_table(tmp_path).examples == 1


def test_polars_takes_no_name_of_json_lines_for_a_pattern(tmp_path: Path) -> None:
    for name in ("a[1].jsonl", "a1.jsonl"):
        (tmp_path / name).write_text('{"y": 1, "yhat": 1}\n')
    with pytest.raises(InputError, match="for a pattern: use engine duckdb"):
        risk.count_table(tmp_path, engine="polars")
    assert risk.count_table(tmp_path).examples == 2


def test_folders_that_a_pattern_matches_are_read_too(tmp_path: Path) -> None:
    for folder in ("group=a", "_group=b", "_logs", ".hidden"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "part.csv").write_text("y,yhat\n1,1\n")
    (tmp_path / "a.csv").write_text("y,yhat\n1,1\n")
    for given in (tmp_path, f"{tmp_path}/*"):
        assert risk.count_table(given).examples == 3


def test_bytes_without_meaning_are_not_one_label(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("y,yhat\n\ufffd,\ufffd\nb,b\n")
    with pytest.raises(InputError, match="write the file in UTF-8"):
        risk.count_table(tmp_path)
