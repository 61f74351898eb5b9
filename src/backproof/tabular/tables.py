"""The tables of a run on a table."""

from backproof._core.numbers import Value
from backproof.report import Column, Table
from backproof.tabular.config import format_size
from backproof.tabular.record import SizeRow, TableRun

_LEVELS = (
    ("0", "smallest"),
    ("0.25", "25 %"),
    ("0.5", "median"),
    ("0.75", "75 %"),
    ("1", "largest"),
)


def errors_table(run: TableRun) -> Table:
    """Return, for each size, the test error over seeds, and its mean with an interval."""
    confidence = f"{100 * run.config.confidence:g} %"
    return Table(
        name="test-errors",
        caption=(
            f"Test error in % on {run.test_rows} rows over {run.config.seeds} seeds; "
            f"{confidence} interval for the mean true error of the networks of a size."
        ),
        columns=(
            Column(header="hidden"),
            *(Column(header=header, style="percent", digits=2) for _, header in _LEVELS),
            Column(header="mean", style="percent", digits=2),
            Column(header="from", style="percent", digits=2),
            Column(header="to", style="percent", digits=2),
        ),
        rows=tuple(_row(size) for size in run.sizes),
    )


def _row(size: SizeRow) -> tuple[Value, ...]:
    mean = size.mean
    return (
        format_size(size.hidden),
        *(size.quantiles.get(level) for level, _ in _LEVELS),
        *((None, None, None) if mean is None else (mean.estimate, mean.lower, mean.upper)),
    )
