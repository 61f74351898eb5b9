"""Tables of predictions, in everything that holds tables, for the tests."""

from typing import Any

import numpy as np
import pandas as pd

from backproof import risk


def predictions(rows: int = 4000, seed: int = 0) -> pd.DataFrame:
    """Three classes as text, groups as numbers, clusters, weights, probabilities and losses."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, rows)
    yhat = np.where(rng.random(rows) < 0.1 + 0.1 * (y == 2), (y + 1) % 3, y)
    names = np.array(["cat", "dog", "élan"])
    return pd.DataFrame(
        {
            "id": rng.permutation(rows),
            "y": names[y],
            "yhat": names[yhat],
            "group": rng.integers(0, 5, rows),
            "patient": rng.integers(0, 40, rows),
            "times": rng.integers(0, 4, rows),
            "p": rng.beta(1, 3, rows) * 0.9 + 0.05 * (y == 1),
            "loss": rng.random(rows) ** 2,
            "hit": (y == 1).astype(int),
        }
    )


def in_memory(table: pd.DataFrame) -> dict[str, Any]:
    """Return a table in every engine that needs no other process."""
    import dask.dataframe as dd
    import duckdb
    import ibis
    import polars as pl
    import pyarrow as pa

    columns = {name: [None if pd.isna(value) else value for value in table[name]] for name in table}
    arrays = {name: np.array(values) for name, values in columns.items()}
    return {
        "arrays": arrays,
        "lists": columns,
        "pandas": table,
        "pandas nullable": table.convert_dtypes(),
        "polars": pl.DataFrame(columns),
        "polars lazy": pl.DataFrame(columns).lazy(),
        "pyarrow": pa.table(columns),
        "duckdb": duckdb.from_arrow(pa.table(columns)),
        "ibis": ibis.memtable(pl.DataFrame(columns)),
        "dask": dd.from_pandas(table, npartitions=3),  # type: ignore[no-untyped-call]
    }


def same_counts(first: risk.Counts, second: risk.Counts) -> bool:
    """Whether all but the sources is equal; integers and extremes exactly, sums nearly."""
    return (
        (first.labels, first.groups, first.clusters, first.missing, first.incomplete)
        == (second.labels, second.groups, second.clusters, second.missing, second.incomplete)
        and np.array_equal(first.cells, second.cells)
        and np.array_equal(first.numbers[:, :2], second.numbers[:, :2])
        and np.allclose(first.numbers, second.numbers, rtol=1e-12, atol=1e-9)
        and first.rows == second.rows
    )


KINDS: dict[str, dict[str, Any]] = {
    "labels": {},
    "groups": {"by": "group"},
    "clusters": {"cluster": "patient", "by": "group"},
    "weights": {"weight": "times", "by": "group"},
    "scores": {"score": "p"},
    "losses": {"loss": "loss", "by": "group"},
    "weighted losses": {"loss": "loss", "weight": "times"},
}
"""What is counted, by a name."""
