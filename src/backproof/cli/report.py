"""``backproof report``: a report from the record of a run."""

from pathlib import Path

import click

from backproof._core.errors import InputError
from backproof._core.files import write_text
from backproof.cli.progress import shown_progress


@click.command()
@click.argument("run_json", type=click.Path(path_type=Path), metavar="RUN.json")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write.  [default: report.html beside RUN.json]",
)
def report(run_json: Path, out: Path | None) -> None:
    """Render the report of a run again, computing nothing."""
    from backproof import lab  # imports PyTorch: not for --help
    from backproof.lab.output import REPORT_FILE, report_html

    run = lab.load(run_json)
    target = run_json.with_name(REPORT_FILE) if out is None else out
    if target.resolve() == run_json.resolve():
        raise InputError(f"--out is the record {run_json} itself; name another file")
    if not target.absolute().parent.is_dir():
        raise InputError(
            f"cannot write {target}: there is no folder {target.parent}; choose another place"
        )
    with shown_progress() as progress:
        write_text(target, report_html(run, progress))
    click.echo(f"Report: {target}")
