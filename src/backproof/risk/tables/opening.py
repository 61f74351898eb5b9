"""Whatever predictions lie in, opened as one table."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, SupportsIndex

from backproof._core.checks import one_of
from backproof._core.errors import InputError
from backproof.risk.tables import duckdb_files, polars_files, spark_files
from backproof.risk.tables.arrays import from_arrays
from backproof.risk.tables.columns import Columns
from backproof.risk.tables.frames import framed
from backproof.risk.tables.paths import ENGINES, Engine, are_paths, format_of, found_files
from backproof.risk.tables.scan import Scan
from backproof.risk.tables.sources import SourceFile, stated

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@contextmanager
def opened(
    tables: Sequence[tuple[Any, Columns]],
    *,
    engine: Engine = "duckdb",
    memory_limit: str | None = None,
    threads: SupportsIndex | None = None,
) -> Iterator[list[Scan]]:
    """Yield tables that can be queried, together too, while the block runs.

    Parameters
    ----------
    tables
        Each as `count_table` takes predictions, with the columns that will be read.
    engine, memory_limit, threads
        As for `count_table`.

    Raises
    ------
    InputError
        If one cannot be opened.
    """
    one_of("engine", engine, ENGINES)
    given = [table for table, _ in tables]
    for table in given:
        _check_limits(table, engine, limited=memory_limit is not None or threads is not None)
    with ExitStack() as stack:
        connection = None
        if engine == "duckdb" and any(map(_is_for_duckdb, given)):
            connection = stack.enter_context(duckdb_files.connected(memory_limit, threads))
        yield [_scan(table, columns, engine, connection) for table, columns in tables]


def _is_for_duckdb(table: Any) -> bool:
    return are_paths(table) or isinstance(table, Mapping)


def _check_limits(table: Any, engine: Engine, *, limited: bool) -> None:
    if not are_paths(table) and engine != "duckdb":
        raise InputError(f"engine {engine} is for files; a table is counted by its own engine")
    if limited and (engine != "duckdb" or not _is_for_duckdb(table)):
        raise InputError(
            "memory_limit and threads are DuckDB's, for files and arrays; limit another engine "
            "where it is started"
        )


def _scan(
    table: Any, columns: Columns, engine: Engine, connection: "DuckDBPyConnection | None"
) -> Scan:
    if are_paths(table) and engine == "spark":
        return _on_spark(table, columns)
    if are_paths(table) and engine == "polars":
        places, kind = found_files(table)
        return polars_files.scan(places, _stated(places), kind)
    if connection is not None and are_paths(table):
        places, kind = found_files(table)
        return duckdb_files.scan(connection, places, _stated(places), kind, columns)
    if connection is not None and isinstance(table, Mapping):
        return Scan(frame=from_arrays(connection, table))
    return Scan(frame=framed(table))


def _stated(places: Any) -> tuple[SourceFile, ...]:
    return tuple(stated(str(place), place) for place in places)


def _on_spark(paths: Any, columns: Columns) -> Scan:
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    addresses = [os.fspath(path) for path in given if "://" in os.fspath(path)]
    if not addresses:
        places, kind = found_files(paths)
        there = [spark_files.local_address(place) for place in places]
        return spark_files.scan(there, places, _stated(places), kind, columns)
    if len(addresses) < len(given):
        raise InputError("addresses and paths of this machine do not mix: give either kind alone")
    kinds = {_format_of_address(PurePosixPath(address)) for address in addresses}
    if len(kinds) > 1:
        raise InputError(f"all files of a table must have one format, got {', '.join(kinds)}")
    return spark_files.scan(addresses, (), (), kinds.pop(), columns)


def _format_of_address(address: Any) -> Any:
    # Data on clusters are folders of Parquet files more often than not.
    return format_of(address) if address.suffix else "parquet"
