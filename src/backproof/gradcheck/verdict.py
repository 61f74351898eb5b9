"""The three answers, and the numbers that decide between them."""

from enum import StrEnum

from scipy.special import stdtrit


class Verdict(StrEnum):
    """What a check found."""

    AGREE = "agree"
    """Claimed and numeric gradient agree within a stated resolution."""
    DISAGREE = "disagree"
    """They differ by more than truncation, noise and rounding explain, at every finer step."""
    UNRESOLVED = "unresolved"
    """The function does not allow to tell; the reason says why."""


COARSEST = 1e-2
"""An AGREE that would miss an error of 1 % of a tensor's gradient would say too little."""


def worst(verdicts: list[Verdict]) -> Verdict:
    """Return DISAGREE if there is one, else UNRESOLVED if there is one, else AGREE."""
    for verdict in (Verdict.DISAGREE, Verdict.UNRESOLVED):
        if verdict in verdicts:
            return verdict
    return Verdict.AGREE


def threshold(false_alarm: float, tests: int, degrees: int) -> float:
    """Return c: |δ| > cσ happens with probability `false_alarm` in any of `tests` tests.

    Student's quantile with the degrees of freedom of the measured noise, two-sided, split over
    the tests by Bonferroni's inequality.
    """
    return float(stdtrit(degrees, 1 - false_alarm / (2 * tests)))
