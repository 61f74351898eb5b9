"""Predictions on Dask, in workers that are processes of their own, one of them killed."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.risk.tables import KINDS, in_memory, predictions, same_counts

from backproof import risk

SECONDS = 120


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A client of two workers, each a process with a nanny that starts it again."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
        ) as cluster,
        Client(cluster, timeout=SECONDS) as client,  # type: ignore[no-untyped-call]
    ):
        yield client


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predictions")
    table = predictions(3000)
    for number in range(6):
        table.iloc[number::6].to_parquet(folder / f"part-{number}.parquet")
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_dask_counts_the_same(client: Any, folder: Path, kind: str) -> None:
    import dask.dataframe as dd

    expected = risk.count_table(in_memory(predictions(3000))["arrays"], **KINDS[kind])
    found = risk.count_table(dd.read_parquet(folder), **KINDS[kind])
    assert same_counts(found, expected)
    assert found.sources[0].engine == "Dask"


def test_a_baseline_is_joined(client: Any, folder: Path) -> None:
    import dask.dataframe as dd

    table = dd.read_parquet(folder)
    found = risk.certify_table(table, baseline=table, key="id")
    assert found.comparison is not None
    assert (found.comparison.only_a, found.comparison.examples) == (0, 3000)


def test_a_killed_worker_changes_no_count(client: Any, folder: Path, tmp_path: Path) -> None:
    import dask.dataframe as dd

    begun = tmp_path / "begun"

    def slowly(part: pd.DataFrame, mark: str) -> pd.DataFrame:
        if len(part) > 10:  # not the empty frames by which Dask finds the types
            Path(mark).touch()
            time.sleep(1)
        return part

    data = dd.read_parquet(folder).map_partitions(slowly, str(begun), meta=predictions(1).iloc[:0])
    first = next(iter(client.run(os.getpid).values()))

    def kill() -> None:
        deadline = time.monotonic() + SECONDS
        while not begun.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(first, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    found = risk.count_table(data, by="group")
    killer.join()
    assert same_counts(found, risk.count_table(predictions(3000), by="group"))
    client.wait_for_workers(2, timeout=SECONDS)
    assert first not in client.run(os.getpid).values()
