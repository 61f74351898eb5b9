"""``backproof certify``: what predictions in files say of a classifier."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backproof._core.errors import InputError
from backproof._core.files import check_writable, write_text
from backproof.cli.options import confidence_option, echo_json, json_option, side_option
from backproof.cli.predictions import Asked, are_counts, guessed, predictions_options

if TYPE_CHECKING:
    from backproof.risk import Certificate, Statement

_GATED = ("error", "mean loss")
_MOST_FAILURES = 10  # that are told one by one


@click.command()
@click.argument("predictions", nargs=-1, required=True)
@predictions_options
@click.option("--metrics", default="error", show_default=True, help="Metrics, between commas.")
@click.option("--positive", help="The positive class of binary metrics.")
@click.option("--drop-missing", is_flag=True, help="Leave out rows with a missing value.")
@click.option("--baseline", help="File of another model's predictions, to be compared, paired.")
@click.option("--key", help="Column that joins the baseline.  [default: guessed]")
@confidence_option
@side_option
@click.option(
    "--fail-above",
    type=float,
    help="Exit with 1 if an upper bound of the error, or mean loss, is larger.",
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
    if fail_above is not None and side == "lower":
        raise InputError("--fail-above needs an upper bound: leave out --side lower")
    if html is not None:
        check_writable(html)
    wanted: dict[str, Any] = {
        "metrics": names,
        "positive": _label(positive),
        "drop_missing": drop_missing,
        "confidence": confidence,
        "side": side,
    }
    found = _certificate(predictions, baseline, key, Asked(**asked), wanted)
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
    return 1 if failures else 0


def _certificate(
    predictions: tuple[str, ...],
    baseline: str | None,
    key: str | None,
    asked: Asked,
    wanted: dict[str, Any],
) -> "Certificate":
    from backproof import risk

    counted = [are_counts(path) for path in predictions]
    if any(counted):
        if not all(counted) or baseline is not None:
            raise InputError(
                "counts go with nothing but counts: count the other files too, and leave out "
                "--baseline, which needs the rows"
            )
        if asked != Asked():
            raise InputError(
                "columns and engines are for counting, and counts were counted: leave them out, or "
                "count again with backproof count"
            )
        return risk.certify_counts(_merged(predictions), **wanted)
    if baseline is not None:
        wanted["baseline"] = baseline
        wanted["key"] = key or guessed("key", predictions, optional=False)
    elif key is not None:
        raise InputError("--key goes with --baseline, which it joins")
    return risk.certify_table(list(predictions), **asked.keywords(predictions), **wanted)


def _merged(paths: tuple[str, ...]) -> Any:
    from backproof import risk

    shards = []
    for path in paths:
        try:
            shards.append(risk.Counts.from_json(Path(path).read_bytes()))
        except (OSError, InputError) as error:
            raise InputError(f"cannot read {path}: {error}") from None
    return sum(shards)


def _label(text: str | None) -> str | int | float | None:
    """Return a label as files have it: a number where it reads as one."""
    for kind in (int, float):
        try:
            return None if text is None else kind(text)
        except ValueError:
            continue
    return text


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
