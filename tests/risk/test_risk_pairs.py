"""A table and its baseline, paired by the keys of the examples."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.risk.tables import in_memory, predictions

from backproof import risk
from backproof._core.errors import InputError

NAMES = (
    "arrays",
    "pandas",
    "pandas nullable",
    "polars",
    "polars lazy",
    "pyarrow",
    "ibis",
    "dask",
)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return predictions(2000)


@pytest.fixture(scope="module")
def baseline(table: pd.DataFrame) -> pd.DataFrame:
    """Another model on the same examples, in another order."""
    others = np.array(["cat", "dog", "élan"])[np.random.default_rng(3).integers(0, 3, len(table))]
    keep = np.random.default_rng(4).random(len(table)) < 0.8
    other = table[["id", "y"]].assign(yhat=np.where(keep, table["y"], others))
    return other.sample(frac=1, random_state=5).reset_index(drop=True)


def aligned(table: pd.DataFrame, baseline: pd.DataFrame) -> pd.DataFrame:
    """Both by pandas' own merge."""
    return table.merge(baseline[["id", "yhat"]], on="id", suffixes=("", "_b"), validate="1:1")


@pytest.mark.parametrize("engine", NAMES)
@pytest.mark.parametrize("cluster", [None, "patient"])
def test_a_comparison_is_that_of_aligned_arrays(
    table: pd.DataFrame, baseline: pd.DataFrame, engine: str, cluster: str | None
) -> None:
    both = aligned(table, baseline)
    expected = risk.compare(
        both["yhat"].to_numpy(),
        both["yhat_b"].to_numpy(),
        y_true=both["y"].to_numpy(),
        clusters=None if cluster is None else both[cluster].to_numpy(),
        confidence=0.975,
    )
    tables = in_memory(table)[engine], in_memory(baseline)[engine]
    found = risk.certify_table(tables[0], baseline=tables[1], key="id", cluster=cluster)
    assert found.each == 0.975
    assert found.comparison is not None
    assert found.comparison.lower == pytest.approx(expected.lower, abs=1e-12)
    assert found.comparison.upper == pytest.approx(expected.upper, abs=1e-12)
    assert found.comparison.p_value == pytest.approx(expected.p_value, abs=1e-12)
    assert (found.comparison.error_a, found.comparison.error_b) == pytest.approx(
        (expected.error_a, expected.error_b), abs=1e-12
    )
    assert found.comparison.examples == 2000
    assert found.comparison.clusters == expected.clusters
    assert risk.Certificate.from_json(found.to_json()) == found


@pytest.mark.parametrize("form", ["csv", "parquet", "mixed"])
def test_files_are_compared(
    table: pd.DataFrame, baseline: pd.DataFrame, tmp_path: Path, form: str
) -> None:
    ends = {"csv": ("csv", "csv"), "parquet": ("parquet", "parquet"), "mixed": ("csv", "parquet")}
    paths = []
    for name, frame, end in zip("ab", (table, baseline), ends[form], strict=True):
        path = tmp_path / f"{name}.{end}"
        frame.to_csv(path, index=False) if end == "csv" else frame.to_parquet(path)
        paths.append(path)
    found = risk.certify_table(paths[0], baseline=paths[1], key="id")
    in_pandas = risk.certify_table(table, baseline=baseline, key="id")
    assert found.comparison == in_pandas.comparison
    assert found.baseline[0].files[0].rows == 2000
    assert "Baseline: from 2000 rows in 1 file" in str(found)


@pytest.mark.parametrize("engine", ["arrays", "pandas", "polars", "pyarrow", "ibis", "dask"])
@pytest.mark.parametrize(
    ("spoiled", "match"),
    [
        (lambda b: b.iloc[5:], "5 keys in 'id' are in the table alone and 0 in the baseline"),
        (lambda b: pd.concat([b, b.iloc[:3]]), "3 keys in 'id' occur in several rows of the base"),
        (lambda b: b.assign(id=b["id"] % 7), "7 keys in 'id' occur in several rows of the base"),
        (lambda b: b.assign(id=b["id"].where(b.index > 0)), "missing in some rows"),
        (lambda b: b.assign(y=b["y"].replace("cat", "dog")), "true labels of .* differ"),
        (
            lambda b: b.assign(yhat=b["yhat"].where(b.index > 3)),
            "4 examples of 2000 have a",
        ),
        (lambda b: b.assign(y=1, yhat=1), "text in one table"),
    ],
)
def test_tables_that_do_not_pair_are_refused(
    table: pd.DataFrame, baseline: pd.DataFrame, engine: str, spoiled: object, match: str
) -> None:
    other = spoiled(baseline)  # type: ignore[operator]
    with pytest.raises(InputError) as refused:
        risk.certify_table(in_memory(table)[engine], baseline=in_memory(other)[engine], key="id")
    assert re.search(match, str(refused.value))


def test_incomplete_pairs_are_dropped_when_told(
    table: pd.DataFrame, baseline: pd.DataFrame
) -> None:
    other = baseline.assign(yhat=baseline["yhat"].where(baseline.index > 3))
    found = risk.certify_table(table, baseline=other, key="id", drop_missing=True)
    assert found.comparison is not None
    assert (found.examples, found.comparison.examples) == (2000, 1996)


def test_what_does_not_go_together_is_refused(table: pd.DataFrame, baseline: pd.DataFrame) -> None:
    for options in ({"key": "id"}, {"baseline": baseline}):
        with pytest.raises(InputError, match="go together"):
            risk.certify_table(table, **options)
    for options in ({"weight": "times"}, {"loss": "loss"}):
        with pytest.raises(InputError, match="compared by predicted labels"):
            risk.certify_table(table, baseline=baseline, key="id", **options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="of one engine"):
        risk.certify_table(table, baseline=in_memory(baseline)["polars"], key="id")
