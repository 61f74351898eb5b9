"""What the experiment is run with; the defaults are the published setting."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self, SupportsIndex

from backproof._core.checks import open_unit, positive, whole_number
from backproof._core.errors import InputError
from backproof._core.results import Result
from backproof._core.seeds import check_seed

_MOST_HIDDEN = 100_000
_MOST_SEEDS = 10_000


@dataclass(frozen=True, kw_only=True)
class LabConfig(Result):
    """Settings of one run of the lab."""

    hidden: tuple[int, ...] = (5, 10, 100, 500)
    """Hidden sizes."""
    seeds: int = 16
    """Networks of each size, each with its own initial weights and its own training set."""
    seed: int = 0
    """The seed that every random draw follows from."""
    training_points: int = 200
    """Size of a training set."""
    steps: int = 1000
    """Gradient steps."""
    learning_rate: float = 0.1
    """Length of a gradient step."""
    check_steps: tuple[float, ...] = (1e-3, 1e-5)
    """Steps ε of the published gradient check."""
    sweep_directions: int = 8
    """Random directions behind each point of the sweep over ε."""
    margin: float = 0.01
    """Accepted deviation of the test error from the true error."""
    confidence: float = 0.99
    """Probability of keeping it."""
    examples: int = 1000
    """Size of each test set behind the sampling distribution."""
    sets: int = 10_000
    """Number of these test sets."""
    replicates: int = 10_000
    """Bootstrap replicates of one of them."""
    interval_confidence: float = 0.9
    """Confidence of the intervals whose coverage is counted."""

    def __post_init__(self) -> None:
        for size in self.hidden:
            whole_number("a hidden size", size, at_least=1, at_most=_MOST_HIDDEN)
        if not self.hidden or len(set(self.hidden)) < len(self.hidden):
            raise InputError(
                f"hidden sizes must be distinct, and one or more of them, got {list(self.hidden)}"
            )
        whole_number("seeds", self.seeds, at_least=1, at_most=_MOST_SEEDS)
        check_seed(self.seed)
        for name in ("training_points", "examples"):
            if whole_number(name, getattr(self, name), at_least=2) % 2:
                raise InputError(f"{name} must be even, half of each class")
        for name in ("steps", "sweep_directions", "sets", "replicates"):
            whole_number(name, getattr(self, name), at_least=1)
        for step in self.check_steps:
            positive("a check step", step)
        positive("learning_rate", self.learning_rate)
        for name in ("margin", "confidence", "interval_confidence"):
            open_unit(name, getattr(self, name))

    @classmethod
    def make(
        cls,
        *,
        hidden: Iterable[SupportsIndex] | None = None,
        seeds: SupportsIndex | None = None,
        seed: SupportsIndex = 0,
        quick: bool = False,
    ) -> Self:
        """Return a checked configuration.

        Parameters
        ----------
        hidden
            Hidden sizes, each at least 1 and none twice; ``None``: the published ones, or those up
            to 100 when `quick`.
        seeds
            Networks of each size, at least 1; ``None``: 16, or 2 when `quick`.
        seed
            Whole number of at least 0.
        quick
            A small configuration that shows every part in a few seconds.

        Raises
        ------
        InputError
            If a value is out of range.
        """
        default = cls()
        usual = (5, 10, 100) if quick else default.hidden
        sizes = tuple(
            whole_number("a hidden size", size, at_least=1)
            for size in (usual if hidden is None else hidden)
        )
        members = (2 if quick else default.seeds) if seeds is None else seeds
        config = cls(
            hidden=tuple(sorted(sizes)),
            seeds=whole_number("seeds", members, at_least=1),
            seed=check_seed(seed),
        )
        if quick:
            return dataclasses.replace(config, sweep_directions=2, sets=1000, replicates=2000)
        return config
