"""``backproof lab --model``: implementations of others, judged point by point."""

import contextlib
import csv
import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from backproof._core.errors import InputError
from backproof._core.files import check_replaceable, check_writable, replaced_folder, write_text
from backproof.cli.progress import shown_progress
from backproof.cli.tables import print_table

if TYPE_CHECKING:
    from backproof.grading import Grade, Submission

_TABLE = "grades.csv"
_FOUND_SOMETHING = 1


def grade_model(place: str, limits: dict[str, Any], *, as_json: bool) -> "Grade":
    """Judge the class ``FILE.py:CLASS`` and print its points."""
    from backproof import grading

    chosen = _chosen(place)
    if not isinstance(chosen, grading.Submission):
        raise InputError(f"{place} is a folder of submissions: say where their points go, --grade")
    return _judged(chosen, limits, as_json=as_json)


def _judged(chosen: "Submission", limits: dict[str, Any], *, as_json: bool) -> "Grade":
    from backproof import grading
    from backproof.lab import points_table

    found = grading.grade(chosen, **limits)
    if not as_json:
        print_table(Console(highlight=False), points_table(found))
        click.echo()
    return found


def grade_models(
    place: str, path: Path, layout: str, limits: dict[str, Any], *, as_json: bool
) -> int:
    """Judge a class, or a folder of submissions, and write the points; return the exit code."""
    from backproof import grading

    chosen = _chosen(place)
    if isinstance(chosen, grading.Submission):
        check_writable(path)
        found = _judged(chosen, limits, as_json=as_json)
        write_text(path, _as_json(found, layout))
        grades: tuple[Grade, ...] = (found,)
    else:
        check_replaceable(path, _not_ours)
        with shown_progress() as progress:
            grades = grading.grade_all(chosen, progress=progress, **limits)
        _write_all(grades, path, layout)
        if not as_json:
            _print_all(grades)
    if as_json:
        click.echo(json.dumps([one.to_dict() for one in grades], indent=1, ensure_ascii=False))
    else:
        click.echo(f"Points: {path}")
    return 0 if all(one.passed for one in grades) else _FOUND_SOMETHING


def _chosen(place: str) -> "Submission | tuple[Submission, ...]":
    from backproof import grading

    file, colon, name = place.rpartition(":")
    if not colon or not name.isidentifier():
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
    writer.writerow(["submission", "points", "of", "ended", *(p.name for p in grades[0].points)])
    with replaced_folder(folder) as new:
        for one in grades:
            (new / f"{one.submission}.json").write_text(_as_json(one, layout), encoding="utf-8")
            scores = (point.score for point in one.points)
            writer.writerow([one.submission, one.score, one.worth, one.ended, *scores])
        (new / _TABLE).write_text(table.getvalue(), encoding="utf-8")


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
                ", ".join(point.name for point in one.points if not point.passed),
            )
            for one in grades
        ),
    )
    with contextlib.suppress(BrokenPipeError):
        print_table(Console(highlight=False), table)
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
