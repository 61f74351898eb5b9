"""Whatever predictions lie in, opened as one table."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, SupportsIndex

from backproof._core.checks import one_of
from backproof._core.errors import InputError
from backproof.risk.tables import duckdb_files, polars_files, spark_files
from backproof.risk.tables.columns import Columns
from backproof.risk.tables.frames import framed, from_arrays
from backproof.risk.tables.paths import ENGINES, Engine, are_paths, format_of, found_files
from backproof.risk.tables.scan import Scan
from backproof.risk.tables.sources import SourceFile, stated


@contextmanager
def opened(
    predictions: Any,
    columns: Columns,
    *,
    engine: Engine = "duckdb",
    memory_limit: str | None = None,
    threads: SupportsIndex | None = None,
) -> Iterator[Scan]:
    """Yield a table that can be counted while the block runs.

    Parameters
    ----------
    predictions
        As for `count_table`.
    columns
        The columns that will be read.
    engine, memory_limit, threads
        As for `count_table`.

    Raises
    ------
    InputError
        If it cannot be opened.
    """
    one_of("engine", engine, ENGINES)
    files = are_paths(predictions)
    if not files and engine != "duckdb":
        raise InputError(f"engine {engine} is for files; a table is counted by its own engine")
    if (engine != "duckdb" or not (files or isinstance(predictions, Mapping))) and (
        memory_limit is not None or threads is not None
    ):
        raise InputError(
            "memory_limit and threads are DuckDB's, for files and arrays; limit another engine "
            "where it is started"
        )
    if files and engine == "spark":
        yield _on_spark(predictions)
    elif files and engine == "polars":
        places, kind = found_files(predictions)
        yield polars_files.scan(places, _stated(places), kind)
    elif files:
        places, kind = found_files(predictions)
        with duckdb_files.connected(memory_limit, threads) as connection:
            yield duckdb_files.scan(connection, places, _stated(places), kind, columns)
    elif isinstance(predictions, Mapping):
        with duckdb_files.connected(memory_limit, threads) as connection:
            yield Scan(frame=from_arrays(connection, predictions))
    else:
        yield Scan(frame=framed(predictions))


def _stated(places: Any) -> tuple[SourceFile, ...]:
    return tuple(stated(str(place), place) for place in places)


def _on_spark(paths: Any) -> Scan:
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    addresses = [os.fspath(path) for path in given if "://" in os.fspath(path)]
    if not addresses:
        places, kind = found_files(paths)
        there = [place.absolute().as_uri() for place in places]
        return spark_files.scan(there, places, _stated(places), kind)
    if len(addresses) < len(given):
        raise InputError("addresses and paths of this machine do not mix: give either kind alone")
    from pathlib import PurePosixPath

    kinds = {_format_of_address(PurePosixPath(address)) for address in addresses}
    if len(kinds) > 1:
        raise InputError(f"all files of a table must have one format, got {', '.join(kinds)}")
    return spark_files.scan(addresses, (), (), kinds.pop())


def _format_of_address(address: Any) -> Any:
    # Data on clusters are folders of Parquet files more often than not.
    return format_of(address) if address.suffix else "parquet"
