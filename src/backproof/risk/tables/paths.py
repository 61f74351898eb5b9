"""Paths, folders and patterns as lists of files of one format."""

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from backproof._core.errors import InputError
from backproof._tables.duck import PARQUET_SUFFIXES

Format = Literal["parquet", "json", "text"]

Engine = Literal["duckdb", "polars", "spark"]

ENGINES: tuple[Engine, ...] = ("duckdb", "polars", "spark")
"""What can read files."""

_SUFFIXES: dict[str, Format] = {
    **dict.fromkeys(PARQUET_SUFFIXES, "parquet"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "json"),
    **dict.fromkeys((".csv", ".tsv", ".txt"), "text"),
}
_COMPRESSED = (".gz", ".zst")
_EXPECTED = (
    "expected .csv, .tsv, .txt, .jsonl, .ndjson or .json, each also with .gz or .zst, or .parquet "
    "or .pq"
)


def are_paths(predictions: Any) -> bool:
    """Return whether predictions are a path, or several, rather than a table."""
    if isinstance(predictions, str | os.PathLike):
        return True
    return isinstance(predictions, list | tuple | set) and all(
        isinstance(one, str | os.PathLike) for one in predictions
    )


def found_files(paths: Any) -> tuple[tuple[Path, ...], Format]:
    """Return the files that paths, folders and patterns name, sorted, and their one format.

    Raises
    ------
    InputError
        If a path names nothing, a file comes twice, or files are of several formats or of none.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not given:
        raise InputError("predictions must be at least one path, got none")
    files = sorted({file: None for one in given for file in _expanded(os.fspath(one))})
    _refuse_twice(files)
    formats = {file: format_of(file) for file in files}
    first = files[0]
    for file, kind in formats.items():
        if kind != formats[first]:
            raise InputError(
                f"all files of a table must have one format, got {first} and {file}: count them "
                "apart with count_table, or backproof count, and certify the counts together"
            )
    return tuple(files), formats[first]


def format_of(file: Path) -> Format:
    """Return the format that the name of a file stands for; `InputError` where it is none."""
    suffixes = [suffix.lower() for suffix in file.suffixes]
    packed = bool(suffixes) and suffixes[-1] in _COMPRESSED
    last = (suffixes[:-1] if packed else suffixes)[-1:]
    kind = _SUFFIXES.get(last[0]) if last else None
    if kind is None or (kind == "parquet" and packed):
        raise InputError(f"cannot tell the format of {file} by its name: {_EXPECTED}")
    return kind


def _expanded(path: str) -> Iterable[Path]:
    if "://" in path:
        raise InputError(
            f"{path} is an address, expected a path: open it with an engine that reads it, such as "
            "DuckDB or Spark, and give its table; or --engine spark"
        )
    place = Path(path)
    if place.is_dir():
        found = [file for file in sorted(place.rglob("*")) if not file.is_dir()]
        # As Spark does: what begins with a dot or an underscore is not data.
        found = [file for file in found if not _is_hidden(file.relative_to(place))]
        if not found:
            raise InputError(f"the folder {path} holds no files: expected predictions")
        return found
    if place.exists() or not glob.has_magic(path):
        return [place]
    found = [Path(one) for one in sorted(glob.glob(path, recursive=True))]  # noqa: PTH207 - of an absolute pattern
    found = [file for file in found if not file.is_dir()]
    if not found:
        raise InputError(f"no file matches {path}: expected at least one")
    return found


def _is_hidden(relative: Path) -> bool:
    return any(part.startswith((".", "_")) for part in relative.parts)


def _refuse_twice(files: list[Path]) -> None:
    places: dict[Path, Path] = {}
    for file in files:
        first = places.setdefault(file.resolve(), file)
        if first != file:
            raise InputError(
                f"{first} and {file} are one file, whose rows would count twice: give it once"
            )
