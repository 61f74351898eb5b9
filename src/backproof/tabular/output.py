"""The folder of a run on a table, written whole."""

import re
from pathlib import Path

from backproof import plots
from backproof._core.errors import OutputError
from backproof._core.files import check_writable, replaced_folder
from backproof._core.progress import Progress, silent
from backproof.report import render_html, to_csv
from backproof.tabular.document import document
from backproof.tabular.pictures import pictures
from backproof.tabular.record import TableRun
from backproof.tabular.saved import MODEL_FILE, WEIGHTS_FILE, TrainedModel, save_model

RUN_FILE = "run.json"
REPORT_FILE = "report.html"
_OURS = re.compile(
    "|".join(map(re.escape, (RUN_FILE, REPORT_FILE, MODEL_FILE, WEIGHTS_FILE, "test-errors.csv")))
    + rf"|(seeds|losses|boundary-[0-9-]+)\.({'|'.join(plots.FORMATS)})"
)


def check_folder(folder: Path) -> None:
    """Find out, before the work, that a run could not be written to `folder`.

    Raises
    ------
    OutputError
        If something stands there that is not an earlier run, or it cannot be written.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise OutputError(f"cannot write {folder}: it is not a folder; choose another place")
    if Path.cwd().is_relative_to(folder.resolve()):
        raise OutputError(
            f"cannot write {folder}: it is the current folder or one above it; name one inside it"
        )
    foreign = _foreign(folder)
    if foreign:
        raise OutputError(
            f"cannot write {folder}: the folder is in use, it holds {foreign}, which no training "
            "run wrote; move it away or choose another place"
        )
    check_writable(folder)


def write_run(
    run: TableRun, model: TrainedModel, folder: Path, progress: Progress = silent
) -> None:
    """Write record, model, figures, table and report to `folder`, replacing an older run whole.

    Raises
    ------
    OutputError
        As `check_folder` says.
    """
    check_folder(folder)
    with replaced_folder(folder) as new:
        (new / RUN_FILE).write_text(run.to_json(indent=1) + "\n", encoding="utf-8")
        save_model(model, new)
        svgs = {}
        drawn = list(pictures(run))
        for number, (name, draw) in enumerate(drawn, start=1):
            figure = draw()
            plots.save(figure, new, name)
            svgs[name] = (new / f"{name}.svg").read_text(encoding="utf-8")
            progress("figures", number, len(drawn))
        report = document(run, svgs)
        for table in report.tables():
            (new / f"{table.name}.csv").write_text(to_csv(table), encoding="utf-8")
        (new / REPORT_FILE).write_text(render_html(report), encoding="utf-8")


def _foreign(folder: Path) -> str | None:
    """Return the name of something in the folder that is not from a run, if there is any."""
    if not folder.exists():
        return None
    names = {path.name for path in folder.iterdir()}
    if names and not {RUN_FILE, MODEL_FILE} <= names:
        return min(names)
    return min((name for name in names if not _OURS.fullmatch(name)), default=None)
