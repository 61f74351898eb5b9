"""The folder of a run: written whole, read back, rendered again."""

from pathlib import Path
from typing import Any

import msgspec

from backproof import plots
from backproof._core.errors import InputError, OutputError
from backproof._core.files import check_replaceable, replaced_folder
from backproof._core.progress import Progress, silent
from backproof.lab.document import document
from backproof.lab.pictures import pictures
from backproof.lab.record import FORMAT, LabRun
from backproof.report import render_html, to_csv, to_latex

RUN_FILE = "run.json"
REPORT_FILE = "report.html"
_FIGURES, _TABLES = "figures", "tables"
_TABLE_SUFFIXES = ("csv", "tex")


def check_output(folder: Path) -> None:
    """Find out, before the work, that a run could not be written to `folder`.

    Raises
    ------
    OutputError
        If it is a file, the current folder or one above it, holds anything that is not from a
        run of the lab, or cannot be written.
    """
    check_replaceable(folder, _not_from_a_run)


def write(run: LabRun, folder: Path, progress: Progress = silent) -> None:
    """Write record, report, figures and tables to `folder`, replacing an older run whole.

    Raises
    ------
    OutputError
        As `check_output` says.
    """
    check_output(folder)
    with replaced_folder(folder) as new:
        (new / RUN_FILE).write_text(run.to_json(indent=1) + "\n", encoding="utf-8")
        (new / _FIGURES).mkdir()
        svgs = plots.save_all(pictures(run), new / _FIGURES, progress)
        report = document(run, svgs)
        (new / _TABLES).mkdir()
        for table in report.tables():
            (new / _TABLES / f"{table.name}.csv").write_text(to_csv(table), encoding="utf-8")
            (new / _TABLES / f"{table.name}.tex").write_text(to_latex(table), encoding="utf-8")
        (new / REPORT_FILE).write_text(render_html(report), encoding="utf-8")
        # The work took a while: something else may stand in the old folder now.
        if _not_from_a_run(folder):
            raise OutputError(f"cannot write {folder}: other files have appeared in it meanwhile")


def report_html(run: LabRun, progress: Progress = silent) -> str:
    """Render the report of a run, computing nothing again."""
    drawn = list(pictures(run))
    svgs = {}
    for number, (name, draw) in enumerate(drawn):
        svgs[name] = plots.svg(draw())
        progress("figures", number + 1, len(drawn))
    return render_html(document(run, svgs))


def load(path: Path) -> LabRun:
    """Read a ``run.json``.

    Raises
    ------
    InputError
        If the file cannot be read, is not whole, is not a run of the lab, or was written by a
        newer version.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    try:
        data: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"{path} is not a whole run.json: {error}; run backproof lab again"
        ) from error
    found = data.get("format") if isinstance(data, dict) else None
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise InputError(f"{path} is not a run.json of backproof lab: it has no format number")
    if found > FORMAT:
        raise InputError(
            f"{path} was written by a newer Backproof: it has format {found}, and this version "
            f"reads up to {FORMAT}; upgrade Backproof"
        )
    try:
        return LabRun.from_dict(data)
    except InputError as error:
        if found < FORMAT:
            raise InputError(
                f"{path} was written by an older Backproof: it has format {found}, and this "
                f"version cannot read it ({error}); run backproof lab again"
            ) from error
        raise InputError(f"{path} is damaged: {error}; run backproof lab again") from error


def _not_from_a_run(folder: Path) -> list[str]:
    """Return the files in `folder` that the run whose record it holds, if any, did not write."""
    found = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }
    if RUN_FILE not in found:
        return sorted(found)
    try:
        return sorted(found - _written_by(load(folder / RUN_FILE)))
    except InputError as error:
        raise OutputError(
            f"cannot write {folder}: what it holds cannot be told from a run, because {error}; "
            "move it away or choose another place"
        ) from error


def _written_by(run: LabRun) -> set[str]:
    """Return the relative paths of the files that `write` makes of a run."""
    figures = [name for name, _ in pictures(run)]
    tables = [table.name for table in document(run, dict.fromkeys(figures, "")).tables()]
    return {
        *(RUN_FILE, REPORT_FILE),
        *(f"{_FIGURES}/{name}.{suffix}" for name in figures for suffix in plots.FORMATS),
        *(f"{_TABLES}/{name}.{suffix}" for name in tables for suffix in _TABLE_SUFFIXES),
    }
