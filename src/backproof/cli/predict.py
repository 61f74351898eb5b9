"""``backproof predict``: a trained model applied to new rows."""

import csv
import io
from pathlib import Path

import click

from backproof._core.errors import InputError
from backproof._core.files import check_writable, write_text
from backproof.cli.options import echo_json, json_option


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("table", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="CSV file for the predictions.  [default: print them]",
)
@json_option
def predict(model: Path, table: Path, out: Path | None, as_json: bool) -> None:
    """Predict the rows of a table with a model that `backproof train` saved.

    MODEL is its folder, TABLE a CSV or Parquet file with the same feature columns; others are
    ignored. One line a row: the predicted label, and the probability of each class as the mean
    over all networks.

    Example: backproof predict backproof-train new.csv --out predictions.csv
    """
    if out is not None:
        if out.exists() and table.exists() and out.samefile(table):
            raise InputError(f"--out {out} is the table itself; name another file")
        check_writable(out)
    from backproof import datasets, tabular  # imports PyTorch: not for --help

    trained = tabular.load_model(model)
    rows = datasets.read_table(table, features=trained.card.features)
    labels, probabilities = trained.predict(rows)
    if as_json:
        echo_json(
            {
                "classes": list(trained.card.classes),
                "predictions": labels.tolist(),
                "probabilities": probabilities.tolist(),
            }
        )
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [f"probability of {label}" for label in trained.card.classes]
    writer.writerow([trained.card.label, *names])
    for label, row in zip(labels.tolist(), probabilities.tolist(), strict=True):
        writer.writerow([label, *(f"{value:.6g}" for value in row)])
    if out is None:
        click.echo(text.getvalue(), nl=False)
    else:
        write_text(out, text.getvalue())
        click.echo(f"predictions: {out}")
