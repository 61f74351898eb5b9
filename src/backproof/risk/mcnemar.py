"""McNemar's test of equal errors, from the examples on which exactly one of two models errs."""

from typing import SupportsIndex

from backproof._core.checks import one_of, whole_number
from backproof._core.errors import InputError
from backproof.risk.binomial import at_most, probability
from backproof.risk.counts import MOST_EXAMPLES

MCNEMAR_TESTS = ("exact", "mid-p")
"""The variants of the test; only ``exact`` has a guarantee."""


def mcnemar_p_value(only_a: SupportsIndex, only_b: SupportsIndex, test: str = "exact") -> float:
    """Return the two-sided p-value of McNemar's test.

    Where both models err equally often, an example on which exactly one of them is wrong is as
    likely to be wrong for a as for b; so given their number n, those of a are Binomial(n, 1/2).

    Parameters
    ----------
    only_a, only_b
        Number of examples on which a alone, and b alone, is wrong; at most 2**53 together.
    test
        ``exact``: min(1, 2 P(K <= min)), never too small, whatever the number of examples.
        ``mid-p``: counts the observed number half, 2 P(K < min) + P(K = min) (Lancaster, 1961, J.
        Amer. Statist. Assoc. 56, 223-234); smaller, and right only in the limit of many pairs.

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    one_of("test", test, MCNEMAR_TESTS)
    b = whole_number("only_a", only_a, at_least=0)
    c = whole_number("only_b", only_b, at_least=0)
    n, fewer = b + c, min(b, c)
    if n > MOST_EXAMPLES:
        raise InputError(f"only_a and only_b must be at most {MOST_EXAMPLES} together, got {n}")
    if n == 0:
        return 1.0
    p = 2 * float(at_most(fewer, n, 0.5))
    if test == "mid-p":
        p -= float(probability(fewer, n, 0.5))
    return min(p, 1.0)
