"""Names of the columns of files, before anybody has said which play which part."""

from pathlib import Path
from typing import Any

from backproof._core.errors import InputError
from backproof.risk.tables.duckdb_errors import without_advice
from backproof.risk.tables.paths import found_files
from backproof.risk.tables.sources import stated


def column_names(paths: Any) -> tuple[Path, list[str]]:
    """Return the first file that is not empty, and the names of its columns.

    Parameters
    ----------
    paths
        A path, a folder, a pattern, or several, as for `count_table`; no addresses.

    Raises
    ------
    InputError
        If the file cannot be read, or all are empty.
    """
    import duckdb

    from backproof.risk.tables import duckdb_files  # imports Narwhals, which takes a while

    places, kind = found_files(paths)
    place = next((place for place in places if stated(str(place), place).bytes), None)
    if place is None:
        raise InputError(f"{places[0]} is empty: expected predictions")
    with duckdb_files.connected() as connection:
        try:
            return place, duckdb_files.names(connection, place, kind)
        except duckdb.Error as error:
            told = "; ".join(without_advice(error))
            raise InputError(f"cannot read {place}: {told}; nothing was certified") from error
