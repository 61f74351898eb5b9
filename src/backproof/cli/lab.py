"""``backproof lab``: the whole experiment."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from backproof._core.errors import InputError
from backproof.cli.exits import FOUND_SOMETHING
from backproof.cli.grading import grade_model, grade_models
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
@click.option(
    "--model",
    metavar="FILE.py:CLASS",
    help="Judge an implementation of the model point by point, and run the lab on it; with --grade "
    "also FOLDER:CLASS, a folder of submissions.",
)
@click.option(
    "--grade",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Judge only, and write the points as JSON to this file; of several submissions to a "
    "folder, with a table of all.",
)
@click.option(
    "--grade-format",
    type=click.Choice(("backproof", "gradescope")),
    default="backproof",
    show_default=True,
    help="Layout of the JSON.",
)
@click.option(
    "--time-limit",
    type=float,
    default=120.0,
    show_default=True,
    help="Seconds that a submission may take to be judged.",
)
@click.option(
    "--memory-limit",
    type=int,
    default=2048,
    show_default=True,
    help="MiB that a submission may take beside PyTorch, on Linux; 0: any.",
)
def lab(
    out: Path,
    seeds: int | None,
    seed: int,
    hidden: tuple[int, ...] | None,
    quick: bool,
    as_json: bool,
    model: str | None,
    grade: Path | None,
    grade_format: str,
    time_limit: float,
    memory_limit: int,
) -> int:
    """Run the whole experiment and write its report.

    Two programs explained, the gradient verified, networks of every size trained with many seeds,
    and their test errors certified; each published number beside ours.

    With --model, on an implementation of yours: a class that is called with the number of hidden
    units and has the methods score(x) and mean_loss(x, t), and gradient(x, t) where the gradient
    is written by hand. Exits with 1 if it does not get every point.

    Example: backproof lab --model mine.py:FFModel --quick
    """
    if model is None and grade is not None:
        raise InputError("--grade judges a model: name it, --model FILE.py:CLASS")
    limits = {"time_limit": time_limit, "memory_limit": memory_limit}
    if model is not None and grade is not None:
        return grade_models(model, grade, grade_format, limits, as_json=as_json)
    judged = None if model is None else grade_model(model, limits, as_json=as_json)
    existed = os.path.exists(out)  # noqa: PTH110 - False, where pathlib raises
    try:
        from backproof import lab as experiment  # imports PyTorch: not for --help

        config = experiment.LabConfig.make(hidden=hidden, seeds=seeds, seed=seed, quick=quick)
        experiment.check_output(out)
        own = None if judged is None else experiment.OwnModel.load(judged)
        with shown_progress() as progress:
            run = experiment.run(config, progress, own)
            experiment.write(run, out, progress)
    except KeyboardInterrupt:
        kept = f"the earlier run in {out} is as it was" if existed else "nothing was written"
        click.echo(f"backproof: interrupted; {kept}", err=True)
        raise
    if as_json:
        click.echo(_summary(run, out))
    else:
        _print(run, out)
    return 0 if judged is None or judged.passed else FOUND_SOMETHING


def _summary(run: "LabRun", out: Path) -> str:
    data = run.to_dict()
    summary = {
        name: data[name] for name in ("config", "claims", "comparisons", "provenance", "grade")
    }
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
