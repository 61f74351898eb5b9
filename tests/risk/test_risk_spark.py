"""Predictions on Spark, in executors that are processes of their own, one of them killed."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
from tests.risk.tables import KINDS, in_memory, predictions, same_counts

from backproof import risk
from backproof._core.errors import BackproofError, InputError

SECONDS = 120
pytestmark = [
    # PySpark's pandas and its sockets, which no user of Backproof can act on.
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """A session with two executors, each a JVM of its own."""
    if shutil.which("java") is None:
        if "java" in os.environ.get("BACKPROOF_REQUIRE", ""):
            pytest.fail("BACKPROOF_REQUIRE asks for Java, and there is none")
        pytest.skip("Spark needs a Java runtime")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyspark.sql import SparkSession

        session = (
            SparkSession.builder.master("local-cluster[2,1,1024]")
            .appName("backproof-tests")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.sql.shuffle.partitions", "4")
            .config("spark.log.level", "ERROR")
            .getOrCreate()
        )
    yield session
    _end(session)


def _end(session: Any) -> None:
    """Stop the session and its driver, which would go on beside all later tests."""
    from pyspark import SparkContext

    gateway: Any = SparkContext._gateway
    with contextlib.suppress(Exception):
        session.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()  # at which the driver ends
    try:
        gateway.proc.wait(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        gateway.proc.kill()
        gateway.proc.wait()
    SparkContext._gateway = SparkContext._jvm = None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predictions")
    table = predictions(3000)
    for number in range(3):
        table.iloc[number::3].to_parquet(folder / f"part-{number}.parquet")
        table.iloc[number::3].to_csv(folder / f"part-{number}.csv", index=False)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_spark_counts_the_same(spark: Any, folder: Path, kind: str) -> None:
    expected = risk.count_table(in_memory(predictions(3000))["arrays"], **KINDS[kind])
    data = spark.read.parquet(str(folder / "*.parquet"))
    assert same_counts(risk.count_table(data, **KINDS[kind]), expected)
    for pattern in ("*.parquet", "*.csv"):
        found = risk.count_table(f"{folder}/{pattern}", engine="spark", **KINDS[kind])
        assert same_counts(found, expected)
        assert found.sources[0].engine == "Spark"
        assert [file.rows for file in found.sources[0].files] == [1000] * 3


def test_addresses_are_read(spark: Any, folder: Path) -> None:
    address = f"{folder.as_uri()}/part-0.parquet"
    found = risk.count_table(address, engine="spark")
    assert found.sources[0].files[0].path.endswith("part-0.parquet")
    assert found.sources[0].files[0].rows == 1000


@pytest.mark.parametrize("end", ["parquet", "csv"])
def test_odd_names_are_read_as_they_are(spark: Any, tmp_path: Path, end: str) -> None:
    table = pd.DataFrame({"y": [0, 1], "yhat": [1, 0]})
    names = ("yhat=0", "a[1]", "a1", "größe, x", "50 %20", "{b}", "s*", "_yhat=0")
    for name in names:
        (tmp_path / name).mkdir()
        if end == "csv":
            table.to_csv(tmp_path / name / "part.csv", index=False)
        else:
            table.to_parquet(tmp_path / name / "part.parquet")
    found = risk.count_table(tmp_path, engine="spark")
    assert same_counts(found, risk.count_table(tmp_path))
    assert [file.rows for file in found.sources[0].files] == [2] * len(names)


def test_what_spark_would_mix_up_or_pass_over_is_refused(spark: Any, tmp_path: Path) -> None:
    for name in ("a", "_b"):
        pd.DataFrame({"y": [0, 1], "yhat": [1, 0]}).to_parquet(tmp_path / f"{name}.parquet")
    given = [tmp_path / f"{name}.parquet" for name in ("a", "_b")]
    with pytest.raises(InputError, match=r"_b\.parquet.*rename it"):
        risk.count_table(given, engine="spark")
    (tmp_path / "a.csv").write_bytes("y,yhat\né,è\n".encode("latin-1"))
    with pytest.raises(InputError, match="write the file in UTF-8"):
        risk.count_table(tmp_path / "a.csv", engine="spark")
    mixed_up = spark.createDataFrame([(0, 1)], ["Y", "y"])
    with pytest.raises(BackproofError):
        risk.count_table(mixed_up, "Y", "y")


def test_a_baseline_is_joined(spark: Any, folder: Path) -> None:
    paths = [str(folder / f"part-{number}.parquet") for number in range(2)]
    table = spark.read.parquet(paths[0])
    found = risk.certify_table(table, baseline=table, key="id")
    assert found.comparison is not None
    assert (found.comparison.only_a, found.comparison.examples) == (0, 1000)
    with pytest.raises(BackproofError, match="1000 keys"):
        risk.certify_table(table, baseline=spark.read.parquet(paths[1]), key="id")


@pytest.mark.parametrize(
    ("end", "text"), [("parquet", b"PAR1 garbage PAR1"), ("csv", b"y,yhat\n1,1\n2\n1,1\n")]
)
def test_a_spoiled_file_gives_no_certificate(
    spark: Any, tmp_path: Path, end: str, text: bytes
) -> None:
    pd.DataFrame({"y": [1, 2], "yhat": [1, 1]}).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text("y,yhat\n1,1\n")
    (tmp_path / f"b.{end}").write_bytes(text)
    with pytest.raises(BackproofError, match=rf"b\.{end}.*nothing was certified"):
        risk.certify_table(f"{tmp_path}/*.{end}", engine="spark")


def _executors() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any("ExecutorBackend" in word for word in process.cmdline()):
                found.append(process)
    return found


def _kill_one_at_work(spark: Any, killed: list[int]) -> None:
    tracker = spark.sparkContext.statusTracker()
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        if any(stage is not None and stage.numActiveTasks > 1 for stage in stages):
            victim = _executors()[0]
            victim.send_signal(signal.SIGKILL)
            killed.append(victim.pid)
            return
        time.sleep(0.02)


def test_a_killed_executor_changes_no_count(spark: Any, folder: Path) -> None:
    from pyspark.sql import functions as F  # noqa: N812 - its usual name

    # Rows enough, made where they are counted, that the executors are at work for seconds.
    rows = 60_000_000
    numbers = spark.range(rows, numPartitions=12)
    data = numbers.select(
        (F.xxhash64("id") % 10).alias("y"), (F.xxhash64("id", F.lit(1)) % 10).alias("yhat")
    )
    expected = risk.count_table(data)
    killed: list[int] = []
    killer = threading.Thread(target=_kill_one_at_work, args=(spark, killed))
    killer.start()
    found = risk.count_table(data)
    killer.join()
    assert len(killed) == 1
    assert not psutil.pid_exists(killed[0])
    assert same_counts(found, expected)
    assert found.rows == rows


def test_the_command_line_runs_on_spark(
    spark: Any, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from backproof.cli.main import main

    with pytest.raises(SystemExit) as stopped:
        main(["certify", f"{folder}/*.parquet", "--engine", "spark", "--json"])
    assert stopped.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sources"][0]["engine"] == "Spark"
    assert told["examples"] == 3000
