"""The exact score and error rates of the mixture, against closed forms and simulation."""

import itertools
from collections.abc import Callable

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial import KDTree

from backproof._core.errors import ConvergenceError, InputError
from backproof.datasets import ClassErrors, TwoClassMixture, lab_mixture

Points = NDArray[np.float64]
Labels = NDArray[np.int64]

MIXTURE = lab_mixture()
NEGATIVE, POSITIVE = np.array(MIXTURE.negative_means), np.array(MIXTURE.positive_means)
SIGMA = float(np.sqrt(0.05))
PROMISED = 1e-5


def average(values: float | Points) -> float:
    return float(np.mean(values))


def density(x: Points, means: Points) -> Points:
    each = [stats.multivariate_normal(mean, np.eye(2) / 20).pdf(x) for mean in means]
    average: Points = np.mean(each, axis=0)
    return average


def half_plane(x: Points, angle: float, offset: float) -> Labels:
    return np.where(x @ [np.cos(angle), np.sin(angle)] > offset, 1, -1)


def check(errors: ClassErrors, negative: float, positive: float) -> None:
    assert errors.error_estimate <= PROMISED
    assert abs(errors.negative - negative) <= PROMISED
    assert abs(errors.positive - positive) <= PROMISED


# The score


def test_the_score_is_the_log_odds() -> None:
    x = np.random.default_rng(0).normal(size=(2000, 2))
    expected = np.log(density(x, POSITIVE)) - np.log(density(x, NEGATIVE))
    # |log density| stays below 200 here: eps · 200, times a few roundings
    np.testing.assert_allclose(MIXTURE.score(x), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    "point", [(1e3, 0), (-1e3, 0), (0, 1e3), (0, -1e3), (700, -700), (-1e3, -1e3), (30, 40)]
)
def test_the_score_is_right_far_away(point: tuple[float, float]) -> None:
    with mpmath.workdps(40):

        def log_sum(means: tuple[tuple[float, float], ...]) -> mpmath.mpf:
            squares = [
                sum((mpmath.mpf(a) - b) ** 2 for a, b in zip(point, m, strict=True)) for m in means
            ]
            nearest = min(squares)
            return mpmath.log(sum(mpmath.exp(-10 * (s - nearest)) for s in squares)) - 10 * nearest

        expected = float(log_sum(MIXTURE.positive_means) - log_sum(MIXTURE.negative_means))
    # terms of 10 |x|² cancel: eps · 2e7 is lost at |x| = 1e3
    np.testing.assert_allclose(MIXTURE.score([point]), [expected], rtol=0, atol=1e-7)


def test_the_likelier_class_is_where_the_density_is_larger() -> None:
    x = np.random.default_rng(1).normal(size=(5000, 2))
    expected = np.where(density(x, POSITIVE) > density(x, NEGATIVE), 1, -1)
    assert np.array_equal(MIXTURE.classify(x), expected)


@pytest.mark.parametrize("shape", [(2,), (3, 1), (3, 3), (1, 2, 2), ()])
def test_points_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"x must have shape \(n, 2\), got \("):
        MIXTURE.score(np.zeros(shape))


def test_no_points_have_no_scores() -> None:
    assert MIXTURE.score(np.zeros((0, 2))).shape == (0,)


# The Bayes error


@pytest.fixture(scope="module")
def bayes_error() -> float:
    return MIXTURE.bayes_error()


def test_the_bayes_error_is_the_published_one(bayes_error: float) -> None:
    assert abs(bayes_error - 0.016774) <= PROMISED


def test_the_bayes_error_is_the_overlap_of_the_densities(bayes_error: float) -> None:
    axis, step = np.linspace(-1 - 8 * SIGMA, 1 + 8 * SIGMA, 2001, retstep=True)
    line = {mean: stats.norm.pdf(axis, mean, SIGMA) for mean in (-1.0, 0.0, 1.0)}

    def on_grid(means: Points) -> Points:
        total: Points = sum((np.outer(line[a], line[b]) for a, b in means), np.zeros(()))
        return total / len(means)

    overlap = np.minimum(on_grid(NEGATIVE), on_grid(POSITIVE)).sum() * step**2 / 2
    assert abs(bayes_error - overlap) <= PROMISED


