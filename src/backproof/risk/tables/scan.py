"""A table that is ready to be counted."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from backproof.risk.tables.expression import Frame
from backproof.risk.tables.sources import SourceFile

Wording = Literal["typed", "text", "json"]


@dataclass(frozen=True, kw_only=True)
class Scan:
    """A table in an engine, and what it is read from."""

    frame: Frame
    """The Narwhals frame."""
    wording: Wording = "typed"
    """What its labels and keys are: values with a type, cells of a text file, or JSON."""
    files: tuple[SourceFile, ...] = ()
    """The files, as they were before they are read; empty for a table in memory."""
    places: tuple[Path, ...] = ()
    """Where they are on this machine, in the same order; empty where they are elsewhere."""
    by_file: bool = False
    """Whether the frame has a column that says which file a row is from."""
    rows_of_files: Callable[[], dict[str, int]] | None = None
    """A cheap way to the rows of each file, by what the engine calls it."""
    named_by_engine: Callable[[str], str] = str
    """From what the engine calls a file to its path."""
    explained: Callable[[Exception], Exception] | None = None
    """From an error of the engine while it reads the files to what to raise."""
