"""Metrics against scikit-learn, their intervals by coverage, and the edges."""

import math
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn import metrics as sk

from backproof import risk
from backproof._core.errors import InputError
from backproof.risk.confusion import Confusion, confusion
from backproof.risk.mean import mean_interval
from backproof.risk.metrics.guaranteed import BALANCED_ACCURACY, F1, MACRO_F1
from backproof.risk.metrics.measure import measure
from backproof.risk.metrics.measurement import Measurement
from backproof.risk.metrics.scores import measure_scores
from backproof.risk.metrics.table import METRICS

Array = NDArray[Any]

SKLEARN: dict[str, Any] = {
    "error": lambda t, p: 1 - sk.accuracy_score(t, p),
    "accuracy": sk.accuracy_score,
    "precision": lambda t, p: sk.precision_score(t, p, zero_division=np.nan),
    "recall": lambda t, p: sk.recall_score(t, p, zero_division=np.nan),
    "specificity": lambda t, p: sk.recall_score(t, p, pos_label=0, zero_division=np.nan),
    "f1": lambda t, p: sk.f1_score(t, p, zero_division=np.nan),
    "balanced-accuracy": sk.balanced_accuracy_score,
    "macro-f1": lambda t, p: sk.f1_score(t, p, average="macro"),
    "micro-f1": lambda t, p: sk.f1_score(t, p, average="micro"),
    "kappa": sk.cohen_kappa_score,
    "mcc": sk.matthews_corrcoef,
}
BINARY = [name for name, row in METRICS.items() if row.binary]


def table(*rows: list[int]) -> Confusion:
    labels: tuple[str, ...] = tuple("abcdefgh"[: len(rows)])
    return Confusion(labels=labels, counts=np.array(rows))


