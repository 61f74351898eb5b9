"""``backproof count``: predictions in files as counts, to be merged and certified anywhere."""

from pathlib import Path
from typing import Any

import click

from backproof._core.files import check_writable, write_bytes
from backproof.cli.predictions import Asked, predictions_options


@click.command()
@click.argument("files", nargs=-1, required=True)
@predictions_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="JSON file for the counts.  [default: print them]",
)
def count(files: tuple[str, ...], out: Path | None, **asked: Any) -> None:
    """Count the predictions in FILES, so that shards can be counted apart.

    FILES are paths, folders or patterns of CSV, TSV, JSON lines or Parquet. `backproof certify`
    takes the counts of all shards.

    Example: backproof count 'shard1/*.parquet' --out shard1.json
    """
    from backproof import risk
    from backproof._core.results import to_json

    if out is not None:
        check_writable(out)
    found = risk.count_table(list(files), **Asked(**asked).keywords(files))
    if out is None:
        click.echo(to_json(found).decode())
    else:
        write_bytes(out, to_json(found) + b"\n")
        click.echo(str(found))
        click.echo(f"counts: {out}")
