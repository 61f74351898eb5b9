"""``backproof lab``: the whole experiment."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from backproof.cli.progress import shown_progress
from backproof.cli.tables import print_table

if TYPE_CHECKING:
    from backproof.lab import LabRun

    _Sizes = click.ParamType[tuple[int, ...]]
else:  # generic in newer versions of click only
    _Sizes = click.ParamType


class SizeList(_Sizes):
    """Whole numbers separated by commas."""

    name = "sizes"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Return the numbers."""
        try:
            return tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"expected whole numbers such as 5,10,100, got {value!r}", param, ctx)


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("backproof-lab"),
    show_default=True,
    help="Folder for the report, the figures, the tables and run.json.",
)
@click.option("--seeds", type=int, help="Networks of each size.  [default: 16, quick: 2]")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of every random draw.")
@click.option(
    "--hidden", type=SizeList(), help="Hidden sizes.  [default: the published 5,10,100,500]"
)
@click.option("--quick", is_flag=True, help="A small configuration, for a first look.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def lab(
    out: Path,
    seeds: int | None,
    seed: int,
    hidden: tuple[int, ...] | None,
    quick: bool,
    as_json: bool,
) -> None:
    """Run the whole experiment and write its report.

    Two programs explained, the gradient verified, networks of every size trained with many seeds,
    and their test errors certified; each published number beside ours.
    """
    existed = os.path.exists(out)  # noqa: PTH110 - False, where pathlib raises
    try:
        from backproof import lab as experiment  # imports PyTorch: not for --help

        config = experiment.LabConfig.make(hidden=hidden, seeds=seeds, seed=seed, quick=quick)
        experiment.check_output(out)
        with shown_progress() as progress:
            run = experiment.run(config, progress)
            experiment.write(run, out, progress)
    except KeyboardInterrupt:
        kept = f"the earlier run in {out} is as it was" if existed else "nothing was written"
        click.echo(f"backproof: interrupted; {kept}", err=True)
        raise
    if as_json:
        click.echo(_summary(run, out))
    else:
        _print(run, out)


def _summary(run: "LabRun", out: Path) -> str:
    data = run.to_dict()
    summary = {name: data[name] for name in ("config", "claims", "comparisons", "provenance")}
    return json.dumps({"out": str(out), **summary}, indent=1, ensure_ascii=False)


def _print(run: "LabRun", out: Path) -> None:
    from backproof.lab import comparison_table

    console = Console(highlight=False)
    table = comparison_table(run).select("quantity", "published", "median", "percentile")
    print_table(console, table)
    console.print()
    for claim in run.claims:
        verdict = ("held: ", "green") if claim.held else ("did not hold: ", "yellow")
        console.print(Text.assemble(verdict, (claim.claim, "bold"), " ", claim.text))
    console.print()
    console.print(Text(f"Report: {out / 'report.html'}"), soft_wrap=True)
