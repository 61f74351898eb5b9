"""Implementations of the lab's model that others wrote: judged point by point."""

from backproof.grading.grade import Submission, grade, grade_all, submissions
from backproof.grading.record import Grade, Point, gradescope

__all__ = [
    "Grade",
    "Point",
    "Submission",
    "grade",
    "grade_all",
    "gradescope",
    "submissions",
]
