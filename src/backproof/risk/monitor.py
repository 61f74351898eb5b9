"""An error rate watched while test examples arrive."""

from dataclasses import dataclass
from typing import Self, SupportsIndex

from backproof._core.checks import one_of, open_unit, whole_number
from backproof._core.errors import InputError
from backproof._core.results import Result, ShownAsText
from backproof.risk.counts import checked_counts
from backproof.risk.interval import Interval, interval
from backproof.risk.methods.method import SIDES, Side

_METHOD = "beta-binomial"


@dataclass(frozen=True, kw_only=True)
class MonitorState(Result):
    """All that a monitor knows."""

    confidence: float
    """Probability that every interval of the monitor covers the true error rate."""
    side: Side
    """Which ends its intervals have."""
    errors: int
    """Errors so far."""
    examples: int
    """Examples so far."""


class Monitor(ShownAsText):
    """Errors and examples so far, with an interval that is valid at every moment.

    With the given probability all its intervals together cover the true error rate, so one may
    look after every batch and stop when one likes. The examples must be independent and of one
    distribution.

    Parameters
    ----------
    confidence
        Probability of covering at all times, in (0, 1).
    side
        ``two-sided``, or one bound: ``upper`` or ``lower``.

    Raises
    ------
    InputError
        If an argument is out of range.
    """

    def __init__(self, confidence: float = 0.95, side: Side = "two-sided") -> None:
        self._confidence = open_unit("confidence", confidence)
        one_of("side", side, SIDES)
        self._side: Side = side
        self._errors = 0
        self._examples = 0

    @property
    def errors(self) -> int:
        """Errors so far."""
        return self._errors

    @property
    def examples(self) -> int:
        """Examples so far."""
        return self._examples

    @property
    def interval(self) -> Interval | None:
        """The interval from all examples so far; ``None`` before the first."""
        if self._examples == 0:
            return None
        return interval(self._errors, self._examples, self._confidence, _METHOD, self._side)

    def update(self, errors: SupportsIndex, examples: SupportsIndex) -> Interval | None:
        """Add a batch and return the interval from all examples so far.

        Parameters
        ----------
        errors
            Errors in the batch, from 0 to `examples`.
        examples
            Examples in the batch, at least 0.

        Raises
        ------
        InputError
            If an argument is out of range; the monitor is then as it was.
        """
        more = whole_number("examples", examples, at_least=0)
        wrong = whole_number("errors", errors, at_least=0)
        if wrong > more:
            raise InputError(f"errors must be at most the number of examples {more}, got {wrong}")
        if more:
            self._errors, self._examples = checked_counts(
                self._errors + wrong, self._examples + more
            )
        return self.interval

    def to_json(self) -> str:
        """Return all that the monitor knows as JSON."""
        return MonitorState(
            confidence=self._confidence,
            side=self._side,
            errors=self._errors,
            examples=self._examples,
        ).to_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Return a monitor that goes on where the one behind `to_json` stood.

        Raises
        ------
        InputError
            If `text` is not such JSON, or its numbers cannot be.
        """
        state = MonitorState.from_json(text)
        monitor = cls(state.confidence, state.side)
        monitor.update(state.errors, state.examples)
        return monitor

    def __repr__(self) -> str:
        return f"<Monitor: {self}>"

    def __str__(self) -> str:
        found = self.interval
        return "no examples yet" if found is None else f"{found} after {self._examples} examples"
