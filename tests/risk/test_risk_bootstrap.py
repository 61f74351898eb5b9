"""Bootstrap replicates: binomial, reproducible, without surprises at the edges."""

import numpy as np
import pytest
from scipy import stats

from backproof import risk
from backproof._core.errors import InputError


@pytest.mark.parametrize(("errors", "examples"), [(1, 3), (30, 1000), (999, 1000), (5, 10**9)])
def test_replicates_are_binomial(errors: int, examples: int) -> None:
    drawn = np.array(risk.bootstrap(errors, examples, replicates=20_000, seed=1).errors)
    law = stats.binom(examples, errors / examples)
    deviation = np.arange(drawn.max() + 1)
    gap = np.abs(np.searchsorted(np.sort(drawn), deviation, "right") / 20_000 - law.cdf(deviation))
    # Kolmogorov: conservative for a discrete law; a false alarm once in 1e5
    assert gap.max() < stats.kstwobign.isf(1e-5) / np.sqrt(20_000)


def test_replicates_have_the_binomials_mean_and_variance() -> None:
    drawn = np.array(risk.bootstrap(40, 200, replicates=50_000, seed=2).errors)
    law = stats.binom(200, 0.2)
    assert stats.ttest_1samp(drawn, law.mean()).pvalue > 1e-4
    assert stats.ttest_1samp((drawn - law.mean()) ** 2, law.var()).pvalue > 1e-4


def test_replicates_spread_as_resampled_labels_do() -> None:
    wrong = np.arange(50) < 8
    resampled = np.random.default_rng(0).choice(wrong, (20_000, 50)).sum(axis=1)
    drawn = risk.bootstrap(8, 50, replicates=20_000, seed=3).errors
    table = np.zeros((2, 51))
    table[0] = np.bincount(resampled, minlength=51)
    table[1] = np.bincount(drawn, minlength=51)
    frequent = table[:, table.sum(axis=0) >= 20]
    assert stats.chi2_contingency(frequent).pvalue > 1e-4


@pytest.mark.parametrize(("errors", "examples"), [(0, 1), (1, 1), (0, 1000), (1000, 1000)])
def test_certain_counts_stay_certain(errors: int, examples: int) -> None:
    assert set(risk.bootstrap(errors, examples, replicates=100).errors) == {errors}


def test_the_same_seed_draws_the_same_replicates() -> None:
    assert risk.bootstrap(5, 50, seed=4) == risk.bootstrap(5, 50, seed=4)


def test_different_seeds_draw_different_replicates() -> None:
    first, second = risk.bootstrap(5, 50, seed=4), risk.bootstrap(5, 50, seed=5)
    assert first.errors != second.errors


def test_a_bootstrap_says_how_it_came_about() -> None:
    found = risk.bootstrap(5, 50, replicates=7, seed=np.int64(4))
    assert (found.observed, found.examples, found.seed) == (5, 50, 4)
    assert len(found.errors) == 7
    assert found.mean == pytest.approx(sum(found.errors) / 7 / 50, rel=1e-14)
    assert risk.Bootstrap.from_json(found.to_json()) == found


def test_a_bootstrap_reads_as_its_mean() -> None:
    text = str(risk.bootstrap(0, 50, replicates=7))
    assert text == "7 replicates of 0/50: mean 0.0000%"


@pytest.mark.parametrize(
    ("errors", "examples", "replicates", "seed", "message"),
    [
        (-1, 10, 1, 0, "errors must be at least 0"),
        (11, 10, 1, 0, "errors must be at most the number of examples 10, got 11"),
        (0, 0, 1, 0, "examples must be at least 1"),
        (1, 10, 0, 0, "replicates must be at least 1"),
        (1, 10, 1, -1, "seed must be at least 0"),
        (1.5, 10, 1, 0, "errors must be a whole number"),
        (1, 10, 1.5, 0, "replicates must be a whole number"),
    ],
)
def test_what_cannot_be_is_refused(
    errors: int, examples: int, replicates: int, seed: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        risk.bootstrap(errors, examples, replicates=replicates, seed=seed)
