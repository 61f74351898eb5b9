"""What a certificate says, and how it reads."""

from dataclasses import dataclass

from backproof._core.numbers import counted
from backproof._core.results import Result
from backproof.risk.certificate_html import fragment, page
from backproof.risk.comparison import Comparison
from backproof.risk.metrics.labels import Label
from backproof.risk.metrics.measurement import Measurement
from backproof.risk.tables.sources import Source
from backproof.risk.wording import method_name, percent, quote, shown

_TITLE = "Certificate of the test error"
_AGAINST = "Against the baseline (A: these predictions, B: the baseline)"
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
    """The positive class, where one was named."""
    priors: dict[str, float] | None
    """Shares of the classes that the statements are about; ``None``: those of the test set's
    distribution."""
    clusters: int | None
    """Number of independent clusters; ``None``: the examples themselves are independent."""
    seed: int
    """Seed of every random draw."""
    backproof: str
    """Version of Backproof."""
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
        if any(one.group is not None for one in self.statements):
            # How many statements share the miss would be chance otherwise.
            found.append("the groups fixed beforehand, and examples of each")
        return tuple(dict.fromkeys(found))

    def __str__(self) -> str:
        lines = [self._quoted(one) for one in self.statements]
        if self.comparison is not None:
            lines.append(f"{_AGAINST}: {self.comparison}")
        if len(self.statements) + (self.comparison is not None) > 1:
            lines.insert(0, self.correction)
        lines += self._origin()
        return "\n".join(lines)

    def _quoted(self, one: Statement) -> str:
        found = one.measurement
        name = found.metric if one.group is None else f"{one.group}: {found.metric}"
        return quote(found, found.examples, name=name, sampling=self.sampling)

    def _repr_html_(self) -> str:
        rows = []
        for one in self.statements:
            found = one.measurement
            estimate, bounds = shown(found, found.metric)
            name = "all examples" if one.group is None else one.group
            method = f"{method_name(found.method)}, {found.guarantee}"
            rows.append((name, found.metric, estimate, bounds, method, str(found.examples)))
        return fragment(
            _TITLE,
            f"{self.correction} {self._about()}",
            ("examples", "metric", "estimate", "interval", "method", "m"),
            rows,
            (
                *([] if self.comparison is None else [f"{_AGAINST}: {self.comparison}"]),
                *(f"Assumes {one}." for one in self.assumptions),
                *(f"{line}." for line in self._origin()),
                *_files((*self.sources, *self.baseline)),
                f"Backproof {self.backproof}.",
            ),
        )

    def _origin(self) -> list[str]:
        """Return in words what was counted, and what was left out."""
        lines = [f"From {source}" for source in self.sources]
        lines += [f"B: from {source}" for source in self.baseline]
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


def _files(sources: tuple[Source, ...]) -> list[str]:
    """Return a line for each of the files that were counted, up to a number."""
    files = [file for source in sources for file in source.files]
    lines = [
        f"{file.path}: {'?' if file.rows is None else file.rows} rows, "
        f"{'?' if file.bytes is None else file.bytes} bytes."
        for file in files[:_MOST_FILES]
    ]
    more = len(files) - len(lines)
    return [*lines, f"And {more} more files."] if more else lines
