"""Tables on the terminal."""

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from backproof.report import Table


def print_table(console: Console, table: Table) -> None:
    """Print a table; a narrow terminal folds its text columns."""
    shown = RichTable(title=table.caption, title_justify="left", box=None, pad_edge=False)
    for column in table.columns:
        shown.add_column(
            Text(column.header),
            justify="right" if column.numeric else "left",
            no_wrap=column.numeric,
            overflow="fold",
        )
    for row in table.shown_rows():
        shown.add_row(*(Text(cell) for cell in row))
    console.print(shown)
