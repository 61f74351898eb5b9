"""Files of JSON lines, looked into where an engine could not read them."""

import gzip
import zlib
from pathlib import Path

import msgspec


def first_bad_line(file: Path) -> int | None:
    """Return the first line that is no JSON, from 1; ``None`` where none is found."""
    if file.suffix.lower() == ".zst":
        return None  # Python opens it from 3.14 on
    try:
        with gzip.open(file) if file.suffix.lower() == ".gz" else file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip() and not _is_json(line):
                    return number
    except (OSError, EOFError, zlib.error):
        return None
    return None


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    return True
