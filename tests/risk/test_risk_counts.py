"""Counts of shards, merged and written."""

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.risk.tables import KINDS, predictions, same_counts

from backproof import risk
from backproof._core.errors import InputError


@pytest.mark.parametrize("kind", KINDS)
def test_shards_add_up_in_any_order(kind: str) -> None:
    table = predictions(3000)
    whole = risk.count_table(table, **KINDS[kind])
    shards = [risk.count_table(table.iloc[place::4], **KINDS[kind]) for place in range(4)]
    assert same_counts(sum(shards), whole)  # type: ignore[arg-type]
    assert same_counts(sum(shards[::-1]), whole)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_counts_come_back_from_json(kind: str) -> None:
    counts = risk.count_table(predictions(300), **KINDS[kind])
    assert risk.Counts.from_json(counts.to_json()) == counts


def test_labels_of_shards_need_not_be_the_same() -> None:
    a = risk.count_table({"y": [1, 2], "yhat": [1, 1]})
    b = risk.count_table({"y": [0, 3], "yhat": [3, 3]})
    both = risk.count_table({"y": [1, 2, 0, 3], "yhat": [1, 1, 3, 3]})
    assert same_counts(a + b, both)


def test_what_does_not_add_up_is_refused() -> None:
    a = risk.count_table({"y": [1, 2], "yhat": [1, 1]})
    with pytest.raises(InputError, match="text in one table"):
        a + risk.count_table({"y": ["1"], "yhat": ["1"]})
    with pytest.raises(InputError, match="same columns"):
        a + risk.count_table({"y": [1], "yhat": [1], "g": [1]}, by="g")
    with pytest.raises(InputError, match="format 2"):
        dataclasses.replace(a, counts_format=2)
    with pytest.raises(InputError, match="positions"):
        dataclasses.replace(a, cells=np.array([[0, 0, 5, 0, 0, 1]] * 2))
    with pytest.raises(TypeError):
        a + 1  # type: ignore[operator]


def test_a_file_counts_once_however_its_path_is_spelt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("part-0", "part-1"):
        predictions(20).to_parquet(tmp_path / "sub" / f"{name}.parquet")
    monkeypatch.chdir(tmp_path / "sub")
    here = risk.count_table("part-0.parquet")
    for other in ("./part-0.parquet", "../sub/part-0.parquet", tmp_path / "sub" / "part-0.parquet"):
        with pytest.raises(InputError, match="rows would count twice"):
            here + risk.count_table(other)
    assert (here + risk.count_table("part-1.parquet")).examples == 40
    # Another machine may have another file at the same place.
    os.utime("part-0.parquet", (1e9, 1e9))
    assert (here + risk.count_table("part-0.parquet")).examples == 40
    # Files out of an archive may have one time, and one size.
    (tmp_path / "other").mkdir()
    shutil.copy2("part-0.parquet", tmp_path / "other")
    paths = [tmp_path / folder / "part-0.parquet" for folder in ("sub", "other")]
    assert sum(map(risk.count_table, paths)).examples == 40  # type: ignore[union-attr]


def test_a_link_is_the_file_that_it_leads_to(tmp_path: Path) -> None:
    predictions(20).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").hardlink_to(tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet and .*b\.parquet are one file"):
        risk.count_table(tmp_path)


def test_ten_to_the_twelve_rows_are_exact() -> None:
    a = risk.count_table({"y": [0, 1], "yhat": [0, 0], "w": [10**12 - 1, 10**6]}, weight="w")
    assert (a + a).examples == 2 * (10**12 - 1 + 10**6)
