"""What was observed in the two programs."""

from backproof.report import Column, Table
from backproof.tape import ProgramRun


def observation_table(program: ProgramRun) -> Table:
    """Return the observations of one program."""
    return Table(
        name=f"tape-{program.name}",
        caption=f"{program.title}: expected and observed.",
        columns=(
            Column(header="what"),
            Column(header="expected"),
            Column(header="observed"),
            Column(header="holds", style="yes"),
        ),
        rows=tuple(
            (one.what, _short(one.expected), _short(one.observed), one.holds)
            for one in program.observations
        ),
    )


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.7g}"