def test_every_metric_has_an_oracle() -> None:
    assert set(SKLEARN) == set(METRICS)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("name", "classes"),
    [(name, k) for name in METRICS for k in (2, 3, 7) if k == 2 or name not in BINARY],
)
def test_a_metric_is_scikit_learns(name: str, classes: int, seed: int) -> None:
    rng = np.random.default_rng([seed, classes])
    true = np.concatenate((np.arange(classes), rng.integers(0, classes, 60)))
    predicted = np.where(rng.random(len(true)) < 0.6, true, rng.integers(0, classes, len(true)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = SKLEARN[name](true, predicted)
    counts = confusion(true, predicted)
    assert measure(counts, name, replicates=10).estimate == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_values_are_vectorised(name: str) -> None:
    size = 2 if METRICS[name].binary else 4
    counts = np.random.default_rng(1).integers(0, 9, (3, 5, size, size))
    counts[0, 0] = 0
    together = METRICS[name].value(counts)
    assert together.shape == (3, 5)
    for index in np.ndindex(3, 5):
        np.testing.assert_equal(together[index], METRICS[name].value(counts[index]))


@pytest.mark.parametrize("name", BINARY)
def test_one_class_is_measured_against_the_rest(name: str) -> None:
    rng = np.random.default_rng(2)
    true, predicted = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    found = measure(confusion(true, predicted), name, positive=2)
    assert found == measure(confusion(true == 2, predicted == 2), name)


def test_the_larger_label_is_positive_unless_told() -> None:
    counts = table([9, 2], [1, 8])
    assert measure(counts, "recall").estimate == 8 / 9
    assert measure(counts, "recall", positive="a").estimate == 9 / 11
    turned = Confusion(labels=("b", "a"), counts=counts.counts[::-1, ::-1])
    assert measure(turned, "recall") == measure(counts, "recall")


@pytest.mark.parametrize("side", ["two-sided", "upper", "lower"])
@pytest.mark.parametrize(
    ("name", "k", "m"),
    [
        ("error", 12, 60),
        ("accuracy", 48, 60),
        ("micro-f1", 48, 60),
        ("precision", 18, 25),
        ("recall", 18, 23),
        ("specificity", 30, 37),
    ],
)
def test_a_rate_has_clopper_and_pearsons_interval(name: str, k: int, m: int, side: Any) -> None:
    found = measure(table([30, 7], [5, 18]), name, 0.9, side=side)
    alternative: Any = {"two-sided": "two-sided", "upper": "less", "lower": "greater"}[side]
    expected = stats.binomtest(k, m, alternative=alternative).proportion_ci(0.9)
    assert (found.lower, found.upper) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert (found.examples, found.seed, found.guarantee) == (m, None, "finite-sample")
    assert found.estimate == pytest.approx(k / m, rel=1e-14)


def test_f1_has_the_published_interval() -> None:
    found = measure(table([500, 10], [20, 80]), "f1")
    assert (round(found.lower, 4), round(found.upper, 4)) == (0.7761, 0.8937)
    assert (found.examples, found.method) == (110, "exact-f1")


def test_averages_are_those_of_their_classes() -> None:
    counts = np.array([[20, 3, 1], [4, 11, 0], [2, 2, 9]])
    recalls, f1s = [], []
    for k in range(3):
        recall = stats.binomtest(int(counts[k, k]), int(counts[k].sum()))
        recalls.append(recall.proportion_ci(1 - 0.1 / 3))
        touched = counts[k].sum() + counts[:, k].sum() - counts[k, k]
        jaccard = stats.binomtest(int(counts[k, k]), int(touched)).proportion_ci(1 - 0.1 / 3)
        f1s.append([2 * j / (1 + j) for j in (jaccard.low, jaccard.high)])
    balanced = measure(table(*counts.tolist()), "balanced-accuracy", 0.9)
    assert (balanced.lower, balanced.upper) == pytest.approx(np.mean(recalls, axis=0), abs=1e-9)
    macro = measure(table(*counts.tolist()), "macro-f1", 0.9)
    assert (macro.lower, macro.upper) == pytest.approx(np.mean(f1s, axis=0), abs=1e-9)


LAWS = [
    [[0.85, 0.05], [0.04, 0.06]],
    [[0.3, 0.1], [0.2, 0.4]],
]
LAWS_OF_THREE = [
    [[0.4, 0.05, 0.05], [0.02, 0.2, 0.03], [0.01, 0.04, 0.2]],
    [[0.6, 0.1, 0.1], [0.05, 0.05, 0.0], [0.02, 0.0, 0.08]],
]


def covered(bounds: Any, metric: str, law: Any, m: int, tail: float, sets: int) -> int:
    """Draw tables of m examples; return how often the interval holds the law's own value."""
    p = np.array(law)
    truth = float(METRICS[metric].value(p))
    drawn = np.random.default_rng(3).multinomial(m, p.ravel(), size=sets).reshape(-1, *p.shape)
    distinct, times = np.unique(drawn, axis=0, return_counts=True)
    ends = [bounds(one, tail) for one in distinct]
    return int(sum(t for (low, high), t in zip(ends, times, strict=True) if low <= truth <= high))


@pytest.mark.parametrize("m", [20, 100])
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("miss", [0.1, 0.3])
def test_the_f1_interval_covers(law: Any, m: int, miss: float) -> None:
    count = covered(F1.bounds, "f1", law, m, miss / 2, 2000)
    assert stats.binomtest(count, 2000, 1 - miss, alternative="less").pvalue > 1e-4
    # planted: an interval at far too large a miss is found out
    assert (
        stats.binomtest(
            covered(F1.bounds, "f1", law, m, 0.45, 2000), 2000, 1 - miss, alternative="less"
        ).pvalue
        < 1e-4
    )


@pytest.mark.parametrize(
    ("metric", "bounds"),
    [("balanced-accuracy", BALANCED_ACCURACY.bounds), ("macro-f1", MACRO_F1.bounds)],
)
@pytest.mark.parametrize("law", LAWS_OF_THREE)
def test_the_averages_intervals_cover(metric: str, bounds: Any, law: Any) -> None:
    sets, miss = 1000, 0.3
    count = covered(bounds, metric, law, 60, miss / 2, sets)
    assert stats.binomtest(count, sets, 1 - miss, alternative="less").pvalue > 1e-4
    planted = covered(lambda c, _: bounds(c, 3 * 0.45), metric, law, 60, miss / 2, sets)
    assert stats.binomtest(planted, sets, 1 - miss, alternative="less").pvalue < 1e-4


@pytest.mark.parametrize("name", METRICS)
def test_an_undefined_metric_has_its_whole_range(name: str) -> None:
    counts = table([0, 0], [0, 0])
    for method in (None, "bootstrap-percentile", "bootstrap-bca"):
        found = measure(counts, name, method=method, replicates=10)
        row = METRICS[name]
        assert (found.estimate, found.lower, found.upper) == (None, row.low, row.high)
        assert found.examples == 0
        assert "undefined" in str(found)


@pytest.mark.parametrize(
    ("name", "counts", "low"),
    [
        ("precision", [[5, 0], [3, 0]], 0.0),
        ("recall", [[5, 3], [0, 0]], 0.0),
        ("specificity", [[0, 0], [5, 3]], 0.0),
        ("f1", [[5, 0], [0, 0]], 0.0),
        ("kappa", [[5, 0], [0, 0]], -1.0),
        ("mcc", [[5, 0], [3, 0]], -1.0),
    ],
)
@pytest.mark.parametrize("method", [None, "bootstrap-basic"])
def test_a_denominator_of_0_leaves_the_whole_range(
    name: str, counts: Any, low: float, method: str | None
) -> None:
    found = measure(table(*counts), name, method=method, replicates=10)
    assert (found.estimate, found.lower, found.upper) == (None, low, 1.0)


def test_a_class_that_never_occurs_is_left_out() -> None:
    with_one = table([8, 2, 0], [1, 9, 0], [0, 0, 0])
    without = table([8, 2], [1, 9])
    for name in ("macro-f1", "balanced-accuracy"):
        found, plain = measure(with_one, name), measure(without, name)
        assert found.estimate == pytest.approx(plain.estimate, rel=1e-14)
        # the third class has its share of the miss all the same
        assert found.lower < plain.lower
        assert found.upper > plain.upper


def test_a_class_without_true_examples_has_any_recall() -> None:
    found = measure(table([8, 2, 1], [1, 9, 0], [0, 0, 0]), "balanced-accuracy")
    first, second = (
        stats.binomtest(k, m).proportion_ci(1 - 0.05 / 3) for k, m in ((8, 11), (9, 10))
    )
    assert found.estimate is None
    assert found.lower == pytest.approx((first.low + second.low) / 3, abs=1e-9)
    assert found.upper == pytest.approx((first.high + second.high + 1) / 3, abs=1e-9)


@pytest.mark.parametrize("side", ["two-sided", "upper", "lower"])
@pytest.mark.parametrize("kind", ["percentile", "basic", "bca"])
@pytest.mark.parametrize("name", ["kappa", "mcc", "f1", "macro-f1"])
def test_bootstrap_intervals_are_the_bootstraps(name: str, kind: Any, side: Any) -> None:
    counts = table([30, 7], [5, 18])
    found = measure(
        counts, name, 0.9, side=side, method=f"bootstrap-{kind}", replicates=300, seed=4
    )
    expected = risk.bootstrap(counts, name, replicates=300, seed=4).interval(0.9, kind, side)
    assert (found.lower, found.upper) == (expected.lower, expected.upper)
    assert (found.guarantee, found.seed) == ("asymptotic", 4)


@pytest.mark.parametrize("name", METRICS)
def test_a_measurement_comes_back_from_json(name: str) -> None:
    found = measure(table([30, 7], [5, 18]), name, replicates=50)
    assert Measurement.from_json(found.to_json()) == found
    assert found.assumptions
    assert found.source
    assert measure(table([30, 7], [5, 18]), name, method=found.method, replicates=50) == found


def test_a_measurement_reads_as_text() -> None:
    assert str(measure(table([500, 10], [20, 80]), "f1")) == (
        "f1 0.8421 (0.95 two-sided 0.7761 to 0.8937, exact-f1, finite-sample, 110 examples)"
    )


@pytest.mark.parametrize(
    ("counts", "name", "options", "message"),
    [
        (table([1, 0], [0, 1]), "f2", {}, "metric must be one of error, .*, got 'f2'"),
        (table([1, 0], [0, 1]), "auc", {}, "auc needs scores.*measure_scores"),
        ([[1, 0], [0, 1]], "f1", {}, "expected a confusion matrix, got list"),
        (table([1]), "f1", {}, "positive= must name the positive class, one of 'a'; none"),
        (table(*np.eye(3, dtype=int).tolist()), "f1", {}, "positive= must name"),
        (table([1, 0], [0, 1]), "f1", {"positive": "z"}, "one of 'a', 'b'; got 'z'"),
        (table([1, 0], [0, 1]), "f1", {"method": "bca"}, "method must be one of exact-f1, boot"),
        (table([1, 0], [0, 1]), "mcc", {"method": "exact"}, "method must be one of bootstrap-"),
        (table([1, 0], [0, 1]), "f1", {"side": "left"}, "side must be one of"),
        (table([1, 0], [0, 1]), "f1", {"confidence": 1}, "confidence must lie strictly"),
        (table([1, 0], [0, 1]), "mcc", {"replicates": 0}, "replicates must be at least 1"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    counts: Any, name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        measure(counts, name, **options)


def scored(seed: int, m: int = 200) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    true = rng.random(m) < 0.4
    return true, np.clip(rng.normal(0.4 + 0.2 * true, 0.2, m).round(2), 0, 1)


@pytest.mark.parametrize("seed", range(4))
def test_score_metrics_are_scikit_learns(seed: int) -> None:
    true, scores = scored(seed)
    expected = {
        "auc": sk.roc_auc_score(true, scores),
        "brier": sk.brier_score_loss(true, scores),
        "log-loss": sk.log_loss(true, np.clip(scores, 0.01, 0.99)),
    }
    for name, value in expected.items():
        found = measure_scores(true, scores, name, clip=0.01)
        assert found.estimate == pytest.approx(value, rel=1e-12)
        assert found.lower <= value <= found.upper
        assert found.guarantee == "finite-sample"
        assert found.examples == 200


@pytest.mark.parametrize("side", ["two-sided", "upper", "lower"])
def test_the_area_has_its_closed_form(side: Any) -> None:
    true = np.repeat([0, 1], 500)
    found = measure_scores(true, np.tile([0.0, 1.0], 500), "auc", side=side)
    tail = 0.025 if side == "two-sided" else 0.05
    margin = math.sqrt(1000 * math.log(1 / tail) / (2 * 500 * 500))
    assert found.lower == (0.0 if side == "upper" else pytest.approx(0.5 - margin, rel=1e-12))
    assert found.upper == (1.0 if side == "lower" else pytest.approx(0.5 + margin, rel=1e-12))
    assert (side != "two-sided") or round(margin, 4) == 0.0859


@pytest.mark.parametrize("method", ["bounded-differences", "bootstrap-bca"])
def test_the_area_of_one_class_is_undefined(method: str) -> None:
    found = measure_scores([1, 1], [0.2, 0.3], "auc", method=method, replicates=10)
    assert (found.estimate, found.lower, found.upper) == (None, 0.0, 1.0)


@pytest.mark.parametrize("kind", ["percentile", "bca"])
def test_the_areas_bootstrap_is_scipys(kind: Any) -> None:
    true, scores = scored(9, 80)
    method = {"bca": "BCa"}.get(kind, kind)
    expected = stats.bootstrap(
        (true, scores),
        lambda t, s: sk.roc_auc_score(t, s),
        paired=True,
        vectorized=False,
        n_resamples=2000,
        method=method,
        rng=np.random.default_rng(5),
    ).confidence_interval
    found = measure_scores(true, scores, "auc", method=f"bootstrap-{kind}", replicates=20_000)
    # the area has a standard deviation of 0.05, an end of 2000 replicates one of 0.003
    assert (found.lower, found.upper) == pytest.approx((expected.low, expected.high), abs=0.013)


def test_losses_have_the_interval_of_their_mean() -> None:
    true, scores = scored(6)
    squares = (scores - true) ** 2
    found = measure_scores(true, scores, "brier", 0.9, seed=3, side="upper")
    expected = mean_interval(squares, 0.9, seed=3, side="upper")
    assert (found.lower, found.upper) == pytest.approx((expected.lower, expected.upper), rel=1e-9)
    assert (found.method, found.seed) == ("betting", 3)
    logs = measure_scores(true, scores, "log-loss", method="hoeffding", clip=0.01)
    margin = -math.log(0.01) * math.sqrt(math.log(40) / 400)
    assert logs.estimate is not None
    assert logs.upper == pytest.approx(logs.estimate + margin, rel=1e-9)
    assert "clipped to [0.01, 0.99]" in logs.assumptions


@pytest.mark.parametrize("metric", ["log-loss", "brier"])
@pytest.mark.parametrize("clip", [1e-3, 1e-15, 0.3])
def test_the_worst_predictions_stay_in_range(metric: str, clip: float) -> None:
    worst = measure_scores([0, 1, 0, 1], [1.0, 0.0, 1.0, 0.0], metric, clip=clip)
    high = 1.0 if metric == "brier" else -math.log(clip)
    assert worst.estimate == worst.upper == pytest.approx(high, rel=1e-14)


def test_the_positive_class_of_scores() -> None:
    scores = [0.1, 0.9, 0.8, 0.4]
    plain = measure_scores([0, 1, 1, 0], scores, "auc")
    assert plain.estimate == 1.0
    assert measure_scores(["a", "b", "b", "a"], scores, "auc") == plain
    assert measure_scores(["a", "b", "b", "c"], scores, "auc", positive="b") == plain
    assert measure_scores(["a", "b", "b", "a"], scores, "auc", positive="a").estimate == 0.0
    assert measure_scores([False] * 4, scores, "brier").estimate == pytest.approx(1.62 / 4)


@pytest.mark.parametrize(
    ("true", "scores", "options", "message"),
    [
        ([0, 1], [0.1], {}, "y_true and scores must be of one length.*got 2 and 1"),
        ([0, 1], [0.1, np.nan], {}, "scores must be numbers, got 1 .* at index 1: nan"),
        ([0, 1], [0.1, 1.5], {"metric": "brier"}, r"probabilities in \[0, 1\], got 1 .* index 1"),
        ([0, 1], ["a", "b"], {}, "scores must be numbers, got something else"),
        ([0, 1], [[0.1, 0.9]] * 2, {}, r"one dimension.*\(2, 2\): take its column"),
        ([0, 1, 2], [0.1] * 3, {}, "positive= must name"),
        (["a", "a"], [0.1] * 2, {}, "positive= must name"),
        (["1", "1"], [0.1] * 2, {"positive": 1}, "labels of one kind"),
        ([0, None], [0.1] * 2, {}, "y_true must have a label"),
        ([0, 1], [0.1] * 2, {"metric": "f1"}, "metric must be one of auc, log-loss, brier"),
        ([0, 1], [0.1] * 2, {"method": "delong"}, "method must be one of bounded-differences"),
        ([0, 1], [0.1] * 2, {"metric": "log-loss", "clip": 0.5}, "clip must lie strictly"),
    ],
)
def test_scores_that_cannot_be_measured_are_refused(
    true: Any, scores: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        measure_scores(true, scores, **{"metric": "auc", **options})


@pytest.mark.parametrize("metric", ["kappa", "mcc"])
def test_a_bootstrap_without_spread_claims_nothing(metric: str) -> None:
    perfect = confusion([0, 1] * 50, [0, 1] * 50)
    found = measure(perfect, metric)
    assert (found.estimate, found.lower, found.upper) == (1.0, -1.0, 1.0)
