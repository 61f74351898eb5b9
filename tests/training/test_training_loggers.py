"""Losses where people look at them, read back with the tools' own readers."""

import pickle
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof import datasets, training
from backproof._core.errors import BackproofError, InputError


def fitted(callback: Any, **options: Any) -> training.Fits:
    x, t = datasets.lab_mixture().sample(40, seed=1)
    chosen = {"steps": 5, "validation": 0.25, **options}
    return training.fit([2, (3, 2)], [0, 4], x, t, callback=callback, **chosen)


def trained_again(fits: training.Fits, **options: Any) -> bool:
    """Whether the same call gives these networks."""
    again = fitted(None, **options)
    return [one.losses.tolist() for one in fits] == [one.losses.tolist() for one in again]


def read(folder: Path, name: str) -> list[tuple[int, float]]:
    """Return steps and values of a metric as TensorBoard reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder))
    reader.Reload()
    return [(event.step, event.value) for event in reader.Scalars(name)]


def agree(found: list[tuple[int, float]], expected: Any) -> bool:
    steps, values = zip(*found, strict=True)
    return steps == tuple(range(len(expected))) and np.allclose(values, expected, rtol=1e-6)


with_tensorboard = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@with_tensorboard
def test_tensorboard_reads_every_loss(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    fits = fitted(training.TensorBoardLogger(tmp_path / "runs"))
    for fit in fits:
        folder = tmp_path / "runs" / "fit-0" / f"hidden-{fit.spec.size}-seed-{fit.spec.seed}"
        assert agree(read(folder, "training loss"), fit.losses)
        assert agree(read(folder, "validation loss by epoch"), fit.validation_losses)


@with_tensorboard
def test_a_later_fit_has_runs_of_its_own(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "fit-7").mkdir()
    (tmp_path / "fit-seven").write_text("", encoding="utf-8")
    logger = training.TensorBoardLogger(tmp_path)
    first = fitted(logger)
    second = fitted(logger, learning_rate=0.2)
    third = fitted(training.TensorBoardLogger(tmp_path), steps=3)
    for number, fits in ((8, first), (9, second), (10, third)):
        for fit in fits:
            folder = tmp_path / f"fit-{number}" / f"hidden-{fit.spec.size}-seed-{fit.spec.seed}"
            assert len(list(folder.iterdir())) == 1
            assert agree(read(folder, "training loss"), fit.losses)


@with_tensorboard
def test_networks_of_one_size_and_seed_have_runs_of_their_own(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    x, t = datasets.lab_mixture().sample(40, seed=1)
    specs = [
        training.NetworkSpec(hidden=(3,), seed=1, activation=name)
        for name in ("tanh", "relu", "sigmoid")
    ]
    logger = training.TensorBoardLogger(tmp_path)
    fits = training.fit(specs, None, x, t, steps=5, callback=logger)
    name = "hidden-3-seed-1"
    names = [name, f"{name}-number-2", f"{name}-number-3"]
    assert sorted(path.name for path in (tmp_path / "fit-0").iterdir()) == names
    for one, fit in zip(names, fits, strict=True):
        assert agree(read(tmp_path / "fit-0" / one, "training loss"), fit.losses)


@pytest.fixture
def mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    found = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("DO_NOT_TRACK", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    before = found.get_tracking_uri()
    found.set_tracking_uri((tmp_path / "mlruns").as_uri())
    yield found
    found.set_tracking_uri(before)


@pytest.mark.filterwarnings("ignore")
def test_mlflow_reads_every_loss(mlflow: Any) -> None:
    began = time.time()
    fits = fitted(training.MLflowLogger())
    ended = time.time()
    client = mlflow.MlflowClient()
    runs = {run.info.run_name: run for run in client.search_runs(["0"])}
    assert len(runs) == len(fits)
    for fit in fits:
        run = runs[f"hidden-{fit.spec.size}-seed-{fit.spec.seed}"]
        assert run.data.params["status"] == "completed"
        history = client.get_metric_history(run.info.run_id, "training loss")
        found = [metric.value for metric in sorted(history, key=lambda one: one.step)]
        assert np.array_equal(found, fit.losses)
        # In milliseconds, rounded down.
        assert all(1000 * began - 1 <= one.timestamp <= 1000 * ended for one in history)


@pytest.mark.filterwarnings("ignore")
def test_below_an_active_run_of_mlflow_runs_are_nested(mlflow: Any) -> None:
    with mlflow.start_run() as outer:
        fits = fitted(training.MLflowLogger())
    runs = mlflow.MlflowClient().search_runs(["0"])
    parents = [run.data.tags.get("mlflow.parentRunId") for run in runs]
    assert parents.count(outer.info.run_id) == len(fits)


@pytest.mark.parametrize(
    ("module", "logger", "complaint"),
    [
        ("tensorboard", lambda: training.TensorBoardLogger("runs"), "TensorBoard is not installed"),
        ("mlflow", training.MLflowLogger, "MLflow is not installed"),
    ],
)
def test_what_is_not_installed_is_said_when_the_logger_is_made(
    monkeypatch: pytest.MonkeyPatch, module: str, logger: Callable[[], Any], complaint: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    with pytest.raises(InputError, match=complaint):
        logger()


@pytest.mark.parametrize("callback", ["x", 3, False])
def test_what_cannot_be_called_is_refused_before_training(callback: Any) -> None:
    steps: list[int] = []
    with pytest.raises(InputError, match="callback must be a function"):
        fitted(callback, progress=lambda _, done, __: steps.append(done))
    assert steps == []


def fail(_: training.Fits) -> None:
    raise OSError("no space left")


def test_an_error_of_the_callback_does_not_lose_the_networks() -> None:
    with pytest.raises(training.CallbackError, match="raised OSError: no space left") as raised:
        fitted(fail)
    assert isinstance(raised.value, BackproofError)
    assert isinstance(raised.value.__cause__, OSError)
    assert trained_again(raised.value.fits)


def test_the_error_survives_a_pickle() -> None:
    with pytest.raises(training.CallbackError) as raised:
        fitted(fail)
    again = pickle.loads(pickle.dumps(raised.value))
    assert str(again) == str(raised.value)
    assert trained_again(again.fits)


def test_an_interruption_of_the_callback_passes() -> None:
    def interrupt(_: training.Fits) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(interrupt)


@with_tensorboard
def test_a_folder_that_is_a_file_does_not_lose_the_networks(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    path = tmp_path / "runs"
    path.write_text("", encoding="utf-8")
    with pytest.raises(training.CallbackError, match="NotADirectoryError") as raised:
        fitted(training.TensorBoardLogger(path))
    assert trained_again(raised.value.fits)
