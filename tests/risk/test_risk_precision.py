"""Every end of every method against high-precision arithmetic, for 1 to 1e12 examples."""

import itertools

import numpy as np
import pytest
from mpmath import mp, mpf  # type: ignore[import-untyped]
from tests.risk import precise

from backproof import risk
from backproof.risk.methods.method import SIDES, Side

EXACT = 1e-10  # what is promised, relative to each end
SMALLEST = 1e-300  # level of a percentile that float64 can hold
SIZES = [1, 2, 3, 10, 30, 1000, 10**6, 10**9, 10**12]
CONFIDENCES = [0.01, 0.5, 0.95, 0.999999, 1 - 1e-12]
CONTINUOUS = [*precise.EQUAL_TAILS, "beta-binomial"]
BOOTSTRAPS = ["bootstrap-percentile", "bootstrap-bca"]


def counts(m: int) -> list[int]:
    some = {0, 1, 2, 99, 100, m // 1000, m // 100, m // 3, m // 2, m - 3, m - 1, m}
    return sorted(k for k in some if 0 <= k <= m)


def sides_of(end: str) -> tuple[str, str]:
    return ("two-sided", end)


def random_pairs(number: int) -> list[tuple[int, int, float]]:
    """Return counts, sizes and confidences that are spread over their logarithms."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(number):
        m = int(10 ** rng.uniform(0, 12))
        k = int((m + 1) ** rng.uniform(0, 1)) - 1
        found.append((m - k if rng.random() < 0.3 else k, m, float(1 - 10 ** rng.uniform(-12, 0))))
    return found


def errors_of_ends(method: str, k: int, m: int, confidence: float, side: Side) -> dict[str, float]:
    found = risk.interval(k, m, confidence, method, side)
    ends = {"lower": found.lower, "upper": found.upper}
    return {
        end: abs(precise.relative_error(method, k, m, confidence, side, end, x))
        for end, x in ends.items()
        if side in sides_of(end)
    }


@pytest.mark.parametrize(
    ("a", "b", "x"), [(0.5, 0.5, 0.3), (3, 7, 0.9), (0.5, 30, 1e-3), (200, 100, 0.6)]
)
def test_the_oracle_is_the_incomplete_beta_function(a: float, b: float, x: float) -> None:
    below, above = precise.beta_tails(a, b, x)
    # The nodes of the quadrature are float64s.
    assert below == pytest.approx(mp.betainc(a, b, 0, mpf(x), regularized=True), rel=1e-14)
    assert above == pytest.approx(mp.betainc(a, b, mpf(x), 1, regularized=True), rel=1e-14)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("method", CONTINUOUS)
def test_ends_are_exact(method: str, size: int) -> None:
    cases = itertools.product(counts(size), CONFIDENCES, SIDES)
    # A seventh of them, another one for each size and method: the quadrature takes its time.
    first = (SIZES.index(size) + CONTINUOUS.index(method)) % 7
    for k, confidence, side in itertools.islice(cases, first, None, 7):
        for end, error in errors_of_ends(method, k, size, confidence, side).items():
            assert error <= EXACT, (k, confidence, side, end)


@pytest.mark.parametrize("method", CONTINUOUS)
def test_ends_are_exact_anywhere(method: str) -> None:
    for (k, m, confidence), side in zip(random_pairs(30), itertools.cycle(SIDES), strict=False):
        for end, error in errors_of_ends(method, k, m, confidence, side).items():
            assert error <= EXACT, (k, m, confidence, side, end)


def test_the_anytime_bound_is_exact_at_the_smallest_rates() -> None:
    # SciPy's incomplete beta function of ½, ½ is off by 1e-10 there.
    for k, m in ((1, 866_514_599_528), (1, 10**12), (2, 868_165_126_693)):
        for confidence in (0.5, 0.95, 0.9999999975152988, 1 - 1e-12):
            errors = errors_of_ends("beta-binomial", k, m, confidence, "lower")
            assert errors["lower"] <= 1e-13


def test_a_wrong_end_is_seen() -> None:
    for method, side in itertools.product(CONTINUOUS, SIDES):
        found = risk.interval(30, 10**6, 0.95, method, side)
        for end, x in (("lower", found.lower), ("upper", found.upper)):
            if side in sides_of(end) and x > 0:
                moved = x * (1 + 1e-9)
                error = precise.relative_error(method, 30, 10**6, 0.95, side, end, moved)
                assert error == pytest.approx(1e-9, rel=1e-3)


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("m", [1, 2, 3, 7])
def test_blaker_is_the_hull_of_its_definition(m: int, confidence: float) -> None:
    for k in range(m // 2 + 1):
        lower, upper = precise.blaker(k, m, 1 - mpf(confidence))
        for found, end in (
            (risk.interval(k, m, confidence, "blaker"), (lower, upper)),
            (risk.interval(m - k, m, confidence, "blaker"), (1 - upper, 1 - lower)),
        ):
            assert found.lower == pytest.approx(float(end[0]), rel=EXACT, abs=0)
            assert found.upper == pytest.approx(float(end[1]), rel=EXACT, abs=0)


@pytest.mark.parametrize(
    ("k", "m", "confidence"),
    [
        (0, 10**12, 0.95),
        (1, 1000, 0.95),
        (3, 1000, 0.5),
        (37, 1000, 1 - 1e-12),
        (999, 1000, 0.95),
        (2, 10**6, 0.999999),
        (333_333, 10**6, 0.95),
        (1, 10**12, 0.95),
        (100, 10**9, 0.8),
        (5 * 10**11, 10**12, 0.95),
    ],
)
def test_the_acceptability_passes_the_miss_at_blakers_ends(
    k: int, m: int, confidence: float
) -> None:
    found = risk.interval(k, m, confidence, "blaker")
    miss = 1 - mpf(confidence)
    if k > 0:
        assert precise.acceptability(mpf(found.lower) * (1 - mpf(EXACT)), k, m) <= miss
        assert precise.acceptability(mpf(found.lower) * (1 + mpf(EXACT)), k, m) > miss
    else:
        assert found.lower == 0
    # Near 1 the distance to 1 is what is small.
    reach = mpf(EXACT) * min(mpf(found.upper), 1 - mpf(found.upper))
    assert precise.acceptability(found.upper + reach, k, m) <= miss
    assert precise.acceptability(found.upper - reach - mpf(2) ** -52, k, m) > miss


@pytest.mark.parametrize("side", ["upper", "lower"])
def test_one_sided_blaker_is_clopper_and_pearsons(side: Side) -> None:
    for k, m, confidence in random_pairs(200):
        found = risk.interval(k, m, confidence, "blaker", side)
        other = risk.interval(k, m, confidence, "clopper-pearson", side)
        assert (found.lower, found.upper) == (other.lower, other.upper)


@pytest.mark.parametrize("method", BOOTSTRAPS)
@pytest.mark.parametrize("m", SIZES)
def test_percentiles_of_the_bootstrap_are_exact(m: int, method: str) -> None:
    cases = itertools.product(counts(m), [0.95, 0.999999, 1 - 1e-12, 0.3], SIDES)
    for k, confidence, side in itertools.islice(cases, m % 2, None, 5):
        found = risk.interval(k, m, confidence, method, side)
        miss = 1 - mpf(confidence)
        tail = miss / 2 if side == "two-sided" else miss
        for end, x in (("lower", found.lower), ("upper", found.upper)):
            if side not in sides_of(end):
                continue
            count = round(x * m)
            assert x == count / m
            if k in (0, m):
                assert count == k
                continue
            level = precise.bootstrap_level(method, k, m, tail, end)
            if 0 < level < SMALLEST:
                continue  # the next test
            # Counts are whole: beyond 1e10 of them neighbours are less than the promise apart.
            slack = int(EXACT * count)
            assert precise.is_percentile(k, m, count, level, end, slack), (k, confidence, side)


def test_a_percentile_at_a_level_below_all_float64s_is_exact() -> None:
    # Near the pole of its formula BCa cuts the resamples' law at 1e-510.
    count = round(risk.interval(2, 1000, 1 - 1e-12, "bootstrap-bca").upper * 1000)
    tail = (1 - mpf(1 - 1e-12)) / 2
    level = precise.bootstrap_level("bootstrap-bca", 2, 1000, tail, "upper")
    assert precise.is_percentile(2, 1000, count, level, "upper", 0)


@pytest.mark.parametrize(
    ("k", "m", "method", "lower", "upper"),
    [
        (81, 263, "clopper-pearson", 0.252737, 0.367622),
        (81, 263, "wilson", 0.255289, 0.366210),
        (15, 148, "clopper-pearson", 0.057844, 0.161650),
        (15, 148, "blaker", 0.057957, 0.160114),
        (15, 148, "wilson", 0.062386, 0.160487),
        (0, 20, "clopper-pearson", 0.0, 0.168433),
        (0, 20, "wilson", 0.0, 0.161125),
        (1, 29, "clopper-pearson", 0.000873, 0.177644),
        (1, 29, "blaker", 0.001768, 0.166034),
        (1, 29, "wilson", 0.006113, 0.171755),
        (3, 10, "clopper-pearson", 0.066740, 0.652453),
        (3, 10, "blaker", 0.087265, 0.61941),
        (3, 1000, "clopper-pearson", 0.000619, 0.008742),
        (3, 1000, "blaker", 0.000818, 0.008562),
        (3, 1000, "wilson", 0.001021, 0.008783),
        (0, 1000, "clopper-pearson", 0.0, 0.003682),
        (0, 1000, "wilson", 0.0, 0.003827),
        (100, 1000, "hoeffding", 0.05705, 0.14295),
        (100, 1000, "chernoff-kl", 0.07620, 0.12772),
        (100, 1000, "bentkus", 0.07880, 0.12452),
        (100, 1000, "clopper-pearson", 0.08211, 0.12029),
        (100, 1000, "beta-binomial", 0.06890, 0.13818),
        (100, 1000, "bootstrap-percentile", 0.082, 0.119),
        (100, 1000, "bootstrap-bca", 0.083, 0.120),
        (10, 1000, "bootstrap-bca", 0.005, 0.018),
    ],
)
def test_intervals_are_the_published_ones(
    k: int, m: int, method: str, lower: float, upper: float
) -> None:
    found = risk.interval(k, m, 0.95, method)
    # Blaker's were found on a grid of rates, 1e-5 apart or less
    close = 1.2e-5 if method == "blaker" else 0.51e-5 if m == 1000 and k == 100 else 0.51e-6
    assert found.lower == pytest.approx(lower, abs=close)
    assert found.upper == pytest.approx(upper, abs=close)


def test_the_one_sided_bound_without_errors_is_the_published_one() -> None:
    assert risk.interval(0, 1000, side="upper").upper == pytest.approx(0.0029912, abs=0.51e-7)
