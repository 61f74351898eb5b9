"""What a certificate says, and how it reads."""

from dataclasses import dataclass
from datetime import datetime

from backproof._core.numbers import counted
from backproof._core.results import Result
from backproof.risk.certificate_html import fragment, note, page, table
from backproof.risk.comparison import Comparison
from backproof.risk.metrics.labels import Label
from backproof.risk.metrics.measurement import Measurement
from backproof.risk.tables.columns import Columns
from backproof.risk.tables.sources import Source
from backproof.risk.wording import method_name, percent, quote, shown

_TITLE = "Certificate of the test error"
_DIFFERENCE = "error minus the baseline's"
_MOST_FILES = 20  # that are named on a page; all are in the JSON


@dataclass(frozen=True, kw_only=True)
class Statement(Result):
    """One metric of one group of examples."""

    group: str | None
    """The group; ``None``: all examples."""
    measurement: Measurement
    """The metric with its interval."""


@dataclass(frozen=True, kw_only=True)
class Certificate(Result):
    """Statements about a classifier that hold together."""

    statements: tuple[Statement, ...]
    """By group, all examples first, then by metric."""
    confidence: float
    """Probability that all statements hold."""
    each: float
    """Confidence of each statement for itself: 1 - (1 - confidence) / their number (Bonferroni)."""
    examples: int
    """Number of test examples."""
    labels: tuple[Label, ...]
    """Every label."""
    sampling: str
    """How the examples must have been drawn, in a word."""
    positive: Label | None
    """The positive class of binary metrics and of scores; ``None`` where none is needed."""
    priors: dict[str, float] | None
    """Shares of the classes that the statements are about; ``None``: those of the test set's
    distribution."""
    clusters: int | None
    """Number of independent clusters; ``None``: the examples themselves are independent."""
    seed: int
    """Seed of every random draw."""
    backproof: str
    """Version of Backproof."""
    columns: Columns | None = None
    """The columns of these tables that were counted; ``None`` for arrays."""
    sources: tuple[Source, ...] = ()
    """The tables that were counted; empty for arrays."""
    dropped: int = 0
    """Rows of these tables that were left out, since a value was missing."""
    comparison: Comparison | None = None
    """The comparison with another model on the same examples, as B; one more statement."""
    baseline: tuple[Source, ...] = ()
    """The tables with the predictions of that model."""

    @property
    def correction(self) -> str:
        """What was done about there being several statements, as a sentence."""
        count = len(self.statements) + (self.comparison is not None)
        asymptotic = any(one.measurement.guarantee == "asymptotic" for one in self.statements)
        if count == 1:
            nearly = "approximately " if asymptotic else ""
            return f"The statement holds with confidence {nearly}{percent(self.confidence)}."
        nearly = ", the asymptotic ones approximately" if asymptotic else ""
        return (
            f"All {count} statements hold together with confidence {percent(self.confidence)}: "
            f"each holds with {percent(self.each)} (Bonferroni){nearly}."
        )

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What the statements rest on, without repetition."""
        found = [one.measurement.assumptions for one in self.statements]
        if self.comparison is not None:
            found.append(self.comparison.assumptions)
        if any(one.group is not None for one in self.statements):
            # How many statements share the miss would be chance otherwise.
            found.append("the groups fixed beforehand, and examples of each")
        return tuple(dict.fromkeys(found))

    def __str__(self) -> str:
        lines = [self._quoted(one) for one in self.statements]
        if self.comparison is not None:
            found, m = self.comparison, self.comparison.examples
            lines.append(quote(found, m, name=_DIFFERENCE, sampling=self.sampling))
            lines.append(_against(found))
        if len(self.statements) + (self.comparison is not None) > 1:
            lines.insert(0, self.correction)
        lines += self._origin()
        return "\n".join(lines)

    def _quoted(self, one: Statement) -> str:
        found = one.measurement
        name = found.metric if one.group is None else f"{one.group}: {found.metric}"
        return quote(found, found.examples, name=name, sampling=self.sampling)

    def _repr_html_(self) -> str:
        sentences = [f"{self.correction} {self._about()}"]
        if self.comparison is not None:
            sentences.append(_against(self.comparison))
        notes = (
            *(f"Assumes {one}." for one in self.assumptions),
            *(f"{line}." for line in self._origin()),
            f"Backproof {self.backproof}.",
        )
        return fragment(_TITLE, sentences, (self._table(), *map(note, notes), *self._files()))

    def _table(self) -> str:
        rows = [_row(one.group, one.measurement.metric, one.measurement) for one in self.statements]
        if self.comparison is not None:
            rows.append(_row(None, _DIFFERENCE, self.comparison))
        return table(("group", "metric", "estimate", "interval", "method", "examples"), rows)

    def _files(self) -> list[str]:
        """Return a table of the files that were counted, up to a number."""
        files = [file for source in (*self.sources, *self.baseline) for file in source.files]
        if not files:
            return []
        rows = [(file.path, *map(_known, (file.rows, file.bytes, file.modified)))
                for file in files[:_MOST_FILES]]  # fmt: skip
        more = len(files) - len(rows)
        last = [note(f"And {counted(more, 'more file')}.")] if more else []
        return [table(("file", "rows", "bytes", "last written"), rows), *last]

    def _origin(self) -> list[str]:
        """Return in words what was counted, and what was left out."""
        lines = [] if self.positive is None else [f"Positive class: {self.positive!r}"]
        lines += [] if self.columns is None else [f"Columns: {self.columns}"]
        lines += [f"From {source}" for source in self.sources]
        lines += [f"Baseline: from {source}" for source in self.baseline]
        if self.dropped:
            rows = sum(source.rows for source in self.sources)
            lines.append(f"Left out {self.dropped} of {counted(rows, 'row')} with a missing value")
        return lines

    def to_html(self) -> str:
        """Return the certificate as one HTML page that asks nothing of the network."""
        return page(_TITLE, self._repr_html_())

    def _about(self) -> str:
        within = "" if self.clusters is None else f" in {counted(self.clusters, 'cluster')}"
        found = f"From {counted(self.examples, 'example')}{within} ({self.sampling})."
        if self.priors is None:
            return found
        shares = ", ".join(f"{label} {share:.6g}" for label, share in self.priors.items())
        return f"{found} Shares of the classes: {shares}."


def _row(group: str | None, metric: str, found: Measurement | Comparison) -> tuple[str, ...]:
    estimate, bounds = shown(found, metric)
    method = f"{method_name(found.method)}, {found.guarantee}"
    name = "all examples" if group is None else group
    return name, metric, estimate, bounds, method, str(found.examples)


def _known(value: int | datetime | None) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    return "?" if value is None else str(value)


def _against(found: Comparison) -> str:
    """Return in words how the classifier, A, compares with the baseline, B."""
    if not found.told_apart:
        verdict = "Not told apart from the baseline"
    elif found.difference < 0:
        verdict = "Better than the baseline"
    else:
        verdict = "Worse than the baseline"
    parts = [f"{verdict} (p = {found.p_value:.3g}, {found.test}, {found.test_guarantee})"]
    if found.only_a is not None:
        wrong = f"wrong {found.only_b} times where these predictions are right"
        parts.append(f"it is {wrong}, and right {found.only_a} times where they are wrong")
    if found.error_b is not None and found.of_rates:
        parts.append(f"its error is {100 * found.error_b:.4g} %")
    return "; ".join(parts) + "."
