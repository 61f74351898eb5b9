"""A trained model in a folder, and its predictions for new rows."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backproof._core.errors import InputError
from backproof._core.files import write_text
from backproof._core.numbers import counted
from backproof._core.results import Result, ShownAsText
from backproof.datasets import Dataset
from backproof.tabular.preparation import Scaling
from backproof.training import Fits, load_fits, save_fits

MODEL_FILE = "model.json"
WEIGHTS_FILE = "weights.safetensors"
_FORMAT = 1

Label = int | str


@dataclass(frozen=True, kw_only=True)
class ModelCard(Result):
    """What has to be known to use the weights."""

    format: int = _FORMAT
    """Format of the folder."""
    label: str
    """Name of the column that is predicted."""
    features: tuple[str, ...]
    """Names of the columns that it is predicted from, in order."""
    classes: tuple[Label, ...]
    """The labels, in the order of the probabilities."""
    mean: tuple[float, ...]
    """What is subtracted from each feature."""
    scale: tuple[float, ...]
    """What it is divided by then."""


@dataclass(frozen=True)
class TrainedModel(ShownAsText):
    """Networks that decide together: the mean of their probabilities counts."""

    card: ModelCard
    """What they were trained for."""
    fits: Fits
    """The networks."""

    @property
    def scaling(self) -> Scaling:
        """From the columns to what networks take."""
        return Scaling(np.array(self.card.mean), np.array(self.card.scale))

    def probabilities(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of each class, shape (n, K), for rows of features (n, d)."""
        return self.fits.probabilities(self.scaling(x))

    def predict(self, data: Dataset) -> tuple[NDArray[np.generic], NDArray[np.float64]]:
        """Return the predicted labels, shape (n,), and the probabilities, shape (n, K).

        Raises
        ------
        InputError
            If the columns are not those that the model was trained with.
        """
        if data.features != self.card.features:
            raise InputError(
                f"the model takes the columns {', '.join(self.card.features)}, got "
                f"{', '.join(data.features)}"
            )
        probabilities = self.probabilities(data.x)
        return np.asarray(self.card.classes)[probabilities.argmax(axis=1)], probabilities

    def __str__(self) -> str:
        classes = ", ".join(map(str, self.card.classes))
        return (
            f"{self.card.label} ({classes}) from {', '.join(self.card.features)}, by "
            f"{counted(len(self.fits), 'network')}"
        )


def save_model(model: TrainedModel, folder: Path) -> None:
    """Write a model to a folder."""
    save_fits(model.fits, folder / WEIGHTS_FILE)
    write_text(folder / MODEL_FILE, model.card.to_json(indent=2) + "\n")


def load_model(folder: Path) -> TrainedModel:
    """Read a model from the folder that `backproof train` wrote.

    Raises
    ------
    InputError
        If it holds none, or one that this version cannot read.
    """
    path = folder / MODEL_FILE
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{folder} holds no trained model: cannot read {path.name}, {error.strerror}; expected "
            "the folder that `backproof train --out` wrote"
        ) from None
    try:
        card = ModelCard.from_json(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if card.format != _FORMAT:
        raise InputError(
            f"{path} has format {card.format}, this version reads {_FORMAT}; train again"
        )
    fits = load_fits(folder / WEIGHTS_FILE)
    sizes = {(fit.inputs, max(fit.outputs, 2)) for fit in fits}
    widths = {len(card.features), len(card.mean), len(card.scale)}
    if len(widths) > 1 or min(card.scale, default=0.0) <= 0:
        raise InputError(f"{path}: features, mean and scale do not belong together")
    if sizes != {(len(card.features), len(card.classes))}:
        raise InputError(f"{folder}: {MODEL_FILE} and {WEIGHTS_FILE} do not belong together")
    return TrainedModel(card, fits)
