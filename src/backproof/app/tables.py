"""Tables on the page."""

from nicegui import ui

from backproof.report import Table


def show_table(table: Table) -> None:
    """Show a table under its caption; a wide one scrolls within its own box."""
    columns = [
        {
            "name": str(number),
            "label": column.header,
            "field": str(number),
            "align": "right" if column.numeric else "left",
        }
        for number, column in enumerate(table.columns)
    ]
    rows = [
        {"id": number, **{str(n): cell for n, cell in enumerate(cells)}}
        for number, cells in enumerate(table.shown_rows())
    ]
    ui.label(table.caption).classes("text-sm")
    shown = ui.table(columns=columns, rows=rows, row_key="id").classes("w-full max-w-3xl")
    shown.props("dense flat bordered hide-pagination :rows-per-page-options=[0]").mark(table.name)
