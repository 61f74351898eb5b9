"""``backproof plan``: how many test examples an accuracy needs, by every method."""

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
    from backproof.risk import Plan


@click.command()
@click.option("--margin", type=float, help="Accepted deviation of the test error, such as 0.01.")
@click.option("--examples", type=int, help="Number of test examples; then the margin is told.")
@confidence_option
@side_option
@click.option("--expected", type=float, help="Error rate that is expected.  [default: any]")
@click.option(
    "--power",
    type=float,
    default=0.8,
    show_default=True,
    help="Probability of telling two models apart whose errors differ by the margin.",
)
@click.option(
    "--disagreement",
    type=float,
    help="Share of examples on which exactly one of the two is wrong.  [default: at its worst]",
)
@json_option
@plot_option
def plan(
    margin: float | None,
    examples: int | None,
    confidence: float,
    side: Any,
    expected: float | None,
    power: float,
    disagreement: float | None,
    as_json: bool,
    plot: Path | None,
) -> None:
    """Say how many test examples an accuracy needs.

    With --examples instead of --margin: what accuracy that many bring.

    Example: backproof plan --margin 0.01 --confidence 0.99
    """
    from backproof import risk

    found = risk.plans(
        margin,
        confidence,
        side,
        expected,
        examples=examples,
        power=power,
        disagreement=disagreement,
    )
    if as_json:
        echo_json(found)
    else:
        console = Console(highlight=False)
        print_table(console, _table(found, planned="examples" if examples is None else "margin"))
    draw(plot, lambda: _picture(found), as_json=as_json)


def _table(found: "tuple[Plan, ...]", planned: str) -> Table:
    first = found[0]
    given = f"a margin of {first.margin:g}" if planned == "examples" else f"{first.examples}"
    expected = "" if first.expected is None else f", error {first.expected:g} expected"
    value = (
        Column(header="examples", style="integer")
        if planned == "examples"
        else Column(header="margin", style="decimal", digits=6)
    )
    what = "Test examples for" if planned == "examples" else "Margin of a test set of"
    return Table(
        name="plan",
        caption=f"{what} {given} at confidence {first.confidence:g}, {first.side}{expected}.",
        columns=(
            Column(header="method"),
            value,
            Column(header="guarantee"),
            Column(header="what holds then"),
        ),
        rows=tuple(
            (plan.method, getattr(plan, planned), plan.guarantee, _promise(plan)) for plan in found
        ),
    )


def _promise(plan: "Plan") -> str:
    if plan.power is None:
        return plan.promise
    return (
        f"{plan.promise}, with power {plan.power:g}, if they disagree on a share of "
        f"{plan.disagreement:.4g}"
    )


def _picture(found: "tuple[Plan, ...]") -> Any:
    from backproof import plots, risk

    return plots.plans(found, risk.plan_curves(found))
