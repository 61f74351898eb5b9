"""Training on many processes: the bits of a serial run, whatever happens to workers."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from backproof._core.errors import InputError
from backproof.training import Fits, fit, sweep

SECONDS = 60


def data(n: int = 120) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rng = np.random.default_rng(1)
    t = np.where(np.arange(n) % 2 == 0, 1, -1)
    return rng.standard_normal((n, 2)) + 0.7 * t[:, None], t


def same_bits(first: Fits, second: Fits) -> bool:
    return len(first) == len(second) and all(
        one.spec == other.spec
        and np.array_equal(one.losses, other.losses)
        and all(
            np.array_equal(a.numpy(), b.numpy())
            for a, b in zip(one.layers, other.layers, strict=True)
        )
        for one, other in zip(first, second, strict=True)
    )


ARGUMENTS: dict[str, Any] = {"steps": 150, "engine": "batched"}


@pytest.fixture(scope="module")
def serial() -> Fits:
    return fit([3, 2000, (8, 8)], range(12), *data(), **ARGUMENTS)


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
def test_any_number_of_processes_gives_the_bits_of_a_serial_run(serial: Fits, n_jobs: int) -> None:
    found = sweep([3, 2000, (8, 8)], range(12), *data(), **ARGUMENTS, n_jobs=n_jobs)
    assert same_bits(found, serial)


def loky_workers() -> list[psutil.Process]:
    """Return the processes that do joblib's work, without the one that counts resources."""
    found = []
    for one in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # of another test, and just ended
            if "popen_loky" in " ".join(one.cmdline()):
                found.append(one)
    return found


def test_a_killed_worker_loses_nothing() -> None:
    # Results of a few kB, which a pipe takes at once: loky waits for ever for the rest of one whose
    # sender was killed in the middle of it.
    networks: Any = ([*range(3, 11)], range(6), *data())
    arguments: dict[str, Any] = {"steps": 60, "engine": "batched"}
    workers: set[int] = set()
    killed: list[int] = []

    def kill_once(what: str, done: int, total: int) -> None:
        found = loky_workers()
        workers.update(one.pid for one in found)
        if not killed and 0 < done < total:
            found[0].kill()
            killed.append(found[0].pid)

    found = sweep(*networks, **arguments, n_jobs=2, progress=kill_once)
    assert killed
    assert len(workers) >= 2
    assert os.getpid() not in workers
    assert same_bits(found, fit(*networks, **arguments))


def test_a_sweep_keeps_and_takes_up_checkpoints(serial: Fits, tmp_path: Path) -> None:
    arguments = {**ARGUMENTS, "checkpoint": tmp_path}
    assert same_bits(sweep([3, 2000, (8, 8)], range(12), *data(), **arguments, n_jobs=2), serial)
    assert list(tmp_path.glob("block-*.safetensors"))
    assert same_bits(fit([3, 2000, (8, 8)], range(12), *data(), **arguments), serial)


@pytest.mark.parametrize("n_jobs", [0, -2, 1.5, 10**30])
def test_a_bad_number_of_processes_is_refused(n_jobs: Any) -> None:
    with pytest.raises(InputError, match="n_jobs"):
        sweep(2, 0, *data(), n_jobs=n_jobs)


@dataclass
class Cluster:
    """A Dask scheduler and its workers, each a process of its own in another folder."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Cluster]:
    description = tmp_path / "scheduler.json"
    processes: list[subprocess.Popen[bytes]] = []

    def start(name: str, *arguments: str) -> None:
        log = (tmp_path / f"{name}-{len(processes)}.log").open("wb")
        command = [sys.executable, "-m", f"distributed.cli.{name}", "--no-dashboard"]
        command += ["--scheduler-file", str(description), *arguments]
        processes.append(subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log))
        log.close()

    start("dask_scheduler", "--host", "127.0.0.1", "--port", "0")
    try:
        deadline = time.monotonic() + SECONDS
        while not description.exists() or not description.read_text().strip():
            assert time.monotonic() < deadline
            assert processes[0].poll() is None
            time.sleep(0.05)
        for _ in range(2):
            start("dask_worker", "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1")
        address = json.loads(description.read_text())["address"]
        _wait_for_workers(address, 2)
        yield Cluster(address, processes[0], processes[1:])
    finally:
        for process in processes[::-1]:
            process.send_signal(signal.SIGKILL)
        for process in processes:
            process.wait(timeout=SECONDS)


def _wait_for_workers(address: str, count: int) -> None:
    from distributed import Client

    with Client(address, timeout=SECONDS, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        client.wait_for_workers(count, timeout=SECONDS)


def test_a_dask_cluster_gives_the_bits_of_a_serial_run(serial: Fits, dask: Cluster) -> None:
    found = sweep([3, 2000, (8, 8)], range(12), *data(), **ARGUMENTS, dask=dask.address)
    assert same_bits(found, serial)


def test_a_killed_dask_worker_loses_nothing(serial: Fits, dask: Cluster) -> None:
    def kill(what: str, done: int, total: int) -> None:
        if done < total and dask.workers[0].poll() is None:
            dask.workers[0].kill()

    found = sweep(
        [3, 2000, (8, 8)], range(12), *data(), **ARGUMENTS, dask=dask.address, progress=kill
    )
    assert dask.workers[0].wait(timeout=SECONDS) == -signal.SIGKILL
    assert same_bits(found, serial)


def test_a_module_that_workers_lack_is_an_error_in_time(
    dask: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "only_in_this_process.py").write_text(
        "import torch\n\n\ndef bent(a):\n    return torch.tanh(a) + 0.1 * a\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "here"))
    import only_in_this_process  # type: ignore[import-not-found]

    begin = time.monotonic()
    with pytest.raises(InputError, match="only_in_this_process"):
        sweep(2, 0, *data(), steps=2, activation=only_in_this_process.bent, dask=dask.address)
    assert time.monotonic() - begin < SECONDS


def test_a_cluster_without_workers_is_an_error(dask: Cluster) -> None:
    for worker in dask.workers:
        worker.kill()
        worker.wait(timeout=SECONDS)
    deadline = time.monotonic() + SECONDS
    while True:  # the scheduler notices closed connections soon, not at once
        try:
            with pytest.raises(InputError, match="has no workers"):
                sweep(2, 0, *data(), steps=2, dask=dask.address)
        except (pytest.fail.Exception, AssertionError):
            assert time.monotonic() < deadline
            continue
        return


def test_a_scheduler_that_does_not_answer_is_an_error() -> None:
    with pytest.raises(InputError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        sweep(2, 0, *data(), steps=2, dask="tcp://127.0.0.1:1")


def test_an_address_that_is_none_is_an_error() -> None:
    with pytest.raises(InputError, match="dask must be an address such as"):
        sweep(2, 0, *data(), steps=2, dask="nonsense://x")


def test_no_thread_is_left_behind(serial: Fits) -> None:
    before = {thread.name for thread in threading.enumerate()}
    fit(3, range(3), *data(), steps=3)
    assert not {t.name for t in threading.enumerate() if t.name.startswith("training")} - before
