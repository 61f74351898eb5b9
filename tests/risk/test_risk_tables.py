"""Tables in memory: every engine counts the same, and certificates are those of arrays."""

from decimal import Decimal
from typing import Any

import duckdb
import ibis
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from tests.risk.tables import KINDS, in_memory, predictions, same_counts

from backproof import risk
from backproof._core.errors import BackproofError, InputError

ENGINES = (
    "lists",
    "pandas",
    "pandas nullable",
    "polars",
    "polars lazy",
    "pyarrow",
    "duckdb",
    "ibis",
    "dask",
)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return predictions()


@pytest.fixture(scope="module")
def tables(table: pd.DataFrame) -> dict[str, Any]:
    return in_memory(table)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_counts_the_same(tables: dict[str, Any], engine: str, kind: str) -> None:
    expected = risk.count_table(tables["arrays"], **KINDS[kind])
    found = risk.count_table(tables[engine], **KINDS[kind])
    assert same_counts(found, expected)
    assert found.sources[0].rows == 4000


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_counts_missing_values_the_same(engine: str) -> None:
    table = predictions(500)
    table.loc[3:9, "yhat"] = None
    table.loc[7:20, "y"] = None
    table["p"] = table["p"].where(table.index % 50 != 0)
    found = risk.count_table(in_memory(table)[engine], score="p")
    assert found.missing == {"y": 14, "yhat": 7, "p": 10}
    assert found.incomplete == 28
    assert found.examples == 472
    assert found.rows == 500


def cross(table: pd.DataFrame, weights: str | None = None) -> NDArray[np.int64]:
    """The confusion matrix by pandas."""
    values = None if weights is None else table[weights]
    how = None if weights is None else "sum"
    found = pd.crosstab(table["y"], table["yhat"], values=values, aggfunc=how)
    found = found.reindex(columns=found.index, fill_value=0).fillna(0)
    return np.asarray(found, dtype=np.int64)


def matrix(counts: risk.Counts) -> NDArray[np.int64]:
    size = len(counts.labels)
    out = np.zeros((size, size), dtype=np.int64)
    np.add.at(out, (counts.cells[:, 2], counts.cells[:, 3]), counts.cells[:, 5])
    return out


def test_counts_are_those_of_pandas(table: pd.DataFrame) -> None:
    np.testing.assert_array_equal(matrix(risk.count_table(table)), cross(table))
    weighted = risk.count_table(table, weight="times")
    np.testing.assert_array_equal(matrix(weighted), cross(table, "times"))


@pytest.mark.parametrize("options", [{}, {"cluster": "patient"}, {"by": "group"}])
def test_certificates_are_those_of_arrays(table: pd.DataFrame, options: dict[str, str]) -> None:
    metrics = ("error", "macro-f1", "balanced-accuracy")
    found = risk.certify_table(table, metrics=metrics, replicates=200, **options)  # type: ignore[arg-type]
    names = {"cluster": "clusters", "by": "groups"}
    arrays = {names[option]: table[column].to_numpy() for option, column in options.items()}
    expected = risk.certify(
        table["y"].to_numpy(),
        table["yhat"].to_numpy(),
        metrics=metrics,
        replicates=200,
        **arrays,
    )
    assert found.statements == expected.statements
    assert found.each == expected.each


def test_weights_are_repeated_rows(table: pd.DataFrame) -> None:
    repeated = table.loc[table.index.repeat(table["times"])]
    found = risk.certify_table(table, weight="times", by="group")
    assert found.statements == risk.certify_table(repeated, by="group").statements


def test_priors_positive_and_labels_are_taken_as_by_certify(table: pd.DataFrame) -> None:
    priors = {"cat": 0.5, "dog": 0.3, "élan": 0.2}
    y, yhat = table["y"].to_numpy(), table["yhat"].to_numpy()
    found = risk.certify_table(table, priors=priors)
    assert found.statements == risk.certify(y, yhat, priors=priors).statements
    labels = ("cat", "dog", "élan", "fox")
    found = risk.certify_table(table, labels=labels, metrics="recall", positive="fox")
    expected = risk.certify(y, yhat, labels=labels, metrics="recall", positive="fox")
    assert found.statements == expected.statements
    with pytest.raises(InputError, match="the first 'élan'"):
        risk.certify_table(table, labels=("cat", "dog"))


def test_one_column_may_play_two_parts(table: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="label and prediction are one column, 'y'"):
        risk.certify_table(table, "y", "y")
    found = risk.certify_table(table, by="y")
    assert [one.group for one in found.statements] == [None, "cat", "dog", "élan"]


