"""Tables on the terminal."""

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from backproof.report import Table

_NARROWEST_TEXT = 16
_UNLIMITED = 10_000


def print_table(console: Console, table: Table) -> None:
    """Print a table; where the terminal is too narrow for its columns, one line a value."""
    console.print(Text(table.caption))
    console.print()
    columns = _as_columns(table)
    # Measured without a limit, since a measure within the terminal's width always fits.
    unlimited = console.options.update(width=_UNLIMITED)
    if Measurement.get(console, unlimited, columns).minimum <= console.width:
        console.print(columns)
    else:
        _print_values(console, table)


def _as_columns(table: Table) -> RichTable:
    shown = RichTable(box=None, pad_edge=False)
    for column in table.columns:
        shown.add_column(
            Text(column.header),
            justify="right" if column.numeric else "left",
            no_wrap=column.numeric,
            min_width=None if column.numeric else _NARROWEST_TEXT,
        )
    for row in table.shown_rows():
        shown.add_row(*(Text(cell) for cell in row))
    return shown


def _print_values(console: Console, table: Table) -> None:
    headers = [column.header for column in table.columns[1:]]
    for first, *others in table.shown_rows():
        console.print(Text(first, style="bold"))
        for header, cell in zip(headers, others, strict=True):
            console.print(Text(f"  {header}: {cell}"))
