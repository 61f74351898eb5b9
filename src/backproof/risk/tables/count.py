"""Predictions counted where they lie."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

from backproof._core.errors import EngineError
from backproof.risk.tables.columns import Columns, checked_columns
from backproof.risk.tables.counts import Counts
from backproof.risk.tables.paths import Engine
from backproof.risk.tables.sources import check_unchanged

if TYPE_CHECKING:
    from backproof.risk.tables.scan import Scan


def count_table(
    predictions: Any,
    label: str | None = "y",
    prediction: str | None = "yhat",
    *,
    by: str | None = None,
    weight: str | None = None,
    cluster: str | None = None,
    score: str | None = None,
    loss: str | None = None,
    low: float = 0.0,
    high: float = 1.0,
    engine: Engine = "duckdb",
    memory_limit: str | None = None,
    threads: SupportsIndex | None = None,
) -> Counts:
    """Count the rows of a table of predictions, by all that a certificate may be asked about.

    One grouped query runs where the table lies; only its result, a row for each different
    combination of labels and keys, comes here.

    Parameters
    ----------
    predictions
        A path, a folder, a pattern such as ``preds/*.parquet``, or several of these, of CSV, TSV,
        JSON lines or Parquet files; a relation of DuckDB; a table of pandas, Polars, PyArrow or
        Ibis; a data frame of PySpark or Dask; or a mapping from columns to arrays of shape (n,).
    label, prediction
        The columns of true and of predicted labels: text, numbers or booleans, one kind in both.
        In text files labels are numbers where all are.
    by
        The column of keys of groups.
    weight
        The column of the number of examples that each row stands for, whole numbers.
    cluster
        The column of keys of clusters, where only the clusters are independent.
    score
        The column of scores, or probabilities, of the positive class. They are counted in bins; see
        `certify_counts`. With it `prediction` may be ``None``.
    loss
        The column of losses in [low, high], in place of labels and predictions.
    low, high
        The smallest and the largest loss that are possible, whether or not they occur.
    engine
        What reads files: ``duckdb``; ``polars``, for Parquet and JSON lines; or ``spark``, the
        running session, which also reads addresses.
    memory_limit, threads
        Of DuckDB, for files and arrays: such as ``500MB``, beyond which it spills to a temporary
        folder, and the number of threads.

    Raises
    ------
    InputError
        If a file, a column or a value cannot be used; the message says which.
    EngineError
        If the engine cannot finish, or a file changes meanwhile.
    """
    columns = checked_columns(
        label,
        prediction,
        by=by,
        weight=weight,
        cluster=cluster,
        score=score,
        loss=loss,
        low=low,
        high=high,
    )
    return count_columns(
        predictions, columns, engine=engine, memory_limit=memory_limit, threads=threads
    )


def count_columns(predictions: Any, columns: Columns, **limits: Any) -> Counts:
    """Count a table by checked columns; `limits` are the engine and its, as for `count_table`."""
    from backproof.risk.tables.opening import opened  # imports Narwhals, which takes a while

    with opened([(predictions, columns)], **limits) as (scan,):
        return count_scan(scan, columns)


def count_scan(scan: "Scan", columns: Columns) -> Counts:
    """Count an open table, as `count_table` does."""
    from backproof.risk.tables.assembly import assembled
    from backproof.risk.tables.expression import counted
    from backproof.risk.tables.frames import engine_of

    def query() -> Any:
        return counted(scan.frame, columns, by_file=scan.by_file)

    return assembled(queried(query, [scan]), columns, scan, engine_of(scan.frame))


def queried(query: Callable[[], Any], scans: "Sequence[Scan]") -> dict[str, list[Any]]:
    """Return the result of a query over open tables, which must not change meanwhile.

    Raises
    ------
    InputError
        If a file cannot be read; the message says which.
    EngineError
        If the engine cannot finish, or a file changes meanwhile.
    """
    from backproof.risk.tables.frames import fetched

    try:
        return fetched(query, scans[0].frame)
    except EngineError as error:
        cause = error.__cause__
        for scan in scans:
            if scan.explained is not None and isinstance(cause, Exception):
                raise scan.explained(cause) from cause
        raise
    finally:
        # An error may be due to a change, which then is what to tell.
        for scan in scans:
            check_unchanged(scan.files, scan.places)