def test_missing_values_are_an_error_unless_dropped(table: pd.DataFrame) -> None:
    holes = table.assign(yhat=table["yhat"].where(table.index >= 3))
    with pytest.raises(InputError, match=r"3 rows of 4000 .* \(3 in 'yhat'\).*drop_missing"):
        risk.certify_table(holes)
    found = risk.certify_table(holes, drop_missing=True)
    assert (found.examples, found.dropped) == (3997, 3)
    assert "Left out 3 of 4000 rows" in str(found)
    assert "Left out 3 of 4000 rows" in found.to_html()


def test_mean_losses(table: pd.DataFrame) -> None:
    losses = table["loss"].to_numpy()
    found = risk.certify_table(table, loss="loss").statements[0].measurement
    expected = risk.mean_interval(losses, method="empirical-bernstein")
    assert found.metric == "mean loss"
    assert (found.lower, found.upper) == pytest.approx((expected.lower, expected.upper), abs=1e-12)
    clustered = risk.certify_table(table, loss="loss", cluster="patient").statements[0].measurement
    means = table.groupby("patient")["loss"].mean().to_numpy()
    of_means = risk.mean_interval(means)
    assert clustered.lower == pytest.approx(of_means.lower, abs=1e-12)


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"y": [1, 0], "yhat": ["1", "0"]}, {}, "'yhat' holds text, such as '1', and 'y' numbers"),
    ({"y": [1, 0]}, {}, "prediction is to be the column 'yhat'"),
    ({"y": [1, 0], "yhat": [1]}, {}, "one length"),
    ({"y": [], "yhat": []}, {}, "no rows"),
    ({"y": [1, 1], "yhat": [None, None]}, {}, "missing in all 2 rows"),
    ({"y": [0, 1], "yhat": [0, 2]}, {}, "2"),
    ({"y": [0.5, float("inf")], "yhat": [1.0, 0.5]}, {}, "infinite"),
    ({"y": [0, 1], "yhat": [0, 1], "w": [1, 0.5]}, {"weight": "w"}, "whole"),
    ({"y": [0, 1], "yhat": [0, 1], "w": [1, -1]}, {"weight": "w"}, "at least 0"),
    ({"y": [0, 1], "yhat": [0, 1], "w": ["1", "2"]}, {"weight": "w"}, "must hold numbers"),
    ({"l": [0.0, 1.5]}, {"loss": "l"}, r"lie in \[0, 1\]"),
    ({"y": [0, 1], "p": [0.1, float("inf")]}, {"score": "p", "prediction": None}, "infinite"),
    ({"y": [0, 1], "p": [0.1, 1.2]}, {"score": "p", "prediction": None, "metrics": "brier"}, "1.2"),
    ({"y": [0, 1], "p": [0.1, 0.2]}, {"score": "p", "prediction": None}, "error needs predicted"),
    ({"y": [0, 1], "yhat": [0, 1]}, {"metrics": "auc"}, "score"),
    ({"y": [0, 1], "yhat": [0, 1]}, {"confidence": 1.0}, "confidence"),
    ({"y": [0, 1], "yhat": [0, 1]}, {"engine": "polars"}, "for files"),
    ({"y": [0, 1], "yhat": [0, 1]}, {"memory_limit": "much"}, "500MB"),
    ({"y": [0, 1], "yhat": [0, 1]}, {"threads": 0}, "threads"),
    ({"y": [[0], [1]], "yhat": [0, 1]}, {}, "one dimension"),
]


@pytest.mark.parametrize(("arrays", "options", "match"), REFUSED)
def test_what_cannot_be_counted_is_refused(
    arrays: dict[str, Any], options: dict[str, Any], match: str
) -> None:
    with pytest.raises(InputError, match=match):
        risk.certify_table(arrays, **options)


def test_other_objects_are_refused() -> None:
    with pytest.raises(InputError, match=r"got builtins\.int"):
        risk.certify_table(3)


def test_measured_numbers_are_no_classes() -> None:
    numbers = np.random.default_rng(0).random(200_000)
    with pytest.raises(InputError, match="different labels"):
        risk.certify_table({"y": numbers, "yhat": numbers})


def test_fractions_among_whole_numbers_in_a_list_stay_what_they_are() -> None:
    rows = 3000
    for place in (1, 999, 1000, 2999):
        losses: list[float] = [0] * rows
        losses[place] = 0.4
        found = risk.certify_table({"l": losses}, loss="l").statements[0].measurement
        assert found.estimate == pytest.approx(0.4 / rows)
        weights: list[float | None] = [1] * rows
        weights[place] = 2.4
        table = {"y": [1] * rows, "yhat": [1] * rows, "w": weights}
        with pytest.raises(InputError, match="whole and at least 0"):
            risk.count_table(table, weight="w")
    labels = [1] * rows + [2**40]
    assert risk.count_table({"y": labels, "yhat": labels}).labels == (1, 2**40)
    gaps = risk.count_table({"y": [1, None, 2], "yhat": [True, False, None]})
    assert gaps.missing == {"y": 1, "yhat": 1}
    with pytest.raises(InputError, match="which no one type holds"):
        risk.count_table({"y": [0.5, 2**60 + 1], "yhat": [0.5, 1]})


