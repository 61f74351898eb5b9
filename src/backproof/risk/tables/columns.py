"""Which columns of a table play which part."""

from dataclasses import dataclass

from backproof._core.errors import InputError
from backproof._core.results import Result
from backproof.risk.losses import checked_range

NUMBERS = ("score", "loss", "weight")
"""Parts that are played by numbers."""
PARTS = {
    "by": "group",
    **{part: part for part in ("label", "prediction", "cluster", "key", *NUMBERS)},
}
"""What each part is called in words."""


@dataclass(frozen=True, kw_only=True)
class Columns(Result):
    """The name of the column that plays each part; ``None`` where none does."""

    label: str | None
    """True labels."""
    prediction: str | None
    """Predicted labels."""
    by: str | None = None
    """Keys of groups."""
    cluster: str | None = None
    """Keys of clusters, where only these are independent."""
    score: str | None = None
    """Scores, or probabilities, of the positive class."""
    loss: str | None = None
    """Losses in [low, high], instead of labels and predictions."""
    weight: str | None = None
    """Number of examples that a row stands for."""
    key: str | None = None
    """Keys of examples, by which two tables are joined."""
    low: float = 0.0
    """The smallest loss that is possible."""
    high: float = 1.0
    """The largest loss that is possible."""

    def __post_init__(self) -> None:
        for part, name in self.named().items():
            if not isinstance(name, str):
                raise InputError(f"{part} must be the name of a column, got {name!r}")
        self._check_parts()
        checked_range(self.low, self.high)
        if self.loss is None and self.label is None:
            raise InputError("a table needs the column of true labels, label=, or of losses, loss=")
        if self.loss is None and self.prediction is None and self.score is None:
            raise InputError(
                "a table needs the column of predicted labels, prediction=, of scores, score=, or "
                "of losses, loss="
            )
        if self.loss is None and self.label == self.prediction:
            raise InputError(
                f"label and prediction are one column, {self.label!r}, in which no prediction is "
                "wrong: name two"
            )
        if self.loss is not None and self.score is not None:
            raise InputError("loss and score are two certificates, got both: give one of them")

    def _check_parts(self) -> None:
        """Refuse a column that is to be keys and numbers at once, which engines read apart."""
        named = self.named()
        for number in (part for part in NUMBERS if part in named):
            for key in self.keys():
                if named[key] == named[number]:
                    raise InputError(
                        f"the column {named[key]!r} cannot be the {key} and the {number}: name two"
                    )

    def __str__(self) -> str:
        return ", ".join(f"{part} {name!r}" for part, name in self.named().items())

    def named(self) -> dict[str, str]:
        """Return the names of the columns in use by the part they play, keys first."""
        parts: tuple[str, ...] = ("by", "cluster", "key", "label", "prediction", *NUMBERS)
        if self.loss is not None:
            parts = ("by", "cluster", "loss", "weight")
        return {part: getattr(self, part) for part in parts if getattr(self, part) is not None}

    def keys(self) -> list[str]:
        """Return the parts whose values rows are grouped by."""
        return [part for part in self.named() if part not in NUMBERS]


def checked_columns(
    label: str | None,
    prediction: str | None,
    **others: str | float | None,
) -> Columns:
    """Return the columns; with ``loss`` given, without those that it stands for."""
    if others.get("loss") is not None:
        label = prediction = None
    return Columns(label=label, prediction=prediction, **others)  # type: ignore[arg-type]
