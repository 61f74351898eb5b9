"""``backproof certify``: what predictions in files say of a classifier."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backproof._core.errors import InputError
from backproof._core.files import check_writable, write_text
from backproof.cli.exits import FOUND_SOMETHING
from backproof.cli.options import confidence_option, echo_json, json_option, side_option
from backproof.cli.predictions import Asked, are_counts, counts_among, predictions_options

if TYPE_CHECKING:
    from backproof.risk import Certificate, Statement

_GATED = ("error", "mean loss")
_MOST_FAILURES = 10  # that are told one by one


@click.command()
@click.argument("predictions", nargs=-1, required=True)
@predictions_options
@click.option("--metrics", default="error", show_default=True, help="Metrics, between commas.")
@click.option(
    "--positive", help="The positive class of binary metrics.  [default: the larger of two]"
)
@click.option(
    "--labels", help="Every label, between commas, where some never occur as the true one."
)
@click.option("--drop-missing", is_flag=True, help="Leave out rows with a missing value.")
@click.option(
    "--baseline", help="File of another model's predictions; the errors are compared, paired."
)
@click.option("--key", help="Column that joins the baseline.  [default: guessed]")
@confidence_option
@side_option
@click.option(
    "--fail-above",
    type=float,
    help="Exit with 1 if an upper bound of the error, or mean loss, is larger: 0.05 for 5 %.",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the certificate as an HTML page, too.",
)
@json_option
def certify(
    predictions: tuple[str, ...],
    metrics: str,
    positive: str | None,
    labels: str | None,
    drop_missing: bool,
    baseline: str | None,
    key: str | None,
    confidence: float,
    side: Any,
    fail_above: float | None,
    html: Path | None,
    as_json: bool,
    **asked: Any,
) -> int:
    """Say what PREDICTIONS in files say of a classifier, in statements that hold together.

    PREDICTIONS are paths, folders or patterns of CSV, TSV, JSON lines or Parquet, or counts that
    `backproof count` wrote.

    Example: backproof certify 'preds/*.parquet' --label y --prediction yhat --by group
    """
    names = tuple(name.strip() for name in metrics.split(","))
    given = Asked(**asked)
    if fail_above is not None:
        _check_gate(fail_above, side, given)
    if html is not None:
        check_writable(html)
    wanted: dict[str, Any] = {
        "metrics": names,
        "positive": None if positive is None else _label(positive),
        "labels": None if labels is None else [_label(one) for one in labels.split(",")],
        "drop_missing": drop_missing,
        "confidence": confidence,
        "side": side,
    }
    found = _certificate(predictions, baseline, key, given, wanted)
    if given.score is not None:
        _check_use_of_scores(names)
    failures = [] if fail_above is None else _failures(found, fail_above)
    if html is not None:
        write_text(html, found.to_html())
    if as_json:
        echo_json(found)
    else:
        click.echo(str(found))
    if html is not None:
        click.echo(f"page: {html}", err=as_json)
    for failure in failures:
        click.echo(f"backproof: {failure}", err=True)
    return FOUND_SOMETHING if failures else 0


def _certificate(
    predictions: tuple[str, ...],
    baseline: str | None,
    key: str | None,
    asked: Asked,
    wanted: dict[str, Any],
) -> "Certificate":
    from backproof import risk

    counts = counts_among(predictions)
    if counts:
        if baseline is not None:
            raise InputError("--baseline needs the rows of the predictions, got counts of them")
        if asked != Asked():
            raise InputError(
                "columns and engines are for counting, and counts were counted: leave them out, or "
                "count again with backproof count"
            )
        return risk.certify_counts(_merged(counts), **wanted)
    if baseline is not None:
        if Path(baseline).is_file() and are_counts(Path(baseline)):
            raise InputError(f"--baseline needs the rows of predictions, {baseline} holds counts")
        wanted["baseline"] = baseline
        wanted["key"] = key or asked.guessed("key", predictions)
    elif key is not None:
        raise InputError("--key goes with --baseline, which it joins")
    return risk.certify_table(list(predictions), **asked.keywords(predictions), **wanted)


def _check_use_of_scores(metrics: tuple[str, ...]) -> None:
    """Tell of scores that nothing is made of."""
    from backproof.risk import SCORE_METRICS

    if not set(metrics) & set(SCORE_METRICS):
        listed = ", ".join(SCORE_METRICS)
        click.echo(f"backproof: --score is for --metrics {listed}; none was asked for", err=True)


def _check_gate(limit: float, side: str, asked: Asked) -> None:
    """Refuse a gate that could never close, or never open."""
    if side == "lower":
        raise InputError("--fail-above needs an upper bound: leave out --side lower")
    low, high = (0.0, 1.0) if asked.loss is None else (asked.low, asked.high)
    if not low <= limit <= high:
        what = "an error" if asked.loss is None else "a mean loss"
        raise InputError(
            f"--fail-above must lie in [{low:g}, {high:g}], as {what} does, got {limit:g}"
            + ("; 5 % is 0.05" if asked.loss is None else "")
        )


def _merged(paths: list[Path]) -> Any:
    from backproof import risk

    shards = []
    for path in paths:
        try:
            shards.append(risk.Counts.from_json(path.read_bytes()))
        except (OSError, InputError) as error:
            raise InputError(f"cannot read {path}: {error}") from None
    return sum(shards)


def _label(text: str) -> str | int | float:
    """Return a label as files have it: what JSON reads as a number, a truth value or quoted text.

    Anything else is text as it stands.
    """
    import msgspec

    try:
        found: str | int | float = msgspec.json.decode(text.encode(), type=str | int | float | bool)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return text.strip()
    return found


def _failures(found: "Certificate", limit: float) -> list[str]:
    """Return in words the statements whose upper bound is beyond the limit."""
    gated = [one for one in found.statements if one.measurement.metric in _GATED]
    if not gated:
        raise InputError("--fail-above is about the error: add error to --metrics")
    failing = [_failure(one, limit) for one in gated if not one.measurement.upper <= limit]
    more = len(failing) - _MOST_FAILURES
    return [*failing[:_MOST_FAILURES], f"and {more} more groups"] if more > 1 else failing


def _failure(one: "Statement", limit: float) -> str:
    who = "all examples" if one.group is None else f"group {one.group}"
    found = one.measurement
    return f"{found.metric} of {who}: the upper bound {found.upper:.6g} exceeds {limit:g}"
