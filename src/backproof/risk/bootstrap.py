"""The bootstrap of an error rate, drawn in the space of counts."""

from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np

from backproof._core import seeds
from backproof._core.checks import whole_number
from backproof._core.results import Result
from backproof.risk.counts import checked_counts


@dataclass(frozen=True, kw_only=True)
class Bootstrap(Result):
    """Replicates of a test error."""

    errors: tuple[int, ...]
    """Number of errors in each replicate."""
    examples: int
    """Examples in a replicate, as many as in the test set."""
    observed: int
    """Number of errors in the test set."""
    seed: int
    """Seed of the draws."""

    @property
    def mean(self) -> float:
        """Mean error rate of the replicates."""
        return float(np.mean(self.errors)) / self.examples

    def __str__(self) -> str:
        return (
            f"{len(self.errors)} replicates of {self.observed}/{self.examples}: "
            f"mean {self.mean:.4%}"
        )


def bootstrap(
    errors: SupportsIndex,
    examples: SupportsIndex,
    *,
    replicates: SupportsIndex = 10_000,
    seed: SupportsIndex = 0,
) -> Bootstrap:
    """Resample a test set with replacement, as often as asked.

    Drawing m examples with replacement from m of which k are errors gives Binomial(m, k/m)
    errors, so that count is drawn at once; the cost does not depend on m.

    Parameters
    ----------
    errors, examples
        Number of errors in the test set, and its size.
    replicates
        Number of resampled test sets, at least 1.
    seed
        Seed of the draws.

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    k, m = checked_counts(errors, examples)
    count = whole_number("replicates", replicates, at_least=1)
    draws = seeds.generator(seed, "risk.bootstrap").binomial(m, k / m, size=count)
    return Bootstrap(
        errors=tuple(draws.tolist()), examples=m, observed=k, seed=seeds.check_seed(seed)
    )
