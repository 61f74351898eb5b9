"""Simulated test sets: the counts of a plain loop, however many threads."""

import threading
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from backproof import risk
from backproof._core.errors import InputError
from backproof.datasets import lab_mixture

Points = NDArray[np.float64]
Labels = NDArray[np.int64]

MIXTURE = lab_mixture()
CHUNKS = [  # examples and sets: one chunk, a partial last chunk, one set a chunk, a single set
    (1000, 32),
    (1000, 75),
    (10_000, 3),
    (2, 9001),
    (50, 1),
]


def right(x: Points) -> Labels:
    return np.where(x[:, 0] > 0.3, 1, -1)


def above(x: Points) -> Labels:
    return np.where(x[:, 1] > 0, 1, -1)


def true_rates() -> tuple[float, float]:
    """Return the error rates of `right` within either class, in closed form."""
    negative, positive = np.array(MIXTURE.negative_means), np.array(MIXTURE.positive_means)
    spread = np.sqrt(0.05)
    return (
        float(np.mean(stats.norm.sf(0.3, negative[:, 0], spread))),
        float(np.mean(stats.norm.cdf(0.3, positive[:, 0], spread))),
    )


class Recorder:
    """A sampler that remembers what it drew, in order."""

    def __init__(self) -> None:
        self.drawn: list[tuple[Points, Labels]] = []
        self.seeds: list[int] = []

    def __call__(self, n: int, seed: int) -> tuple[Points, Labels]:
        x, t = MIXTURE.sample(n, seed)
        self.drawn.append((x.copy(), t.copy()))
        self.seeds.append(seed)
        return x, t


@pytest.mark.parametrize(("examples", "sets"), CHUNKS)
def test_the_counts_are_those_of_a_plain_loop(examples: int, sets: int) -> None:
    recorder = Recorder()
    found = risk.simulate_errors(
        recorder, [right, above], examples=examples, sets=sets, seed=3, workers=1
    )
    # The first draw only asks whether a test set of this size can be had.
    x = np.concatenate([x for x, _ in recorder.drawn[1:]])
    t = np.concatenate([t for _, t in recorder.drawn[1:]])
    expected = np.empty((2, sets), dtype=int)
    for row, classify in enumerate((right, above)):
        for s in range(sets):
            of_set = slice(s * examples, (s + 1) * examples)
            expected[row, s] = (classify(x[of_set]) != t[of_set]).sum()
    assert len(x) >= examples * sets
    assert found.dtype == np.int64
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(("examples", "sets"), CHUNKS)
def test_the_counts_do_not_depend_on_the_threads(examples: int, sets: int) -> None:
    counts = [
        risk.simulate_errors(
            MIXTURE.sample, [right], examples=examples, sets=sets, seed=1, workers=workers
        )
        for workers in (1, 2, 5, None)
    ]
    assert all(np.array_equal(counts[0], other) for other in counts[1:])


def test_the_first_sets_are_the_same_however_many_follow() -> None:
    few = risk.simulate_errors(MIXTURE.sample, [above], examples=1000, sets=45)
    many = risk.simulate_errors(MIXTURE.sample, [above], examples=1000, sets=170)
    assert np.array_equal(few, many[:, :45])


def test_every_chunk_has_its_own_seed() -> None:
    recorder = Recorder()
    risk.simulate_errors(recorder, [right], examples=1000, sets=400, workers=1)
    assert len(recorder.seeds) > 10
    assert len(set(recorder.seeds)) == len(recorder.seeds)


def test_different_seeds_count_different_errors() -> None:
    first, second = (
        risk.simulate_errors(MIXTURE.sample, [above], examples=100, sets=50, seed=seed)
        for seed in (0, 1)
    )
    assert not np.array_equal(first, second)


def test_the_same_seed_counts_the_same_errors() -> None:
    first, second = (
        risk.simulate_errors(MIXTURE.sample, [above], examples=100, sets=50, seed=4)
        for _ in range(2)
    )
    assert np.array_equal(first, second)


def test_every_classifier_sees_the_same_sets() -> None:
    def opposite(x: Points) -> Labels:
        return -above(x)

    counts = risk.simulate_errors(MIXTURE.sample, [above, opposite, above], examples=100, sets=200)
    assert np.array_equal(counts[0], counts[2])
    assert (counts[0] + counts[1] == 100).all()


