"""Tables as CSV and LaTeX: raw values on the one side, harmless text on the other."""

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backproof import lab
from backproof.lab import tables as lab_tables
from backproof.report import Column, Document, Section, Table, to_csv, to_latex
from backproof.report.tables import escape_latex

GOLDEN = Path(__file__).parent / "golden"


def table_of(*cells: str | float | None, style: str = "text", caption: str = "") -> Table:
    columns = {
        "text": Column(header="c"),
        "percent": Column(header="c (%)", style="percent", digits=2),
        "scientific": Column(header="c", style="scientific", digits=2),
        "decimal": Column(header="c", style="decimal"),
    }
    return Table(
        name="t",
        caption=caption,
        columns=(Column(header="row"), columns[style]),
        rows=tuple((f"r{number}", cell) for number, cell in enumerate(cells)),
    )


def golden_table() -> Table:
    return Table(
        name="golden",
        caption="50 % of {all} & more: ε² ± 1 − ∞…",
        columns=(
            Column(header="what_it is"),
            Column(header="step ε", style="scientific", digits=1),
            Column(header="error (%)", style="percent", digits=2),
            Column(header="value", style=None),
            Column(header="held", style="yes"),
        ),
        rows=(
            ("a & b", 1e-3, 0.0375, 26492, True),
            (r"C:\dir", 2.5e-11, None, 3.25e-9, False),
        ),
        row_styles=(("integer", 0), ("scientific", 3)),
    )


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
@example("a\rb")
@example('a "quoted", b\nc')
def test_csv_text_round_trips(text: str) -> None:
    assert read(to_csv(table_of(text)))[1:] == [["r0", text]]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_csv_numbers_are_exact_and_unformatted(number: float) -> None:
    ((_, cell),) = read(to_csv(table_of(number, style="scientific")))[1:]
    assert float(cell) == number


def test_csv_holds_rates_where_others_show_percent() -> None:
    assert read(to_csv(table_of(0.0375, style="percent"))) == [["row", "c"], ["r0", "0.0375"]]


def test_csv_leaves_missing_values_empty() -> None:
    assert read(to_csv(table_of(None, style="decimal")))[1] == ["r0", ""]


def test_csv_of_the_lab_has_as_many_cells_as_headers(written: Path) -> None:
    files = sorted((written / "tables").glob("*.csv"))
    assert len(files) == 14
    for file in files:
        rows = read(file.read_text(encoding="utf-8"))
        assert len(rows) > 1
        assert {len(row) for row in rows} == {len(rows[0])}, file.name


COMMANDS = {
    r"\textbackslash{}": "\\", r"\&": "&", r"\%": "%", r"\$": "$", r"\#": "#", r"\_": "_",
    r"\{": "{", r"\}": "}", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^",
    r"\textless{}": "<", r"\textgreater{}": ">", r"\textbar{}": "|", r"\dots{}": "…",
    r"$\varepsilon$": "ε", r"$\nu$": "ν", r"$^\circ$": "°",
    r"$\Delta$": "Δ", "$^2$": "²", r"$\times$": "×", r"$\pm$": "±",
    "$-$": "−", r"$\infty$": "∞",
}  # fmt: skip
"""What each command sets, by LaTeX's own manual."""
TOKEN = re.compile("|".join(map(re.escape, COMMANDS)) + r"|[^\\{}$&#^_%~]", re.DOTALL)


def as_set(latex: str) -> str:
    """Return the text that LaTeX would set; fail at anything it would obey instead."""
    place, text = 0, ""
    while place < len(latex):
        token = TOKEN.match(latex, place)
        assert token, f"LaTeX would obey {latex[place:]!r}"
        text += COMMANDS.get(token.group(), token.group())
        place = token.end()
    return text


SPECIAL = "\\&%$#_{}~^<>|εΔ²×±−∞…"


@given(st.text(st.sampled_from(SPECIAL + "ab 1") | st.characters(exclude_characters="–")))
def test_escaped_latex_sets_the_text_itself(text: str) -> None:
    assert as_set(escape_latex(text)) == text


def depth(latex: str) -> int:
    level = 0
    for brace in re.findall(r"\\.|[{}]", latex, re.DOTALL):
        level += {"{": 1, "}": -1}.get(brace, 0)
        assert level >= 0
    return level


@given(st.text(st.sampled_from(SPECIAL + "1e5\n")), st.text(st.sampled_from(SPECIAL + "1e")))
def test_braces_of_a_latex_table_are_balanced(cell: str, caption: str) -> None:
    assert depth(to_latex(table_of(cell, caption=caption))) == 0


