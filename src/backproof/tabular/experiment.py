"""Training on a table: split, standardise, train, and say what the test error is worth."""

from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from backproof._core import seeds
from backproof._core.progress import Progress, silent
from backproof._core.provenance import provenance
from backproof.datasets import Dataset
from backproof.risk import Interval, interval
from backproof.tabular.config import TableConfig
from backproof.tabular.outcome import loss_rows, size_rows
from backproof.tabular.plane import plane_picture
from backproof.tabular.preparation import Scaling, Split, class_index, loss_of, scaling, split
from backproof.tabular.record import TableRun
from backproof.tabular.saved import ModelCard, TrainedModel
from backproof.training import Fits, fit, sweep


def train_on_table(
    config: TableConfig,
    data: Dataset,
    label: str,
    progress: Progress = silent,
    **where: Any,
) -> tuple[TableRun, TrainedModel]:
    """Train every size with every seed on a table, and test them on rows that were set aside.

    Parameters
    ----------
    config
        Settings.
    data
        The table, with labels.
    label
        Name of the label column.
    progress
        Told how far it is.
    where
        ``checkpoint`` of `backproof.training.fit`; ``n_jobs`` and ``dask`` of
        `backproof.training.sweep`, which is used where either is given.

    Raises
    ------
    InputError
        If the table cannot be split, or a setting is out of range.
    """
    parts = split(data, config.test, config.seed)
    scale = scaling(parts.train_x, data.features, standardise=config.standardise)
    begin = perf_counter()
    fits = _train(config, parts, scale, len(data.classes), progress, where)
    made = provenance("cpu", torch.get_num_threads())
    made = replace(made, seconds={"training": perf_counter() - begin})
    card = ModelCard(
        label=label,
        features=data.features,
        classes=data.classes,
        mean=tuple(scale.mean.tolist()),
        scale=tuple(scale.scale.tolist()),
    )
    model = TrainedModel(card, fits)
    numbers = class_index(parts.test_t, len(data.classes))
    constant = np.ptp(parts.train_x, axis=0) == 0
    run = TableRun(
        provenance=made,
        config=config,
        data=data.name,
        label=label,
        features=data.features,
        classes=data.classes,
        training_rows=len(parts.train_t),
        test_rows=len(parts.test_t),
        constant=tuple(np.array(data.features)[constant].tolist()),
        engine=fits.engine,
        sizes=size_rows(fits, scale(parts.test_x), parts.test_t, config.confidence),
        losses=loss_rows(fits),
        plane=plane_picture(parts, scale, fits, data.bayes_score),
        majority=_majority(config, parts),
        together=_together(config, model, parts.test_x, numbers),
    )
    return run, model


def _train(
    config: TableConfig,
    parts: Split,
    scale: Scaling,
    classes: int,
    progress: Progress,
    where: dict[str, Any],
) -> Fits:
    spread = {name: value for name, value in where.items() if value is not None}
    train: Any = sweep if spread.keys() & {"n_jobs", "dask"} else fit
    found: Fits = train(
        config.hidden,
        [seeds.derive(config.seed, "weights", member) for member in range(config.seeds)],
        scale(parts.train_x),
        parts.train_t,
        steps=config.steps,
        learning_rate=config.learning_rate,
        activation=config.activation,
        loss=loss_of(classes),
        optimizer=config.optimizer,
        batch_size=config.batch_size,
        weight_decay=config.weight_decay,
        validation=config.validation,
        patience=config.patience,
        dtype=config.dtype,
        engine=config.engine,
        progress=progress,
        **spread,
    )
    return found


def _majority(config: TableConfig, parts: Split) -> Interval:
    values, counts = np.unique(parts.train_t, return_counts=True)
    errors = int((parts.test_t != values[counts.argmax()]).sum())
    return interval(errors, len(parts.test_t), config.confidence)


def _together(
    config: TableConfig, model: TrainedModel, x: NDArray[np.float64], numbers: NDArray[np.int64]
) -> Interval | None:
    if not model.fits.usable:
        return None
    errors = int((model.probabilities(x).argmax(axis=1) != numbers).sum())
    return interval(errors, len(numbers), config.confidence)
