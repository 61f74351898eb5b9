"""``backproof train`` and ``backproof predict`` as a newcomer types them."""

import csv
import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest
from tests.cli.conftest import INTERRUPTIBLE

from backproof import datasets

Main = Callable[..., tuple[int, str, str]]
QUICK = ("--hidden", "3,4-4", "--seeds", "2", "--steps", "40")


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path / "flowers.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["width", "length", "kind"])
        for number in range(60):
            kind = number % 2
            row = rng.normal(loc=kind, scale=0.4, size=2).round(3).tolist()
            writer.writerow([*row, ("rose", "tulip")[kind]])
    return path


def test_a_named_data_set_needs_no_more(run_main: Main, tmp_path: Path) -> None:
    code, out, err = run_main("train", "breast-cancer", *QUICK, "--out", tmp_path / "model")
    assert (code, err) == (0, "")
    assert "426 rows to learn from, 143 to test with" in out
    assert "features standardised" in out
    assert "95 % CI" in out
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert {"weights.safetensors", "model.json", "report.html", "losses.svg"} <= names


def test_a_table_is_trained_on_and_predicted(run_main: Main, flowers: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    arguments = ("--label", "kind", "--out", model, *QUICK, "--steps", "300")
    code, out, _ = run_main("train", flowers, *arguments)
    assert code == 0
    assert "3-4" not in out
    assert "4-4" in out
    code, out, _ = run_main("predict", model, flowers)
    assert code == 0
    rows = list(csv.DictReader(out.splitlines()))
    assert list(rows[0]) == ["kind", "probability of rose", "probability of tulip"]
    truth = [row["kind"] for row in csv.DictReader(flowers.read_text().splitlines())]
    wrong = sum(row["kind"] != t for row, t in zip(rows, truth, strict=True))
    assert wrong <= 6
    code, out, _ = run_main("predict", model, flowers, "--out", tmp_path / "p.csv")
    assert (code, out) == (0, f"predictions: {tmp_path / 'p.csv'}\n")
    assert list(csv.DictReader((tmp_path / "p.csv").read_text().splitlines())) == rows
    code, out, _ = run_main("predict", model, flowers, "--json")
    assert json.loads(out)["predictions"] == [row["kind"] for row in rows]


def test_parquet_gives_what_csv_gives(run_main: Main, flowers: Path, tmp_path: Path) -> None:
    parquet = tmp_path / "flowers.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_csv('{flowers}')) TO '{parquet}' (FORMAT parquet)"
        )
    found = []
    for path in (flowers, parquet):
        arguments = ("--label", "kind", "--out", tmp_path / "model", "--json", *QUICK)
        code, out, _ = run_main("train", path, *arguments)
        assert code == 0
        found.append(json.loads(out)["sizes"])
    assert found[0] == found[1]


def test_chosen_features_and_raw_ones(run_main: Main, flowers: Path, tmp_path: Path) -> None:
    arguments = ("--label", "kind", "--features", "length", "--raw", "--out", tmp_path / "model")
    code, out, _ = run_main("train", flowers, *arguments, *QUICK)
    assert code == 0
    assert "features as they are" in out
    card = json.loads((tmp_path / "model" / "model.json").read_text())
    assert card["features"] == ["length"]
    assert (card["mean"], card["scale"]) == ([0.0], [1.0])


def test_processes_give_what_threads_give(run_main: Main, tmp_path: Path) -> None:
    found = []
    for more in ((), ("--jobs", "2")):
        arguments = ("--out", tmp_path / "model", "--json", *QUICK, *more)
        code, out, _ = run_main("train", "moons", *arguments)
        assert code == 0
        found.append(json.loads(out)["sizes"])
    assert found[0] == found[1]


