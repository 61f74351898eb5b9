"""Published numbers beside ours."""

from backproof._core.numbers import Style, counted
from backproof.lab.record import LabRun
from backproof.report import Column, Table

_UNITS: dict[str, tuple[Style, int]] = {
    "scientific": ("scientific", 3),
    "percent": ("percent", 4),
    "integer": ("integer", 0),
}


def comparison_table(run: LabRun) -> Table:
    """Return every published number beside ours."""
    names = {"percent": " (%)"}
    return Table(
        name="published-beside-ours",
        caption=(
            f"Published numbers beside ours over {counted(run.config.seeds, 'seed')}. "
            "Gradient: absolute "
            "difference of numeric and backpropagated slope. Gap: test minus training error. "
            "Percentile: percentage of our seeds below the published number, ties counted half."
        ),
        columns=(
            Column(header="quantity"),
            Column(header="published", style=None),
            Column(header="median", style=None),
            Column(header="smallest", style=None),
            Column(header="largest", style=None),
            Column(header="percentile", style="integer"),
        ),
        rows=tuple(
            (
                one.quantity + names.get(one.unit, ""),
                one.published,
                one.ours,
                one.low,
                one.high,
                one.percentile,
            )
            for one in run.comparisons
        ),
        row_styles=tuple(_UNITS[one.unit] for one in run.comparisons),
    )
