"""Every method covers as often as it says, and a planted one that does not is found."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize, stats

from backproof._core.errors import InputError
from backproof.risk.mean import mean_interval
from backproof.risk.mean_coverage import MeanCoverage, mean_coverage
from backproof.risk.mean_methods import MEAN_METHODS, MeanMethod, Sample
from backproof.risk.methods.method import Side

Array = NDArray[np.float64]
Law = Callable[[np.random.Generator, int], Array]


def two_points(draw: np.random.Generator, n: int) -> Array:
    return np.where(draw.random(n) < 0.2, 0.9, 0.05)


def zeros(n: int, seed: int) -> Array:
    return np.zeros(n)


LAWS: dict[str, tuple[Law, float]] = {
    "bernoulli": (lambda draw, n: (draw.random(n) < 0.1).astype(float), 0.1),
    "rare": (lambda draw, n: (draw.random(n) < 0.01).astype(float), 0.01),
    "beta": (lambda draw, n: draw.beta(2, 18, n), 0.1),
    "uniform": (lambda draw, n: draw.random(n), 0.5),
    "two points": (two_points, 0.2 * 0.9 + 0.8 * 0.05),
}


def sampler(law: str) -> Callable[[int, int], Array]:
    return lambda n, seed: LAWS[law][0](np.random.default_rng(seed), n)


def counted(
    method: str,
    law: str,
    n: int,
    confidence: float,
    side: Side = "two-sided",
    sets: int | None = None,
) -> MeanCoverage:
    # A root of the divergence takes milliseconds.
    sets = sets or (60 if method == "chernoff-kl" else 200)
    return mean_coverage(method, sampler(law), n, LAWS[law][1], confidence, sets=sets, side=side)


def falls_short(found: MeanCoverage) -> bool:
    """Whether so few covered sets would come about once in ten thousand times at most."""
    test = stats.binomtest(found.covered, found.sets, found.confidence, alternative="less")
    return bool(test.pvalue < 1e-4)


@pytest.mark.parametrize("n", [2, 100])
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("method", MEAN_METHODS)
def test_every_method_covers_as_often_as_it_says(method: str, law: str, n: int) -> None:
    assert not falls_short(counted(method, law, n, 0.8))


@pytest.mark.parametrize("side", ["upper", "lower"])
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("method", MEAN_METHODS)
def test_every_bound_covers_as_often_as_it_says(method: str, law: str, side: Side) -> None:
    assert not falls_short(counted(method, law, 30, 0.8, side))


def test_betting_covers_with_many_losses_and_misses_now_and_then() -> None:
    found = [counted("betting", law, 1000, 0.7, sets=500) for law in ("beta", "uniform")]
    assert not any(falls_short(each) for each in found)
    assert all(each.covered < each.sets for each in found)


def two_halves(sample: Sample, tail: float) -> tuple[float, float]:
    """An upper bound that adds the largest log capitals of two halves: that is no martingale's."""
    x = sample.shuffled
    n = len(x)
    halves = np.array_split(np.arange(n), 2)
    means = (0.5 + np.cumsum(x)) / np.arange(2, n + 2)
    variances = (0.25 + np.cumsum((x - means) ** 2)) / np.arange(2, n + 2)
    bets = np.sqrt(2 * np.log(1 / tail) / (n * np.concatenate(([0.25], variances[:-1]))))

    def log_capital(m: float) -> float:
        logs = np.log1p(np.minimum(bets, 0.75) * (m - x))
        return sum(float(np.cumsum(logs[half]).max()) for half in halves)

    goal = np.log(1 / tail)
    if log_capital(x.mean()) >= goal:
        return 0.0, float(x.mean())
    return 0.0, float(optimize.brentq(lambda m: log_capital(m) - goal, x.mean(), 1.0))


def test_a_bound_that_adds_the_maxima_of_two_halves_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planted = MeanMethod(
        bounds=two_halves, needs_losses=True, guarantee="finite-sample", assumptions="", source=""
    )
    monkeypatch.setitem(MEAN_METHODS, "planted", planted)
    assert falls_short(counted("planted", "bernoulli", 100, 0.9, "upper", sets=600))
    assert not falls_short(counted("betting", "bernoulli", 100, 0.9, "upper", sets=600))


