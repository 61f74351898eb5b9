"""Implementations of the lab's model that others wrote: judged point by point."""

from backproof.grading.grade import grade, grade_all
from backproof.grading.record import Grade, Point, gradescope
from backproof.grading.submissions import Submission, submissions

__all__ = [
    "Grade",
    "Point",
    "Submission",
    "grade",
    "grade_all",
    "gradescope",
    "submissions",
]