def test_simulation_meets_the_bayes_error(bayes_error: float) -> None:
    x, t = MIXTURE.sample(1_000_000, 11)
    wrong = int((np.where(density(x, POSITIVE) > density(x, NEGATIVE), 1, -1) != t).sum())
    ci = stats.binomtest(wrong, len(t)).proportion_ci(0.9999)
    assert ci.low <= bayes_error <= ci.high


@pytest.mark.parametrize("angle", [0.0, 0.4, 0.785])
def test_no_other_classifier_beats_the_bayes_error(bayes_error: float, angle: float) -> None:
    def turned(x: Points) -> Labels:
        cosine, sine = np.cos(angle), np.sin(angle)
        return MIXTURE.classify(x @ np.array([[cosine, sine], [-sine, cosine]]) + 0.01)

    assert MIXTURE.true_error(turned) > bayes_error + PROMISED


# Exact error rates


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.floats(0, 2 * np.pi), st.floats(-2, 2))
@example(0.0, 0.0)
@example(np.pi / 2, 0.0)
@example(np.pi / 2, -1.0)
@example(np.pi / 2, 0.123)
@example(np.pi / 2 + 1e-4, 0.3)
@example(np.pi / 4, 0.0)
def test_half_planes_have_normal_tails(angle: float, offset: float) -> None:
    direction = np.array([np.cos(angle), np.sin(angle)])
    errors = MIXTURE.class_errors(lambda x: half_plane(x, angle, offset))
    negative = average(stats.norm.sf((offset - NEGATIVE @ direction) / SIGMA))
    positive = average(stats.norm.cdf((offset - POSITIVE @ direction) / SIGMA))
    check(errors, negative, positive)


def in_disc(centre: tuple[float, float], radius: float, means: Points) -> float:
    away = ((means - centre) ** 2).sum(axis=1) / SIGMA**2
    mass: float = stats.ncx2.cdf((radius / SIGMA) ** 2, 2, np.maximum(away, 1e-12)).mean()
    return mass


def disc_errors(centre: tuple[float, float], radius: float) -> ClassErrors:
    return MIXTURE.class_errors(
        lambda x: np.where(((x - centre) ** 2).sum(axis=1) < radius**2, 1, -1)
    )


@pytest.mark.parametrize("centre", [(0.0, 0.0), (-1.0, 0.0), (0.37, -0.61), (0.013, 0.977)])
@pytest.mark.parametrize("radius", [0.1 * SIGMA, 0.5 * SIGMA, SIGMA, 1.0, 5.0])
def test_discs_have_noncentral_chi_square_mass(centre: tuple[float, float], radius: float) -> None:
    errors = disc_errors(centre, radius)
    inside = in_disc(centre, radius, NEGATIVE), in_disc(centre, radius, POSITIVE)
    check(errors, inside[0], 1 - inside[1])


def test_a_disc_a_little_wider_than_the_limit_is_computed_or_refused() -> None:
    rng = np.random.default_rng(0)
    radius = 0.026 * SIGMA  # the limit of the documentation is a width of 0.05 σ
    for _ in range(4):
        x, y = (rng.normal(size=2) * SIGMA / 2).tolist()
        try:
            errors = disc_errors((x, y), radius)
        except ConvergenceError:
            continue
        check(errors, in_disc((x, y), radius, NEGATIVE), 1 - in_disc((x, y), radius, POSITIVE))


