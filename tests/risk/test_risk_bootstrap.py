"""The bootstrap of counts: its exact law, SciPy's intervals, clusters, and the edges."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from backproof import risk
from backproof._core.errors import InputError
from backproof.risk.bootstrap import Bootstrap, BootstrapInterval
from backproof.risk.confusion import Confusion, confusion, confusions_by

Array = NDArray[Any]
PAIRS = np.array([[40, 7], [3, 10]])


def f1_of_labels(true: Array, predicted: Array, axis: int = -1) -> Array:
    hits = (true & predicted).sum(axis=axis)
    return np.asarray(2 * hits / (true.sum(axis=axis) + predicted.sum(axis=axis)))


def labels_of(counts: Array) -> tuple[Array, Array]:
    true, predicted = np.indices(counts.shape).reshape(2, -1)
    return (
        np.repeat(true, counts.ravel()).astype(bool),
        np.repeat(predicted, counts.ravel()).astype(bool),
    )


@pytest.mark.parametrize(("errors", "examples"), [(1, 3), (30, 1000), (999, 1000), (5, 10**12)])
def test_replicates_of_an_error_are_binomial(errors: int, examples: int) -> None:
    found = risk.bootstrap((errors, examples - errors), replicates=20_000, seed=1)
    drawn = np.rint(found.replicates * examples)
    law = stats.binom(examples, errors / examples)
    at = np.arange(drawn.min(), drawn.max() + 1)
    gap = np.abs(np.searchsorted(np.sort(drawn), at, "right") / 20_000 - law.cdf(at))
    # Kolmogorov: conservative for a discrete law; a false alarm once in 1e5
    assert gap.max() < stats.kstwobign.isf(1e-5) / np.sqrt(20_000)


def exact_law(counts: Array, statistic: Any) -> dict[float | None, float]:
    """Go through every sequence of drawn cells."""
    cells = [index for index in np.ndindex(counts.shape) if counts[index]]
    m, law = int(counts.sum()), dict[float | None, float]()
    for drawn in product(cells, repeat=m):
        table = np.zeros(counts.shape, dtype=int)
        np.add.at(table, tuple(np.array(drawn).T), 1)
        value = statistic(table)
        key = None if value is None else round(value, 9)
        law[key] = law.get(key, 0.0) + float(np.prod([counts[c] / m for c in drawn]))
    return law


def plain_f1(table: Array) -> float | None:
    bottom = 2 * table[1, 1] + table[0, 1] + table[1, 0]
    return None if bottom == 0 else float(2 * table[1, 1] / bottom)


def plain_macro_f1(table: Array) -> float | None:
    each = []
    for k in range(len(table)):
        bottom = table[k].sum() + table[:, k].sum()
        if bottom:
            each.append(2 * table[k, k] / bottom)
    return float(np.mean(each))


def plain_difference(table: Array) -> float | None:
    return float((table[1, 0] - table[0, 1]) / table.sum())


def plain_auc(table: Array) -> float | None:
    pairs = [
        (table[s, 1] * table[t, 0], 1.0 if s > t else 0.5 if s == t else 0.0)
        for s in range(len(table))
        for t in range(len(table))
    ]
    total = sum(weight for weight, _ in pairs)
    return None if total == 0 else float(sum(w * v for w, v in pairs) / total)


@pytest.mark.parametrize(
    ("name", "statistic", "counts"),
    [
        ("f1", plain_f1, [[2, 1], [0, 1]]),
        ("f1", plain_f1, [[3, 1], [1, 1]]),
        ("macro-f1", plain_macro_f1, [[2, 1, 0], [0, 1, 0], [0, 0, 1]]),
        ("difference", plain_difference, [[1, 2], [1, 2]]),
        ("auc", plain_auc, [[2, 1], [1, 0], [0, 2]]),
    ],
)
def test_replicates_have_their_exact_law(name: str, statistic: Any, counts: Any) -> None:
    table, count = np.array(counts), 20_000
    law = exact_law(table, statistic)
    found = risk.bootstrap(table, name, replicates=count, seed=2)
    values, times = np.unique(found.replicates.round(9), return_counts=True)
    seen: dict[float | None, int] = dict(zip(values.tolist(), times.tolist(), strict=True))
    if found.undefined:
        seen[None] = found.undefined
    assert set(seen) <= set(law)
    assert sum(seen.values()) == count
    for value, probability in law.items():
        p = stats.binomtest(seen.get(value, 0), count, min(probability, 1.0)).pvalue
        assert p > 1e-4 / len(law)


@pytest.mark.parametrize("side", ["two-sided", "upper", "lower"])
@pytest.mark.parametrize("method", ["percentile", "basic", "bca"])
def test_intervals_are_scipys(method: Any, side: Any) -> None:
    alternative: Any = {"two-sided": "two-sided", "upper": "less", "lower": "greater"}[side]
    expected = stats.bootstrap(
        labels_of(PAIRS),
        f1_of_labels,
        n_resamples=20_000,
        paired=True,
        vectorized=True,
        batch=2000,
        confidence_level=0.9,
        alternative=alternative,
        method={"bca": "BCa"}.get(method, method),
        rng=np.random.default_rng(3),
    ).confidence_interval
    found = risk.bootstrap(PAIRS, "f1", replicates=20_000, seed=4).interval(0.9, method, side)
    # F1 has a standard deviation of 0.08 here, so either end one of about 0.001
    low, high = (
        (0.0 if side == "upper" else expected.low),
        (1.0 if side == "lower" else expected.high),
    )
    assert found.lower == pytest.approx(low, abs=0.008)
    assert found.upper == pytest.approx(high, abs=0.008)
    assert (found.method, found.guarantee) == (f"bootstrap-{method}", "asymptotic")


def skewness_sixth(left_out: Array) -> float:
    deviation = left_out.mean() - left_out
    return float((deviation**3).sum() / (6 * (deviation**2).sum() ** 1.5))


def test_the_acceleration_is_the_jackknifes() -> None:
    true, predicted = labels_of(PAIRS)
    every = range(len(true))
    left_out = [f1_of_labels(np.delete(true, i), np.delete(predicted, i)) for i in every]
    found = risk.bootstrap(PAIRS, "f1", replicates=10)
    assert found.acceleration == pytest.approx(skewness_sixth(np.array(left_out)), rel=1e-9)


def test_the_bias_is_that_of_the_replicates() -> None:
    found = risk.bootstrap(PAIRS, "f1", replicates=5001, seed=5)
    assert found.estimate is not None
    below = (found.replicates < found.estimate).mean()
    tied = np.isclose(found.replicates, found.estimate, rtol=1e-11).mean()
    assert found.bias == pytest.approx(stats.norm.ppf(below + tied / 2), rel=1e-9)


@pytest.mark.parametrize(("errors", "examples"), [(8, 50), (100, 1000), (3, 400)])
@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_many_replicates_come_to_the_closed_form(method: Any, errors: int, examples: int) -> None:
    found = risk.bootstrap((errors, examples - errors), replicates=200_000, seed=6)
    ours = found.interval(0.9, method)
    exact = risk.interval(errors, examples, 0.9, f"bootstrap-{method}")
    # a tail of the drawn law may fall on the other side of a step of the exact one
    assert ours.lower == pytest.approx(exact.lower, abs=1.001 / examples)
    assert ours.upper == pytest.approx(exact.upper, abs=1.001 / examples)


def clusters() -> Array:
    rng = np.random.default_rng(7)
    tables = rng.poisson([[2.0, 0.5], [0.5, 1.0]], (25, 2, 2))
    tables[:6] = tables[0]  # equal ones are drawn as one kind
    return np.asarray(tables)


def test_clusters_are_drawn_as_in_a_plain_loop() -> None:
    tables, rng = clusters(), np.random.default_rng(8)
    loop = []
    for _ in range(5000):
        summed = tables[rng.integers(0, len(tables), len(tables))].sum(axis=0)
        loop.append(plain_f1(summed))
    found = risk.bootstrap(tables, "f1", replicates=5000, seed=9, clustered=True)
    assert stats.ks_2samp(found.replicates, np.array(loop, dtype=float)).pvalue > 1e-4
    assert found.estimate == pytest.approx(plain_f1(tables.sum(axis=0)), rel=1e-14)
    assert (found.clusters, found.examples) == (25, tables.sum())
    # whole clusters of like examples spread more than single examples do
    assert found.replicates.std() != pytest.approx(
        risk.bootstrap(tables.sum(axis=0), "f1", seed=9).replicates.std(), rel=0.02
    )


def test_the_jackknife_leaves_out_whole_clusters() -> None:
    tables = clusters()
    left_out = np.array([plain_f1(tables.sum(axis=0) - table) for table in tables], dtype=float)
    found = risk.bootstrap(tables, "f1", replicates=10, clustered=True)
    assert found.acceleration == pytest.approx(skewness_sixth(left_out), rel=1e-9)


def test_clusters_of_one_example_are_examples() -> None:
    tables = np.zeros((60, 2), dtype=int)
    tables[np.arange(60), (np.arange(60) < 48).astype(int)] = 1
    ours = risk.bootstrap(tables, "error", seed=10, clustered=True)
    plain = risk.bootstrap((12, 48), "error", seed=11)
    assert stats.ks_2samp(ours.replicates, plain.replicates).pvalue > 1e-4
    assert ours.acceleration == pytest.approx(plain.acceleration, rel=1e-9)


def test_groups_of_examples_can_be_the_clusters() -> None:
    true, predicted = labels_of(PAIRS)
    by = np.arange(len(true)) % 12
    groups = confusions_by(true, predicted, by)
    found = risk.bootstrap(groups, "f1", replicates=50, clustered=True)
    assert found == risk.bootstrap(groups.counts, "f1", replicates=50, clustered=True)


def test_a_statistic_may_be_a_callable() -> None:
    def share(tables: Array) -> Array:
        return np.asarray(tables[..., 0] / tables.sum(axis=-1))

    mine = risk.bootstrap((5, 45), share, seed=12)
    known = risk.bootstrap((5, 45), "error", seed=12)
    assert mine.statistic == "share"
    np.testing.assert_allclose(np.sort(mine.replicates).mean(), 0.1, atol=0.005)
    assert stats.ks_2samp(mine.replicates, known.replicates).pvalue > 1e-4
    upper = mine.interval(side="upper")
    assert upper.lower is None
    assert upper.upper is not None
    assert "none to" in str(upper)


def test_values_not_finite_are_undefined() -> None:
    found = risk.bootstrap((1, 2), lambda t: t[..., 1] / t[..., 0], replicates=20_000, seed=13)
    p = stats.binomtest(found.undefined, 20_000, (2 / 3) ** 3).pvalue
    assert p > 1e-4
    assert len(found.replicates) == 20_000 - found.undefined
    assert np.isfinite(found.replicates).all()
    assert "undefined" in str(found)


def test_an_undefined_statistic_has_the_whole_range() -> None:
    found = risk.bootstrap([[5, 3], [0, 0]], "recall", replicates=10)
    assert (found.estimate, found.bias, found.acceleration, found.undefined) == (None,) * 3 + (10,)
    for method in ("percentile", "basic", "bca"):
        interval = found.interval(method=method)
        assert (interval.estimate, interval.lower, interval.upper) == (None, 0.0, 1.0)
    assert "undefined" in str(found)


@pytest.mark.parametrize("method", ["percentile", "basic", "bca"])
@pytest.mark.parametrize(
    ("counts", "name", "value"),
    [
        ((0, 1), "error", 0.0),
        ((1000, 0), "error", 1.0),
        ([[7, 0], [0, 5]], "f1", 1.0),
        ([[7, 0], [0, 5]], "mcc", 1.0),
        ([[0, 3], [3, 0]], "kappa", -1.0),
        ([[9, 0], [0, 0]], "difference", 0.0),
    ],
)
def test_without_spread_the_interval_is_a_point(
    method: Any, counts: Any, name: str, value: float
) -> None:
    found = risk.bootstrap(counts, name, replicates=200)
    at = found.interval(method=method)
    if name == "kappa":  # resampled, the classes are not balanced any more
        assert at.lower == value
    else:
        assert at.lower == at.upper == at.estimate == pytest.approx(value, abs=1e-15)


def test_many_cells_are_drawn_in_pieces() -> None:
    # more cells than a piece has numbers; the area under the curve is ½ but for 1/√examples
    found = risk.bootstrap(np.ones((150_000, 2), dtype=int), "auc", replicates=3)
    assert len(set(found.replicates)) == 3
    np.testing.assert_allclose(found.replicates, 0.5, atol=0.01)


def test_pieces_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = clusters()
    whole = [
        risk.bootstrap(tables, "f1", replicates=100, clustered=True),
        risk.bootstrap(tables.sum(axis=0), "f1", replicates=100),
    ]
    monkeypatch.setattr("backproof.risk.resampling._CHUNK", 50)
    assert risk.bootstrap(tables, "f1", replicates=100, clustered=True) == whole[0]
    assert risk.bootstrap(tables.sum(axis=0), "f1", replicates=100) == whole[1]


@pytest.mark.parametrize("counts", [[[2, 1], [1, 0], [0, 2]], [[5, 2], [3, 4], [1, 9]]])
def test_the_areas_jackknife_leaves_out_each_example(counts: Any) -> None:
    table = np.array(counts)
    left_out = [
        plain_auc(table - one)
        for one in np.eye(table.size, dtype=int).reshape(-1, *table.shape)
        for _ in range(int((table * one).sum()))
    ]
    found = risk.bootstrap(table, "auc", replicates=10)
    expected = skewness_sixth(np.array(left_out, dtype=float))
    assert found.acceleration == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_seed_alone_decides_the_replicates() -> None:
    first, again = (risk.bootstrap((5, 45), seed=np.int64(4)) for _ in range(2))
    assert first == again
    assert first.seed == 4
    other = risk.bootstrap((5, 45), seed=5)
    assert (first.replicates != other.replicates).any()


def test_errors_alone_are_as_good_as_their_matrix() -> None:
    matrix = np.array([[20, 2, 3], [4, 30, 1], [0, 5, 35]])
    for name in ("error", "accuracy", "micro-f1"):
        assert risk.bootstrap(matrix, name) == risk.bootstrap((15, 85), name)


def test_a_confusion_has_its_larger_label_for_positive() -> None:
    table = Confusion(labels=("b", "a"), counts=np.array([[9, 2], [1, 8]]))
    assert risk.bootstrap(table, "recall", replicates=1).estimate == 9 / 11
    assert risk.bootstrap(table.counts, "recall", replicates=1).estimate == 8 / 9


def test_results_come_back_from_json() -> None:
    found = risk.bootstrap(PAIRS, "f1", replicates=20)
    assert Bootstrap.from_json(found.to_json()) == found
    interval = found.interval(method="bca")
    assert BootstrapInterval.from_json(interval.to_json()) == interval


def test_results_read_as_text() -> None:
    found = risk.bootstrap((0, 50), replicates=7)
    assert str(found) == "error 0.0000: 7 replicates of 50 examples, mean 0.0000"
    assert str(found.interval()) == (
        "error 0.0000 (0.95 two-sided 0.0000 to 0.0000, bootstrap-percentile, asymptotic)"
    )


@pytest.mark.parametrize(
    ("counts", "statistic", "options", "message"),
    [
        ((-1, 10), "error", {}, "counts must be at least 0, got -1"),
        ((0, 0), "error", {}, "counts must hold at least one example"),
        ((1.5, 2), "error", {}, "counts must be whole numbers"),
        (5, "error", {}, "counts must have at least 1 dimensions"),
        ((1, 2), "error", {"clustered": True}, "counts must have at least 2 dimensions"),
        ((1, 2), "f1", {}, r"cells of f1 must have shape \(2, 2\).*got \(2,\)"),
        (np.eye(3, dtype=int), "f1", {}, r"cells of f1 must have shape \(2, 2\)"),
        ((1, 2, 3), "error", {}, r"cells of error must have shape \(K, K\) or \(2,\)"),
        ([[1, 2]], "kappa", {}, r"cells of kappa must have shape \(K, K\), got \(1, 2\)"),
        ([[1, 2]], "difference", {}, r"cells of difference must have shape \(2, 2\)"),
        ([[1, 2, 3]], "auc", {}, r"cells of auc must have shape \(S, 2\)"),
        ((1, 2), "eror", {}, "statistic must be one of error, .*, got 'eror'"),
        ((1, 2), "error", {"replicates": 0}, "replicates must be at least 1"),
        ((1, 2), "error", {"replicates": 1.5}, "replicates must be a whole number"),
        ((1, 2), "error", {"seed": -1}, "seed must be at least 0"),
        ((1, 2), np.sum, {}, r"must return one value a table, shape \(1,\)"),
        (confusion([0, 1, 2], [0, 1, 2]), "f1", {}, "positive= must name the positive class"),
        (confusions_by([0, 1], [0, 1], [0, 1]), "error", {}, "give clustered=True"),
    ],
)
def test_what_cannot_be_is_refused(
    counts: Any, statistic: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        risk.bootstrap(counts, statistic, **options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.0,), "confidence must lie strictly between 0 and 1"),
        ((0.9, "bc"), "method must be one of percentile, basic, bca"),
        ((0.9, "bca", "left"), "side must be one of"),
    ],
)
def test_intervals_that_cannot_be_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        risk.bootstrap((1, 2), replicates=3).interval(*arguments)
