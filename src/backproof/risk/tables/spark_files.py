"""Files as data frames of Spark."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import narwhals as nw

from backproof._core.errors import EngineError, InputError
from backproof._tables.duck import split_line
from backproof.risk.tables.columns import NUMBERS, Columns
from backproof.risk.tables.expression import FILE
from backproof.risk.tables.frames import told
from backproof.risk.tables.paths import Format
from backproof.risk.tables.scan import Scan
from backproof.risk.tables.sources import SourceFile, first_failure, paths_by_place

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_PATH = "_metadata.file_path"


def session(master: str | None = None) -> "SparkSession":
    """Return the session that there is, or a new one at a master's address.

    Parameters
    ----------
    master
        Such as ``spark://host:7077``, ``yarn`` or ``local[2]``; ``None``: the running session, or
        what Spark's own configuration says.

    Raises
    ------
    InputError
        If PySpark is not installed.
    EngineError
        If Spark does not start.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise InputError(
            "engine spark needs PySpark and a Java runtime: pip install 'backproof[spark]'"
        ) from None
    builder: Any = SparkSession.builder
    if master is not None:
        builder = builder.master(master)
    try:
        made: SparkSession = builder.appName("backproof").getOrCreate()
    except Exception as error:
        raise EngineError(
            f"Spark did not start at {master or 'its default master'}: {told(error)}; check the "
            "address, and that a Java runtime is on the path"
        ) from error
    return made


def local_address(file: Path) -> str:
    """Return the address of a file on this machine.

    Raises
    ------
    InputError
        If Spark would pass over it without a word.
    """
    if file.name.startswith(("_", ".")):
        raise InputError(
            f"Spark passes over files such as {file}, whose names begin with _ or a dot: rename it"
        )
    # Hadoop does not know percent signs, but patterns.
    return "file://" + re.sub(r"([][{}*?\\])", r"\\\1", str(file.absolute()))


def scan(
    paths: Sequence[str],
    places: tuple[Path, ...],
    files: tuple[SourceFile, ...],
    kind: Format,
    columns: Columns,
) -> Scan:
    """Return files of one format as one table.

    Parameters
    ----------
    paths
        The paths, or addresses that Spark reads.
    places, files
        What is known of those on this machine; empty for addresses.
    kind
        Their format.
    columns
        The columns that will be read.
    """
    from pyspark.sql import functions as F  # noqa: N812 - its usual name

    names = paths_by_place(files, places)

    def explained(error: Exception) -> Exception:
        return _explained(error, names, lambda path: _failure(path, kind, columns))

    try:
        frame = _read(session(), paths, kind, columns).withColumn(FILE, F.col(_PATH))
    except EngineError:
        raise
    except Exception as error:
        raise explained(error) from error

    def rows() -> dict[str, int]:
        return {row[0]: row[1] for row in frame.groupBy(FILE).count().collect()}

    return Scan(
        frame=nw.from_native(frame),
        wording="text" if kind == "text" else "typed",
        files=files,
        places=places,
        by_file=kind != "parquet",
        rows_of_files=rows if kind == "parquet" else None,
        named_by_engine=lambda path: _named(path, names),
        explained=explained,
    )


def _read(
    spark: "SparkSession", paths: Sequence[str], kind: Format, columns: Columns
) -> "DataFrame":
    given = list(paths)
    if kind == "parquet":
        return spark.read.parquet(*given)
    if kind == "json":
        return spark.read.json(given, mode="FAILFAST")
    first = spark.read.text(given[0]).first()
    delim, _ = split_line("" if first is None else first[0])
    # Without these Spark drops or fills up lines of another length, and does not look at all
    # headers nor, where it needs few columns, at the others.
    options: dict[str, str | bool] = {
        "columnPruning": False,
        "enforceSchema": False,
        "header": True,
        "sep": delim,
        "quote": '"',
        "escape": '"',
        "mode": "FAILFAST",
    }
    named = columns.named()
    numbers = {named[part] for part in NUMBERS if part in named}
    names = spark.read.options(**options).csv(given[0]).columns
    kinds = ", ".join(
        f"{_quoted(name)} {'DOUBLE' if name in numbers else 'STRING'}" for name in names
    )
    return spark.read.options(**options).schema(kinds).csv(given)


def _named(path: str, names: dict[str, str]) -> str:
    local = "/" + unquote(path).removeprefix("file:").lstrip("/")
    return names.get(local, path)


def _explained(
    error: Exception, names: dict[str, str], failure: Callable[[str], Exception | None]
) -> Exception:
    """Return an error of Spark in one line that names the file, where that is on this machine."""
    where = "the files"
    if names and not any(path in told(error) for path in names):  # Spark 3 does not say
        path, error = first_failure(names, failure, error)
        where = where if path is None else names[path]
    return EngineError(f"Spark could not count {where}: {told(error)}; nothing was certified")


def _failure(path: str, kind: Format, columns: Columns) -> Exception | None:
    """Return the error that reading one file to its end raises, if it does."""
    from pyspark.sql import functions as F  # noqa: N812 - its usual name

    try:
        frame = _read(session(), [local_address(Path(path))], kind, columns)
        frame.select([F.count(frame[_quoted(name)]) for name in columns.named().values()]).collect()
    except Exception as error:
        return error
    return None


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"
