"""What a table was read from."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any

from backproof._core.errors import EngineError, InputError
from backproof._core.numbers import counted
from backproof._core.results import Result


@dataclass(frozen=True, kw_only=True)
class SourceFile(Result):
    """A file that was counted."""

    path: str
    """The path as it was given, or found under a folder or by a pattern."""
    bytes: int | None
    """Its size; ``None`` where it is not on this machine's file systems."""
    modified: datetime | None
    """When it was last written, in UTC; ``None`` likewise."""
    rows: int | None
    """Number of its rows; ``None`` where only that of all files is known."""

    @property
    def state(self) -> tuple[int | None, datetime | None]:
        """What changes when somebody writes to the file."""
        return self.bytes, self.modified


@dataclass(frozen=True, kw_only=True)
class Source(Result):
    """A table that was counted, and the engine that did."""

    engine: str
    """Name of the engine."""
    version: str
    """Its version."""
    rows: int
    """Number of rows, incomplete ones included."""
    files: tuple[SourceFile, ...]
    """The files, sorted; empty for a table that the engine held already."""

    def __str__(self) -> str:
        size = sum(file.bytes or 0 for file in self.files)
        known = bool(self.files) and all(file.bytes is not None for file in self.files)
        where = f" in {counted(len(self.files), 'file')}" if self.files else ""
        length = f" ({_readable(size)})" if known else ""
        return (
            f"{counted(self.rows, 'row')}{where}{length}, counted by {self.engine} {self.version}"
        )


def stated(path: str, file: Path) -> SourceFile:
    """Return what is known of a file before it is read; `InputError` where there is none."""
    try:
        state = file.stat()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    # In microseconds, as a datetime keeps them; two states of a file closer than that are one.
    modified = datetime.fromtimestamp(state.st_mtime_ns // 1000 / 1e6, UTC)
    return SourceFile(path=path, bytes=state.st_size, modified=modified, rows=None)


def check_unchanged(files: tuple[SourceFile, ...], places: tuple[Path, ...]) -> None:
    """Raise `EngineError` if a file is not what it was before it was read."""
    for file, place in zip(files, places, strict=True):
        try:
            now = stated(file.path, place)
        except InputError:
            now = None
        if now is None or now.state != file.state:
            raise EngineError(
                f"{file.path} changed while it was read: nothing was certified; count again when "
                "nobody writes to it"
            )


def in_both(first: Iterable[Source], second: Iterable[Source]) -> SourceFile | None:
    """Return a file that both cover, under one path or under two spellings of it, if there is one.

    Spellings are taken for one where one ends in the other, and size and time are equal too: shards
    of different machines may have the same path.
    """
    known: dict[Any, list[SourceFile]] = {}
    for source in first:
        for file in source.files:
            known.setdefault((PurePath(file.path).name, *file.state), []).append(file)
    for source in second:
        for file in source.files:
            for other in known.get((PurePath(file.path).name, *file.state), ()):
                if file.path == other.path or (file.bytes is not None and _alike(file, other)):
                    return file
    return None


def _alike(first: SourceFile, second: SourceFile) -> bool:
    """Whether one of two relative or absolute paths may be the end of the other."""
    parts = [
        [part for part in PurePath(file.path).parts if part not in ("..", "/")]
        for file in (first, second)
    ]
    common = min(map(len, parts))
    return parts[0][-common:] == parts[1][-common:]


def paths_by_place(files: tuple[SourceFile, ...], places: tuple[Path, ...]) -> dict[str, str]:
    """Return the paths that people know by the absolute ones that engines know."""
    return {str(place.absolute()): file.path for place, file in zip(places, files, strict=True)}


def first_failure(
    paths: Iterable[str], failure: Callable[[str], Exception | None], error: Exception
) -> tuple[str | None, Exception]:
    """Return the first file that cannot be read alone, with its error.

    Parameters
    ----------
    paths
        Of all files.
    failure
        Returns the error of reading one of them to its end, if there is one.
    error
        What was raised for all together; returned, without a file, where each can be read alone.
    """
    return next(((path, own) for path in paths if (own := failure(path))), (None, error))


def _readable(size: int) -> str:
    value, unit = float(size), "bytes"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{size} bytes" if unit == "bytes" else f"{value:.3g} {unit}"
