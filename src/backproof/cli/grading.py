"""``backproof lab --model``: implementations of others, judged point by point."""

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from backproof._core.errors import InputError
from backproof._core.files import check_replaceable, check_writable, replaced_folder, write_text
from backproof.cli.exits import FOUND_SOMETHING
from backproof.cli.progress import shown_progress
from backproof.cli.tables import print_table

if TYPE_CHECKING:
    from backproof.grading import Grade, Submission

_TABLE = "grades.csv"


def grade_model(place: str, limits: dict[str, Any], *, as_json: bool) -> "Grade":
    """Judge the class ``FILE.py:CLASS`` and print its points."""
    from backproof import grading

    chosen = _chosen(place)
    if not isinstance(chosen, grading.Submission):
        raise InputError(f"{place} is a folder of submissions: say where their points go, --grade")
    found = grading.grade(chosen, **limits)
    if not as_json:
        _print_points(found)
    return found


def grade_models(
    place: str, path: Path, layout: str, limits: dict[str, Any], *, as_json: bool
) -> int:
    """Judge a class, or a folder of submissions, and write the points; return the exit code."""
    from backproof import grading

    chosen = _chosen(place)
    if isinstance(chosen, grading.Submission):
        if path.is_dir():
            raise InputError(f"cannot write {path}: it is a folder; of one submission name a file")
        check_writable(path)
        grades: tuple[Grade, ...] = (grading.grade(chosen, **limits),)
        write_text(path, _as_json(grades[0], layout))
    else:
        grades = _grade_folder(chosen, path, layout, limits)
    if as_json:
        click.echo(json.dumps([one.to_dict() for one in grades], indent=1, ensure_ascii=False))
    elif isinstance(chosen, grading.Submission):
        _print_points(grades[0])
    else:
        _print_all(grades)
    click.echo(f"Points: {path}", err=as_json)
    return 0 if all(one.passed for one in grades) else FOUND_SOMETHING


def _grade_folder(
    chosen: "tuple[Submission, ...]", path: Path, layout: str, limits: dict[str, Any]
) -> "tuple[Grade, ...]":
    """Judge submissions and write what there is of them, also where it is interrupted."""
    from backproof import grading

    check_replaceable(path, _not_ours)
    place = {one.name: number for number, one in enumerate(chosen)}
    done: list[Grade] = []
    existed = path.exists()
    try:
        with shown_progress() as progress:
            for one in grading.grade_all(chosen, progress=progress, **limits):
                done.append(one)
                done.sort(key=lambda one: place[one.submission])
    except KeyboardInterrupt:
        kept = f"the earlier points in {path} are as they were" if existed else "nothing written"
        if done and not existed:
            _write_all(tuple(done), path, layout)
            kept = f"their points are in {path}"
        click.echo(f"backproof: interrupted; {len(done)} of {len(chosen)} judged, {kept}", err=True)
        raise
    _write_all(tuple(done), path, layout)
    return tuple(done)


def _print_points(grade: "Grade") -> None:
    from backproof.lab import points_table

    print_table(Console(highlight=False), points_table(grade))
    click.echo()


def _chosen(place: str) -> "Submission | tuple[Submission, ...]":
    from backproof import grading

    file, colon, name = place.rpartition(":")
    if not (file and colon and name.isidentifier()):
        raise InputError(f"--model must be FILE.py:CLASS or FOLDER:CLASS, got {place}")
    path = Path(file)
    if path.is_dir():
        return grading.submissions(path, name)
    if not path.is_file():
        raise InputError(f"there is no file {path}: --model must be FILE.py:CLASS")
    return grading.Submission(name=path.stem, file=path, made=name)


def _as_json(grade: "Grade", layout: str) -> str:
    from backproof.grading import gradescope

    if layout == "gradescope":
        return json.dumps(gradescope(grade), indent=1, ensure_ascii=False) + "\n"
    return grade.to_json(indent=1) + "\n"


def _write_all(grades: "tuple[Grade, ...]", folder: Path, layout: str) -> None:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    names = (point.name for point in grades[0].points)
    writer.writerow(["submission", "points", "of", "ended", "reason", *names])
    with replaced_folder(folder) as new:
        for one in grades:
            (new / f"{one.submission}.json").write_text(_as_json(one, layout), encoding="utf-8")
            scores = (f"{point.score:g}" for point in one.points)
            name, *how = map(_cell, (one.submission, one.ended, one.reason))
            writer.writerow([name, f"{one.score:g}", f"{one.worth:g}", *how, *scores])
        (new / _TABLE).write_text(table.getvalue(), encoding="utf-8")


def _cell(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _not_ours(folder: Path) -> list[str]:
    names = sorted(path.name for path in folder.iterdir())
    ours = _TABLE in names
    return [name for name in names if not (ours and (name == _TABLE or name.endswith(".json")))]


def _print_all(grades: "tuple[Grade, ...]") -> None:
    from backproof.report import Column, Table

    table = Table(
        name="grades",
        caption=f"{len(grades)} submissions.",
        columns=(
            Column(header="submission"),
            Column(header="points", style="decimal", digits=1),
            Column(header="of", style="decimal", digits=1),
            Column(header="ended"),
            Column(header="not passed"),
        ),
        rows=tuple(
            (
                one.submission,
                one.score,
                one.worth,
                one.ended,
                f"everything: {one.reason}"
                if one.reason
                else ", ".join(point.name for point in one.points if not point.passed),
            )
            for one in grades
        ),
    )
    print_table(Console(highlight=False), table)
