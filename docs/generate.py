"""Pages of the documentation that are computed: tables of methods, and the lab's numbers."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from backproof import lab, risk
from backproof.report import Table

PROVED_BY = {
    "clopper-pearson": "conformance",
    "blaker": "conformance",
    "hoeffding": "conformance",
    "chernoff-kl": "conformance",
    "bentkus": "conformance",
    "beta-binomial": "anytime",
    "wilson": "interval",
    "jeffreys": "interval",
    "agresti-coull": "interval",
    "normal": "interval",
    "bootstrap-percentile": "bootstrap",
    "bootstrap-bca": "bootstrap",
}
"""The file tests/risk/test_risk_….py that holds each interval method to its word."""
_RANGES = {
    "finite-sample": "every m from 1, every error rate",
    "anytime": "every m from 1, wherever one stops",
    "asymptotic": "many examples; see its worst coverage",
}


def write(folder: Path) -> None:
    """Write the pages; with BACKPROOF_QUICK_DOCS those of a small run of the lab."""
    folder.mkdir(exist_ok=True)
    config = lab.LabConfig.make(quick="BACKPROOF_QUICK_DOCS" in os.environ)
    pages = {
        "methods": _methods(),
        "means": _guarantees(risk.MEAN_METHODS),
        "plans": _guarantees(risk.PLANS),
        "lab": _lab(config),
    }
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


def _methods() -> str:
    worst = {name: risk.coverages(1000, 0.05, methods=[name])[0].worst for name in risk.METHODS}
    return _table(
        ("method", "valid for", "assumes", "from", "worst coverage", "test"),
        (
            (
                f"`{name}`",
                f"{row.guarantee}: {_RANGES[row.guarantee]}",
                row.assumptions,
                row.source,
                "not known" if found is None else f"{100 * found.coverage:.2f} %",
                PROVED_BY[name],
            )
            for (name, row), found in zip(risk.METHODS.items(), worst.values(), strict=True)
        ),
    )


def _guarantees(table: Mapping[str, Any]) -> str:
    return _table(
        ("method", "guarantee", "assumes", "from"),
        ((f"`{name}`", row.guarantee, row.assumptions, row.source) for name, row in table.items()),
    )


def _lab(config: lab.LabConfig) -> str:
    run = lab.run(config)
    shown = _shown(lab.comparison_table(run))
    claims = "\n".join(
        f"- **{claim.claim}** {'Held' if claim.held else 'Did not hold'}. {claim.text}"
        for claim in run.claims
    )
    return f"{shown}\n\n{claims}\n"


def _shown(table: Table) -> str:
    headers = (column.header for column in table.columns)
    return f"{table.caption}\n\n{_table(headers, table.shown_rows())}"


def _table(headers: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(headers), *(list(row) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"
