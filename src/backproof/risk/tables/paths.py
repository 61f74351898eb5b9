"""Paths, folders and patterns as lists of files of one format."""

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NoReturn

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
    files = sorted({file for one in given for file in _expanded(os.fspath(one))})
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
        raise InputError(
            f"cannot tell the format of {file} by its name: {_EXPECTED}; give a pattern, such as "
            "'folder/*.csv', to leave others out"
        )
    return kind


def _expanded(path: str) -> Iterable[Path]:
    if "://" in path:
        raise InputError(
            f"{path} is an address, expected a path: open it with an engine that reads it, such as "
            "DuckDB or Spark, and give its table; or --engine spark"
        )
    # Not the methods of Path, which pass over folders that may not be read, or raise.
    if os.path.isdir(path):  # noqa: PTH112
        inside = list(_files_within(path))
        if not inside:
            raise InputError(f"the folder {path} holds no files: expected predictions")
        return inside
    if os.path.lexists(path) or not glob.has_magic(path):
        return [Path(path)]
    _check_listable(path)
    found: list[Path] = []
    for one in glob.glob(path, recursive=True):  # noqa: PTH207
        if not os.path.isdir(one):  # noqa: PTH112
            found.append(Path(one))
        elif not _is_hidden(os.path.basename(one)):  # noqa: PTH119
            found += _files_within(one)
    if not found:
        raise InputError(f"no file matches {path}: expected at least one")
    return found


def _files_within(folder: str) -> Iterator[Path]:
    """Yield all files under a folder, but for those that are hidden."""

    def refuse(error: OSError) -> NoReturn:
        raise InputError(f"cannot read {error.filename}: {error.strerror or error}")

    for place, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        yield from (Path(place, name) for name in names if not _is_hidden(name))


def _is_hidden(name: str) -> bool:
    """Whether a name begins with a dot or an underscore and so is not data, as Spark has it.

    Names such as ``_group=a`` are those of partitions.
    """
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def _check_listable(pattern: str) -> None:
    """Refuse a pattern that looks into a folder that may not be read; glob passes over these."""
    parts = Path(pattern).parts
    first = next(depth for depth, part in enumerate(parts) if glob.has_magic(part))
    for depth, part in enumerate(parts[first:], first):
        above = Path(*parts[:depth], *(["**"] if part == "**" else []))
        for folder in glob.glob(f"{above}{os.sep}", recursive=True):  # noqa: PTH207
            try:
                if glob.has_magic(part):
                    os.scandir(folder).close()
                else:  # a folder may be closed to lists, and open to who knows a name
                    os.stat(f"{folder}.")  # noqa: PTH116
            except OSError as error:
                raise InputError(f"cannot read {folder}: {error.strerror or error}") from None


def _refuse_twice(files: list[Path]) -> None:
    places: dict[Any, Path] = {}
    for file in files:
        try:
            state = file.stat()
        except OSError:  # told when it is opened
            continue
        first = places.setdefault((state.st_dev, state.st_ino), file)
        if first != file:
            raise InputError(
                f"{first} and {file} are one file, whose rows would count twice: give it once"
            )