@pytest.mark.parametrize("angle", [0.0, 0.3, 1.2, np.pi / 2])
@pytest.mark.parametrize("width", [0.2 * SIGMA, 0.5 * SIGMA, SIGMA])
def test_stripes_have_sums_of_normal_differences(angle: float, width: float) -> None:
    direction = np.array([np.cos(angle), np.sin(angle)])
    errors = MIXTURE.class_errors(
        lambda x: np.where(np.floor(x @ direction / width) % 2 == 0, 1, -1)
    )
    left = np.arange(-2 * int(4 / width), 2 * int(4 / width), 2)[:, None] * width

    def in_stripes(means: Points) -> float:
        ends = [stats.norm.cdf((left + w - means @ direction) / SIGMA) for w in (0.0, width)]
        return float((ends[1] - ends[0]).sum(axis=0).mean())

    check(errors, in_stripes(NEGATIVE), 1 - in_stripes(POSITIVE))


@pytest.mark.parametrize(("label", "negative", "positive"), [(-1, 0, 1), (1, 1, 0)])
def test_a_constant_classifier_is_always_wrong_in_one_class(
    label: int, negative: int, positive: int
) -> None:
    errors = MIXTURE.class_errors(lambda x: np.full(len(x), label))
    # 7.5 σ are integrated over: a mass of 1e-13 is left out
    assert errors.negative == pytest.approx(negative, abs=1e-9)
    assert errors.positive == pytest.approx(positive, abs=1e-9)


def test_simulation_meets_a_nearest_neighbours_error_rates() -> None:
    seen, classes = MIXTURE.sample(60, 3)
    tree = KDTree(seen)

    def nearest(x: Points) -> Labels:
        labels: Labels = classes[tree.query(x)[1]]
        return labels

    errors = MIXTURE.class_errors(nearest)
    assert errors.error_estimate <= PROMISED
    rng = np.random.default_rng(4)
    n = 500_000
    for means, label, rate in ((NEGATIVE, -1, errors.negative), (POSITIVE, 1, errors.positive)):
        x = means[rng.integers(0, 3, n)] + SIGMA * rng.standard_normal((n, 2))
        ci = stats.binomtest(int((nearest(x) != label).sum()), n).proportion_ci(0.9999)
        assert ci.low <= rate <= ci.high
        assert rate > 0.01  # the test says something


def test_another_mixture_has_its_own_rates() -> None:
    mixture = TwoClassMixture(
        negative_means=((10.0, -3.0), (12.0, 4.0)),
        positive_means=((11.0, 0.0), (15.0, 1.0)),
        variance=4.0,
    )
    errors = mixture.class_errors(lambda x: np.where(x[:, 0] > 11.5, 1, -1))
    negative = average(stats.norm.sf(11.5, [10, 12], 2))
    positive = average(stats.norm.cdf(11.5, [11, 15], 2))
    check(errors, negative, positive)


def test_a_mirrored_classifier_has_mirrored_rates() -> None:
    errors = MIXTURE.class_errors(lambda x: half_plane(x, 0.9, 0.2))
    mirrored = MIXTURE.class_errors(lambda x: -half_plane(x, 0.9, 0.2))
    assert errors.negative + mirrored.negative == pytest.approx(1, abs=2 * PROMISED)
    assert errors.positive + mirrored.positive == pytest.approx(1, abs=2 * PROMISED)


def test_the_true_error_is_the_mean_of_the_classes() -> None:
    errors = ClassErrors(negative=0.25, positive=0.5, error_estimate=0.0)
    assert errors.mean == 0.375
    expected = (average(stats.norm.sf(0.3 - NEGATIVE[:, 0], 0, SIGMA))) / 2
    expected += average(stats.norm.cdf(0.3 - POSITIVE[:, 0], 0, SIGMA)) / 2
    assert MIXTURE.true_error(lambda x: half_plane(x, 0.0, 0.3)) == pytest.approx(
        expected, abs=PROMISED
    )


def test_class_errors_come_back_from_json() -> None:
    errors = ClassErrors(negative=0.1, positive=0.2, error_estimate=1e-7)
    assert ClassErrors.from_json(errors.to_json()) == errors


