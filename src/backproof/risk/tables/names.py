"""Names of the columns of files, before anybody has said which play which part."""

from typing import Any

from backproof._core.errors import InputError
from backproof.risk.tables.paths import found_files
from backproof.risk.tables.sources import stated


def column_names(paths: Any) -> list[str]:
    """Return the names of the columns of files, by the first of them.

    Parameters
    ----------
    paths
        A path, a folder, a pattern, or several, as for `count_table`; no addresses.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    import duckdb

    from backproof.risk.tables import duckdb_files  # imports Narwhals, which takes a while

    places, kind = found_files(paths)
    stated(str(places[0]), places[0])
    with duckdb_files.connected() as connection:
        try:
            return duckdb_files.names(connection, places[0], kind)
        except duckdb.Error as error:
            told = str(error).strip().splitlines()[0]
            raise InputError(f"cannot read {places[0]}: {told}") from error
