"""What a graded submission got, point by point."""

from dataclasses import dataclass

from backproof._core.results import Result

FINISHED = "finished"
"""How a submission ended that was judged to the end."""


@dataclass(frozen=True, kw_only=True)
class Point(Result):
    """One thing that was looked at."""

    name: str
    """What it is about."""
    passed: bool
    """Whether it is right."""
    worth: float
    """Points that it is worth."""
    reason: str
    """What was found: why it failed, or what was looked at."""

    @property
    def score(self) -> float:
        """Points that it got."""
        return self.worth if self.passed else 0.0

    def __str__(self) -> str:
        mark = "✓" if self.passed else "✗"
        return f"{mark} {self.name} ({self.score:g} of {self.worth:g}): {self.reason}"


@dataclass(frozen=True, kw_only=True)
class Grade(Result):
    """What a submission got."""

    submission: str
    """Name of the submission."""
    place: str
    """The class that was graded, ``FILE.py:CLASS``."""
    points: tuple[Point, ...]
    """What was looked at, in order."""
    ended: str
    """``finished``, or in words how the submission was ended before that."""
    seconds: float
    """Wall-clock time that it took."""
    output: str
    """The end of what it printed."""

    @property
    def score(self) -> float:
        """Points that it got."""
        return sum(point.score for point in self.points)

    @property
    def worth(self) -> float:
        """Points that there were."""
        return sum(point.worth for point in self.points)

    @property
    def passed(self) -> bool:
        """Whether it got every point."""
        return all(point.passed for point in self.points)

    @property
    def reason(self) -> str:
        """Why it got nothing, where all points have one reason; else empty."""
        reasons = {point.reason for point in self.points if not point.passed}
        return reasons.pop() if len(reasons) == 1 and self.score == 0 else ""

    def __str__(self) -> str:
        head = f"{self.submission}: {self.score:g} of {self.worth:g} points"
        if self.ended != FINISHED:
            head += f"; {self.ended}"
        return "\n".join([head, *(f"  {point}" for point in self.points)])


def gradescope(grade: Grade) -> dict[str, object]:
    """Return a grade in the layout of Gradescope's ``results.json``."""
    output = [] if grade.ended == FINISHED else [f"The submission was ended: {grade.ended}."]
    if grade.output:
        output += ["It printed:", grade.output]
    return {
        "score": grade.score,
        "execution_time": round(grade.seconds, 3),
        "output": "\n".join(output),
        "output_format": "text",
        "visibility": "visible",
        "tests": [
            {
                "name": point.name,
                "score": point.score,
                "max_score": point.worth,
                "status": "passed" if point.passed else "failed",
                "output": point.reason,
                "output_format": "text",
                "visibility": "visible",
            }
            for point in grade.points
        ],
    }
