"""Two models compared from their numbers of errors."""

from typing import Any, SupportsIndex

import numpy as np

from backproof._core.checks import open_unit, whole_number
from backproof._core.errors import InputError
from backproof.risk.comparison import Comparison
from backproof.risk.counts import checked_counts, checked_examples
from backproof.risk.mcnemar import mcnemar_p_value
from backproof.risk.tails import paired_difference_bounds, rate_difference_bounds

_CLOPPER_PEARSON = "Clopper and Pearson (1934), Biometrika 26, 404-413"
_FISHER = "Fisher (1932), Statistical Methods for Research Workers, section 21.1"
_MCNEMAR = "McNemar (1947), Psychometrika 12, 153-157"
_LANCASTER = "Lancaster (1961), J. Amer. Statist. Assoc. 56, 223-234"
_TEST_OF_RATES = "Fisher (1935), J. Roy. Statist. Soc. 98, 39-82"
# SciPy multiplies two counts of the table in 64 bits.
_MOST_OF_RATES = 2**31

APART = "independent examples, of one distribution in both test sets, which share none"
"""What unpaired examples must be."""


def compare_counts(
    only_a: SupportsIndex,
    only_b: SupportsIndex,
    examples: SupportsIndex,
    *,
    confidence: float = 0.95,
    test: str = "exact",
) -> Comparison:
    """Compare the true errors of two models that saw the same examples, from the discordant ones.

    The test is McNemar's. The interval combines tail probabilities of the share of discordant pairs
    and of their split (`backproof.risk.tails`). It excludes 0 only if the exact p-value is at most
    1 - confidence; for p-values within about a twentieth below that it still holds 0.

    Parameters
    ----------
    only_a, only_b
        Number of examples on which a alone, and b alone, is wrong.
    examples
        Number of examples, 1 to 2**53.
    confidence
        Probability of covering, in (0, 1).
    test
        ``exact``, or ``mid-p``, which is smaller but has no guarantee.

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    miss = 1 - open_unit("confidence", confidence)
    m = checked_examples(examples)
    b = whole_number("only_a", only_a, at_least=0)
    c = whole_number("only_b", only_b, at_least=0)
    if b + c > m:
        raise InputError(
            f"only_a and only_b must be at most the number of examples {m} together, got {b + c}"
        )
    lower, upper = paired_difference_bounds(b, c, m, miss / 2)
    p_value = mcnemar_p_value(b, c, test)
    return made(
        difference=(b - c) / m,
        bounds=(lower, upper),
        p_value=p_value,
        examples=(m, m),
        only=(b, c),
        paired=True,
        confidence=confidence,
        method="combined exact tails",
        test="exact McNemar" if test == "exact" else "mid-p McNemar",
        test_guarantee="finite-sample" if test == "exact" else "asymptotic",
        assumptions="independent examples of one distribution, seen by both models",
        source="; ".join(
            (_MCNEMAR, *([_LANCASTER] if test == "mid-p" else []), _CLOPPER_PEARSON, _FISHER)
        ),
    )


def compare_rates(
    errors_a: SupportsIndex,
    examples_a: SupportsIndex,
    errors_b: SupportsIndex,
    examples_b: SupportsIndex,
    *,
    confidence: float = 0.95,
) -> Comparison:
    """Compare the true errors of two models that saw different examples, from their errors.

    The test is Fisher's exact one. The interval combines the two binomial tail probabilities
    (`backproof.risk.tails`); near the level of the test the two may disagree.

    Parameters
    ----------
    errors_a, errors_b
        Number of errors of each model.
    examples_a, examples_b
        Number of independent test examples of each model, 1 to 2**31.
    confidence
        Probability of covering, in (0, 1).

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    miss = 1 - open_unit("confidence", confidence)
    k, m = _counts_of("a", errors_a, examples_a)
    j, n = _counts_of("b", errors_b, examples_b)
    return made(
        errors=(k / m, j / n),
        difference=k / m - j / n,
        bounds=rate_difference_bounds(k, m, j, n, miss / 2),
        p_value=_fisher_p_value(k, m, j, n),
        examples=(m, n),
        paired=False,
        confidence=confidence,
        method="combined exact tails",
        test="Fisher's exact test",
        assumptions=APART,
        source=f"{_TEST_OF_RATES}; {_CLOPPER_PEARSON}; {_FISHER}",
    )


def _counts_of(model: str, errors: SupportsIndex, examples: SupportsIndex) -> tuple[int, int]:
    try:
        k, m = checked_counts(errors, examples)
    except InputError as error:
        raise InputError(f"{model}: {error}") from None
    if m > _MOST_OF_RATES:
        raise InputError(
            f"{model}: Fisher's test is for at most {_MOST_OF_RATES} examples a model, got {m}: "
            "compare the two intervals of risk.interval"
        )
    return k, m


def _fisher_p_value(k: int, m: int, j: int, n: int) -> float:
    from scipy.stats import fisher_exact  # costs half a second to import

    table = np.array([[k, m - k], [j, n - j]], dtype=np.int64)
    return min(float(fisher_exact(table).pvalue), 1.0)


def made(
    *,
    errors: tuple[float | None, float | None] = (None, None),
    bounds: tuple[float, float],
    examples: tuple[int, int],
    only: tuple[int | None, int | None] = (None, None),
    confidence: float,
    **rest: Any,
) -> Comparison:
    """Return a comparison from fields that belong together, with the usual ones filled in."""
    fields: dict[str, Any] = {
        "clusters": None,
        "guarantee": "finite-sample",
        "test_guarantee": "finite-sample",
        "seed": None,
    }
    return Comparison(
        error_a=errors[0],
        error_b=errors[1],
        lower=float(bounds[0]),
        upper=float(bounds[1]),
        examples=examples[0],
        examples_b=examples[1],
        only_a=only[0],
        only_b=only[1],
        confidence=float(confidence),
        **(fields | rest),
    )
