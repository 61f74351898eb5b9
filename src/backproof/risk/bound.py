"""Is the true error below a limit: shown, refuted, or how many more examples would decide it."""

from dataclasses import dataclass
from enum import StrEnum

from backproof._core.checks import open_unit
from backproof._core.errors import InputError
from backproof._core.numbers import counted
from backproof._core.results import Result
from backproof.risk.interval import Interval, interval
from backproof.risk.methods.method import Side
from backproof.risk.plan import plan
from backproof.risk.wording import quote

_METHOD = "clopper-pearson"


class Decision(StrEnum):
    """What a test says of a limit for the true error."""

    SHOWN = "shown"
    """The true error is at most the limit."""
    REFUTED = "refuted"
    """It is larger."""
    UNDECIDED = "undecided"
    """Both are possible."""


@dataclass(frozen=True, kw_only=True)
class ErrorBound(Result):
    """What a test says of a limit for the true error."""

    errors: int
    """Number of errors."""
    examples: int
    """Number of examples."""
    limit: float
    """The limit, a rate."""
    decision: Decision
    """Whether the true error is at most that; each answer is wrong with probability at most
    1 - confidence."""
    upper: Interval
    """Upper bound of the true error."""
    lower: Interval
    """Lower bound, with the same confidence."""
    more_examples: int | None
    """How many more examples would decide it if errors kept coming at the observed rate; ``None``
    where it is decided, or the observed rate is too near the limit for any number that can be
    planned."""

    def __str__(self) -> str:
        quoted = self.upper if self.upper.estimate <= self.limit else self.lower
        said = f"error at most {_percent(self.limit)}: {self.decision}; "
        said += quote(quoted, self.examples)
        if self.more_examples is None:
            return said
        what = "show" if self.upper.estimate < self.limit else "refute"
        return (
            f"{said}; {counted(self.more_examples, 'more example')} with errors at that rate would "
            f"{what} it"
        )


def bound_error(errors: int, examples: int, limit: float, confidence: float = 0.99) -> ErrorBound:
    """Say whether a test shows that the true error is at most a limit.

    The bounds are Clopper and Pearson's, one-sided, exact for independent examples.

    Parameters
    ----------
    errors
        Number of errors, from 0 to `examples`.
    examples
        Number of test examples, at least 1.
    limit
        The largest error rate that is accepted, strictly between 0 and 1.
    confidence
        Probability with which an answer is right, in (0, 1).

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> print(bound_error(3, 500, 0.05))
    error at most 5 %: shown; error 0.6 % (99 % upper bound 2.0 %, Clopper–Pearson, finite-sample, \
m = 500)
    """
    limit = open_unit("limit", limit)
    upper = interval(errors, examples, confidence, _METHOD, "upper")
    lower = interval(errors, examples, confidence, _METHOD, "lower")
    if upper.upper <= limit:
        decision = Decision.SHOWN
    elif lower.lower > limit:
        decision = Decision.REFUTED
    else:
        decision = Decision.UNDECIDED
    return ErrorBound(
        errors=int(errors),
        examples=int(examples),
        limit=limit,
        decision=decision,
        upper=upper,
        lower=lower,
        more_examples=_more(upper, limit, examples) if decision is Decision.UNDECIDED else None,
    )


def _more(found: Interval, limit: float, examples: int) -> int | None:
    """Return how many more examples would decide, at the observed rate."""
    rate = found.estimate
    side: Side = "upper" if rate < limit else "lower"
    try:
        needed = plan(abs(limit - rate), found.confidence, _METHOD, side, expected=rate).examples
    except InputError:  # too small a margin to plan for
        return None
    return max(1, needed - examples)


def _percent(rate: float) -> str:
    return f"{100 * rate:.4g} %"
