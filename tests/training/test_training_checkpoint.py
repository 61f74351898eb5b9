"""Checkpoints: a run that was killed ends with the same bits; another run's are refused."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from numpy.typing import NDArray

from backproof._core.errors import InputError, OutputError
from backproof.training import Adam, Fits, NetworkSpec, fit
from backproof.training.checkpoint import RUN_FILE

SCRIPT = """
import sys
import numpy as np
import backproof.training.checkpoint as checkpoint
from backproof.training import fit

checkpoint._SECONDS_BETWEEN_SAVES = 0.05
rng = np.random.default_rng(0)
t = np.where(np.arange(60) % 2 == 0, 1, -1)
x = rng.standard_normal((60, 2)) + 0.7 * t[:, None]
fits = fit(
    [3, 40, (6, 6)] if sys.argv[2] != "fused" else [3, 40, 50],
    range(12), x, t, steps=3000, optimizer="adam", learning_rate=0.01,
    batch_size=25, engine=sys.argv[2], checkpoint=sys.argv[1] or None,
)
arrays = {
    f"{n}.{k}": layer.numpy() for n, one in enumerate(fits) for k, layer in enumerate(one.layers)
}
arrays |= {f"{n}.losses": one.losses for n, one in enumerate(fits)}
np.savez(sys.argv[3], **arrays)
"""


def start(folder: str, engine: str, out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SCRIPT, folder, engine, str(out)])


def wait_for(path: Path, run: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert run.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def loaded(path: Path) -> dict[str, NDArray[np.generic]]:
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("engine", ["batched", "fused"])
def test_a_run_that_was_killed_again_and_again_ends_with_the_same_bits(
    tmp_path: Path, engine: str
) -> None:
    with start("", engine, tmp_path / "whole.npz") as whole:
        assert whole.wait(timeout=120) == 0
    folder = tmp_path / "checkpoint"
    rng = np.random.default_rng(5)
    for _ in range(3):
        with start(str(folder), engine, tmp_path / "resumed.npz") as run:
            wait_for(folder / RUN_FILE, run)
            time.sleep(rng.uniform(0.1, 1.2))
            assert run.poll() is None, "too quick to be killed"
            os.kill(run.pid, signal.SIGKILL)
    with start(str(folder), engine, tmp_path / "resumed.npz") as run:
        assert run.wait(timeout=120) == 0
    expected, found = loaded(tmp_path / "whole.npz"), loaded(tmp_path / "resumed.npz")
    assert found.keys() == expected.keys()
    for name in expected:
        assert np.array_equal(found[name], expected[name]), name


def data(n: int = 30) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rng = np.random.default_rng(1)
    t = np.where(np.arange(n) % 2 == 0, 1, -1)
    return rng.standard_normal((n, 2)) + 0.7 * t[:, None], t


def same_bits(first: Fits, second: Fits) -> bool:
    return len(first) == len(second) and all(
        one.spec == other.spec
        and one.status == other.status
        and np.array_equal(one.losses, other.losses)
        and np.array_equal(one.validation_losses, other.validation_losses)
        and all(
            np.array_equal(a.numpy(), b.numpy())
            for a, b in zip(one.layers, other.layers, strict=True)
        )
        for one, other in zip(first, second, strict=True)
    )


class InterruptedTestError(Exception):
    pass


@pytest.mark.parametrize("engine", ["autograd", "batched", "fused"])
def test_a_run_that_was_interrupted_goes_on_where_it_was(tmp_path: Path, engine: str) -> None:
    x, t = data()
    arguments: dict[str, Any] = {"optimizer": "momentum", "steps": 3000, "engine": engine}
    expected = fit([4, 5], range(3), x, t, **arguments)
    reached: list[int] = []

    def interrupt(what: str, done: int, total: int) -> None:
        if 0 < done < total:
            raise InterruptedTestError

    def watch(what: str, done: int, total: int) -> None:
        reached.append(done)

    try:
        fit([4, 5], range(3), x, t, **arguments, checkpoint=tmp_path, progress=interrupt)
    except InterruptedTestError:
        assert list(tmp_path.glob("block-*.safetensors"))
    found = fit([4, 5], range(3), x, t, **arguments, checkpoint=tmp_path, progress=watch)
    assert same_bits(found, expected)


def test_a_finished_run_is_read_back(tmp_path: Path) -> None:
    x, t = data()
    first = fit([2, (3, 3)], [0, 1], x, t, steps=20, checkpoint=tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    second = fit([2, (3, 3)], [0, 1], x, t, steps=20, checkpoint=tmp_path)
    assert same_bits(first, second)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_early_stopping_and_divergence_survive_a_checkpoint(tmp_path: Path) -> None:
    x, t = data(60)
    arguments: dict[str, Any] = {
        "steps": 400, "validation": 0.3, "patience": 3, "learning_rate": 2.0
    }  # fmt: skip
    first = fit([3, 30], range(4), x, t, **arguments, checkpoint=tmp_path)
    assert {one.status for one in first} >= {"stopped"}
    assert same_bits(fit([3, 30], range(4), x, t, **arguments), first)
    assert same_bits(fit([3, 30], range(4), x, t, **arguments, checkpoint=tmp_path), first)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"learning_rate": 0.2}, "learning_rate 0.1 there, 0.2 here"),
        ({"steps": 30}, "steps 20 there, 30 here"),
        ({"optimizer": Adam(beta1=0.8)}, "optimizer"),
        ({"batch_size": 7}, "batch_size None there, 7 here"),
        ({"dtype": "float32"}, "dtype float64 there, float32 here"),
        ({"engine": "autograd"}, "engine batched there, autograd here"),
        ({"weight_decay": 0.5}, "weight_decay 0.0 there, 0.5 here"),
        ({"validation": 0.5}, "the training data are others"),
        ({"activation": "relu"}, "network 0 is .*tanh.* there, .*relu.* here"),
    ],
)
def test_another_configuration_is_refused_with_the_difference(
    tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    x, t = data()
    arguments: dict[str, Any] = {"steps": 20, "engine": "batched"}
    fit(2, [0, 1], x, t, **arguments, checkpoint=tmp_path)
    with pytest.raises(InputError, match=f"checkpoint of another run: .*{named}"):
        fit(2, [0, 1], x, t, **(arguments | change), checkpoint=tmp_path)


def test_other_networks_and_data_are_refused(tmp_path: Path) -> None:
    x, t = data()
    fit(2, [0, 1], x, t, steps=5, checkpoint=tmp_path)
    with pytest.raises(InputError, match="2 networks there, 3 here"):
        fit(2, [0, 1, 2], x, t, steps=5, checkpoint=tmp_path)
    with pytest.raises(InputError, match=r"network 1 is \(hidden 2, seed 1, .*seed 5"):
        fit(2, [0, 5], x, t, steps=5, checkpoint=tmp_path)
    with pytest.raises(InputError, match="the training data are others"):
        fit(2, [0, 1], x + 1e-12, t, steps=5, checkpoint=tmp_path)


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty and holds no checkpoint"):
        fit(2, 0, *data(), steps=5, checkpoint=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        fit(2, 0, *data(), steps=5, checkpoint=tmp_path / "file" / "folder")


@pytest.mark.parametrize("damage", ["truncate", "garble", "empty"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, damage: str) -> None:
    x, t = data()
    fit(2, 0, x, t, steps=5, checkpoint=tmp_path)
    path = tmp_path / "block-0.safetensors"
    content = path.read_bytes()
    damaged = {"truncate": content[:-20], "garble": b"\xff" * 40, "empty": b""}[damage]
    path.write_bytes(damaged)
    with pytest.raises(InputError, match=r"block-0\.safetensors is no whole checkpoint"):
        fit(2, 0, x, t, steps=5, checkpoint=tmp_path)


def test_a_damaged_description_is_named(tmp_path: Path) -> None:
    fit(2, 0, *data(), steps=5, checkpoint=tmp_path)
    (tmp_path / RUN_FILE).write_text("{")
    with pytest.raises(InputError, match=RUN_FILE):
        fit(2, 0, *data(), steps=5, checkpoint=tmp_path)


def test_specs_are_part_of_the_configuration(tmp_path: Path) -> None:
    x, t = data()
    specs = [NetworkSpec(hidden=(2,), seed=1), NetworkSpec(hidden=(3,), seed=1)]
    fit(specs, None, x, t, steps=5, checkpoint=tmp_path)
    with pytest.raises(InputError, match="network 0 is"):
        fit(specs[::-1], None, x, t, steps=5, checkpoint=tmp_path)


def test_another_function_of_the_same_name_is_refused(tmp_path: Path) -> None:
    x, t = data()
    fit(2, 0, x, t, steps=5, activation=lambda a: torch.tanh(a), checkpoint=tmp_path)
    with pytest.raises(InputError, match="network 0 is"):
        fit(2, 0, x, t, steps=5, activation=lambda a: torch.relu(a), checkpoint=tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rows", np.array([0, 10**9])),
        ("rows", np.array([1, 0])),
        ("step", np.array([10**6])),
        ("status", np.array([0, 77], np.int8)),
        ("weights.0", np.zeros((2, 1, 1))),
        ("losses", np.zeros(3)),
    ],
)
def test_arrays_that_cannot_be_of_the_run_are_refused(
    tmp_path: Path, name: str, value: NDArray[np.generic]
) -> None:
    x, t = data()
    fit(2, [0, 1], x, t, steps=5, checkpoint=tmp_path, engine="fused")
    path = tmp_path / "block-0.safetensors"
    arrays = safetensors.numpy.load(path.read_bytes())
    path.write_bytes(safetensors.numpy.save({**arrays, name: value}))
    with pytest.raises(InputError, match="no whole checkpoint"):
        fit(2, [0, 1], x, t, steps=5, checkpoint=tmp_path, engine="fused")
