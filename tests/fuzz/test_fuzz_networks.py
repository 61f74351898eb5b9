"""Networks: weights and saved models that were damaged, tables and settings of any kind."""

import contextlib
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.inputs import SETTINGS, changed, chosen, in_words, mutated, run

from backproof import tabular, training
from backproof._core.errors import BackproofError

TABLE = b"u,v,kind\n" + b"".join(b"%d,%d.5,%d\n" % (n % 7, n % 5, n % 2) for n in range(40))
QUICK = ("--hidden", "2", "--seeds", "2", "--steps", "3")
# Values of each option, beside those of any kind, that it takes.
OPTIONS = {
    "--activation": ["tanh", "relu", "softmax"],
    "--batch-size": ["1", "7", "1000"],
    "--confidence": ["0.5", "1"],
    "--dtype": ["float32", "float16"],
    "--engine": ["autograd", "batched", "fused"],
    "--features": ["u", "v,u", "u,u", "kind", "w"],
    "--hidden": ["3", "2-2", "2,2", "0", "2,", "-1"],
    "--jobs": ["0", "-2", "1e3"],
    "--label": ["u", "v", "w"],
    "--learning-rate": ["1e-300", "1e300", "0"],
    "--optimizer": ["momentum", "adam", "sgd"],
    "--patience": ["1", "0"],
    "--seed": ["3", "-1"],
    "--seeds": ["3", "0"],
    "--steps": ["0", "2", "-1"],
    "--test": ["0.5", "0.01", "0.999"],
    "--validation": ["0.3", "0", "1"],
    "--weight-decay": ["0.1", "1e300", "-1"],
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    fits = training.fit([2, 3], seeds=range(2), x=[[0.0, 1.0], [1.0, 0.0]], t=[-1, 1], steps=3)
    path = tmp_path_factory.mktemp("weights") / "fits.safetensors"
    training.save_fits(fits, path)
    return path.read_bytes()


@SETTINGS
@given(st.data())
def test_weights_of_any_kind(tmp_path: Path, weights: bytes, data: st.DataObject) -> None:
    path = tmp_path / "fits.safetensors"
    path.write_bytes(data.draw(mutated(weights)))
    with contextlib.suppress(BackproofError):
        training.load_fits(path)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that train wrote."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "table.csv").write_bytes(TABLE)
    out = folder / "out"
    code, printed = run(
        "train", str(folder / "table.csv"), "--label", "kind", *QUICK, "--out", str(out)
    )
    assert code == 0, printed
    return out


@SETTINGS
@given(st.data())
def test_a_damaged_model_predicts_nothing_or_whole(
    tmp_path: Path, model: Path, data: st.DataObject
) -> None:
    copy, rows, out = tmp_path / "model", tmp_path / "rows.csv", tmp_path / "predictions.csv"
    shutil.copytree(model, copy, dirs_exist_ok=True)
    rows.write_bytes(TABLE)
    out.unlink(missing_ok=True)
    victim = copy / data.draw(st.sampled_from(["model.json", "weights.safetensors"]))
    if victim.suffix == ".json" and data.draw(st.booleans()):
        victim.write_text(json.dumps(data.draw(changed(json.loads(victim.read_bytes())))))
    else:
        victim.write_bytes(data.draw(mutated(victim.read_bytes())))
    code, printed = run("predict", str(copy), str(rows), "--out", str(out))
    in_words(code, printed)
    assert out.exists() == (code == 0)
    if code == 0:
        assert out.read_text(encoding="utf-8").count("\n") == 41


@SETTINGS
@given(content=mutated(TABLE), suffix=st.sampled_from([".csv", ".tsv", ".parquet", ""]))
def test_rows_of_any_kind_to_predict(
    tmp_path: Path, model: Path, content: bytes, suffix: str
) -> None:
    rows = tmp_path / f"rows{suffix}"
    rows.write_bytes(content)
    in_words(*run("predict", str(model), str(rows)))


@settings(SETTINGS, max_examples=30)
@given(content=mutated(TABLE), suffix=st.sampled_from([".csv", ".parquet"]))
def test_tables_of_any_kind_to_learn_from(tmp_path: Path, content: bytes, suffix: str) -> None:
    table, out = tmp_path / f"table{suffix}", tmp_path / "out"
    table.write_bytes(content)
    shutil.rmtree(out, ignore_errors=True)
    code, printed = run("train", str(table), "--label", "kind", *QUICK, "--out", str(out))
    in_words(code, printed)
    assert out.exists() == (code != 2)
    if code == 0:
        assert len(tabular.load_model(out).fits) == 2


@settings(SETTINGS, max_examples=60)
@given(chosen(OPTIONS))
def test_settings_of_any_kind(tmp_path: Path, options: list[str]) -> None:
    table, out = tmp_path / "table.csv", tmp_path / "out"
    table.write_bytes(TABLE)
    shutil.rmtree(out, ignore_errors=True)
    code, printed = run("train", str(table), "--label", "kind", *QUICK, "--out", str(out), *options)
    in_words(code, printed)
    assert out.exists() == (code != 2)
