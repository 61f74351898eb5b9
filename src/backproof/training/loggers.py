"""Callbacks that hand the losses of trained networks to TensorBoard and MLflow.

Neither is needed by anything else, and each is imported when it is first called.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from backproof._core.errors import InputError
from backproof.training.fits import Fits
from backproof.training.trained import Fit

Callback = Callable[[Fits], None]
"""Called by `fit` with all networks when they are trained."""

_AT_ONCE = 1000  # metrics that MLflow takes in one request


class TensorBoardLogger:
    """Writes every network's losses where TensorBoard reads them, a run for each network.

    Parameters
    ----------
    folder
        The folder that TensorBoard is given, ``tensorboard --logdir folder``.

    Examples
    --------
    ``training.fit([5, 50], range(4), x, t, callback=training.TensorBoardLogger("runs"))``
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def __call__(self, fits: Fits) -> None:
        """Write the losses of all networks; `InputError` where TensorBoard is not installed."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise InputError("TensorBoard is not installed: pip install tensorboard") from error
        for fit in fits:
            writer: Any = SummaryWriter(str(self._folder / _name(fit)))
            with writer:
                for name, step, value in _metrics(fit):
                    writer.add_scalar(name, value, step)
                writer.add_text(
                    "network", ", ".join(f"{k}: {v}" for k, v in _settings(fit).items())
                )


class MLflowLogger:
    """Logs every network to MLflow, a run for each: its settings, its losses, its status.

    Runs go where MLflow is set to; below a run that is active they are nested.

    Examples
    --------
    ``training.fit([5, 50], range(4), x, t, callback=training.MLflowLogger())``
    """

    def __call__(self, fits: Fits) -> None:
        """Log all networks; `InputError` where MLflow is not installed."""
        try:
            import mlflow
            from mlflow.entities import Metric
        except ImportError as error:
            raise InputError("MLflow is not installed: pip install mlflow") from error
        client: Any = mlflow.MlflowClient()
        for fit in fits:
            nested = mlflow.active_run() is not None
            with mlflow.start_run(run_name=_name(fit), nested=nested) as run:
                mlflow.log_params(_settings(fit))
                found = [Metric(name, value, 0, step) for name, step, value in _metrics(fit)]
                for start in range(0, len(found), _AT_ONCE):
                    client.log_batch(run.info.run_id, metrics=found[start : start + _AT_ONCE])


def _name(fit: Fit) -> str:
    return f"hidden-{fit.spec.size}-seed-{fit.spec.seed}"


def _settings(fit: Fit) -> dict[str, Any]:
    spec = fit.spec
    return {
        "hidden": spec.size,
        "seed": spec.seed,
        "activation": spec.activation_name,
        "loss": fit.loss,
        "status": fit.status,
        "steps": fit.steps,
    }


def _metrics(fit: Fit) -> Iterator[tuple[str, int, float]]:
    """Yield name, step or epoch, and value of each loss."""
    for step, value in enumerate(fit.losses.tolist()):
        yield "training loss", step, value
    for epoch, value in enumerate(fit.validation_losses.tolist()):
        yield "validation loss by epoch", epoch, value
