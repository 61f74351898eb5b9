"""The outcome of a comparison of two models."""

from dataclasses import dataclass

from backproof._core.numbers import counted
from backproof._core.results import Result
from backproof.risk.methods.method import Guarantee, Side


@dataclass(frozen=True, kw_only=True)
class Comparison(Result):
    """Two models compared: the difference of their true errors, and whether it is 0."""

    error_a: float | None
    """Error of a on its examples; ``None`` where only the discordant pairs are known."""
    error_b: float | None
    """Error of b on its examples, as before."""
    difference: float
    """Error of a minus that of b; positive where a is worse."""
    lower: float
    """Lower end of the interval for the difference of the true errors."""
    upper: float
    """Upper end."""
    p_value: float
    """Two-sided p-value of the true errors being equal."""
    examples: int
    """Number of examples of a; for pairs, of both."""
    examples_b: int
    """Number of examples of b."""
    clusters: int | None
    """Number of clusters, the units of the comparison; ``None`` where the examples are."""
    only_a: int | None
    """Examples on which a alone is wrong; ``None`` unless errors were paired."""
    only_b: int | None
    """Examples on which b alone is wrong, as before."""
    paired: bool
    """Whether both models saw the same examples."""
    confidence: float
    """Nominal probability of covering; the p-value is held against one minus it."""
    method: str
    """How the interval was made."""
    test: str
    """How the p-value was made."""
    guarantee: Guarantee
    """What the interval guarantees: ``finite-sample`` or ``asymptotic``."""
    test_guarantee: Guarantee
    """What the test guarantees: ``finite-sample``: a p-value at most α with probability at most α
    where the true errors are equal; ``asymptotic``: that only in the limit of many examples."""
    assumptions: str
    """What the examples must be for that."""
    source: str
    """Where the methods come from."""
    seed: int | None
    """Seed of the order in which losses were taken; ``None`` where nothing was drawn."""

    @property
    def told_apart(self) -> bool:
        """Whether the test finds the true errors different, at the given confidence."""
        return self.p_value <= 1 - self.confidence

    @property
    def conclusion(self) -> str:
        """The outcome of the test in words."""
        level = f"at confidence {self.confidence:g}"
        if not self.told_apart:
            return f"A and B are not told apart {level}"
        return f"{'A' if self.difference < 0 else 'B'} has the smaller error {level}"

    def __str__(self) -> str:
        return "\n".join(
            (
                f"{self.conclusion} (p = {self.p_value:.4g}).",
                self._interval(),
                self._data(),
                self._methods(),
                f"Assumes {self.assumptions}.",
            )
        )

    @property
    def estimate(self) -> float:
        """The difference on the examples, as that of an interval."""
        return self.difference

    @property
    def side(self) -> Side:
        """Which ends the interval has: both."""
        return "two-sided"

    @property
    def of_rates(self) -> bool:
        """Whether errors are shares of examples; not losses in a range, nor means over clusters."""
        return self.seed is None

    @property
    def _digits(self) -> str:
        return ".4%" if self.of_rates else ".6g"

    def _interval(self) -> str:
        low, middle, high = (
            format(x, f"+{self._digits}") for x in (self.lower, self.difference, self.upper)
        )
        return (
            f"Error of A minus error of B: {middle} ({self.confidence:.6g} interval {low} to "
            f"{high})."
        )

    def _methods(self) -> str:
        return (
            f"Interval: {self.method}, {self.guarantee}. Test: {self.test}, {self.test_guarantee}."
        )

    def _data(self) -> str:
        parts = []
        if self.error_a is not None and self.error_b is not None:
            a, b = (format(x, self._digits) for x in (self.error_a, self.error_b))
            parts.append(f"A {a}, B {b}")
        if self.only_a is not None:
            parts.append(f"A alone wrong on {self.only_a}, B alone on {self.only_b}")
        if self.paired:
            size = f"{counted(self.examples, 'example')} seen by both"
        else:
            size = f"{counted(self.examples, 'example')} of A and {self.examples_b} of B"
        if self.clusters is not None:
            size += f" in {counted(self.clusters, 'cluster')}, each counted once"
        return "; ".join((*parts, size)) + "."
