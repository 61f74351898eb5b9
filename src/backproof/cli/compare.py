"""``backproof compare``: are two models told apart, or many ranked, by their test errors."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backproof._core.errors import InputError
from backproof.cli.options import confidence_option, draw, echo_json, json_option, plot_option

if TYPE_CHECKING:
    from backproof.risk import Comparison, Ranking

_COUNTS = re.compile(r"(\d+)/(\d+)", re.ASCII)


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="A B [MORE]...")
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    help="File of true labels; the others are then predictions.",
)
@click.option("--unpaired", is_flag=True, help="A and B are about different test examples.")
@click.option(
    "--clusters",
    type=click.Path(path_type=Path),
    help="File with the key of each example's cluster, where only clusters are independent.",
)
@confidence_option
@click.option("--mid-p", is_flag=True, help="McNemar's test with mid-p, which has no guarantee.")
@click.option("--low", type=float, default=0.0, show_default=True, help="Smallest possible loss.")
@click.option("--high", type=float, default=1.0, show_default=True, help="Largest possible loss.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the order of losses.")
@json_option
@plot_option
def compare(
    models: tuple[str, ...],
    truth: Path | None,
    unpaired: bool,
    clusters: Path | None,
    confidence: float,
    mid_p: bool,
    low: float,
    high: float,
    seed: int,
    as_json: bool,
    plot: Path | None,
) -> None:
    """Compare the test errors of models on the same examples.

    A, B and MORE are files with one line an example: an error (0 or 1), a loss, or with --truth a
    prediction. Two models are compared, more are ranked. For two different test sets A and B may
    be counts of errors and examples, such as 33/1000.

    Example: backproof compare a.txt b.txt --truth labels.txt
    """
    options: dict[str, Any] = {"confidence": confidence, "low": low, "high": high, "seed": seed}
    if len(models) < 2:
        raise InputError(f"compare needs at least two models, got {models[0]} alone")
    counts = [_COUNTS.fullmatch(model) for model in models]
    found: Comparison | Ranking
    if all(counts):
        found = _compare_counts([match for match in counts if match], confidence)
    else:
        found = _compare_files(models, truth, unpaired, clusters, mid_p, options)
    if as_json:
        echo_json(found)
    else:
        click.echo(str(found))
    draw(plot, lambda: _picture(found), as_json=as_json)


def _compare_counts(counts: list[re.Match[str]], confidence: float) -> "Comparison":
    from backproof import risk

    if len(counts) > 2:
        raise InputError(
            f"counts are compared for two models, got {len(counts)}: rank more with a file each"
        )
    (k, m), (j, n) = ((int(match[1]), int(match[2])) for match in counts)
    return risk.compare_rates(k, m, j, n, confidence=confidence)


def _compare_files(
    models: tuple[str, ...],
    truth: Path | None,
    unpaired: bool,
    clusters: Path | None,
    mid_p: bool,
    options: dict[str, Any],
) -> "Comparison | Ranking":
    from backproof import risk
    from backproof.cli.columns import read_column

    columns = {model: read_column(Path(model)) for model in dict.fromkeys(models)}
    if len(columns) < len(models):
        raise InputError(f"every model needs a file of its own, got {' '.join(models)}")
    text = [model for model, column in columns.items() if column.dtype.kind == "U"]
    if truth is None and text:
        raise InputError(
            f"{text[0]} holds text, expected errors or losses: if these are predictions, give the "
            "true labels with --truth FILE"
        )
    options["y_true"] = None if truth is None else read_column(truth)
    options["clusters"] = None if clusters is None else read_column(clusters)
    if len(models) == 2:
        test = "mid-p" if mid_p else "exact"
        a, b = columns.values()
        return risk.compare(a, b, paired=not unpaired, test=test, **options)
    if unpaired or mid_p:
        raise InputError("--unpaired and --mid-p are for two models")
    return risk.rank(columns, **options)


def _picture(found: "Comparison | Ranking") -> Any:
    from backproof import plots, risk

    return plots.ranking(found) if isinstance(found, risk.Ranking) else plots.comparison(found)
