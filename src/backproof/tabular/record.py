"""The record of a training run on a table: every number that the report shows."""

from dataclasses import dataclass

from backproof._core.provenance import Provenance
from backproof._core.results import Result
from backproof.risk import Interval, MeanInterval
from backproof.tabular.config import TableConfig
from backproof.tabular.saved import Label
from backproof.training import Boundary, BoundaryBand


@dataclass(frozen=True, kw_only=True)
class SizeRow(Result):
    """The networks of one size on the test rows."""

    hidden: tuple[int, ...]
    """Sizes of the hidden layers."""
    errors: tuple[int, ...]
    """Test errors of each network that did not diverge, by seed."""
    diverged: tuple[str, ...]
    """The networks that diverged, each with its step."""
    quantiles: dict[str, float]
    """Test error rate at quantiles over the seeds; empty where all diverged."""
    mean: MeanInterval | None
    """Mean test error over the networks of this size, with an interval for their mean true error;
    ``None`` where all diverged."""


@dataclass(frozen=True, kw_only=True)
class SizeBand(Result):
    """The boundaries of the networks of one size."""

    hidden: tuple[int, ...]
    """Sizes of the hidden layers."""
    band: BoundaryBand
    """Their quantiles over the seeds."""


@dataclass(frozen=True, kw_only=True)
class LossRow(Result):
    """Training losses of one size over its seeds."""

    hidden: tuple[int, ...]
    """Sizes of the hidden layers."""
    median: tuple[float, ...]
    """Median, before the first step and after each."""
    lower: tuple[float, ...]
    """10 % quantile."""
    upper: tuple[float, ...]
    """90 % quantile."""


@dataclass(frozen=True, kw_only=True)
class PlanePicture(Result):
    """Points in the plane and the boundaries over them, in the units of the table."""

    points: tuple[tuple[float, float], ...]
    """The training rows."""
    targets: tuple[int, ...]
    """Their classes, -1 for the first label and +1 for the second."""
    bands: tuple[SizeBand, ...]
    """One for each size with a network that did not diverge."""
    bayes: Boundary | None
    """The Bayes-optimal boundary, where the data's distribution is known."""


@dataclass(frozen=True, kw_only=True)
class TableRun(Result):
    """A training run on a table."""

    provenance: Provenance
    """How it was made."""
    config: TableConfig
    """What with."""
    data: str
    """Name of the data set, or the file."""
    label: str
    """Name of the column that is predicted."""
    features: tuple[str, ...]
    """Names of the columns that it is predicted from."""
    classes: tuple[Label, ...]
    """The labels."""
    training_rows: int
    """Rows that networks learned from."""
    test_rows: int
    """Rows that none learned from."""
    constant: tuple[str, ...]
    """Features that are the same in every training row, and tell nothing."""
    engine: str
    """Engine of the training."""
    sizes: tuple[SizeRow, ...]
    """One for each size."""
    losses: tuple[LossRow, ...]
    """One for each size with a network that did not diverge."""
    plane: PlanePicture | None
    """Boundaries, where there are two features and two classes."""
    majority: Interval
    """Test error of always saying the most frequent class of the training rows."""
    together: Interval | None
    """Test error of all networks together, by their mean probability, as `predict` uses them;
    ``None`` where all diverged."""

    @property
    def diverged(self) -> tuple[str, ...]:
        """The networks that diverged, each with its step."""
        return tuple(text for row in self.sizes for text in row.diverged)
