"""Losses where people look at them, read back with the tools' own readers."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof import datasets, training
from backproof._core.errors import InputError


def fitted(callback: Any) -> training.Fits:
    x, t = datasets.lab_mixture().sample(40, seed=1)
    return training.fit([2, (3, 2)], [0, 4], x, t, steps=5, validation=0.25, callback=callback)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_reads_every_loss(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    fits = fitted(training.TensorBoardLogger(tmp_path / "runs"))
    for fit in fits:
        folder = tmp_path / "runs" / f"hidden-{fit.spec.size}-seed-{fit.spec.seed}"
        reader = EventAccumulator(str(folder))
        reader.Reload()
        for name, expected in (
            ("training loss", fit.losses),
            ("validation loss by epoch", fit.validation_losses),
        ):
            events = reader.Scalars(name)
            assert [event.step for event in events] == list(range(len(expected)))
            assert [event.value for event in events] == pytest.approx(expected, rel=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_mlflow_reads_every_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("DO_NOT_TRACK", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    try:
        fits = fitted(training.MLflowLogger())
        client = mlflow.MlflowClient()
        runs = {run.info.run_name: run for run in client.search_runs(["0"])}
        assert len(runs) == len(fits)
        for fit in fits:
            run = runs[f"hidden-{fit.spec.size}-seed-{fit.spec.seed}"]
            assert run.data.params["status"] == "completed"
            history = client.get_metric_history(run.info.run_id, "training loss")
            found = [metric.value for metric in sorted(history, key=lambda one: one.step)]
            assert np.array_equal(found, fit.losses)
    finally:
        mlflow.set_tracking_uri(before)


@pytest.mark.parametrize(
    ("module", "callback", "complaint"),
    [
        ("tensorboard", training.TensorBoardLogger("runs"), "TensorBoard is not installed"),
        ("mlflow", training.MLflowLogger(), "MLflow is not installed"),
    ],
)
def test_what_is_not_installed_is_said(
    monkeypatch: pytest.MonkeyPatch, module: str, callback: Any, complaint: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    with pytest.raises(InputError, match=complaint):
        fitted(callback)
