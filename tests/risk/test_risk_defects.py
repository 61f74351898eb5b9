"""What goes wrong elsewhere, each as a test that it does not go wrong here."""

import tracemalloc
from importlib import metadata
from math import comb, isfinite

import numpy as np
import pytest
from packaging.requirements import Requirement
from scipy import stats

from backproof import risk


def test_an_upper_bound_by_betting_misses_no_more_than_it_may() -> None:
    # MAPIE 1.6 adds the running maxima of two halves of the losses, which is no martingale, and
    # misses in 23 % of such sets where 10 % are allowed.
    rng = np.random.default_rng(0)
    sets = (rng.random((3000, 100)) < 0.1).astype(float)
    uppers = [risk.mean_interval(x, 0.9, side="upper", seed=s).upper for s, x in enumerate(sets)]
    misses = int((np.array(uppers) < 0.1).sum())
    assert stats.binomtest(misses, 3000, 0.1, alternative="greater").pvalue > 1e-3
    assert misses > 60  # it is not idle either


@pytest.mark.parametrize("method", sorted(risk.MEAN_METHODS))
def test_sorted_losses_give_no_empty_interval(method: str) -> None:
    # confseq returns lower .036 above upper .005 for these.
    losses = np.repeat([0.0, 1.0], [900, 100])
    found = risk.mean_interval(losses, method=method)
    assert found.lower < 0.1 < found.upper
    assert found == risk.mean_interval(losses[::-1], method=method)


def test_every_requirement_can_be_read() -> None:
    # confidence-planner 0.1.3 cannot be installed: one of its requirements is malformed.
    requirements = metadata.requires("backproof") or []
    names = {Requirement(text).name for text in requirements}
    assert {"numpy", "scipy", "torch"} <= names


@pytest.mark.parametrize("method", ["percentile", "basic", "bca"])
def test_a_bootstraps_memory_does_not_grow_with_the_test_set(method: str) -> None:
    # confidenceinterval's BCa takes 2.4 GB for 10 000 examples, and its square for more.
    tracemalloc.start()
    try:
        risk.bootstrap((10**11, 9 * 10**11)).interval(method=method)  # type: ignore[arg-type]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20e6


def test_resampling_does_not_depend_on_how_the_examples_were_batched() -> None:
    # torchmetrics resamples within each batch.
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 999)
    predicted = np.where(rng.random(999) < 0.2, (truth + 1) % 3, truth)
    labels = (0, 1, 2)
    whole = risk.bootstrap(risk.confusion(truth, predicted), "macro-f1")
    for size in (1, 37, 500):
        parts = [
            risk.confusion(truth[i : i + size], predicted[i : i + size], labels=labels)
            for i in range(0, 999, size)
        ]
        merged = parts[0]
        for part in parts[1:]:
            merged = merged + part
        assert risk.bootstrap(merged, "macro-f1") == whole


@pytest.mark.parametrize("errors", [0, 1000])
@pytest.mark.parametrize("method", sorted(risk.METHODS))
def test_no_errors_and_only_errors_have_intervals(method: str, errors: int) -> None:
    # SciPy's BCa gives NaN there; its percentiles give [0, 0], without a word of warning.
    found = risk.interval(errors, 1000, method=method)
    assert isfinite(found.lower)
    assert isfinite(found.upper)
    assert found.upper > found.lower or found.guarantee == "asymptotic"
    drawn = risk.bootstrap((errors, 1000 - errors)).interval(method="bca")
    assert drawn.lower == drawn.upper == errors / 1000
    assert drawn.guarantee == "asymptotic"


def test_the_default_interval_says_something_at_no_errors() -> None:
    assert risk.interval(0, 1000).upper == pytest.approx(1 - 0.025 ** (1 / 1000), rel=1e-12)
    measured = risk.certify([1] * 500 + [0] * 500, [1] * 500 + [0] * 500, metrics=("error", "f1"))
    assert all(one.measurement.upper > one.measurement.lower for one in measured.statements)


@pytest.mark.parametrize("m", [30, 50, 58])
@pytest.mark.parametrize("method", ["blaker", "clopper-pearson"])
def test_coverage_reaches_the_nominal_where_statsmodels_falls_short(method: str, m: int) -> None:
    # statsmodels' binom_test interval, .9493, .9484 and .9471 there.
    every = [risk.interval(k, m, 0.95, method) for k in range(m + 1)]
    ends = {end for one in every for end in (one.lower, one.upper)}
    for end in ends:
        for p in (np.nextafter(end, -1), end, np.nextafter(end, 2)):
            covered = sum(
                comb(m, k) * p**k * (1 - p) ** (m - k)
                for k, one in enumerate(every)
                if one.lower <= p <= one.upper
            )
            assert not 0 <= p <= 1 or covered >= 0.95 - 1e-12
