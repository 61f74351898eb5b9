"""Metrics under other shares of the classes: closed forms, exact coverage, and the edges."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from sklearn import metrics as sk

from backproof import risk
from backproof._core.errors import InputError
from backproof.risk.confusion import Confusion
from backproof.risk.metrics.measurement import Measurement
from backproof.risk.priors import SHIFTED, checked_priors, measure_shifted

Array = NDArray[Any]
BINARY = ("precision", "specificity", "f1")


def table(counts: Any) -> Confusion:
    return Confusion(labels=tuple("abcdefgh"[: len(counts)]), counts=np.asarray(counts))


def shares(*values: float) -> dict[Any, float]:
    return dict(zip("abcdefgh", values, strict=False))


def of_law(metric: str, joint: Array, positive: int) -> float:
    """Return a metric of a law P(truth, prediction), from its definition."""
    hits = joint[positive, positive]
    true, predicted = joint[positive].sum(), joint[:, positive].sum()
    right = float(np.trace(joint) / joint.sum())
    values: dict[str, Callable[[], float]] = {
        "error": lambda: 1 - right,
        "accuracy": lambda: right,
        "precision": lambda: hits / predicted,
        "specificity": lambda: 1 - (predicted - hits) / (joint.sum() - true),
        "f1": lambda: 2 * hits / (true + predicted),
    }
    return float(values[metric]())


def within(counts: Array) -> Array:
    """Return P(prediction | truth)."""
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


THREE = np.array([[30, 4, 6], [3, 20, 2], [5, 1, 9]])


@pytest.mark.parametrize("metric", SHIFTED)
@pytest.mark.parametrize("positive", [0, 1, 2])
def test_the_estimate_is_the_metric_of_the_reweighted_examples(metric: str, positive: int) -> None:
    q = np.array([0.2, 0.1, 0.7])
    found = measure_shifted(table(THREE), metric, shares(*q), 0.9, positive="abc"[positive])
    expected = of_law(metric, q[:, None] * within(THREE), positive)
    assert found.estimate == pytest.approx(expected, rel=1e-13)
    # scikit-learn, with a weight for each example
    true, predicted = (np.repeat(axis, THREE.ravel()) for axis in np.indices((3, 3)).reshape(2, -1))
    weights = (q / THREE.sum(axis=1))[true]
    is_true, is_predicted = true == positive, predicted == positive
    oracle = {
        "error": lambda: 1 - sk.accuracy_score(true, predicted, sample_weight=weights),
        "accuracy": lambda: sk.accuracy_score(true, predicted, sample_weight=weights),
        "precision": lambda: sk.precision_score(is_true, is_predicted, sample_weight=weights),
        "specificity": lambda: sk.recall_score(~is_true, ~is_predicted, sample_weight=weights),
        "f1": lambda: sk.f1_score(is_true, is_predicted, sample_weight=weights),
    }[metric]()
    assert found.estimate == pytest.approx(oracle, rel=1e-12)


@pytest.mark.parametrize("side", ["two-sided", "upper", "lower"])
@pytest.mark.parametrize("metric", SHIFTED)
def test_the_bounds_are_the_extremes_over_the_classes_intervals(metric: str, side: Any) -> None:
    q, positive = np.array([0.2, 0.1, 0.7]), 1
    found = measure_shifted(table(THREE), metric, shares(*q), 0.9, side=side, positive="b")
    # "right" of a binary metric: positives taken for positive, others not
    right = [
        THREE[k, k] if metric not in BINARY or k == positive else THREE[k].sum() - THREE[k, 1]
        for k in range(3)
    ]
    among = 2 if metric == "specificity" else 3
    tail = 0.1 / (2 if side == "two-sided" else 1) / among
    intervals = [
        stats.binomtest(int(k), int(m)).proportion_ci(1 - 2 * tail)
        for k, m in zip(right, THREE.sum(axis=1), strict=True)
    ]
    values = []
    for rates in itertools.product(*(np.linspace(ci.low, ci.high, 7) for ci in intervals)):
        # any law with these rates will do: the wrong ones go to the next class, or to the positive
        law = np.zeros((3, 3))
        for k, rate in enumerate(rates):
            other = (k + 1) % 3 if metric not in BINARY or k == positive else positive
            law[k, k], law[k, other] = q[k] * rate, q[k] * (1 - rate)
        values.append(of_law(metric, law, positive))
    assert found.lower == (0 if side == "upper" else pytest.approx(min(values), abs=1e-9))
    assert found.upper == (1 if side == "lower" else pytest.approx(max(values), abs=1e-9))
    assert (found.guarantee, found.method) == ("finite-sample", "clopper-pearson-by-class")


def ends_of_all(metric: str, m: tuple[int, int], q: tuple[float, float], side: Any) -> Any:
    """Return both ends for every table of two classes with m examples, shape (m0 + 1, m1 + 1)."""
    ends = np.empty((m[0] + 1, m[1] + 1, 2))
    for i, j in np.ndindex(ends.shape[:2]):
        counts = table([[i, m[0] - i], [m[1] - j, j]])
        found = measure_shifted(counts, metric, shares(*q), 0.8, side=side)
        ends[i, j] = found.lower, found.upper
    return ends[..., 0], ends[..., 1]


@pytest.mark.parametrize("side", ["two-sided", "upper", "lower"])
@pytest.mark.parametrize("metric", SHIFTED)
def test_two_classes_are_covered_exactly_summed(metric: str, side: Any) -> None:
    m, q = (9, 6), (0.85, 0.15)
    lower, upper = ends_of_all(metric, m, q, side)
    worst = 1.0
    for rates in itertools.product((0.02, 0.2, 0.5, 0.7, 0.9, 0.97), repeat=2):
        r, s = rates
        truth = of_law(
            metric, np.array([[q[0] * r, q[0] * (1 - r)], [q[1] * (1 - s), q[1] * s]]), 1
        )
        p = np.outer(
            stats.binom.pmf(np.arange(m[0] + 1), m[0], r),
            stats.binom.pmf(np.arange(m[1] + 1), m[1], s),
        )
        worst = min(worst, float(p[(lower <= truth) & (truth <= upper)].sum()))
    assert worst >= 0.8 - 1e-12
    assert worst < 0.995  # it is no range that holds anything


LAWS = {
    2: np.array([[0.9, 0.1], [0.3, 0.7]]),
    3: np.array([[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.3, 0.6]]),
}


@pytest.mark.parametrize("metric", SHIFTED)
@pytest.mark.parametrize("classes", [2, 3])
def test_it_covers_where_the_test_set_has_other_shares(metric: str, classes: int) -> None:
    law = LAWS[classes]
    drawn_from = np.full(classes, 1 / classes)
    q = np.array([0.9, 0.1]) if classes == 2 else np.array([0.08, 0.9, 0.02])
    truth = of_law(metric, q[:, None] * law, classes - 1)
    sets, confidence = 400, 0.7
    drawn = np.random.default_rng([classes, 7]).multinomial(
        300, (drawn_from[:, None] * law).ravel(), size=sets
    )
    hits = plain = 0
    for counts in drawn.reshape(-1, classes, classes):
        found = measure_shifted(
            table(counts), metric, shares(*q), confidence, positive="abc"[classes - 1]
        )
        hits += found.lower <= truth <= found.upper
        assert found.upper - found.lower < 0.6
        unshifted = risk.measure(table(counts), metric, confidence, positive="abc"[classes - 1])
        plain += unshifted.lower <= truth <= unshifted.upper
    assert stats.binomtest(hits, sets, confidence, alternative="less").pvalue > 1e-4
    if metric == "specificity" and classes == 2:  # the one metric here that shares do not change
        assert stats.binomtest(plain, sets, confidence, alternative="less").pvalue > 1e-4
    else:
        assert stats.binomtest(plain, sets, confidence, alternative="less").pvalue < 1e-4


def test_specificity_of_two_classes_does_not_depend_on_their_shares() -> None:
    counts = table([[30, 7], [5, 18]])
    plain = risk.measure(counts, "specificity", 0.9)
    for q in (0.01, 0.5, 0.99):
        found = measure_shifted(counts, "specificity", shares(q, 1 - q), 0.9)
        assert (found.lower, found.upper) == pytest.approx((plain.lower, plain.upper), rel=1e-12)
        assert found.estimate == pytest.approx(plain.estimate)
        assert found.examples == 37


def test_one_label_is_the_plain_interval() -> None:
    found = measure_shifted(table([[12]]), "error", {"a": 1}, 0.95)
    expected = stats.binomtest(0, 12).proportion_ci(0.95)
    assert (found.estimate, found.lower) == (0.0, 0.0)
    assert found.upper == pytest.approx(expected.high, rel=1e-9)


def test_a_class_that_never_comes_takes_no_share_of_the_miss() -> None:
    counts = table([[30, 7, 3], [5, 18, 2], [9, 9, 9]])
    found = measure_shifted(counts, "error", shares(0, 1, 0), 0.9)
    expected = stats.binomtest(7, 25).proportion_ci(0.9)
    assert (found.lower, found.upper) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert found.estimate == pytest.approx(7 / 25)
    assert found.examples == 25


def test_a_class_without_examples_may_have_any_rate() -> None:
    counts = table([[20, 5], [0, 0]])
    found = measure_shifted(counts, "error", shares(0.75, 0.25), 0.9)
    each = stats.binomtest(5, 25).proportion_ci(0.95)
    assert found.estimate is None
    assert found.lower == pytest.approx(0.75 * each.low, abs=1e-9)
    assert found.upper == pytest.approx(0.75 * each.high + 0.25, abs=1e-9)


@pytest.mark.parametrize("metric", SHIFTED)
@pytest.mark.parametrize(
    "counts", [[[0, 0], [0, 0]], [[0, 3], [3, 0]], [[3, 0], [0, 3]], [[4, 0], [0, 0]]]
)
@pytest.mark.parametrize("q", [(1, 0), (0, 1), (0.5, 0.5)])
@pytest.mark.parametrize("side", ["two-sided", "upper", "lower"])
def test_the_edges_are_plain_numbers(metric: str, counts: Any, q: Any, side: Any) -> None:
    found = measure_shifted(table(counts), metric, shares(*q), 0.9, side=side)
    assert 0 <= found.lower <= found.upper <= 1
    assert found.estimate is None or 0 <= found.estimate <= 1
    if side == "upper":
        assert found.lower == 0
    if side == "lower":
        assert found.upper == 1
    assert Measurement.from_json(found.to_json()) == found


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(sorted(SHIFTED)), st.integers(2, 6))
def test_the_interval_holds_the_estimate_and_shrinks_with_confidence(
    data: st.DataObject, metric: str, classes: int
) -> None:
    cells = st.lists(st.integers(0, 40), min_size=classes**2, max_size=classes**2)
    counts = table(np.array(data.draw(cells)).reshape(classes, classes))
    parts = data.draw(st.lists(st.integers(0, 9), min_size=classes, max_size=classes).filter(any))
    priors = shares(*(part / sum(parts) for part in parts))
    wide, narrow = (
        measure_shifted(counts, metric, priors, level, positive="b") for level in (0.99, 0.8)
    )
    assert 0 <= wide.lower <= narrow.lower <= narrow.upper <= wide.upper <= 1
    if narrow.estimate is not None:
        assert narrow.lower - 1e-12 <= narrow.estimate <= narrow.upper + 1e-12


def test_all_wrong_and_all_right_are_exact() -> None:
    tenth = dict.fromkeys(range(10), 0.1)
    right = Confusion(labels=tuple(range(10)), counts=5 * np.eye(10, dtype=int))
    wrong = Confusion(labels=tuple(range(10)), counts=5 * np.roll(np.eye(10, dtype=int), 1, 1))
    # ten times 0.1 is not 1 in floats; the ends are
    for counts, error in ((right, 0.0), (wrong, 1.0)):
        found = measure_shifted(counts, "error", tenth, 0.9)
        assert found.estimate == error
        assert (found.lower if error == 0 else found.upper) == error
        found = measure_shifted(counts, "accuracy", tenth, 0.9)
        assert found.estimate == 1 - error
        assert (found.upper if error == 0 else found.lower) == 1 - error


def test_shares_that_add_up_to_1_but_for_their_digits_are_shares_of_their_sum() -> None:
    third = shares(*[0.3333333333] * 3)
    each = 5 * np.eye(3, dtype=int)
    for counts, error in ((each, 0), (np.roll(each, 1, axis=1), 1)):
        found = measure_shifted(table(counts), "error", third, 0.9)
        assert (found.estimate, found.lower if error == 0 else found.upper) == (error, error)
        found = measure_shifted(table(counts), "accuracy", third, 0.9)
        assert (found.estimate, found.upper if error == 0 else found.lower) == (1 - error,) * 2


def test_shares_come_in_the_order_of_the_labels() -> None:
    assert checked_priors({1: 0.25, 0: 0.75}, (0, 1)).tolist() == [0.75, 0.25]
    assert checked_priors({np.int64(1): 0.25, False: 0.75}, (0, 1)).tolist() == [0.75, 0.25]


@pytest.mark.parametrize(
    ("priors", "message"),
    [
        ({"a": 0.5, "b": 0.6}, r"add up to 1, got \[0.5, 0.6\], which add up to 1.1: divide"),
        ({"a": 0.5, "b": 0.4999}, "add up to 1"),
        ({"a": -0.5, "b": 1.5}, r"prior of 'a' must lie in \[0, 1\], got -0.5"),
        ({"a": float("nan"), "b": 1}, r"prior of 'a' must lie in \[0, 1\], got nan"),
        ({"a": "half", "b": 0.5}, "prior of 'a' must be a number"),
        ({"a": None, "b": 0.5}, "prior of 'a' must be a number"),
        ({"a": 1}, "a share for each label 'a', 'b', got them for 'a'"),
        ({"a": 0.5, "c": 0.5}, "got them for 'a', 'c'"),
        ({"a": 0.5, "b": 0.25, "c": 0.25}, "got them for 'a', 'b', 'c'"),
        ([0.5, 0.5], "must be a mapping from labels to shares, got list"),
    ],
)
def test_priors_that_are_none_are_refused(priors: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        measure_shifted(table([[3, 1], [1, 3]]), "error", priors, 0.9)


@pytest.mark.parametrize(
    ("metric", "options", "message"),
    [
        ("mcc", {}, "a metric with priors must be one of error, .*, got 'mcc'"),
        ("f1", {"positive": "z"}, "positive= must name the positive class, one of 'a', 'b'"),
        ("error", {"side": "left"}, "side must be one of"),
        ("error", {"confidence": 1.0}, "confidence must lie strictly between 0 and 1"),
    ],
)
def test_what_cannot_be_measured_is_refused(metric: str, options: Any, message: str) -> None:
    arguments: dict[str, Any] = {"confidence": 0.9, **options}
    with pytest.raises(InputError, match=message):
        measure_shifted(table([[3, 1], [1, 3]]), metric, shares(0.5, 0.5), **arguments)
