"""The folder of a run on a table, written whole."""

import re
from pathlib import Path

from backproof import plots
from backproof._core.files import check_replaceable, replaced_folder
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
    check_replaceable(folder, _not_from_a_run)


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
        svgs = plots.save_all(pictures(run), new, progress)
        report = document(run, svgs)
        for table in report.tables():
            (new / f"{table.name}.csv").write_text(to_csv(table), encoding="utf-8")
        (new / REPORT_FILE).write_text(render_html(report), encoding="utf-8")


def _not_from_a_run(folder: Path) -> list[str]:
    names = {path.name for path in folder.iterdir()}
    whole = {RUN_FILE, MODEL_FILE} <= names
    return sorted(name for name in names if not (whole and _OURS.fullmatch(name)))
