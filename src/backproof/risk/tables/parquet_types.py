"""Types of one column in several Parquet files.

DuckDB reads every file as if it had the types of the first one: 0.4 becomes 0 where that one holds
whole numbers.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from backproof._core.errors import InputError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_NOTHING = '"NULL"'
_QUERY = """
    WITH columns AS (  -- a field of a structure may have the same name
        SELECT name, file_name, any_value(duckdb_type) AS type FROM parquet_schema($path)
        WHERE list_contains($names, name) GROUP BY name, file_name HAVING count(*) = 1
    )
    SELECT name, type, min(file_name), count(*) FROM columns GROUP BY name, type
    ORDER BY name, min(file_name)
"""
_LACKING = """
    SELECT file_name FROM parquet_schema($path) GROUP BY file_name
    HAVING NOT list_contains(list(name), $name) ORDER BY ALL LIMIT 1
"""


def has_several_types(
    connection: "DuckDBPyConnection", paths: Sequence[str], names: list[str]
) -> bool:
    """Return whether columns have several types, all of which one type can hold.

    Parameters
    ----------
    connection
        To DuckDB.
    paths
        Of the files, as patterns that match nothing else.
    names
        Of the columns.

    Raises
    ------
    InputError
        If the types of a column have none in common, or a file lacks one of several types.
    """
    given = {"path": list(paths)}
    found = connection.execute(_QUERY, {**given, "names": names}).fetchall()
    several = False
    for name in names:
        rows = [row for row in found if row[0] == name]
        if rows and sum(row[3] for row in rows) < len(paths):
            _refuse_lacking(connection, given, name)
        known = [row for row in rows if row[1] != _NOTHING]  # no value in the whole file
        if known and not _go_together([row[1] for row in known]):
            (_, first, file, _), (_, second, other, _) = known[:2]
            raise InputError(
                f"the column {name!r} has the type {first} in {file} and {second} in {other}: "
                "write all files with one type"
            )
        several |= len(rows) > 1
    return several


def _refuse_lacking(
    connection: "DuckDBPyConnection", given: dict[str, list[str]], name: str
) -> None:
    lacking = connection.execute(_LACKING, {**given, "name": name}).fetchone()
    if lacking is not None:
        raise InputError(f"{lacking[0]} has no column {name!r}, which other files have")


def _go_together(types: Iterable[str]) -> bool:
    families = {_family(kind) for kind in types}
    # pandas writes whole numbers as DOUBLE where some are missing.
    return len(families) == 1 or families == {"whole", "DOUBLE"}


def _family(kind: str) -> str:
    if kind.removeprefix("U") in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"):
        return "whole"
    if kind.startswith("DECIMAL"):
        return "decimal"
    return "time" if kind in ("DATE", "TIMESTAMP", "TIMESTAMP_NS") else kind
