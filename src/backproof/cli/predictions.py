"""What the commands on files of predictions share: their options, and guesses at their columns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from backproof._core.errors import InputError

_ENGINES = ("duckdb", "polars", "spark")
_WORDS = {
    "label": (
        "y",
        "y_true",
        "ytrue",
        "true",
        "truth",
        "true_label",
        "label",
        "target",
        "actual",
        "ground_truth",
        "reference",
        "references",
    ),
    "prediction": (
        "yhat",
        "y_hat",
        "y_pred",
        "ypred",
        "pred",
        "prediction",
        "predicted",
        "predicted_label",
        "predictions",
    ),
    "key": ("id", "key", "example_id", "row_id", "sample_id", "uid", "uuid"),
}
_COLUMN_OPTIONS = (
    click.option("--label", help="Column of true labels.  [default: guessed]"),
    click.option("--prediction", help="Column of predicted labels.  [default: guessed]"),
    click.option("--by", help="Column of groups, each certified too."),
    click.option("--weight", help="Column of the number of examples that a row stands for."),
    click.option(
        "--cluster",
        help="Column of clusters, where only these are independent; the error is then the mean of "
        "theirs.",
    ),
    click.option("--score", help="Column of scores of the positive class."),
    click.option("--loss", help="Column of losses, instead of labels and predictions."),
    click.option("--low", type=float, default=0.0, show_default=True, help="Smallest loss."),
    click.option("--high", type=float, default=1.0, show_default=True, help="Largest loss."),
)
_ENGINE_OPTIONS = (
    click.option(
        "--engine",
        type=click.Choice(_ENGINES),
        default="duckdb",
        show_default=True,
        help="What reads the files; polars: Parquet and JSON lines only.",
    ),
    click.option("--spark-master", help="Address of Spark's master, such as spark://host:7077."),
    click.option("--memory-limit", help="Of DuckDB, such as 500MB; beyond it, it spills to disk."),
    click.option("--threads", type=int, help="Of DuckDB.  [default: one a core]"),
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Columns and engine, as the options of a command named them."""

    label: str | None = None
    prediction: str | None = None
    by: str | None = None
    weight: str | None = None
    cluster: str | None = None
    score: str | None = None
    loss: str | None = None
    low: float = 0.0
    high: float = 1.0
    engine: str = "duckdb"
    spark_master: str | None = None
    memory_limit: str | None = None
    threads: int | None = None

    def keywords(self, paths: Sequence[str]) -> dict[str, Any]:
        """Return what `count_table` takes, columns guessed where none was named."""
        _start_spark(self.engine, self.spark_master)
        label, prediction = self.label, self.prediction
        if self.loss is not None and (label or prediction):
            raise InputError("--loss stands for --label and --prediction: give either")
        if self.loss is None:
            label = label or self.guessed("label", paths)
            prediction = prediction or self.guessed(
                "prediction", paths, optional=self.score is not None
            )
        others = ("by", "weight", "cluster", "score", "loss", "low", "high")
        limits = ("engine", "memory_limit", "threads")
        kept = {name: getattr(self, name) for name in (*others, *limits)}
        return {"label": label, "prediction": prediction, **kept}

    def guessed(self, part: str, paths: Sequence[str], *, optional: bool = False) -> str | None:
        """Return the one column whose name is usual for a part, saying so.

        Raises
        ------
        InputError
            If there are several, or none and one is needed.
        """
        from backproof.risk.tables.names import column_names

        if self.engine == "spark" and any("://" in path for path in paths):
            raise InputError(f"columns of files elsewhere are not guessed: give --{part}")
        file, names = column_names(list(paths))
        found = [name for name in names if name.casefold().replace(" ", "_") in _WORDS[part]]
        if len(found) == 1:
            click.echo(f"backproof: takes the column {found[0]!r} as the {part}", err=True)
            return found[0]
        if optional and not found:
            return None
        which = "which could each be" if found else "none of which is named like"
        shown = found or names
        listed = ", ".join(map(repr, shown[:12])) + (", …" if len(shown) > 12 else "")
        raise InputError(f"{file} has the columns {listed}, {which} the {part}: give --{part}")


def predictions_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say which columns and which engine; see `Asked`."""
    for option in reversed((*_COLUMN_OPTIONS, *_ENGINE_OPTIONS)):
        command = option(command)
    return command


def counts_among(paths: Sequence[str]) -> list[Path]:
    """Return the files that paths, folders and patterns name, if they are counts.

    Raises
    ------
    InputError
        If some are and some are not, or nothing is there.
    """
    from backproof.risk.tables.paths import found_files

    if any("://" in path for path in paths):
        return []
    files, kind = found_files(list(paths))
    counts = [file for file in files if kind == "json" and are_counts(file)]
    if counts and len(counts) < len(files):
        other = next(file for file in files if file not in counts)
        raise InputError(
            f"{counts[0]} holds counts and {other} predictions: count these too, with backproof "
            "count"
        )
    return counts


def are_counts(file: Path) -> bool:
    """Return whether a file holds counts, as ``backproof count`` writes them."""
    try:
        with file.open("rb") as opened:
            return opened.read(64).lstrip().lstrip(b"{").lstrip().startswith(b'"counts_format"')
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror or error}") from None


def _start_spark(engine: str, master: str | None) -> None:
    if master is not None and engine != "spark":
        raise InputError("--spark-master goes with --engine spark")
    if engine == "spark":
        from backproof.risk.tables.spark_files import session

        session(master)
