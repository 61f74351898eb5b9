"""Files as lazy frames of Polars."""

from pathlib import Path

import narwhals as nw

from backproof._core.errors import InputError
from backproof.risk.tables.expression import FILE
from backproof.risk.tables.paths import Format
from backproof.risk.tables.scan import Scan
from backproof.risk.tables.sources import SourceFile


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
    paths = [str(place.absolute()) for place in places]
    names = dict(zip(paths, (file.path for file in files), strict=True))
    if kind == "parquet":
        frame = pl.scan_parquet(paths, include_file_paths=FILE, glob=False)
    else:
        frame = pl.scan_ndjson(paths, include_file_paths=FILE)

    def rows() -> dict[str, int]:
        ones = frame.select(FILE, rows=pl.lit(1, pl.Int64))  # its len() has 32 bits
        counted = ones.group_by(FILE).agg(pl.col("rows").sum())
        return dict(counted.collect(engine="streaming").iter_rows())

    def explained(error: Exception) -> Exception:
        told = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return InputError(f"Polars cannot read the files: {told}; nothing was certified")

    return Scan(
        frame=nw.from_native(frame),
        files=files,
        places=places,
        rows_of_files=rows,
        named_by_engine=lambda path: names[path],
        explained=explained,
    )
