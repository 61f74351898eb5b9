"""certify and count as a user meets them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.risk.tables import predictions

from backproof import risk

Main = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    table = predictions(2000)
    for number in range(2):
        table.iloc[number::2].to_parquet(tmp_path / f"part-{number}.parquet")
    table[["id", "y", "yhat"]].to_csv(tmp_path / "old.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_certificate_in_one_line(run_main: Main, folder: Path) -> None:
    code, out, err = run_main("certify", "*.parquet", "--label", "y", "--prediction", "yhat")
    assert (code, err) == (0, "")
    assert out == f"{risk.certify_table('*.parquet')}\n"
    assert "From 2000 rows in 2 files" in out


def test_columns_are_guessed_and_told(run_main: Main, folder: Path) -> None:
    code, out, err = run_main("certify", "*.parquet", "--json")
    assert code == 0
    assert json.loads(out)["examples"] == 2000
    assert "takes the column 'y' as the label" in err
    assert "takes the column 'yhat' as the prediction" in err


def test_lists_of_predictions_and_references(run_main: Main, tmp_path: Path) -> None:
    path = tmp_path / "lists.json"
    path.write_text(json.dumps({"predictions": [0, 1] * 50, "references": [0, 1, 1, 1] * 25}))
    code, out, _ = run_main("certify", str(path))
    assert code == 0
    assert out.startswith("error 25 % ")
    assert "label 'references', prediction 'predictions'" in out


@pytest.mark.parametrize(("metrics", "told"), [("error", True), ("error,auc", False)])
def test_scores_that_nothing_is_made_of_are_told(
    run_main: Main, tmp_path: Path, metrics: str, told: bool
) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("y,yhat,p\n" + "1,1,0.9\n0,1,0.6\n0,0,0.2\n" * 10)
    code, _, err = run_main("certify", str(path), "--score", "p", "--metrics", metrics)
    assert code == 0
    assert ("--score is for --metrics auc, log-loss, brier; none was asked for" in err) == told


def test_no_guess_among_several(run_main: Main, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("y,label,yhat\n1,1,1\n")
    code, out, err = run_main("certify", tmp_path / "a.csv")
    assert (code, out) == (2, "")
    assert "'y', 'label'" in err
    assert "--label" in err
    (tmp_path / "a.csv").write_text("a,b\n1,1\n")
    code, _, err = run_main("certify", tmp_path / "a.csv")
    assert code == 2
    assert "'a', 'b'" in err


@pytest.mark.parametrize(("limit", "code"), [(0.5, 0), (0.01, 1)])
def test_a_gate(run_main: Main, folder: Path, limit: float, code: int) -> None:
    found, out, err = run_main("certify", "*.parquet", "--by", "group", "--fail-above", limit)
    assert found == code
    assert "All 6 statements" in out
    assert ("exceeds 0.01" in err) == (code == 1)


def test_a_gate_on_a_group_alone(run_main: Main, tmp_path: Path) -> None:
    rows = "".join("good,1,1\n" for _ in range(5000)) + "bad,1,0\nbad,0,0\n" * 10
    (tmp_path / "a.csv").write_text("g,y,yhat\n" + rows)
    code, _, err = run_main("certify", tmp_path / "a.csv", "--by", "g", "--fail-above", "0.1")
    assert code == 1
    assert "group bad" in err
    assert "group good" not in err
    assert "all examples" not in err


@pytest.mark.parametrize("limit", ["5", "-0.1", "nan"])
def test_a_gate_that_could_not_work(run_main: Main, folder: Path, limit: str) -> None:
    code, out, err = run_main("certify", "*.parquet", "--fail-above", limit)
    assert (code, out) == (2, "")
    assert f"--fail-above must lie in [0, 1], as an error does, got {limit}; 5 % is 0.05" in err
    options = ("--loss", "loss", "--low", "-1", "--high", "10")
    assert run_main("certify", "*.parquet", *options, "--fail-above", "5")[0] == 0


def test_a_gate_needs_an_upper_bound_of_the_error(run_main: Main, folder: Path) -> None:
    gate = ("certify", "*.parquet", "--fail-above", "0.5")
    assert "--side lower" in run_main(*gate, "--side", "lower")[2]
    code, out, err = run_main(*gate, "--metrics", "accuracy")
    assert (code, out) == (2, "")
    assert "add error to --metrics" in err


def test_counts_of_shards_give_the_certificate_of_the_whole(run_main: Main, folder: Path) -> None:
    for number in range(2):
        code, out, _ = run_main(
            "count", f"part-{number}.parquet", "--by", "group", "--out", f"{number}.json"
        )
        assert code == 0
        assert "1000 examples" in out
    code, out, err = run_main(
        "certify", "0.json", "1.json", "--metrics", "error,macro-f1", "--json"
    )
    assert (code, err) == (0, "")
    whole = risk.certify_table("*.parquet", by="group", metrics=("error", "macro-f1"))
    assert risk.Certificate.from_json(out).statements == whole.statements
    code, out, _ = run_main("count", "part-0.parquet", "--by", "group")
    assert risk.Counts.from_json(out) == risk.Counts.from_json((folder / "0.json").read_text())


def test_counts_by_a_pattern_or_a_folder(run_main: Main, folder: Path) -> None:
    for shard in range(2):
        run_main("count", f"part-{shard}.parquet", "--out", f"counts/{shard}.json")
    listed = run_main("certify", "counts/0.json", "counts/1.json")
    assert listed[0] == 0
    assert run_main("certify", "counts") == run_main("certify", "counts/?.json") == listed
    (folder / "counts" / "rows.json").write_text('{"y": 1, "yhat": 1}')
    code, _, err = run_main("certify", "counts")
    assert code == 2
    assert "counts/0.json holds counts and counts/rows.json predictions" in err


def test_counts_that_do_not_go_together(run_main: Main, folder: Path) -> None:
    run_main("count", "part-0.parquet", "--out", "0.json")
    (folder / "copy.json").write_bytes((folder / "0.json").read_bytes())
    code, out, err = run_main("certify", "0.json", "copy.json")
    assert (code, out) == (2, "")
    assert "part-0.parquet" in err
    assert run_main("certify", "0.json", "part-1.parquet")[0] == 2
    assert run_main("certify", "0.json", "--baseline", "old.csv")[0] == 2
    assert "0.json holds counts" in run_main("certify", "old.csv", "--baseline", "0.json")[2]
    assert "count again" in run_main("certify", "0.json", "--by", "group")[2]
    text = (folder / "0.json").read_text()
    (folder / "0.json").write_text(text[: len(text) // 2])
    code, _, err = run_main("certify", "0.json")
    assert code == 2
    assert "cannot read 0.json" in err


def test_a_baseline(run_main: Main, folder: Path) -> None:
    code, out, err = run_main("certify", "*.parquet", "--baseline", "old.csv")
    assert code == 0
    assert "the column 'id' as the key" in err
    assert "error minus the baseline's " in out
    assert "Not told apart from the baseline (p = " in out
    assert "Baseline: from 2000 rows in 1 file" in out
    code, out, _ = run_main(
        "certify", "*.parquet", "--baseline", "old.csv", "--key", "id", "--json"
    )
    assert json.loads(out)["comparison"]["examples"] == 2000
    assert "--baseline" in run_main("certify", "*.parquet", "--key", "id")[2]


def test_a_class_that_is_only_predicted(run_main: Main, tmp_path: Path) -> None:
    path = tmp_path / "rare.csv"
    path.write_text("y,yhat\n" + "cat,cat\ndog,dog\n" * 5 + "cat,emu\n")
    code, _, err = run_main("certify", path)
    assert code == 2
    assert "give every label as --labels" in err
    code, out, _ = run_main("certify", path, "--labels", "cat, dog, emu", "--json")
    assert code == 0
    assert json.loads(out)["labels"] == ["cat", "dog", "emu"]


@pytest.mark.parametrize(
    ("labels", "positive", "recall"),
    [
        (("no", "yes"), None, "yes"),
        (("no", "yes"), "no", "no"),
        ((0, 1), "0", 0),
        ((False, True), "false", False),
        (("0", "1"), '"0"', "0"),
    ],
)
def test_the_positive_class_is_named(
    run_main: Main, tmp_path: Path, labels: Any, positive: str | None, recall: Any
) -> None:
    rows = [labels] * 3 + [labels[::-1]] + [(labels[0],) * 2] * 5
    pd.DataFrame(rows, columns=["y", "yhat"]).to_parquet(tmp_path / "a.parquet")
    options = () if positive is None else ("--positive", positive)
    code, out, _ = run_main("certify", tmp_path, "--metrics", "recall", *options)
    assert code == 0
    assert f"Positive class: {recall!r}\n" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["part-*.parquet", "--metrics", "auc"], "auc needs a score for each example: give scores"),
        (["part-*.parquet", "--metrics", "f1"], "--positive must name the positive class"),
        (["part-*.parquet", "--loss", "loss", "--label", "y"], "--loss stands for --label"),
        (["part-*.parquet", "--threads", "2000"], "threads must be at most 1024, got 2000"),
        (["part-*.parquet", "--memory-limit", "much"], "a size such as 500MB, got 'much': "),
        (["s3://bucket/a.parquet"], "is an address"),
        (["empty.csv"], "empty.csv is empty"),
        (["empty.csv", "--label", "y", "--prediction", "yhat"], "empty.csv is empty"),
        (["empty.jsonl"], "empty.jsonl is empty"),
        (["latin.csv"], "This file is not utf-8 encoded"),
        (
            ["part-0.parquet", "--baseline", "other.parquet", "--key", "id"],
            "the baseline: label is",
        ),
    ],
)
def test_what_cannot_be_certified_is_told(
    run_main: Main, folder: Path, words: list[str], message: str
) -> None:
    for name in ("empty.csv", "empty.jsonl"):
        (folder / name).touch()
    (folder / "latin.csv").write_bytes("y,yhat\nchat,chat\nélan,élan\n".encode("latin-1"))
    pd.read_csv(folder / "old.csv").rename(columns={"y": "t"}).to_parquet(folder / "other.parquet")
    code, out, err = run_main("certify", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert "=" not in err.replace("drop_missing=True", "")


def test_missing_rows(run_main: Main, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("y,yhat\n1,1\n0,\n1,1\n")
    code, out, err = run_main("certify", tmp_path / "a.csv")
    assert (code, out) == (2, "")
    assert "1 row of 3" in err
    assert "--drop-missing" in err
    code, out, _ = run_main("certify", tmp_path / "a.csv", "--drop-missing")
    assert code == 0
    assert "Left out 1 of 3 rows" in out


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_engines_and_limits(run_main: Main, folder: Path, engine: str) -> None:
    code, out, _ = run_main("certify", "*.parquet", "--engine", engine, "--json")
    assert code == 0
    assert json.loads(out)["sources"][0]["engine"].casefold() == engine
    code, _, err = run_main("certify", "*.parquet", "--engine", "polars", "--threads", "2")
    assert code == 2
    assert "DuckDB's" in err
    assert run_main("certify", "*.parquet", "--memory-limit", "200MB", "--threads", "1")[0] == 0
    assert "--engine spark" in run_main("certify", "*.parquet", "--spark-master", "x")[2]


def test_losses_and_scores(run_main: Main, folder: Path) -> None:
    code, out, err = run_main("certify", "*.parquet", "--loss", "loss", "--fail-above", "0.1")
    assert code == 1
    assert out.startswith("mean loss ")
    assert "mean loss of all examples" in err
    options = ("--label", "hit", "--score", "p", "--metrics", "auc,brier", "--positive", "1")
    (folder / "scores").mkdir()
    pd.read_parquet("part-0.parquet")[["hit", "p"]].to_parquet(folder / "scores" / "a.parquet")
    code, out, err = run_main("certify", "scores", *options)
    assert (code, err) == (0, "")
    assert "auc" in out


@pytest.mark.parametrize(
    ("command", "name"),
    [("certify --by group --html", "page.html"), ("count --by group --out", "counts.json")],
)
def test_what_does_not_fit_on_the_disk_leaves_the_earlier_file(
    run_main: Main, folder: Path, command: str, name: str
) -> None:
    pytest.importorskip("resource", reason="no limit of a file's size")
    words = [*command.split(), name, "part-0.parquet", "part-1.parquet"]
    (folder / name).write_text("before")
    # The system itself refuses the write in the middle, as it does where the disk is full.
    limited = (
        "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (1024, 1024));"
        "from backproof.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, *words], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert f"cannot write {name}: File too large" in done.stderr
    assert (folder / name).read_text() == "before"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [name, "old.csv", "part-0.parquet", "part-1.parquet"]
    )
    code, out, _ = run_main(*words)
    assert code == 0
    assert name in out
    page = (folder / name).read_text()
    assert len(page) > 1024
    assert "part-1.parquet" in page


def test_a_place_that_cannot_be_written_is_found_before_the_work(
    run_main: Main, folder: Path
) -> None:
    code, out, err = run_main("certify", "nothing.parquet", "--html", "/proc/none/a.html")
    assert (code, out) == (2, "")
    assert "/proc/none" in err
    assert run_main("count", "nothing.parquet", "--out", "/proc/none/a.json")[0] == 2