def test_the_mean_is_the_true_error_rate() -> None:
    negative, positive = true_rates()
    counts = risk.simulate_errors(MIXTURE.sample, [right], examples=1000, sets=1000)
    # The class counts are fixed, which spreads less than the binomial that is tested.
    assert stats.binomtest(int(counts.sum()), 10**6, (negative + positive) / 2).pvalue > 1e-4


def test_the_counts_follow_the_law_of_fixed_class_counts() -> None:
    negative, positive = true_rates()
    counts = risk.simulate_errors(MIXTURE.sample, [right], examples=100, sets=20_000)[0]
    k = np.arange(51)
    law = np.convolve(stats.binom.pmf(k, 50, negative), stats.binom.pmf(k, 50, positive))
    seen = np.bincount(counts, minlength=101)
    common = law * 20_000 >= 5
    table = np.append(seen[common], seen[~common].sum())
    expected = np.append(law[common], law[~common].sum()) * 20_000
    assert stats.chisquare(table, expected).pvalue > 1e-4


def test_no_classifiers_have_no_counts() -> None:
    assert risk.simulate_errors(MIXTURE.sample, [], examples=10, sets=5).shape == (0, 5)


@pytest.mark.parametrize("workers", [1, 3])
def test_the_exception_of_a_classifier_passes(workers: int) -> None:
    def breaks(x: Points) -> Labels:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        risk.simulate_errors(
            MIXTURE.sample, [right, breaks], examples=1000, sets=100, workers=workers
        )


def test_an_exception_stops_the_rest_of_the_work() -> None:
    calls: list[int] = []

    def breaks(x: Points) -> Labels:
        calls.append(len(x))
        raise LookupError("mine")

    with pytest.raises(LookupError):
        risk.simulate_errors(MIXTURE.sample, [breaks], examples=8000, sets=5000, workers=1)
    assert len(calls) < 5000


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    risk.simulate_errors(MIXTURE.sample, [right], examples=1000, sets=50, workers=4)
    assert threading.active_count() == before


@pytest.mark.parametrize(
    "convert",
    [lambda t: t[:-1], lambda t: t[:, None], lambda _: 1, lambda t: np.concatenate((t, t))],
)
def test_another_number_of_labels_is_refused(convert: Callable[[Labels], object]) -> None:
    with pytest.raises(InputError, match=r"one label a point: expected shape \(300,\), got \("):
        risk.simulate_errors(
            MIXTURE.sample, [lambda x: convert(right(x))], examples=100, sets=3, workers=1
        )


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(("examples", "sets"), CHUNKS)
def test_progress_rises_to_the_total(examples: int, sets: int, workers: int) -> None:
    told: list[tuple[int, int]] = []
    risk.simulate_errors(
        MIXTURE.sample,
        [right],
        examples=examples,
        sets=sets,
        workers=workers,
        progress=lambda _, done, total: told.append((done, total)),
    )
    done = [d for d, _ in told]
    assert done == sorted(done)
    assert told[-1] == (sets, sets)
    assert {total for _, total in told} == {sets}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("examples", 0, "examples must be at least 1, got 0"),
        ("examples", 1.5, "examples must be a whole number"),
        ("sets", 0, "sets must be at least 1, got 0"),
        ("sets", -1, "sets must be at least 1, got -1"),
        ("seed", -1, "seed must be at least 0, got -1"),
        ("workers", -1, "workers must be at least 1, got -1"),
        ("workers", 1.5, "workers must be a whole number"),
        pytest.param(
            "workers",
            0,
            "workers must be at least 1, got 0",
        ),
    ],
)
def test_what_cannot_be_is_refused(name: str, value: int, message: str) -> None:
    a = {"examples": 10, "sets": 5, "seed": 0, "workers": 1} | {name: value}
    with pytest.raises(InputError, match=message):
        risk.simulate_errors(
            MIXTURE.sample,
            [right],
            examples=a["examples"],
            sets=a["sets"],
            seed=a["seed"],
            workers=a["workers"],
        )
