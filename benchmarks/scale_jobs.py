"""One job on one table, in a process of its own: prints its seconds and its peak memory as JSON.

``python benchmarks/scale_jobs.py NAME FILE``. Medians of five runs, or of fewer where they take
long.
"""

import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

from risk_peers import peak

RUNS = 5
SECONDS = 60
_QUERY = "SELECT g, y, yhat, count(*) FROM read_parquet($path) GROUP BY ALL"


def main() -> None:
    name, file = sys.argv[1:]
    warnings.simplefilter("ignore")  # the peers' own affair
    try:
        work = JOBS[name](file)
    except ImportError:
        print(json.dumps({"missing": True}))
        return
    seconds: list[float] = []
    while len(seconds) < RUNS and sum(seconds) < SECONDS:
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": statistics.median(seconds), "megabytes": peak() / 1e6}))


def _group_by(file: str) -> Callable[[], Any]:
    import duckdb

    return lambda: duckdb.execute(_QUERY, {"path": file}).fetchall()


def _count(file: str) -> Callable[[], Any]:
    from backproof import risk

    return lambda: risk.count_table(file, by="g")


def _certify(*metrics: str) -> Callable[[str], Callable[[], Any]]:
    def make(file: str) -> Callable[[], Any]:
        from backproof import risk

        return lambda: risk.certify_table(file, by="g", metrics=metrics)

    return make


def _on_spark(file: str) -> Callable[[], Any]:
    from pyspark.sql import SparkSession

    from backproof import risk

    # Two executors, each a JVM of its own; the memory told is that of Python alone.
    builder: Any = SparkSession.builder
    builder.master("local-cluster[2,1,2048]").config("spark.ui.enabled", "false").getOrCreate()
    return lambda: risk.count_table(file, by="g", engine="spark")


def _polars(file: str) -> Callable[[], Any]:
    import polars as pl  # noqa: F401 - may be missing

    from backproof import risk

    return lambda: risk.count_table(file, by="g", engine="polars")


def _parts(file: str) -> list[Any]:
    """Return all rows, and those of each group, by pandas."""
    import pandas as pd

    table = pd.read_parquet(file, columns=["g", "y", "yhat"])
    return [table, *(part for _, part in table.groupby("g"))]


def _scikit_learn(file: str) -> Callable[[], Any]:
    import pandas as pd  # noqa: F401 - may be missing
    from scipy.stats import binomtest
    from sklearn.metrics import f1_score

    def work() -> None:
        for part in _parts(file):
            errors = int((part["y"] != part["yhat"]).sum())
            binomtest(errors, len(part)).proportion_ci(method="exact")
            f1_score(part["y"], part["yhat"], average="macro")  # which has no interval there

    return work


def _confidenceinterval(file: str) -> Callable[[], Any]:
    peer: Any = import_module("confidenceinterval")

    def work() -> None:
        for part in _parts(file):
            y, yhat = part["y"].to_numpy(), part["yhat"].to_numpy()
            peer.accuracy_score(y, yhat)
            peer.f1_score(y, yhat, average="macro")

    return work


JOBS: dict[str, Callable[[str], Callable[[], Any]]] = {
    "GROUP BY": _group_by,
    "count_table": _count,
    "certify_table": _certify("error"),
    "certify_table, macro-F1": _certify("error", "macro-f1"),
    "count_table, Polars": _polars,
    "count_table, Spark": _on_spark,
    "pandas and scikit-learn": _scikit_learn,
    "pandas and confidenceinterval": _confidenceinterval,
}

if __name__ == "__main__":
    main()
