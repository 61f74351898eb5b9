"""Tables as CSV with the raw values, and as LaTeX with booktabs."""

import csv
import io
import re

from backproof._core.numbers import power_of_ten
from backproof.report.document import Table

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "ε": r"$\varepsilon$",
    "ν": r"$\nu$",
    "°": r"$^\circ$",
    "Δ": r"$\Delta$",
    "²": r"$^2$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "−": r"$-$",
    "∞": r"$\infty$",
    "–": "--",
    "…": r"\dots{}",
}
_SPECIAL = re.compile("|".join(map(re.escape, _LATEX)))


def to_csv(table: Table) -> str:
    """Return `table` as CSV: a line of headers, then unformatted values; missing ones are empty.

    Columns in percent hold rates: 0.0375 stands where the other renderings show 3.75 under a
    header with %, so the header loses its unit.
    """
    buffer = io.StringIO()
    # All text is quoted: a bare carriage return in it would otherwise end the row for some readers.
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(
        column.header.replace(" (%)", "") if column.style == "percent" else column.header
        for column in table.columns
    )
    writer.writerows(["" if value is None else value for value in row] for row in table.rows)
    return buffer.getvalue()


def to_latex(table: Table) -> str:
    """Return `table` as a LaTeX table that needs the package booktabs."""
    alignment = "".join("r" if column.numeric else "l" for column in table.columns)
    lines = [
        "% needs \\usepackage{booktabs}",
        r"\begin{table}",
        r"  \centering",
        f"  \\caption{{{escape_latex(table.caption)}}}",
        f"  \\begin{{tabular}}{{{alignment}}}",
        r"    \toprule",
        _latex_row([escape_latex(column.header) for column in table.columns]),
        r"    \midrule",
        *(_latex_row(_latex_cells(table, row)) for row in table.shown_rows()),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def escape_latex(text: str) -> str:
    """Return `text` with everything that LaTeX would read as a command made harmless."""
    return _SPECIAL.sub(lambda match: _LATEX[match.group()], text)


def _latex_cells(table: Table, row: list[str]) -> list[str]:
    cells = []
    for column, text in zip(table.columns, row, strict=True):
        power = power_of_ten(text) if column.numeric else None
        cells.append(
            escape_latex(text) if power is None else f"${power[0]}\\times10^{{{power[1]}}}$"
        )
    return cells


def _latex_row(cells: list[str]) -> str:
    # A row that begins with [ or * would be read as an argument of the line break above it.
    first = "{}" if cells[0].startswith(("[", "*")) else ""
    return f"    {first}{' & '.join(cells)} \\\\"
