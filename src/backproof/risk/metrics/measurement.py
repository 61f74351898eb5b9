"""What a measured metric comes back as."""

from dataclasses import dataclass, fields
from typing import Any

from backproof._core.results import Result
from backproof.risk.methods.method import Guarantee, Side


@dataclass(frozen=True, kw_only=True)
class Measurement(Result):
    """A metric of a classifier on test examples, with an interval for its true value."""

    metric: str
    """Name of the metric."""
    estimate: float | None
    """Its value on the test examples; ``None`` where it is 0/0."""
    lower: float
    """Lower end; the metric's least value for side ``upper``."""
    upper: float
    """Upper end; the metric's greatest value for side ``lower``."""
    confidence: float
    """Nominal probability of covering the true value."""
    side: Side
    """``two-sided``, or the side that is bounded: ``upper`` or ``lower``."""
    method: str
    """Name of the method."""
    guarantee: Guarantee
    """``finite-sample``: covers at least with the nominal probability, whatever the truth and the
    number of examples; ``anytime``: even where that number depends on what was seen;
    ``asymptotic``: only in the limit of many examples."""
    assumptions: str
    """What the examples must be for that."""
    source: str
    """Where the method comes from."""
    examples: int
    """Number of examples that the metric is about, its denominator."""
    seed: int | None
    """Seed of the draws; ``None`` where nothing was drawn."""

    def __str__(self) -> str:
        value = "undefined" if self.estimate is None else f"{self.estimate:.4f}"
        return (
            f"{self.metric} {value} ({self.confidence:.6g} {self.side} {self.lower:.4f} to "
            f"{self.upper:.4f}, {self.method}, {self.guarantee}, {self.examples} examples)"
        )


def measurement_of(found: Any, **more: Any) -> Measurement:
    """Return a measurement with what an interval of another kind says, and more or instead."""
    shared = {
        field.name: getattr(found, field.name)
        for field in fields(Measurement)
        if hasattr(found, field.name)
    }
    return Measurement(**(shared | more))
