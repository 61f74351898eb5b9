"""Callbacks that hand the losses of trained networks to TensorBoard and MLflow.

Neither is needed by anything else, and each is imported when its logger is made.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from backproof._core.errors import BackproofError, InputError
from backproof.training.fits import Fits
from backproof.training.trained import Fit

Callback = Callable[[Fits], None]
"""Called by `fit` with all networks when they are trained."""

_AT_ONCE = 1000  # metrics that MLflow takes in one request


class CallbackError(BackproofError):
    """The callback of `fit` raised when training was done; has the networks as `fits`."""

    def __init__(self, fits: Fits, error: Exception) -> None:
        super().__init__(fits, error)
        self.fits = fits

    def __str__(self) -> str:
        error = self.args[1]
        return (
            f"training is done, but its callback raised {type(error).__name__}: {error}; the "
            "networks are in the attribute `fits` of this error"
        )


class TensorBoardLogger:
    """Writes every network's losses where TensorBoard reads them, a run for each network.

    Each fit has a folder of its own, ``fit-0``, ``fit-1`` and so on, in which a network's run is
    called ``hidden-5-seed-0``.

    Parameters
    ----------
    folder
        The folder that TensorBoard is given, ``tensorboard --logdir folder``.

    Raises
    ------
    InputError
        If TensorBoard is not installed.

    Examples
    --------
    ``training.fit([5, 50], range(4), x, t, callback=training.TensorBoardLogger("runs"))``
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._writer = _summary_writer()

    def __call__(self, fits: Fits) -> None:
        """Write the losses of all networks."""
        folder = _new_folder(self._folder)
        for name, fit in zip(_names(fits), fits, strict=True):
            with self._writer(str(folder / name)) as writer:
                for metric, step, value in _metrics(fit):
                    writer.add_scalar(metric, value, step)
                writer.add_text(
                    "network", ", ".join(f"{k}: {v}" for k, v in _settings(fit).items())
                )


class MLflowLogger:
    """Logs every network to MLflow, a run for each: its settings, its losses, its status.

    Runs go where MLflow is set to; below a run that is active they are nested.

    Raises
    ------
    InputError
        If MLflow is not installed.

    Examples
    --------
    ``training.fit([5, 50], range(4), x, t, callback=training.MLflowLogger())``
    """

    def __init__(self) -> None:
        _mlflow()

    def __call__(self, fits: Fits) -> None:
        """Log all networks."""
        mlflow = _mlflow()
        client = mlflow.MlflowClient()
        nested = mlflow.active_run() is not None
        for name, fit in zip(_names(fits), fits, strict=True):
            now = int(1000 * time.time())
            found = [
                mlflow.entities.Metric(metric, value, now, step)
                for metric, step, value in _metrics(fit)
            ]
            with mlflow.start_run(run_name=name, nested=nested) as run:
                mlflow.log_params(_settings(fit))
                for start in range(0, len(found), _AT_ONCE):
                    client.log_batch(run.info.run_id, metrics=found[start : start + _AT_ONCE])


def _summary_writer() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InputError("TensorBoard is not installed: pip install tensorboard") from error
    return SummaryWriter


def _mlflow() -> Any:
    try:
        import mlflow
    except ImportError as error:
        raise InputError("MLflow is not installed: pip install mlflow") from error
    return mlflow


def _new_folder(folder: Path) -> Path:
    """Make and return the folder of the next fit, one that nobody else has."""
    numbers = [path.name.removeprefix("fit-") for path in folder.glob("fit-*")]
    last = max((int(number) for number in numbers if number.isdecimal()), default=-1)
    while True:
        last += 1
        made = folder / f"fit-{last}"
        try:
            made.mkdir(parents=True)
        except FileExistsError:  # another process was faster
            continue
        return made


def _names(fits: Fits) -> list[str]:
    """Return a name for each network; those of one size and seed are numbered."""
    names = []
    met: Counter[str] = Counter()
    for fit in fits:
        name = f"hidden-{fit.spec.size}-seed-{fit.spec.seed}"
        met[name] += 1
        names.append(name if met[name] == 1 else f"{name}-number-{met[name]}")
    return names


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
