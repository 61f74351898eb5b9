"""Files as lazy frames of Polars."""

import glob
from pathlib import Path
from typing import TYPE_CHECKING

import narwhals as nw

from backproof._core.errors import InputError
from backproof.risk.tables.expression import FILE
from backproof.risk.tables.frames import told
from backproof.risk.tables.json_files import first_bad_line
from backproof.risk.tables.paths import Format
from backproof.risk.tables.scan import Scan
from backproof.risk.tables.sources import SourceFile, first_failure, paths_by_place

if TYPE_CHECKING:
    import polars as pl


def scan(places: tuple[Path, ...], files: tuple[SourceFile, ...], kind: Format) -> Scan:
    """Return files of one format as one table; `InputError` where Polars would not read it all."""
    try:
        import polars as pl
    except ImportError:
        raise InputError("engine polars needs Polars: pip install polars") from None
    if kind == "text":
        raise InputError(
            "engine polars is for Parquet and JSON lines: of text files Polars fills short lines "
            "up without a word; use engine duckdb"
        )
    if kind == "json":
        _refuse_patterns(files)
    names = paths_by_place(files, places)
    frame = _lazy(list(names), kind)

    def rows() -> dict[str, int]:
        ones = frame.select(FILE, rows=pl.lit(1, pl.Int64))  # its len() has 32 bits
        counted = ones.group_by(FILE).agg(pl.col("rows").sum())
        return dict(counted.collect(engine="streaming").iter_rows())

    def explained(error: Exception) -> Exception:
        path, own = first_failure(names, lambda path: _failure(path, kind), error)
        where = "the files" if path is None else names[path]
        line = first_bad_line(Path(path)) if path is not None and kind == "json" else None
        where += "" if line is None else f", line {line}"
        return InputError(f"cannot read {where}: {told(own)}; nothing was certified")

    return Scan(
        frame=nw.from_native(frame),
        files=files,
        places=places,
        rows_of_files=rows,
        named_by_engine=lambda path: names[path],
        explained=explained,
    )


def _refuse_patterns(files: tuple[SourceFile, ...]) -> None:
    """Refuse names that Polars would take for patterns, as it does of JSON lines alone."""
    for file in files:
        if glob.has_magic(file.path):
            raise InputError(
                f"engine polars takes the name {file.path} for a pattern: use engine duckdb"
            )


def _lazy(paths: list[str], kind: Format) -> "pl.LazyFrame":
    import polars as pl

    if kind == "parquet":
        return pl.scan_parquet(paths, include_file_paths=FILE, glob=False)
    return pl.scan_ndjson(paths, include_file_paths=FILE)


def _failure(path: str, kind: Format) -> Exception | None:
    """Return the error that reading one file to its end raises, if it does."""
    import polars as pl

    try:
        _lazy([path], kind).select(pl.all().count()).collect(engine="streaming")
    except Exception as error:
        return error
    return None
