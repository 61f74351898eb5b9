"""The exact law of the number of errors on a test set."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backproof._core.checks import rate, whole_number
from backproof._core.errors import InputError
from backproof._core.results import Result
from backproof.risk.binomial import probabilities


@dataclass(frozen=True, kw_only=True)
class SamplingLaw(Result):
    """The law of the number of errors on a test set with fixed class counts."""

    probabilities: tuple[float, ...]
    """Probability of 0, 1, …, m errors."""

    @property
    def examples(self) -> int:
        """Size m of the test set."""
        return len(self.probabilities) - 1

    @property
    def mean(self) -> float:
        """Expected test error, a rate."""
        return float(np.arange(self.examples + 1) @ self.probabilities) / self.examples

    @property
    def standard_deviation(self) -> float:
        """Standard deviation of the test error, a rate."""
        rates = np.arange(self.examples + 1) / self.examples
        return float(np.sqrt((rates - self.mean) ** 2 @ self.probabilities))

    def __str__(self) -> str:
        return (
            f"test error of {self.examples} examples: {self.mean:.4%} ± "
            f"{self.standard_deviation:.4%} (standard deviation)"
        )


def sampling_law(class_errors: Sequence[float], counts: Sequence[int]) -> SamplingLaw:
    """Return the law of the number of errors among examples drawn class by class.

    The errors among the examples of one class are binomial in that class's error rate, and the
    classes are independent: the law is the convolution of the binomials.

    Parameters
    ----------
    class_errors
        Error rate within each class, in [0, 1].
    counts
        Number of test examples of each class, at least 0 and 1 in all.

    Raises
    ------
    InputError
        If an argument is out of range or the lengths differ.
    """
    rates = [rate("an error rate", value) for value in class_errors]
    sizes = [whole_number("counts", count, at_least=0) for count in counts]
    if len(rates) != len(sizes) or sum(sizes) == 0:
        raise InputError(
            f"expected one count for each of {len(rates)} error rates, and at least one example; "
            f"got {sizes}"
        )
    law, first = np.ones(1), 0
    for error, size in zip(rates, sizes, strict=True):
        every = probabilities(size, error)
        possible = np.flatnonzero(every)  # of many examples most counts have probability 0
        law = np.convolve(law, every[possible[0] : possible[-1] + 1])
        first += int(possible[0])
    whole = np.zeros(sum(sizes) + 1)
    whole[first : first + len(law)] = law
    return SamplingLaw(probabilities=tuple(whole.tolist()))
