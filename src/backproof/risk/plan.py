"""How many test examples a given accuracy of the test error needs, and what a number gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from backproof._core.checks import one_of, open_unit, rate, whole_number
from backproof._core.errors import InputError
from backproof._core.results import Result
from backproof.risk.counts import checked_examples
from backproof.risk.methods.method import SIDES, Guarantee, Side
from backproof.risk.planning.methods import PLANS, Terms

_LARGEST_DRAWN = 0.5
_SMALLEST_MARGIN = 1e-6  # sizes up to 1e12, for which everything was tested


@dataclass(frozen=True, kw_only=True)
class Plan(Result):
    """A sample size and the accuracy of a test error that it brings."""

    examples: int
    """The number m of test examples: the smallest with which, and with every larger number, the
    promise holds; or the one that was asked about."""
    margin: float
    """Largest deviation that is accepted, a difference of rates."""
    confidence: float
    """Probability that the deviation is no larger."""
    side: Side
    """``two-sided``, or the side on which the true error is bounded: ``upper`` or ``lower``."""
    method: str
    """A key of `PLANS`."""
    promise: str
    """What holds, in words."""
    expected: float | None
    """The error rate that the number is planned for; ``None``: any."""
    power: float | None
    """Probability of telling two models apart; ``None`` where nothing is compared."""
    disagreement: float | None
    """Share of examples on which exactly one of two models is wrong; ``None`` where nothing is
    compared."""
    guarantee: Guarantee
    """``finite-sample``, ``anytime`` or ``asymptotic``, as for an interval."""
    assumptions: str
    """What the examples and the loss must be."""
    source: str
    """Where the method comes from."""

    def __str__(self) -> str:
        return (
            f"{self.examples} examples for {_SIGNS[self.side]} {self.margin:g} at confidence "
            f"{self.confidence:g} ({self.method})"
        )


_SIGNS: dict[Side, str] = {"two-sided": "±", "upper": "+", "lower": "−"}


def plan(
    margin: float,
    confidence: float = 0.95,
    method: str | None = None,
    side: Side = "two-sided",
    expected: float | None = None,
    *,
    power: float | None = None,
    disagreement: float | None = None,
) -> Plan:
    """Return how many test examples bring a given accuracy.

    Parameters
    ----------
    margin
        Accepted deviation, in [1e-6, 1); for ``mcnemar`` the difference of the two error rates.
    confidence
        Probability of keeping it, in (0, 1).
    method
        A key of `PLANS`; ``None``: ``hoeffding``, or ``clopper-pearson`` with an `expected` error.
    side
        ``two-sided``, or one bound alone: ``upper`` or ``lower``.
    expected
        The error rate that is expected, in [0, 1]; the bounds shall then lie within the margin of
        it. ``None``: whatever the error turns out to be.
    power
        For ``mcnemar``: probability of telling the models apart, in (0, 1); ``None``: 0.8.
    disagreement
        For ``mcnemar``: share of examples on which exactly one model is wrong, in [margin, 1].
        ``None``: the largest possible, 2·expected - margin, or 1 where nothing is expected.

    Raises
    ------
    InputError
        If an argument is out of range, or is none that the method knows.
    """
    exact = _checked_margin(margin)
    name, terms = _asked(margin, confidence, method, side, expected, power, disagreement)
    return _made(name, terms, PLANS[name].examples(exact, terms), float(margin))


def plan_margin(
    examples: int,
    confidence: float = 0.95,
    method: str | None = None,
    side: Side = "two-sided",
    expected: float | None = None,
    *,
    power: float | None = None,
    disagreement: float | None = None,
) -> Plan:
    """Return the accuracy that a given number of test examples brings.

    Parameters
    ----------
    examples
        Number of test examples, at least 1.
    confidence, method, side, expected, power, disagreement
        As for `plan`.

    Raises
    ------
    InputError
        If an argument is out of range, or is none that the method knows.
    """
    m = checked_examples(examples)
    name, terms = _asked(None, confidence, method, side, expected, power, disagreement)
    return _made(name, terms, m, PLANS[name].margin(m, terms))


def plans(
    margin: float | None = None,
    confidence: float = 0.95,
    side: Side = "two-sided",
    expected: float | None = None,
    *,
    examples: int | None = None,
    power: float = 0.8,
    disagreement: float | None = None,
) -> tuple[Plan, ...]:
    """Return the plans of all methods side by side.

    Parameters
    ----------
    margin, examples
        The one that is given; the other is planned.
    confidence, side, expected, power, disagreement
        As for `plan`. Methods that know nothing of an expected error, or of that side, are left
        out where it is given.

    Raises
    ------
    InputError
        If an argument is out of range, or not exactly one of `margin` and `examples` is given.
    """
    if (margin is None) == (examples is None):
        raise InputError("expected either a margin or a number of examples, and not both")
    one_of("side", side, SIDES)
    found = []
    for name, row in PLANS.items():
        if side not in row.sides or (expected is not None and not row.knows_expected):
            continue
        compared = {"power": power, "disagreement": disagreement} if row.compares else {}
        if margin is not None:
            found.append(plan(margin, confidence, name, side, expected, **compared))
        elif examples is not None:
            found.append(plan_margin(examples, confidence, name, side, expected, **compared))
    return tuple(found)


def plan_curves(found: Sequence[Plan], points: int = 13) -> tuple[tuple[Plan, ...], ...]:
    """Return each of several plans for margins from a quarter to four times its own.

    Parameters
    ----------
    found
        Plans of any methods.
    points
        Number of margins, evenly spaced on a logarithmic scale, at least 2.

    Raises
    ------
    InputError
        If `points` is out of range.
    """
    steps = np.geomspace(0.25, 4, whole_number("points", points, at_least=2))
    return tuple(
        tuple(
            plan(
                float(np.clip(one.margin * step, _SMALLEST_MARGIN, _LARGEST_DRAWN)),
                one.confidence,
                one.method,
                one.side,
                one.expected,
                power=one.power,
                disagreement=one.disagreement,
            )
            for step in steps
        )
        for one in found
    )


def _checked_margin(margin: float) -> Fraction:
    # As the decimal that the user wrote: 2·m·0.01 must be whole where it is whole on paper.
    exact = Fraction(str(open_unit("margin", margin)))
    if exact < Fraction(str(_SMALLEST_MARGIN)):
        raise InputError(
            f"margin must be at least {_SMALLEST_MARGIN:g}, got {margin:g}: choose a larger one"
        )
    return exact


def _asked(
    margin: float | None,
    confidence: float,
    method: str | None,
    side: Side,
    expected: float | None,
    power: float | None,
    disagreement: float | None,
) -> tuple[str, Terms]:
    """Return the name of the method, and what is asked of it."""
    name = method or ("hoeffding" if expected is None else "clopper-pearson")
    row = PLANS[one_of("method", name, PLANS)]
    open_unit("confidence", confidence)
    one_of("side", side, SIDES)
    if side not in row.sides:
        raise InputError(f"{name} plans are {' or '.join(row.sides)}, got side {side!r}")
    if expected is not None:
        expected = rate("expected", expected)
        if not row.knows_expected:
            known = ", ".join(key for key, other in PLANS.items() if other.knows_expected)
            raise InputError(f"{name} knows no expected error; those that do are {known}")
    if not row.compares and (power is not None or disagreement is not None):
        raise InputError(f"power and disagreement are for mcnemar plans, not for {name}")
    return name, Terms(
        confidence=float(confidence),
        side=side,
        expected=expected,
        power=open_unit("power", 0.8 if power is None else power),
        disagreement=_disagreement(margin, expected, disagreement),
    )


def _disagreement(
    margin: float | None, expected: float | None, disagreement: float | None
) -> float:
    if disagreement is None:
        # Models with errors e and e - margin that are never wrong together disagree most.
        return 1.0 if expected is None else min(1.0, max(2 * expected - (margin or 0.0), 1e-12))
    share = rate("disagreement", disagreement)
    if share < (margin or 0.0) or share == 0.0:
        raise InputError(
            f"disagreement must be at least the difference of the error rates {margin or 0.0:g} "
            f"and above 0, got {share:g}"
        )
    return share


def _made(name: str, terms: Terms, examples: int, margin: float) -> Plan:
    row = PLANS[name]
    return Plan(
        examples=examples,
        margin=margin,
        confidence=terms.confidence,
        side=terms.side,
        method=name,
        promise=row.promise if terms.expected is None else row.expected_promise,
        expected=terms.expected,
        power=terms.power if row.compares else None,
        disagreement=terms.disagreement if row.compares else None,
        guarantee=row.guarantee,
        assumptions=row.assumptions,
        source=row.source,
    )
