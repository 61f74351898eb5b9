"""The tables of a run on a table."""

from collections.abc import Iterable

from backproof._core.numbers import Value, counted
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
    config = run.config
    return size_table(
        run.sizes,
        tested_on=f"{run.test_rows} rows",
        seeds=config.seeds,
        confidence=config.confidence,
    )


def size_table(sizes: Iterable[SizeRow], *, tested_on: str, seeds: int, confidence: float) -> Table:
    """Return test errors over seeds by size.

    Parameters
    ----------
    sizes
        The rows.
    tested_on
        What they were tested on, with its number.
    seeds
        Networks of each size.
    confidence
        Of the intervals.
    """
    return Table(
        name="test-errors",
        caption=(
            f"Test error in % on {tested_on} over {counted(seeds, 'seed')}; {100 * confidence:g} % "
            "interval for the mean true error of the networks of a size."
        ),
        columns=(
            Column(header="hidden"),
            *(Column(header=header, style="percent", digits=2) for _, header in _LEVELS),
            Column(header="mean", style="percent", digits=2),
            Column(header="from", style="percent", digits=2),
            Column(header="to", style="percent", digits=2),
        ),
        rows=tuple(_row(size) for size in sizes),
    )


def _row(size: SizeRow) -> tuple[Value, ...]:
    mean = size.mean
    return (
        format_size(size.hidden),
        *(size.quantiles.get(level) for level, _ in _LEVELS),
        *((None, None, None) if mean is None else (mean.estimate, mean.lower, mean.upper)),
    )
