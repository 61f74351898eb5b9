"""The outcome of ranking models."""

from dataclasses import dataclass

from backproof._core.numbers import counted
from backproof._core.results import Result


@dataclass(frozen=True, kw_only=True)
class RankedModel(Result):
    """One model among the others."""

    name: str
    """Its name."""
    error: float
    """Its error on the examples, or its mean over clusters."""
    lower: float
    """Lower end of its interval; the intervals of all models cover at once."""
    upper: float
    """Upper end."""
    best_rank: int
    """One more than the number of models that are told apart from it and better."""
    worst_rank: int
    """The number of models, less those that are told apart from it and worse."""


@dataclass(frozen=True, kw_only=True)
class RankedPair(Result):
    """Two models and whether they are told apart."""

    a: str
    """The model with the smaller error, or that was given first."""
    b: str
    """The other one."""
    difference: float
    """Error of a minus error of b, never positive."""
    p_value: float
    """Two-sided p-value of their true errors being equal, for this pair alone."""
    adjusted: float
    """The p-value after Holm's correction for all pairs."""
    told_apart: bool
    """Whether the adjusted p-value is at most one minus the confidence."""


@dataclass(frozen=True, kw_only=True)
class Ranking(Result):
    """Models in order of their errors, with what the examples say about that order."""

    models: tuple[RankedModel, ...]
    """The models, the smallest error first; equal ones in the order given."""
    groups: tuple[tuple[str, ...], ...]
    """The longest runs of models no two of which are told apart; they may overlap."""
    pairs: tuple[RankedPair, ...]
    """Every pair."""
    examples: int
    """Number of examples, seen by every model."""
    clusters: int | None
    """Number of clusters, the units of the comparison; ``None`` where the examples are."""
    confidence: float
    """Probability that every pair told apart, and so every range of ranks, is right; and, apart
    from that, probability that every interval covers."""
    joint_confidence: float
    """Probability of both at once, at least; 0 where nothing can be said."""
    method: str
    """How the intervals were made."""
    test: str
    """How the p-values were made."""
    assumptions: str
    """What the examples must be for that."""
    source: str
    """Where the correction comes from."""
    seed: int | None
    """Seed of the order in which losses were taken; ``None`` where nothing was drawn."""

    @property
    def of_rates(self) -> bool:
        """Whether errors are shares of examples; not losses in a range, nor means over clusters."""
        return self.seed is None

    def __str__(self) -> str:
        rows = [("model", "error", "interval", "ranks", "groups"), *map(self._row, self.models)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return "\n".join((*lines, *self._notes()))

    def _notes(self) -> tuple[str, ...]:
        size = counted(self.examples, "example")
        if self.clusters is not None:
            size += f" in {counted(self.clusters, 'cluster')}, each counted once"
        groups = (
            "Models that share a letter stand in a run no two of which are told apart: "
            f"{self.test}, Holm's correction."
        )
        claims = (
            f"All ranks hold together with confidence {self.confidence:g}, and so do all intervals "
            f"({self.method}); both at once with {self.joint_confidence:g}."
        )
        return f"{size}, seen by every model.", groups, claims, f"Assumes {self.assumptions}."

    def _row(self, model: RankedModel) -> tuple[str, ...]:
        ranks = f"{model.best_rank}" + (
            f"-{model.worst_rank}" if model.worst_rank > model.best_rank else ""
        )
        letters = [_letters(i) for i, group in enumerate(self.groups) if model.name in group]
        style = ".4%" if self.of_rates else ".6g"
        error, lower, upper = (format(x, style) for x in (model.error, model.lower, model.upper))
        return (
            model.name,
            error,
            f"{lower} to {upper}",
            ranks,
            " ".join(letters),
        )


def _letters(index: int) -> str:
    """Return the letters of a column: a, b, …, z, aa, ab and so on."""
    letters = ""
    while index >= 0:
        letters = chr(ord("a") + index % 26) + letters
        index = index // 26 - 1
    return letters
