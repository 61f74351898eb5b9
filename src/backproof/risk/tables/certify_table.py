"""Certificates of predictions in tables."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, SupportsIndex

from backproof._core.checks import open_unit
from backproof._core.errors import InputError
from backproof.risk.certificate import Certificate
from backproof.risk.certify import checked_metrics
from backproof.risk.methods.method import Side
from backproof.risk.metrics.labels import Label
from backproof.risk.tables.certify_counts import DEFAULT_METRICS, certificate_of_counts
from backproof.risk.tables.columns import Columns, checked_columns
from backproof.risk.tables.count import count_columns, count_scan, queried
from backproof.risk.tables.counts import Counts
from backproof.risk.tables.pairs import Pairs, pairs_of
from backproof.risk.tables.paths import Engine

if TYPE_CHECKING:
    from backproof.risk.tables.scan import Scan


def certify_table(
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
    metrics: str | Iterable[str] = DEFAULT_METRICS,
    confidence: float = 0.95,
    side: Side = "two-sided",
    priors: Mapping[Any, float] | None = None,
    labels: Iterable[Label] | None = None,
    positive: Label | None = None,
    drop_missing: bool = False,
    baseline: Any = None,
    key: str | None = None,
    replicates: SupportsIndex = 10_000,
    seed: SupportsIndex = 0,
    engine: Engine = "duckdb",
    memory_limit: str | None = None,
    threads: SupportsIndex | None = None,
) -> Certificate:
    """Say what a table of predictions says of a classifier, counting where the table lies.

    The table form of `certify`: what `count_table` counts, `certify_counts` certifies. With `loss`
    it is about the mean loss instead.

    Parameters
    ----------
    predictions, label, prediction, by, weight, cluster, score, loss, low, high
        The table and its columns, as for `count_table`.
    metrics, confidence, side, priors, labels, positive, drop_missing, replicates, seed
        What is asked, as for `certify_counts`.
    baseline
        The predictions of another model on the same examples, in a table of the same engine with
        the same columns. Both are then compared too, paired, in the certificate's `comparison`:
        its interval shares the joint confidence.
    key
        The column that tells the examples apart, in both tables: whole numbers or text, each once.
    engine, memory_limit, threads
        As for `count_table`.

    Raises
    ------
    InputError
        If a file, a column, a value or an argument cannot be used.
    EngineError
        If the engine cannot finish, or a file changes meanwhile.
    """
    if loss is None:
        # Before the counting, which may take long.
        checked_metrics(metrics, with_scores=score is not None)
    open_unit("confidence", confidence)
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
    limits: dict[str, Any] = {"engine": engine, "memory_limit": memory_limit, "threads": threads}
    asked: dict[str, Any] = {
        "metrics": metrics,
        "confidence": confidence,
        "side": side,
        "priors": priors,
        "labels": labels,
        "positive": positive,
        "drop_missing": drop_missing,
        "replicates": replicates,
        "seed": seed,
    }
    if baseline is None and key is None:
        return certificate_of_counts(count_columns(predictions, columns, **limits), **asked)
    _check_comparable(baseline, key, columns)
    counts, of_baseline, pairs = _counted_with_baseline(
        (predictions, baseline), columns, str(key), drop_missing=drop_missing, **limits
    )
    found = certificate_of_counts(counts, pairs=pairs, **asked)
    return replace(found, baseline=of_baseline.sources)


def _check_comparable(baseline: Any, key: str | None, columns: Columns) -> None:
    if baseline is None or key is None:
        raise InputError(
            "baseline and key go together, got one of them: the key is the column that tells the "
            "examples apart in both tables"
        )
    if columns.loss is not None or columns.prediction is None or columns.weight is not None:
        raise InputError(
            "a baseline is compared by predicted labels, a row an example: leave out loss and "
            "weight, and give prediction"
        )


def _counted_with_baseline(
    tables: tuple[Any, Any], columns: Columns, key: str, *, drop_missing: bool, **limits: Any
) -> tuple[Counts, Counts, Pairs]:
    """Return the counts of a table and of its baseline, and both paired."""
    from backproof.risk.tables.opening import opened  # imports Narwhals, which takes a while
    from backproof.risk.tables.pairs_query import paired, read_back

    plain = Columns(label=columns.label, prediction=columns.prediction)
    keyed = replace(plain, key=key)
    joined = (replace(keyed, cluster=columns.cluster), keyed)
    with opened([(tables[0], replace(columns, key=key)), (tables[1], keyed)], **limits) as scans:
        counts = count_scan(scans[0], columns), _counted_baseline(scans[1], plain)
        frames = scans[0].frame, scans[1].frame
        found = read_back(queried(lambda: paired(*frames, joined), scans), frames, joined)
        return *counts, pairs_of(found, joined[0], scans, drop_missing=drop_missing)


def _counted_baseline(scan: "Scan", columns: Columns) -> Counts:
    try:
        return count_scan(scan, columns)
    except InputError as error:
        raise InputError(f"the baseline: {error}") from error
