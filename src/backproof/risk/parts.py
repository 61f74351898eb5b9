"""What the statements of a certificate are made from: all examples, or one group of them."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from backproof.risk.confusion import Confusion, Confusions, confusions_by
from backproof.risk.methods.method import Side
from backproof.risk.metrics.labels import Coded, Label
from backproof.risk.metrics.measurement import Measurement
from backproof.risk.metrics.scores import measure_scores


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of every group of examples; all of it checked."""

    metrics: tuple[str, ...]
    """Keys of `METRICS` and of `SCORE_METRICS`."""
    each: float
    """Confidence of each statement."""
    side: Side
    """Which ends the intervals have."""
    labels: tuple[Label, ...]
    """Every label."""
    positive: Label | None
    """The positive class, where one is needed."""
    priors: dict[Any, float] | None
    """Shares of the classes, where they are not those of the examples."""
    replicates: int
    """Of the bootstrap."""
    seed: int
    """Seed of every random draw."""


class Part(Protocol):
    """Examples that statements can be made about."""

    @property
    def group(self) -> str | None:
        """The group; ``None``: all examples."""

    @property
    def table(self) -> Confusion:
        """The confusion matrix."""

    @property
    def clusters(self) -> Confusions | None:
        """The matrix of each cluster; ``None`` where the examples themselves are independent."""

    def scored(self, metric: str, request: Request) -> Measurement:
        """Return a metric of scores."""


@dataclass(frozen=True, kw_only=True)
class ArrayPart:
    """Examples in arrays."""

    group: str | None
    """The group; ``None``: all examples."""
    table: Confusion
    """The confusion matrix."""
    y_true: NDArray[Any]
    """True labels, shape (n,)."""
    y_pred: NDArray[Any]
    """Predicted labels, shape (n,)."""
    scores: NDArray[Any] | None
    """Scores of the positive class, shape (n,)."""
    cluster_codes: NDArray[Any] | None
    """Keys of the clusters, shape (n,)."""

    @property
    def clusters(self) -> Confusions | None:
        """The matrix of each cluster."""
        if self.cluster_codes is None:
            return None
        return confusions_by(self.y_true, self.y_pred, self.cluster_codes, labels=self.table.labels)

    def scored(self, metric: str, request: Request) -> Measurement:
        """Return a metric of the scores themselves."""
        return measure_scores(
            self.y_true,
            self.scores,  # type: ignore[arg-type] # there are scores where these are asked for
            metric,
            request.each,
            side=request.side,
            labels=request.labels,
            positive=request.positive,
            replicates=request.replicates,
            seed=request.seed,
        )

    def split(self, keys: Coded) -> "list[ArrayPart]":
        """Return the examples of each group, in the order of `keys.labels`."""
        tables = confusions_by(self.y_true, self.y_pred, keys.codes, labels=self.table.labels)
        order = np.argsort(keys.codes, kind="stable")
        places = np.split(order, np.cumsum(np.bincount(keys.codes))[:-1])
        return [
            ArrayPart(
                group=str(key),
                table=tables[number],
                y_true=self.y_true[at],
                y_pred=self.y_pred[at],
                scores=None if self.scores is None else self.scores[at],
                cluster_codes=None if self.cluster_codes is None else self.cluster_codes[at],
            )
            for number, (key, at) in enumerate(zip(keys.labels, places, strict=True))
        ]
