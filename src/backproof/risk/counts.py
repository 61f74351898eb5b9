"""The pair of numbers behind most of this job: errors among examples."""

from typing import SupportsIndex

from backproof._core.checks import whole_number
from backproof._core.errors import InputError

_MOST_EXAMPLES = 2**53  # whole numbers that a float64 holds exactly


def checked_counts(errors: SupportsIndex, examples: SupportsIndex) -> tuple[int, int]:
    """Return errors k and examples m as ``int``, with 0 <= k <= m and m >= 1.

    Raises
    ------
    InputError
        If they are not.
    """
    m = whole_number("examples", examples, at_least=1)
    if m > _MOST_EXAMPLES:
        raise InputError(f"examples must be at most {_MOST_EXAMPLES}, got a larger number")
    k = whole_number("errors", errors, at_least=0)
    if k > m:
        raise InputError(f"errors must be at most the number of examples {m}, got {k}")
    return k, m
