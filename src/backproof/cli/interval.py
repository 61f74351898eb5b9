"""``backproof interval``: what a number of errors says of the true error."""

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
    from backproof.risk import Interval


@click.command()
@click.argument("errors", type=int)
@click.argument("examples", type=int)
@confidence_option
@click.option(
    "--method",
    default="clopper-pearson",
    show_default=True,
    help="A method, or all for every method side by side.",
)
@side_option
@json_option
@plot_option
def interval(
    errors: int,
    examples: int,
    confidence: float,
    method: str,
    side: Any,
    as_json: bool,
    plot: Path | None,
) -> None:
    """Say what ERRORS among EXAMPLES say of the true error rate.

    Example: backproof interval 33 1000
    """
    from backproof import risk

    methods = list(risk.METHODS) if method == "all" else [method]
    found = [risk.interval(errors, examples, confidence, name, side) for name in methods]
    if as_json:
        echo_json(found if method == "all" else found[0])
    elif method == "all":
        print_table(Console(highlight=False), _table(found, errors, examples))
    else:
        click.echo(risk.quote(found[0], examples, sampling="i.i.d."))
        click.echo(f"Assumes {found[0].assumptions}. {found[0].source}.")
    draw(plot, lambda: _picture(found, errors, examples), as_json=as_json)


def _table(found: "list[Interval]", errors: int, examples: int) -> Table:
    first = found[0]
    return Table(
        name="interval",
        caption=(
            f"{errors} errors among {examples} examples ({first.estimate:.4%}): the true error at "
            f"confidence {first.confidence:g}, {first.side}."
        ),
        columns=(
            Column(header="method"),
            Column(header="from (%)", style="percent", digits=4),
            Column(header="to (%)", style="percent", digits=4),
            Column(header="guarantee"),
        ),
        rows=tuple((one.method, one.lower, one.upper, one.guarantee) for one in found),
    )


def _picture(found: "list[Interval]", errors: int, examples: int) -> Any:
    from backproof import plots

    label = f"{errors} errors among {examples} examples"
    return plots.intervals([plots.IntervalPanel(label=label, intervals=found)])