def test_class_errors_read_as_percentages() -> None:
    errors = ClassErrors(negative=0.012345, positive=0.2, error_estimate=2e-7)
    assert str(errors) == "class -1: 1.2345%, class +1: 20.0000% (± 2e-07)"


# Classifiers of every kind


def as_tensor(labels: Labels) -> torch.Tensor:
    return torch.from_numpy(labels)


@pytest.mark.parametrize(
    "convert",
    [
        as_tensor,
        lambda labels: as_tensor(labels).to(torch.float32),
        lambda labels: labels.tolist(),
        lambda labels: labels.astype(np.int8),
        lambda labels: labels.astype(np.float32),
    ],
)
def test_labels_may_be_anything_array_like(convert: Callable[[Labels], object]) -> None:
    errors = MIXTURE.class_errors(lambda x: convert(half_plane(x, 0.0, 0.3)))
    negative = average(stats.norm.sf(0.3, NEGATIVE[:, 0], SIGMA))
    positive = average(stats.norm.cdf(0.3, POSITIVE[:, 0], SIGMA))
    check(errors, negative, positive)


def test_the_sign_of_a_score_is_a_label() -> None:
    errors = MIXTURE.class_errors(lambda x: np.sign(np.abs(x[:, 1]) - 0.5))
    outside = [
        average(stats.norm.sf(0.5, m, SIGMA) + stats.norm.cdf(-0.5, m, SIGMA))
        for m in (NEGATIVE[:, 1], POSITIVE[:, 1])
    ]
    check(errors, outside[0], 1 - outside[1])


@pytest.mark.parametrize(
    "convert",
    [
        lambda labels: (labels + 1) // 2,
        lambda labels: labels > 0,
        lambda labels: labels**2 > 0,
        lambda labels: labels * 2,
        lambda labels: np.where(labels > 0, 1, np.nan),
        lambda labels: np.full(len(labels), np.nan),
        lambda labels: np.zeros(len(labels)),
        lambda labels: np.where(labels > 0, "a", "b"),
    ],
    ids=["0 and 1", "booleans", "all true", "2", "one NaN", "all NaN", "all 0", "words"],
)
def test_other_labels_are_refused(convert: Callable[[Labels], object]) -> None:
    with pytest.raises(InputError, match=r"classify must return the labels -1 and \+1, got "):
        MIXTURE.class_errors(lambda x: convert(half_plane(x, 0.3, 0.0)))


@pytest.mark.parametrize(
    "convert",
    [
        lambda labels: labels[:-1],
        lambda labels: labels[:, None],
        lambda labels: labels[None],
        lambda _: 1,
        lambda _: None,
    ],
)
def test_labels_of_another_shape_are_refused(convert: Callable[[Labels], object]) -> None:
    with pytest.raises(InputError, match=r"one label a point: expected shape \(\d+,\), got \("):
        MIXTURE.class_errors(lambda x: convert(half_plane(x, 0.3, 0.0)))


def test_a_random_classifier_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ConvergenceError, match=r"same label every time.*large sample instead"):
        MIXTURE.class_errors(lambda x: rng.choice([-1, 1], size=len(x)))


def test_an_exception_of_the_classifier_passes() -> None:
    calls = itertools.count()

    def breaks(x: Points) -> Labels:
        if next(calls) > 3:
            raise LookupError("mine")
        return half_plane(x, 0.3, 0.0)

    with pytest.raises(LookupError, match="mine"):
        MIXTURE.class_errors(breaks)


def test_a_classifier_gets_float64_points_in_the_plane() -> None:
    seen: set[tuple[int, int, np.dtype[np.float64]]] = set()

    def records(x: Points) -> Labels:
        seen.add((x.ndim, x.shape[1], x.dtype))
        return half_plane(x, 0.3, 0.0)

    MIXTURE.class_errors(records)
    assert seen == {(2, 2, np.dtype(np.float64))}