def test_networks_that_diverge_are_said_with_exit_code_1(run_main: Main, tmp_path: Path) -> None:
    arguments = ("--activation", "relu", "--learning-rate", "1e200", "--out", tmp_path / "model")
    code, out, _ = run_main("train", "moons", *arguments, *QUICK)
    assert code == 1
    assert "4 of 4 networks diverged: hidden 3, seed" in out
    assert "diverged at step" in out
    code, _, err = run_main("predict", tmp_path / "model", tmp_path / "x.csv")
    assert code == 2
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--label", "kidn"), "did you mean 'kind'?"),
        (("--label", "kind", "--features", "widht"), "did you mean 'width'?"),
        ((), "--label COLUMN"),
        (("--label", "width"), "not numeric"),
        (("--label", "kind", "--hidden", "0"), "at least 1"),
        (("--label", "kind", "--hidden", "-3"), "hidden"),
        (("--label", "kind", "--hidden", "a"), "such as 5,100"),
        (("--label", "kind", "--learning-rate", "-1"), "learning_rate"),
        (("--label", "kind", "--optimizer", "sgd"), "gd, momentum, adam"),
        (("--label", "kind", "--patience", "3"), "patience needs validation"),
        (("--label", "kind", "--engine", "fused", "--hidden", "3-3"), "one hidden layer"),
    ],
)
def test_bad_input_is_said_in_one_line(
    run_main: Main, flowers: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = run_main("train", flowers, "--out", tmp_path / "model", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.", "n/a.", "column 'width' is not numeric: row"),
        ("tulip", "rose", "at least two classes"),
        ("tulip", "", "row 2"),
    ],
)
def test_bad_cells_are_named(
    run_main: Main, flowers: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    flowers.write_text(flowers.read_text().replace(old, new))
    code, _, err = run_main("train", flowers, "--label", "kind", "--out", tmp_path / "model")
    assert code == 2
    assert message in err


def test_an_output_folder_in_use_is_refused_before_the_work(
    run_main: Main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "thesis.tex").write_text("mine")

    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(datasets, "named", never)
    code, _, err = run_main("train", "moons", "--out", tmp_path / "used")
    assert code == 2
    assert "the folder is in use, it holds thesis.tex" in err
    assert (tmp_path / "used" / "thesis.tex").read_text() == "mine"


def test_an_unknown_data_set_names_the_nearest(run_main: Main, tmp_path: Path) -> None:
    code, _, err = run_main("train", "moon", "--out", tmp_path / "model")
    assert code == 2
    assert "did you mean 'moons'?" in err


def test_no_model_is_said(run_main: Main, flowers: Path, tmp_path: Path) -> None:
    code, _, err = run_main("predict", tmp_path, flowers)
    assert code == 2
    assert "holds no trained model" in err


def test_a_table_without_a_feature_is_refused(
    run_main: Main, flowers: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    assert run_main("train", flowers, "--label", "kind", "--out", model, *QUICK)[0] == 0
    flowers.write_text(flowers.read_text().replace("width", "breadth"))
    code, _, err = run_main("predict", model, flowers)
    assert code == 2
    assert "no column 'width'" in err


def test_an_interrupted_run_says_what_is_left(tmp_path: Path) -> None:
    states = tmp_path / "states"
    command = [*INTERRUPTIBLE, "train", "digits", "--hidden", "500"]
    run = subprocess.Popen(
        [*command, "--seeds", "64", "--out", tmp_path / "model", "--checkpoint", states],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not (states / "training.json").exists():  # then it trains
            assert time.monotonic() < deadline
            time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=60)
    finally:
        run.kill()
    assert (run.returncode, out) == (130, "")
    assert "interrupted; nothing was written" in err
    assert f"the same call goes on from {states}" in err
    assert not (tmp_path / "model").exists()


def test_predictions_do_not_replace_their_own_table(
    run_main: Main, flowers: Path, tmp_path: Path
) -> None:
    model, before = tmp_path / "model", flowers.read_bytes()
    assert run_main("train", flowers, "--label", "kind", "--out", model, *QUICK)[0] == 0
    code, _, err = run_main("predict", model, flowers, "--out", flowers)
    assert code == 2
    assert "is the table itself" in err
    assert flowers.read_bytes() == before
