"""Named random streams: stable for ever, different for different names."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from backproof._core import seeds
from backproof._core.errors import InputError

PATHS = [
    (0, ("a",)),
    (0, ("b",)),
    (0, ("a", 1)),
    (0, ("a", 11)),
    (0, ("a", "b")),
    (0, ("a/b",)),
    (0, ("a", "1")),
    (0, ()),
    (1, ("a",)),
    (1, ()),
    (10, ("a",)),
    (2**60, ("a",)),
]


def test_derived_seeds_stay_what_they_were() -> None:
    # Written down once: a change would silently redraw every published run.
    assert seeds.derive(0, "datasets.TwoClassMixture.sample") == 102_439_780_873_781
    assert seeds.derive(7, "risk.simulate_errors", 1000, 8) == 124_243_290_907_515


def test_a_generators_draws_stay_what_they_were() -> None:
    assert seeds.generator(3, "x").integers(0, 10**6, size=3).tolist() == [323059, 750202, 57793]


@pytest.mark.parametrize(("seed", "names"), PATHS)
def test_a_derived_seed_is_the_hash_of_its_path(seed: int, names: tuple[str | int, ...]) -> None:
    text = repr((seed, *names))
    assert seeds.derive(seed, *names) == int(hashlib.sha256(text.encode()).hexdigest()[:12], 16)


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 2**70), st.lists(st.text() | st.integers(), max_size=3))
def test_a_derived_seed_fits_a_float_exactly(seed: int, names: list[str | int]) -> None:
    derived = seeds.derive(seed, *names)
    assert 0 <= derived < 2**48
    assert int(float(derived)) == derived


def test_derived_seeds_use_their_whole_range() -> None:
    drawn = [seeds.derive(0, i) / 2**48 for i in range(2000)]
    assert stats.kstest(drawn, "uniform").pvalue > 1e-3


def test_different_paths_derive_different_seeds() -> None:
    assert len({seeds.derive(seed, *names) for seed, names in PATHS}) == len(PATHS)


def test_different_paths_draw_different_numbers() -> None:
    drawn = {float(seeds.generator(seed, *names).random()) for seed, names in PATHS}
    assert len(drawn) == len(PATHS)


def test_streams_of_one_seed_are_uncorrelated() -> None:
    first = seeds.generator(5, "a").standard_normal(100_000)
    second = seeds.generator(5, "b").standard_normal(100_000)
    assert stats.pearsonr(first, second).pvalue > 1e-3


def test_the_same_path_draws_the_same_numbers() -> None:
    first, second = seeds.generator(5, "a", 1), seeds.generator(5, "a", 1)
    assert np.array_equal(first.random(10), second.random(10))


def test_the_integers_of_numpy_are_seeds() -> None:
    assert seeds.derive(np.int64(5), "a") == seeds.derive(5, "a")
    assert type(seeds.check_seed(np.uint8(5))) is int


@pytest.mark.parametrize("seed", [-1, 1.5, 2.0, "1", None])
def test_what_is_no_seed_is_refused(seed: int) -> None:
    for use in (seeds.check_seed, seeds.derive, seeds.generator):
        with pytest.raises(InputError, match=r"seed must be .*at least 0"):
            use(seed)
