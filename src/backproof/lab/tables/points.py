"""What somebody's own model got."""

from backproof.grading import Grade
from backproof.report import Column, Table


def points_table(grade: Grade) -> Table:
    """Return the points of a model, with the reasons."""
    return Table(
        name="points",
        caption=f"{grade.place}: {grade.score:g} of {grade.worth:g} points.",
        columns=(
            Column(header="what"),
            Column(header="passed", style="yes"),
            Column(header="points", style="decimal", digits=1),
            Column(header="of", style="decimal", digits=1),
            Column(header="what was found"),
        ),
        rows=tuple(
            (point.name, point.passed, point.score, point.worth, point.reason)
            for point in grade.points
        ),
    )
