"""Many models on the same examples: which of them are told apart, and what ranks remain."""

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backproof._core.checks import open_unit
from backproof._core.errors import InputError
from backproof._core.seeds import check_seed
from backproof.risk.interval import interval
from backproof.risk.losses import checked_range
from backproof.risk.mcnemar import mcnemar_p_value
from backproof.risk.mean import mean_interval
from backproof.risk.ranking import RankedModel, RankedPair, Ranking
from backproof.risk.samples import Array, are_errors, check_pairing, cluster_means, losses_of
from backproof.risk.wagers import zero_mean_p_value

_HOLM = "Holm (1979), Scand. J. Statist. 6, 65-70"
_Pair = tuple[str, str]


def rank(
    models: Mapping[str, ArrayLike],
    *,
    y_true: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    confidence: float = 0.95,
    low: float = 0.0,
    high: float = 1.0,
    seed: SupportsIndex = 0,
) -> Ranking:
    """Rank models by their errors on the same examples, and say which of them are told apart.

    Every pair is tested as in `backproof.risk.compare`: by the exact test of McNemar where all
    errors are 0 or 1, else by betting. Holm's correction makes the probability of telling apart
    any two models of equal true error at most 1 - confidence, whatever the other models are. The
    intervals share the miss equally, so all of them cover at once with probability `confidence`.

    Parameters
    ----------
    models
        From names to errors, one an example, each of shape (n,): 0 or 1, or losses in [low, high];
        or to predictions, where `y_true` is given. At least two.
    y_true
        True labels of the examples, shape (n,).
    clusters
        Keys of the clusters of the examples, shape (n,); each cluster counts once.
    confidence
        In (0, 1).
    low, high
        The smallest and the largest loss that are possible, whether or not they occur.
    seed
        Seed of the order in which losses are bet on. Choose it before looking.

    Raises
    ------
    InputError
        If an argument cannot be used.
    """
    miss = 1 - open_unit("confidence", confidence)
    low, high = checked_range(low, high)
    seed = check_seed(seed)
    losses = losses_of(_checked_names(models), y_true, low, high)
    examples = check_pairing(losses, "rank models on the examples that all of them saw")
    flags = clusters is None and all(are_errors(x, low, high) for x in losses.values())
    units = losses if clusters is None else cluster_means(losses, clusters)
    errors = {name: float(x.mean()) for name, x in units.items()}
    order = sorted(errors, key=lambda name: errors[name])  # stable
    tests = list(combinations(order, 2))
    # The bets are tuned to the level at which Holm's correction begins.
    tail = miss / (2 * len(tests))
    p_value = _mcnemar if flags else _betting(low, high, tail, seed)
    pairs = _pairs(tests, errors, [p_value(units[a], units[b]) for a, b in tests], miss)
    apart = {(pair.a, pair.b) for pair in pairs if pair.told_apart}
    share = 1 - miss / len(order)
    bounds = {name: _bounds(x, flags, share, (low, high), seed) for name, x in units.items()}
    unit = "examples" if clusters is None else "clusters"
    return Ranking(
        models=tuple(_ranked(name, errors[name], bounds[name], order, apart) for name in order),
        groups=tuple(_groups(order, apart)),
        pairs=pairs,
        examples=examples,
        clusters=None if clusters is None else len(next(iter(units.values()))),
        confidence=float(confidence),
        joint_confidence=max(0.0, 2 * float(confidence) - 1),
        method="clopper-pearson" if flags else "betting",
        test="exact McNemar" if flags else "betting",
        assumptions=f"independent {unit} of one distribution, seen by every model",
        source=_HOLM,
        seed=None if flags else seed,
    )


def holm_adjusted(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return the p-values, shape (n,), after the correction of Holm (1979), in the same order.

    Those at most α make up a set in which a true hypothesis is found with probability at most α.
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def _checked_names(models: Mapping[str, ArrayLike]) -> dict[str, ArrayLike]:
    if not isinstance(models, Mapping):
        raise InputError(
            f"models must be a mapping from names to errors, got a {type(models).__name__}: give "
            "a dictionary"
        )
    names = [str(name) for name in models]
    if len(names) < 2:
        raise InputError(
            f"a ranking needs at least two models, got {len(names)}: for one model there is "
            "risk.interval"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"every model needs a name of its own, got {', '.join(twice)} twice")
    return dict(zip(names, models.values(), strict=True))


def _mcnemar(x: Array, y: Array) -> float:
    return mcnemar_p_value(int((x > y).sum()), int((y > x).sum()))


def _betting(low: float, high: float, tail: float, seed: int) -> Callable[[Array, Array], float]:
    width = high - low

    def p_value(x: Array, y: Array) -> float:
        differences = np.clip(x - y, -width, width)
        return zero_mean_p_value(differences, width, tail, seed)

    return p_value


def _pairs(
    tests: list[_Pair], errors: dict[str, float], p_values: list[float], miss: float
) -> tuple[RankedPair, ...]:
    return tuple(
        RankedPair(
            a=a,
            b=b,
            difference=errors[a] - errors[b],
            p_value=p,
            adjusted=float(adjusted),
            told_apart=bool(adjusted <= miss),
        )
        for (a, b), p, adjusted in zip(tests, p_values, holm_adjusted(p_values), strict=True)
    )


def _bounds(
    x: Array, flags: bool, confidence: float, ends: tuple[float, float], seed: int
) -> tuple[float, float]:
    if flags:
        exact = interval(int(x.sum()), len(x), confidence)
        return exact.lower, exact.upper
    found = mean_interval(x, confidence, low=ends[0], high=ends[1], seed=seed)
    return found.lower, found.upper


def _ranked(
    name: str, error: float, bounds: tuple[float, float], order: list[str], apart: set[_Pair]
) -> RankedModel:
    better = sum((other, name) in apart for other in order)
    worse = sum((name, other) in apart for other in order)
    return RankedModel(
        name=name,
        error=error,
        lower=bounds[0],
        upper=bounds[1],
        best_rank=1 + better,
        worst_rank=len(order) - worse,
    )


def _groups(order: list[str], apart: set[_Pair]) -> list[tuple[str, ...]]:
    """Return the runs of the order that hold no pair told apart and are part of no longer one."""
    runs: list[tuple[str, ...]] = []
    end = 0
    for start in range(len(order)):
        reached = max(end, start + 1)
        while reached < len(order) and not any(
            (other, order[reached]) in apart for other in order[start:reached]
        ):
            reached += 1
        if reached > end:
            runs.append(tuple(order[start:reached]))
            end = reached
    return runs
