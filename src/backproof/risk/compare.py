"""Two models compared: a guaranteed interval for the difference of their errors, and a test."""

from dataclasses import replace
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from backproof._core.checks import one_of, open_unit
from backproof._core.errors import InputError
from backproof._core.seeds import check_seed
from backproof.risk.compare_counts import APART, compare_counts, compare_rates, made
from backproof.risk.comparison import Comparison
from backproof.risk.losses import checked_range
from backproof.risk.mcnemar import MCNEMAR_TESTS
from backproof.risk.mean import mean_interval
from backproof.risk.samples import Array, are_errors, check_pairing, cluster_means, losses_of
from backproof.risk.wagers import equal_means_p_value, zero_mean_p_value

_BETTING = "Waudby-Smith and Ramdas (2024), J. R. Statist. Soc. B 86, 1-27"


def compare(
    a: ArrayLike,
    b: ArrayLike,
    *,
    y_true: ArrayLike | None = None,
    paired: bool = True,
    clusters: ArrayLike | None = None,
    confidence: float = 0.95,
    test: str = "exact",
    low: float = 0.0,
    high: float = 1.0,
    seed: SupportsIndex = 0,
) -> Comparison:
    """Compare the true errors of two models, from their errors on test examples.

    Errors of 0 and 1 are compared as by `compare_counts` or, where unpaired, `compare_rates`; any
    other losses, and clusters, by betting, with a p-value that agrees with the interval: it is at
    most 1 - confidence where the interval excludes 0.

    Parameters
    ----------
    a, b
        Errors of the two models, one an example, shape (n,): 0 or 1, or losses in [low, high]; or
        predictions, where `y_true` is given. Paired, they are about the same examples, in the same
        order.
    y_true
        True labels of the examples, shape (n,).
    paired
        Whether both models saw the same examples. If not, the lengths may differ.
    clusters
        Keys of the clusters that the examples belong to, shape (n,), where only clusters are
        independent. The difference is then that of the means over clusters of their mean losses:
        each cluster counts once, however many examples it has.
    confidence
        Probability of covering, in (0, 1).
    test
        For paired errors ``exact``, or ``mid-p``, which is smaller but has no guarantee.
    low, high
        The smallest and the largest loss that are possible, whether or not they occur.
    seed
        Seed of the order in which losses are bet on. Choose it before looking.

    Raises
    ------
    InputError
        If an argument cannot be used.
    """
    one_of("test", test, MCNEMAR_TESTS)
    open_unit("confidence", confidence)
    low, high = checked_range(low, high)
    seed = check_seed(seed)
    if not paired and (y_true is not None or clusters is not None):
        given = "y_true" if y_true is not None else "clusters"
        raise InputError(
            f"{given} belongs to examples that both models saw, got it with paired=False: leave "
            "it out and give the errors of each model on its own examples"
        )
    losses = losses_of({"a": a, "b": b}, y_true, low, high)
    if paired:
        check_pairing(losses, "for different examples there is paired=False")
    x, y = losses["a"], losses["b"]
    flags = clusters is None and all(are_errors(each, low, high) for each in (x, y))
    if test != "exact" and not (flags and paired):
        raise InputError(
            "test='mid-p' is a variant of McNemar's test, which is for paired errors of 0 and 1 "
            "without clusters: leave it out for other losses, clusters or unpaired errors"
        )
    if paired and flags:
        return _paired_errors(x, y, confidence, test)
    if paired:
        return _paired_losses(losses, clusters, (low, high), confidence, seed)
    if flags:
        return compare_rates(int(x.sum()), len(x), int(y.sum()), len(y), confidence=confidence)
    return _unpaired_losses(x, y, (low, high), confidence, seed)


def _paired_errors(x: Array, y: Array, confidence: float, test: str) -> Comparison:
    found = compare_counts(
        int((x > y).sum()), int((y > x).sum()), len(x), confidence=confidence, test=test
    )
    return replace(found, error_a=float(x.mean()), error_b=float(y.mean()))


def _paired_losses(
    losses: dict[str, Array],
    clusters: ArrayLike | None,
    ends: tuple[float, float],
    confidence: float,
    seed: int,
) -> Comparison:
    examples = len(losses["a"])
    units = losses if clusters is None else cluster_means(losses, clusters)
    width = ends[1] - ends[0]
    differences = np.clip(units["a"] - units["b"], -width, width)
    # The order of the bets depends on the sign, and exchanging the models should only change that
    # of the result. Given the values, the order is random whichever sign they choose.
    sign = -1.0 if differences.mean() < 0 else 1.0
    found = mean_interval(sign * differences, confidence, low=-width, high=width, seed=seed)
    lower, upper = sorted((sign * found.lower, sign * found.upper))
    unit = "examples" if clusters is None else "clusters"
    return made(
        errors=(float(units["a"].mean()), float(units["b"].mean())),
        difference=sign * found.estimate,
        bounds=(lower, upper),
        p_value=zero_mean_p_value(differences, width, (1 - confidence) / 2, seed),
        examples=(examples, examples),
        clusters=None if clusters is None else len(differences),
        paired=True,
        confidence=confidence,
        method=found.method,
        test="betting",
        assumptions=(
            f"independent {unit} of one distribution, their number fixed beforehand, seen by both "
            "models; losses in the given range"
        ),
        source=found.source,
        seed=seed,
    )


def _unpaired_losses(
    x: Array, y: Array, ends: tuple[float, float], confidence: float, seed: int
) -> Comparison:
    # Each end misses where one of two independent bounds does: 1 - (1 - tail)² is half the miss.
    tail = -np.expm1(0.5 * np.log1p(-(1 - confidence) / 2))
    low, high = ends
    of_a, of_b = (
        mean_interval(each, 1 - 2 * tail, low=low, high=high, seed=seed) for each in (x, y)
    )
    return made(
        errors=(of_a.estimate, of_b.estimate),
        difference=of_a.estimate - of_b.estimate,
        bounds=(of_a.lower - of_b.upper, of_a.upper - of_b.lower),
        p_value=equal_means_p_value(x, y, low, high, float(tail), seed),
        examples=(len(x), len(y)),
        paired=False,
        confidence=confidence,
        method=of_a.method,
        test="betting",
        assumptions=f"{APART}, their numbers fixed beforehand; losses in the given range",
        source=_BETTING,
        seed=seed,
    )
