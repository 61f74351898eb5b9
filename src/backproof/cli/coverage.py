"""``backproof coverage``: how often an interval holds the true error."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from backproof.cli.options import (
    confidence_option,
    draw,
    echo_json,
    json_option,
    plot_option,
    side_option,
)
from backproof.cli.tables import print_table
from backproof.report import Column, Table

if TYPE_CHECKING:
    from backproof.risk import MethodCoverage


@click.command()
@click.option("--examples", type=int, default=1000, show_default=True, help="Size of a test set.")
@click.option("--error", type=float, default=0.05, show_default=True, help="The true error rate.")
@confidence_option
@click.option(
    "--method", default="all", show_default=True, help="A method, or all of them side by side."
)
@side_option
@json_option
@plot_option
def coverage(
    examples: int,
    error: float,
    confidence: float,
    method: str,
    side: Any,
    as_json: bool,
    plot: Path | None,
) -> None:
    """Say how often intervals cover the true error.

    Exactly, by summing over all counts, at one error rate and at the worst one.

    Example: backproof coverage --examples 1000 --error 0.01
    """
    from backproof import risk

    methods = list(risk.METHODS) if method == "all" else [method]
    found = risk.coverages(examples, error, confidence, side=side, methods=methods)
    if as_json:
        echo_json(found)
    else:
        print_table(Console(highlight=False), _table(found))
    draw(plot, lambda: _picture(found), as_json=as_json)


def _table(found: "tuple[MethodCoverage, ...]") -> Table:
    first = found[0]
    return Table(
        name="coverage",
        caption=(
            f"Probability that an interval of nominal {first.confidence:g}, {first.side}, from "
            f"{first.examples} examples covers the true error: at {first.error:g}, and at worst."
        ),
        columns=(
            Column(header="method"),
            Column(header="covers (%)", style="percent", digits=4),
            Column(header="at worst (%)", style="percent", digits=4),
            Column(header="beside error", style="decimal", digits=6),
            Column(header="guarantee"),
        ),
        rows=tuple(
            (
                one.method,
                one.coverage,
                None if one.worst is None else one.worst.coverage,
                None if one.worst is None else one.worst.error,
                one.guarantee,
            )
            for one in found
        ),
    )


def _picture(found: "tuple[MethodCoverage, ...]") -> Any:
    from backproof import plots, risk

    return plots.coverages([risk.coverage_curve(one) for one in found])
