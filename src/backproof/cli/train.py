"""``backproof train``: networks on a table."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.text import Text

from backproof._core.errors import InputError
from backproof.cli.exits import FOUND_SOMETHING
from backproof.cli.options import confidence_option, echo_json, json_option
from backproof.cli.progress import shown_progress
from backproof.cli.tables import print_table

if TYPE_CHECKING:
    from backproof.datasets import Dataset
    from backproof.tabular import TableRun


def _layers(
    context: click.Context,  # noqa: ARG001
    parameter: click.Parameter,
    value: str,
) -> tuple[tuple[int, ...], ...]:
    """Read sizes such as ``5,100,10-10``."""
    try:
        return tuple(tuple(int(size) for size in one.split("-")) for one in value.split(","))
    except ValueError:
        raise click.BadParameter(
            f"expected hidden sizes such as 5,100, or 10-10 for two layers, got {value!r}",
            param=parameter,
        ) from None


def _columns(
    context: click.Context,  # noqa: ARG001
    parameter: click.Parameter,  # noqa: ARG001
    value: str | None,
) -> tuple[str, ...] | None:
    return None if value is None else tuple(name.strip() for name in value.split(","))


@click.command()
@click.argument("data")
@click.option("--label", help="Column to predict.  [needed for a file]")
@click.option("--features", callback=_columns, help="Columns to predict from.  [default: all]")
@click.option(
    "--hidden",
    callback=_layers,
    default="5,10,100,500",
    show_default=True,
    help="Hidden sizes; 10-10 is a network with two hidden layers.",
)
@click.option("--seeds", type=int, default=16, show_default=True, help="Networks of each size.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of every random draw.")
@click.option(
    "--test", type=float, default=0.25, show_default=True, help="Share of the rows to test with."
)
@click.option("--raw", is_flag=True, help="Take the features as they are, not standardised.")
@click.option("--steps", type=int, default=1000, show_default=True, help="Gradient steps.")
@click.option("--learning-rate", type=float, default=0.1, show_default=True, help="Step length.")
@click.option(
    "--activation",
    default="tanh",
    show_default=True,
    help="Activation: tanh, sigmoid, relu or softplus.",
)
@click.option(
    "--optimizer", default="gd", show_default=True, help="Optimizer: gd, momentum or adam."
)
@click.option("--batch-size", type=int, help="Points of a minibatch.  [default: all]")
@click.option("--weight-decay", type=float, default=0.0, show_default=True, help="L2 penalty.")
@click.option("--validation", type=float, help="Share of the training rows to validate with.")
@click.option("--patience", type=int, help="Epochs without improvement before a network stops.")
@click.option(
    "--dtype", default="float64", show_default=True, help="Precision: float64 or float32."
)
@click.option(
    "--engine",
    default="auto",
    show_default=True,
    help="How to compute: auto, autograd, batched or fused.",
)
@confidence_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("backproof-train"),
    show_default=True,
    help="Folder for the weights, the losses and the report.",
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    help="Folder to keep the state in; the same call goes on from there.",
)
@click.option("--jobs", type=int, help="Worker processes; -1: one a core.  [default: threads]")
@click.option("--dask", help="Address of a Dask scheduler, such as tcp://host:8786.")
@json_option
def train(
    data: str,
    label: str | None,
    features: tuple[str, ...] | None,
    out: Path,
    checkpoint: Path | None,
    jobs: int | None,
    dask: str | None,
    raw: bool,
    as_json: bool,
    **settings: Any,
) -> int:
    """Train networks of several sizes and seeds on a table, and say what their errors are worth.

    DATA is a CSV or Parquet file, or one of the data sets lab, moons, circles, spirals,
    breast-cancer and digits. Rows set aside before training give the test error. Exit code 1:
    networks diverged.

    Example: backproof train breast-cancer --hidden 5,50
    """
    from backproof import tabular  # imports PyTorch: not for --help

    config = tabular.TableConfig(standardise=not raw, **settings)
    tabular.check_folder(out)
    table, column = _read(data, label, features)
    try:
        with shown_progress() as progress:
            run, model = tabular.train_on_table(
                config, table, column, progress, checkpoint=checkpoint, n_jobs=jobs, dask=dask
            )
            tabular.write_run(run, model, out, progress)
    except KeyboardInterrupt:
        click.echo(f"backproof: interrupted; {_kept(out, checkpoint)}", err=True)
        raise
    if as_json:
        echo_json(run)
    else:
        _print(run, out)
    return FOUND_SOMETHING if run.diverged else 0


def _kept(out: Path, checkpoint: Path | None) -> str:
    """Return in words what an interrupted run leaves."""
    kept = f"the earlier run in {out} is as it was" if out.exists() else "nothing was written"
    return kept if checkpoint is None else f"{kept}; the same call goes on from {checkpoint}"


def _read(data: str, label: str | None, features: tuple[str, ...] | None) -> "tuple[Dataset, str]":
    """Return a named data set or a table, and the name of its label."""
    from backproof import datasets

    if data in datasets.NAMED and not Path(data).exists():
        if label is not None or features is not None:
            raise InputError(f"the data set {data} has its label and features; give none")
        return datasets.named(data), "class"
    if not Path(data).exists() and not Path(data).suffix:
        datasets.named(data)  # says which data sets there are
    if label is None:
        raise InputError(f"name the column of {data} to predict: --label COLUMN")
    return datasets.read_table(data, label=label, features=features), label


def _print(run: "TableRun", out: Path) -> None:
    from backproof import tabular

    console = Console(highlight=False)
    for line in tabular.summary(run):
        console.print(Text(line))
    console.print()
    print_table(console, tabular.errors_table(run))
    console.print()
    console.print(Text(f"report: {out / tabular.REPORT_FILE}"), soft_wrap=True)
    if run.together is not None:
        console.print(Text(f"predict new rows: backproof predict {out} TABLE"), soft_wrap=True)