def test_decimals_are_the_numbers_that_they_write() -> None:
    table = {"y": [Decimal("1.1"), Decimal("nan"), Decimal(2)], "yhat": [1.1, 2, 2]}
    found = risk.count_table(table)
    assert (found.labels, found.incomplete) == ((1.1, 2.0), 1)
    assert risk.certify_table(table, drop_missing=True).statements[0].measurement.estimate == 0
    close = [Decimal("1.00000000000000000001"), Decimal("1.00000000000000000002")]
    with pytest.raises(InputError, match="are one as floats"):
        risk.count_table(pl.DataFrame({"y": close, "yhat": close[::-1]}))


@pytest.mark.parametrize("dtype", [">i8", ">f8", "longdouble", "datetime64[D]", "M8[ns]"])
def test_arrays_of_any_type_have_their_groups(dtype: str) -> None:
    table = {"y": [1, 2, 1], "yhat": [1, 2, 2], "g": np.array([1000, 2000, 1000]).astype(dtype)}
    found = risk.certify_table(table, by="g")
    assert [one.measurement.examples for one in found.statements] == [3, 2, 1]


@pytest.mark.parametrize("dtype", ["complex128", "S4", "M8[as]"])
def test_arrays_that_hold_no_keys_are_refused(dtype: str) -> None:
    table = {"y": [1, 2], "yhat": [1, 2], "g": np.array([1, 2]).astype(dtype)}
    with pytest.raises(InputError, match="'g'"):
        risk.count_table(table, by="g")


def test_columns_that_differ_by_case_are_not_mixed_up() -> None:
    table = pd.DataFrame({"Y": [1, 2], "y": [2, 1]})
    assert risk.certify_table(table, "Y", "y").statements[0].measurement.estimate == 1
    caseless = duckdb.sql('SELECT 1 AS "Y", 5 AS "y"'), ibis.memtable(pl.DataFrame(dict(table)))
    for mixed_up in caseless:
        with pytest.raises(InputError, match="'Y' and 'y' differ by case alone"):
            risk.count_table(mixed_up, "Y", "y")


@pytest.mark.parametrize("weights", [[1, np.inf], [1, 1e300], [2**62, 2**62], [2**53, 1]])
def test_weights_beyond_counting_are_refused(weights: list[float]) -> None:
    for table in in_memory(pd.DataFrame({"y": [1, 0], "yhat": [1, 0], "w": weights})).values():
        with pytest.raises(BackproofError):
            risk.certify_table(table, weight="w")


def test_a_group_without_complete_rows_is_told_and_says_nothing() -> None:
    table = pd.DataFrame({"l": [0.1, 0.2, None], "y": [1, 1, None], "g": ["a", "a", "b"]})
    found = risk.certify_table(table, loss="l", by="g", low=-1, high=2, drop_missing=True)
    empty = found.statements[-1].measurement
    assert (found.statements[-1].group, empty.examples, empty.estimate) == ("b", 0, None)
    assert (empty.lower, empty.upper) == (-1, 2)


def test_a_cluster_of_weight_0_is_none() -> None:
    rows = {"y": [0, 1, 1], "yhat": [0, 1, 1], "l": [0.1, 0.2, 0.3]}
    table = pd.DataFrame({**rows, "k": [1, 2, 3], "w": [1, 1, 0]})
    for loss in (None, "l"):
        found = risk.certify_table(table, cluster="k", weight="w", loss=loss)
        assert found.clusters == 2


def test_errors_of_tables_are_told_as_errors() -> None:
    twice = pd.DataFrame([[1, 1, 2]], columns=["y", "yhat", "yhat"])
    pieces = [
        pa.table({"y": pa.array(labels).dictionary_encode(), "yhat": labels})
        for labels in (["a", "b"], ["b", "c"])
    ]
    for table in (
        twice,
        pd.DataFrame({"y": [[1], [2]], "yhat": [[1], [2]]}),
        pl.scan_parquet("nowhere.parquet"),
        pa.concat_tables(pieces),
    ):
        with pytest.raises(BackproofError):
            risk.certify_table(table)


def test_one_column_cannot_be_keys_and_numbers() -> None:
    with pytest.raises(InputError, match="'y' cannot be the label and the score"):
        risk.count_table({"y": [0, 1], "yhat": [0, 1]}, score="y")


def test_a_list_of_times_has_its_groups() -> None:
    days = [np.datetime64("2020-01-01"), np.datetime64("2020-01-02")]
    found = risk.count_table({"y": [1, 2], "yhat": [1, 2], "g": days}, by="g")
    assert found.groups == ("2020-01-01", "2020-01-02")