@pytest.mark.parametrize("method", MEAN_METHODS)
@pytest.mark.parametrize(
    ("law", "half_widths"),
    [
        ("beta", (0.0053, 0.0163, 0.043, 0.0235, 0.0258)),
        ("uniform", (0.0213, 0.037, 0.043, 0.038, 0.0425)),
    ],
)
def test_half_widths_are_the_tabulated_ones(
    method: str, law: str, half_widths: tuple[float, ...]
) -> None:
    expected = dict(zip(MEAN_METHODS, half_widths, strict=True))[method]
    found = counted(method, law, 1000, 0.95, sets=20)
    assert found.half_width == pytest.approx(expected, rel=0.03)


def test_the_count_is_that_of_the_intervals_one_by_one() -> None:
    seen: list[tuple[Array, int]] = []

    def sample(n: int, seed: int) -> Array:
        seen.append((np.random.default_rng(seed).random(n), seed))
        return seen[-1][0]

    found = mean_coverage("betting", sample, 15, 0.5, 0.6, sets=60, seed=3)
    each = [mean_interval(losses, 0.6, seed=seed) for losses, seed in seen]
    assert len({seed for _, seed in seen}) == 60
    assert found.covered == sum(e.lower <= 0.5 <= e.upper for e in each)
    assert 0 < found.covered < 60
    assert found.observed == found.covered / 60
    assert found.half_width == pytest.approx(np.mean([(e.upper - e.lower) / 2 for e in each]))


def test_a_one_sided_width_is_the_distance_from_the_sample_mean() -> None:
    margin = np.sqrt(np.log(20) / 2000)
    for side in ("upper", "lower"):
        found = counted("hoeffding", "uniform", 1000, 0.95, side, sets=10)
        assert found.half_width == pytest.approx(margin, rel=1e-12)


def test_the_uncertainty_is_the_exact_interval_of_the_count() -> None:
    found = counted("betting", "uniform", 10, 0.5, sets=50)
    expected = stats.binomtest(found.covered, 50).proportion_ci(0.95)
    assert found.uncertainty.lower == pytest.approx(expected.low, abs=1e-10)
    assert found.uncertainty.upper == pytest.approx(expected.high, abs=1e-10)


def test_another_range_covers_alike() -> None:
    moved = mean_coverage(
        "betting",
        lambda n, seed: 4 * sampler("beta")(n, seed) - 2,
        50,
        4 * 0.1 - 2,
        0.6,
        sets=100,
        low=-2.0,
        high=2.0,
    )
    unit = counted("betting", "beta", 50, 0.6, sets=100)
    assert moved.covered == unit.covered
    assert moved.half_width == pytest.approx(4 * unit.half_width, rel=1e-9)


def test_the_same_seed_gives_the_same_count() -> None:
    assert counted("betting", "beta", 10, 0.9) == counted("betting", "beta", 10, 0.9)


def test_a_coverage_comes_back_from_json() -> None:
    found = counted("hoeffding", "beta", 10, 0.9, sets=3)
    assert MeanCoverage.from_json(found.to_json()) == found


def test_a_coverage_reads_as_a_sentence() -> None:
    found = mean_coverage("hoeffding", zeros, 200, 0.0, sets=2)
    margin = np.sqrt(np.log(40) / 400)
    assert str(found) == (
        "hoeffding: 2 of 2 covered (100.00%, 15.81% to 100.00%), nominal 0.95, "
        f"half-width {margin / 2:.6g}"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "wald"}, "method must be one of betting"),
        ({"examples": 0}, "examples must be at least 1"),
        ({"sets": 0}, "sets must be at least 1"),
        ({"mean": 1.5}, r"mean must lie in \[0, 1\], got 1.5"),
        ({"mean": float("nan")}, r"mean must lie in \[0, 1\], got nan"),
        ({"confidence": 1.0}, "confidence must lie strictly between"),
        ({"low": 2.0}, "low must be below high"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"side": "both"}, "side must be one of"),
        ({"sample": lambda n, seed: zeros(n + 1, seed)}, "sample must return 5 losses, got 6"),
    ],
)
def test_arguments_that_cannot_be_are_refused(change: dict[str, object], message: str) -> None:
    usual = {"method": "hoeffding", "sample": sampler("beta"), "examples": 5, "mean": 0.1}
    with pytest.raises(InputError, match=message):
        mean_coverage(**(usual | change))  # type: ignore[arg-type]
