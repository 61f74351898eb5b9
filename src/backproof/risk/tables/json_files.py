"""Files of JSON, looked into before DuckDB reads them, or after an engine could not."""

import gzip
import io
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

_UNREADABLE = (OSError, EOFError, zlib.error)
_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def start_of(file: Path) -> bytes | None:
    """Return the first bytes, none of what cannot be read; ``None`` where Python cannot unpack."""
    if _is_packed_otherwise(file):
        return None
    try:
        with _opened(file) as unpacked:
            return unpacked.read(256)
    except _UNREADABLE:
        return b""


def first_bad_line(file: Path) -> int | None:
    """Return the first line that is no JSON, from 1; ``None`` where none is found."""
    if _is_packed_otherwise(file):
        return None
    try:
        with _opened(file) as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip() and not _is_json(line):
                    return number
    except _UNREADABLE:
        return None
    return None


def lists_in(file: Path) -> dict[str, int]:
    """Return the lists of a file that is one JSON object, from their names to their lengths.

    None of a file of rows, nor of one that cannot be read. The object stands on a line of its own,
    or begins with a line that only opens it.
    """
    if file.suffix.lower() not in (".json", ".gz") or not (start_of(file) or b"").startswith(b"{"):
        return {}
    try:
        with _opened(file) as lines:
            first = lines.readline()
            if first.strip() != b"{" and lines.readline().strip():
                return {}  # rows, one a line
            lines.seek(0)
            fields = msgspec.json.decode(lines.read(), type=dict[str, msgspec.Raw])
    except (*_UNREADABLE, *_NO_JSON):
        return {}
    return {
        name: len(msgspec.json.decode(value, type=list[msgspec.Raw]))
        for name, value in fields.items()
        if bytes(value).startswith(b"[")
    }


def unpacked_size(file: Path) -> int:
    """Return the number of bytes in a file that `start_of` can read, unpacked."""
    with _opened(file) as unpacked:
        return unpacked.seek(0, io.SEEK_END)


def _is_packed_otherwise(file: Path) -> bool:
    return file.suffix.lower() == ".zst"  # Python opens it from 3.14 on


def _opened(file: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(file)) if file.suffix.lower() == ".gz" else file.open("rb")


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except _NO_JSON:
        return False
    return True
