"""Samples of the lab's mixture: their form, their reproducibility, their law."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from backproof._core.errors import InputError
from backproof.datasets import TwoClassMixture, lab_mixture

MIXTURE = lab_mixture()
MEANS = {-1: np.array(MIXTURE.negative_means), 1: np.array(MIXTURE.positive_means)}
N = 60_000  # in the statistical tests
FALSE_ALARM = 1e-4  # of each statistical test, were its seed drawn anew


@pytest.fixture(scope="module")
def drawn() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    return MIXTURE.sample(N, 2024)


@pytest.fixture(scope="module")
def components() -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.intp]]:
    """Draw from the same means with so small a variance that each point shows its component."""
    narrow = TwoClassMixture(
        negative_means=MIXTURE.negative_means,
        positive_means=MIXTURE.positive_means,
        variance=1e-6,
    )
    x, t = narrow.sample(N, 7)
    means = np.concatenate((MEANS[-1], MEANS[1]))
    which = ((x[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    return x - means[which], t, which


@pytest.mark.parametrize("n", [2, 4, 1000, np.int64(10)])
def test_a_sample_has_the_shape_and_dtype_it_promises(n: int) -> None:
    x, t = MIXTURE.sample(n, 0)
    assert x.shape == (n, 2)
    assert t.shape == (n,)
    assert x.dtype == np.float64
    assert t.dtype == np.int64


@pytest.mark.parametrize("n", [2, 4, 1000])
def test_the_classes_alternate_from_the_negative_on(n: int) -> None:
    _, t = MIXTURE.sample(n, 0)
    assert t.tolist() == [-1, 1] * (n // 2)


def test_the_same_seed_draws_the_same_points() -> None:
    assert np.array_equal(MIXTURE.sample(100, 5)[0], lab_mixture().sample(100, 5)[0])


def test_different_seeds_draw_different_points() -> None:
    firsts = {tuple(MIXTURE.sample(2, seed)[0].ravel()) for seed in range(100)}
    assert len(firsts) == 100


def test_no_point_is_drawn_twice(drawn: tuple[NDArray[np.float64], NDArray[np.int64]]) -> None:
    assert len(np.unique(drawn[0], axis=0)) == N


@pytest.mark.parametrize("label", [-1, 1])
def test_a_class_has_its_mean(
    drawn: tuple[NDArray[np.float64], NDArray[np.int64]], label: int
) -> None:
    x, t = drawn
    points = x[t == label]
    centres = MEANS[label]
    covariance = np.eye(2) / 20 + np.cov(centres.T, bias=True)
    deviation = points.mean(axis=0) - centres.mean(axis=0)
    statistic = len(points) * deviation @ np.linalg.solve(covariance, deviation)
    assert stats.chi2.sf(statistic, 2) > FALSE_ALARM


@pytest.mark.parametrize("label", [-1, 1])
def test_a_class_has_its_covariance(
    drawn: tuple[NDArray[np.float64], NDArray[np.int64]], label: int
) -> None:
    x, t = drawn
    centred = x[t == label] - MEANS[label].mean(axis=0)
    covariance = np.eye(2) / 20 + np.cov(MEANS[label].T, bias=True)
    for i, j in ((0, 0), (0, 1), (1, 1)):
        test = stats.ttest_1samp(centred[:, i] * centred[:, j], covariance[i, j])
        assert test.pvalue > FALSE_ALARM


@pytest.mark.parametrize("label", [-1, 1])
@pytest.mark.parametrize("angle", [0.0, 0.7, 1.6, 2.5])
def test_a_class_has_its_law_along_every_direction(
    drawn: tuple[NDArray[np.float64], NDArray[np.int64]], label: int, angle: float
) -> None:
    x, t = drawn
    direction = np.array([np.cos(angle), np.sin(angle)])
    centres = MEANS[label] @ direction

    along = x[t == label] @ direction
    # What the class's distribution function makes of its points is uniform.
    uniform = stats.norm.cdf(along[:, None], centres, np.sqrt(1 / 20)).mean(axis=1)
    assert stats.kstest(uniform, "uniform").pvalue > FALSE_ALARM


def test_the_components_of_a_class_are_equally_likely(
    components: tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.intp]],
) -> None:
    _, t, which = components
    negative, positive = np.bincount(which[t == -1]), np.bincount(which[t == 1], minlength=6)
    assert len(negative) == 3
    assert positive[:3].tolist() == [0, 0, 0]
    assert stats.chisquare(negative).pvalue > FALSE_ALARM
    assert stats.chisquare(positive[3:]).pvalue > FALSE_ALARM


def test_the_components_of_neighbouring_points_are_independent(
    components: tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.intp]],
) -> None:
    which = components[2]
    for first, second in ((which[::2], which[1::2]), (which[1:-1:2], which[2::2])):
        table = np.zeros((6, 6))
        np.add.at(table, (first, second), 1)
        table = table[table.any(axis=1)][:, table.any(axis=0)]
        assert stats.chi2_contingency(table).pvalue > FALSE_ALARM


def test_every_component_has_the_variance(
    components: tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.intp]],
) -> None:
    centred, _, which = components
    for component in range(6):
        of_it = centred[which == component]
        law = stats.chi2(of_it.size)
        statistic = (of_it**2).sum() / 1e-6
        assert 2 * min(law.cdf(statistic), law.sf(statistic)) > FALSE_ALARM


def test_the_axes_and_neighbours_of_a_sample_are_uncorrelated(
    components: tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.intp]],
) -> None:
    centred = components[0]
    assert stats.pearsonr(centred[:, 0], centred[:, 1]).pvalue > FALSE_ALARM
    flat = centred.ravel()
    for lag in (1, 2, 3, 4):
        assert stats.pearsonr(flat[:-lag], flat[lag:]).pvalue > FALSE_ALARM


@pytest.mark.parametrize("n", [3, 999])
def test_an_odd_size_is_refused_with_the_even_ones_beside_it(n: int) -> None:
    with pytest.raises(InputError, match=rf"must be even.*got {n}: ask for {n - 1} or {n + 1}"):
        MIXTURE.sample(n, 0)


def test_a_size_of_one_is_sent_to_two_once() -> None:
    with pytest.raises(InputError, match=r"ask for 2$"):
        MIXTURE.sample(1, 0)


@pytest.mark.parametrize("n", [0, -2, -1])
def test_a_size_below_one_is_refused(n: int) -> None:
    with pytest.raises(InputError, match=f"sample size n must be at least 1, got {n}"):
        MIXTURE.sample(n, 0)


@pytest.mark.parametrize("n", [2.5, 2.0, "2", None])
def test_a_size_that_is_not_whole_is_refused(n: object) -> None:
    with pytest.raises(InputError, match="sample size n must be a whole number of at least 1"):
        MIXTURE.sample(n, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seed", "message"), [(-1, "seed must be at least 0, got -1"), (0.5, "seed must be a whole")]
)
def test_what_is_no_seed_is_refused(seed: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        MIXTURE.sample(2, seed)


def test_the_lab_mixture_is_the_published_one() -> None:
    assert MIXTURE.negative_means == ((-1, -1), (-1, 0), (0, 0))
    assert MIXTURE.positive_means == ((0, 1), (0, -1), (1, 0))
    assert MIXTURE.variance == 0.05


def test_a_mixture_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        MIXTURE.variance = 1.0  # type: ignore[misc]


def test_a_mixture_may_have_hundreds_of_components() -> None:
    many = TwoClassMixture(
        negative_means=((0.0, 0.0),) * 200, positive_means=((100.0, 0.0),) * 200, variance=1.0
    )
    x, t = many.sample(2000, 0)
    assert (x[t == 1, 0] > 50).all()


@pytest.mark.parametrize(
    ("positive", "variance"), [(((1.0, 0.0), (0.0, 1.0)), 1.0), (((1.0, 0.0),), -1.0)]
)
def test_a_mixture_that_cannot_be_is_refused(
    positive: tuple[tuple[float, float], ...], variance: float
) -> None:
    with pytest.raises(InputError):
        TwoClassMixture(negative_means=((0.0, 0.0),), positive_means=positive, variance=variance)
