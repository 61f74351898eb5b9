"""The source text behind a place, where it can still be read."""

import linecache
import sys
from collections.abc import Mapping
from pathlib import Path


def source_lines(file: str, known: Mapping[int, str]) -> list[str]:
    """Return the lines of a source file; empty where it cannot be found.

    Parameters
    ----------
    file
        The file as imports see it, relative to an entry of `sys.path`.
    known
        Texts of some lines, by number, that tell the file from others of its name.
    """
    paths = [str(Path(entry or ".").absolute() / file) for entry in sys.path]
    paths += [path for path in linecache.cache if path.endswith(file)]
    for path in paths:
        lines = [line.rstrip("\n") for line in linecache.getlines(path)]
        if lines and all(
            number <= len(lines) and lines[number - 1].strip() == text
            for number, text in known.items()
        ):
            return lines
    return []
