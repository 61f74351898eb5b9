"""The generalisation gap: how much larger the true error is than the training error."""

from dataclasses import dataclass

from backproof._core.checks import rate
from backproof._core.results import Result
from backproof.risk.interval import Interval


@dataclass(frozen=True, kw_only=True)
class Gap(Result):
    """True error minus training error."""

    estimate: float
    """Test error minus training error."""
    lower: float
    """Lower end of the interval for the gap."""
    upper: float
    """Upper end of the interval for the gap."""
    training_error: float
    """Error rate on the training set, a known number."""

    def __str__(self) -> str:
        return f"{self.estimate:.4%} ({self.lower:.4%} to {self.upper:.4%})"


def gap(training_error: float, test: Interval) -> Gap:
    """Return the generalisation gap with its interval.

    The training error is known, so the interval of the true error, moved by it, covers the gap
    with the same probability and the same guarantee.

    Parameters
    ----------
    training_error
        Error rate on the training set, in [0, 1].
    test
        Interval for the true error, from test examples that were not trained on.

    Raises
    ------
    InputError
        If `training_error` is out of range.
    """
    known = rate("training_error", training_error)
    return Gap(
        estimate=test.estimate - known,
        lower=test.lower - known,
        upper=test.upper - known,
        training_error=known,
    )