def test_every_row_of_a_latex_table_has_a_cell_for_each_column() -> None:
    rows = [line for line in to_latex(golden_table()).splitlines() if line.endswith(r"\\")]
    assert [len(re.findall(r"(?<!\\)&", row)) for row in rows] == [4, 4, 4]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1e-3, r"$1.00\times10^{-3}$"), (-2.5e12, r"$-2.50\times10^{12}$"), (None, "--")],
)
def test_latex_shows_scientific_numbers_as_powers(value: float | None, expected: str) -> None:
    assert f"r0 & {expected} \\\\" in to_latex(table_of(value, style="scientific"))


@pytest.mark.parametrize("text", ["1e", "e5", "one5", "1e5x", "H = 1e5", "1_0e5", "nane3"])
def test_latex_leaves_text_that_is_no_number_alone(text: str) -> None:
    (line,) = [line for line in to_latex(table_of(text)).splitlines() if "r0" in line]
    assert line == f"    r0 & {escape_latex(text)} \\\\"


@pytest.mark.parametrize("start", ["[1ex] a", "*"])
def test_a_first_cell_is_no_option_of_the_row_above(start: str) -> None:
    table = Table(name="t", caption="", columns=(Column(header="c"),), rows=(("above",), (start,)))
    body = to_latex(table).split("above", 1)[1]
    assert not re.match(r"\s*\\\\\s*[\[*]", body)


def test_latex_has_the_rules_of_booktabs_in_order() -> None:
    latex = to_latex(golden_table())
    assert re.findall(r"\\(\w+rule)\n", latex) == ["toprule", "midrule", "bottomrule"]


def test_latex_aligns_numbers_to_the_right() -> None:
    assert r"\begin{tabular}{lrrrl}" in to_latex(golden_table())


def test_a_table_is_set_in_latex_as_agreed() -> None:
    expected = (GOLDEN / "table.tex").read_text(encoding="utf-8")
    assert to_latex(golden_table()) == expected


# Beside ASCII, what LaTeX sets without a package since 2020: Latin-1 and typographic dashes.
SETTABLE = re.compile(r"[\x09\x0a\x20-\x7e\xa0-\xff–—‘’“”…]*")


def test_latex_of_the_lab_needs_no_package_for_its_letters(written: Path) -> None:
    for file in sorted((written / "tables").glob("*.tex")):
        text = file.read_text(encoding="utf-8")
        unknown = sorted(set(SETTABLE.sub("", text)))
        assert not unknown, f"{file.name}: {unknown}"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_pdflatex_sets_the_tables_of_the_lab(written: Path, tmp_path: Path) -> None:
    tables = [p.read_text(encoding="utf-8") for p in sorted((written / "tables").glob("*.tex"))]
    source = (
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
        + "\n".join([*tables, to_latex(golden_table())])
        + "\n\\end{document}\n"
    )
    (tmp_path / "all.tex").write_text(source, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]


def test_a_document_yields_its_tables_in_order_folded_ones_too(tiny_run: lab.LabRun) -> None:
    names = [t.name for t in lab.document(tiny_run, AnySvg()).tables()]
    assert names == [
        "published-beside-ours", "tape-program-a", "tape-program-b", "gradient-check",
        "gradient-verdict", "gradient-order", "gradient-sweep", "boundaries", "networks", "plan",
        "test-error", "coverage-by-method", "one-test-set", "coverage",
    ]  # fmt: skip


class AnySvg(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "<svg/>"


def test_the_rows_of_a_table_may_each_have_their_own_style() -> None:
    assert [row[3] for row in golden_table().shown_rows()] == ["26492", "3.250e-09"]


def test_a_row_too_short_is_refused_rather_than_shifted() -> None:
    table = Table(
        name="t", caption="", columns=(Column(header="a"), Column(header="b")), rows=(("x",),)
    )
    with pytest.raises(ValueError, match="shorter"):
        to_latex(table)


def test_a_document_without_tables_yields_none() -> None:
    section = Section(title="s", anchor="s", blocks=())
    assert not list(Document(title="", subtitle="", sections=(section,)).tables())


def test_percent_columns_of_the_lab_say_so_in_their_header(tiny_run: lab.LabRun) -> None:
    for table in (lab_tables.certainty_table(tiny_run), lab_tables.coverage_table(tiny_run)):
        percents = [column.header for column in table.columns if column.style == "percent"]
        assert percents
        assert all("(%)" in header for header in percents)
