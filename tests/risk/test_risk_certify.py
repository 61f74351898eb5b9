"""Certificates: their numbers, their joint coverage, how they read, and what they refuse."""

import html
import json
import math
from fractions import Fraction
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from sklearn import metrics as sk

from backproof import risk
from backproof._core.errors import InputError
from backproof.risk.certificate import Certificate, Statement
from backproof.risk.metrics.measurement import Measurement

Array = NDArray[Any]
ALL = tuple(risk.METRICS)
SCORED = tuple(risk.SCORE_METRICS)


def examples(seed: int = 0, m: int = 240, classes: int = 2) -> tuple[Array, Array, Array]:
    """Return truth, predictions and the keys of three groups."""
    rng = np.random.default_rng([seed, classes])
    true = rng.integers(0, classes, m)
    predicted = np.where(rng.random(m) < 0.75, true, rng.integers(0, classes, m))
    return true, predicted, np.array(["a", "b", "c"])[rng.integers(0, 3, m)]


def found(certificate: Certificate, metric: str, group: str | None = None) -> Measurement:
    (one,) = (
        one.measurement
        for one in certificate.statements
        if one.group == group and one.measurement.metric == metric
    )
    return one


# ---------------------------------------------------------------------------------- the numbers


@pytest.mark.parametrize("side", ["two-sided", "upper", "lower"])
def test_errors_by_group_have_scipys_intervals_at_bonferronis_level(side: Any) -> None:
    true, predicted, groups = examples()
    certificate = risk.certify(true, predicted, groups=groups, side=side, confidence=0.9)
    assert [one.group for one in certificate.statements] == [None, "a", "b", "c"]
    alternative: Any = {"two-sided": "two-sided", "upper": "less", "lower": "greater"}[side]
    for one in certificate.statements:
        inside = np.ones(240, bool) if one.group is None else groups == one.group
        errors, m = int((true != predicted)[inside].sum()), int(inside.sum())
        expected = stats.binomtest(errors, m, alternative=alternative).proportion_ci(1 - 0.1 / 4)
        measured = one.measurement
        assert (measured.lower, measured.upper) == pytest.approx(
            (expected.low, expected.high), abs=1e-9
        )
        assert measured.estimate == pytest.approx(errors / m)
        assert measured.confidence == pytest.approx(0.975)
        assert (measured.side, measured.examples) == (side, m)
    assert certificate.each == pytest.approx(0.975, rel=1e-15)
    assert (certificate.confidence, certificate.examples) == (0.9, 240)


OF_LABELS: dict[str, Any] = {
    "error": lambda t, p: 1 - sk.accuracy_score(t, p),
    "accuracy": sk.accuracy_score,
    "precision": sk.precision_score,
    "recall": sk.recall_score,
    "specificity": lambda t, p: sk.recall_score(t, p, pos_label=0),
    "f1": sk.f1_score,
    "balanced-accuracy": sk.balanced_accuracy_score,
    "macro-f1": lambda t, p: sk.f1_score(t, p, average="macro"),
    "micro-f1": lambda t, p: sk.f1_score(t, p, average="micro"),
    "kappa": sk.cohen_kappa_score,
    "mcc": sk.matthews_corrcoef,
}
OF_SCORES: dict[str, Any] = {
    "auc": sk.roc_auc_score,
    "brier": sk.brier_score_loss,
    "log-loss": sk.log_loss,
}


def test_every_metric_of_every_group_is_scikit_learns() -> None:
    true, predicted, groups = examples(1)
    scores = np.clip(np.random.default_rng(2).normal(0.3 + 0.4 * true, 0.2), 0.01, 0.99)
    certificate = risk.certify(
        true, predicted, groups=groups, scores=scores, metrics=(*ALL, *SCORED), replicates=50
    )
    assert (set(OF_LABELS), set(OF_SCORES)) == (set(ALL), set(SCORED))
    assert len(certificate.statements) == 4 * 14
    for group in (None, "a", "b", "c"):
        inside = np.ones(240, bool) if group is None else groups == group
        t, p, s = true[inside], predicted[inside], scores[inside]
        expectations = {name: oracle(t, p) for name, oracle in OF_LABELS.items()}
        expectations |= {name: oracle(t, s) for name, oracle in OF_SCORES.items()}
        for metric, expected in expectations.items():
            measured = found(certificate, metric, group)
            assert measured.estimate == pytest.approx(expected, rel=1e-12)
            assert measured.lower <= expected <= measured.upper
            assert measured.confidence == certificate.each == pytest.approx(1 - 0.05 / 56)
    assert certificate.positive == 1


def test_each_statement_is_what_its_examples_say_alone() -> None:
    true, predicted, groups = examples(3, classes=4)
    names = ("macro-f1", "kappa", "precision")
    certificate = risk.certify(
        true, predicted, groups=groups, metrics=names, positive=2, replicates=100, seed=5
    )
    for one in certificate.statements:
        inside = np.ones(240, bool) if one.group is None else groups == one.group
        counts = risk.confusion(true[inside], predicted[inside], labels=range(4))
        alone = risk.measure(
            counts,
            one.measurement.metric,
            certificate.each,
            positive=2,
            replicates=100,
            seed=5,
        )
        assert one.measurement == alone


def scipys(k: int, m: int, tail: float) -> Array:
    """Return both bounds of a rate, each missing with probability `tail`."""
    interval = stats.binomtest(k, m).proportion_ci(1 - 2 * tail)
    return np.array([interval.low, interval.high])


def scipys_bounds(t: Array, p: Array, classes: int, tail: float) -> dict[str, Array]:
    """Return the bounds of every metric of labels that has guaranteed ones, the last positive."""

    def f1_of(label: int, tail: float) -> Array:
        hits, touched = ((t == label) & (p == label)).sum(), ((t == label) | (p == label)).sum()
        jaccard = scipys(int(hits), int(touched), tail)
        return np.asarray(2 * jaccard / (1 + jaccard))

    def right_of(chosen: Array, right: Array) -> Array:
        return scipys(int(right[chosen].sum()), int(chosen.sum()), tail)

    last = classes - 1
    recalls = [
        scipys(int((p[t == label] == label).sum()), int((t == label).sum()), tail / classes)
        for label in range(classes)
    ]
    return {
        "error": right_of(np.ones(len(t), bool), t != p),
        "accuracy": right_of(np.ones(len(t), bool), t == p),
        "micro-f1": right_of(np.ones(len(t), bool), t == p),
        "precision": right_of(p == last, t == last),
        "recall": right_of(t == last, p == last),
        "specificity": right_of(t != last, p != last),
        "f1": f1_of(last, tail),
        "balanced-accuracy": np.mean(recalls, axis=0),
        "macro-f1": np.mean([f1_of(label, tail / classes) for label in range(classes)], axis=0),
    }


@pytest.mark.parametrize("side", ["two-sided", "upper", "lower"])
@pytest.mark.parametrize("classes", [2, 4])
def test_every_guaranteed_interval_of_every_group_is_scipys(classes: int, side: Any) -> None:
    true, predicted, groups = examples(19, classes=classes)
    names = tuple(name for name, row in risk.METRICS.items() if row.guaranteed is not None)
    certificate = risk.certify(
        true, predicted, groups=groups, metrics=names, positive=classes - 1, side=side
    )
    tail = 0.05 / (4 * len(names)) / (2 if side == "two-sided" else 1)
    for group in (None, "a", "b", "c"):
        inside = np.ones(240, bool) if group is None else groups == group
        expected = scipys_bounds(true[inside], predicted[inside], classes, tail)
        assert set(expected) == set(names)
        for metric, (lower, upper) in expected.items():
            measured = found(certificate, metric, group)
            assert measured.guarantee == "finite-sample"
            assert measured.lower == pytest.approx(0 if side == "upper" else lower, abs=1e-9)
            assert measured.upper == pytest.approx(1 if side == "lower" else upper, abs=1e-9)


def test_the_area_has_its_closed_form_in_each_group() -> None:
    true, predicted, groups = examples(4)
    scores = true + np.random.default_rng(5).normal(size=240)
    certificate = risk.certify(true, predicted, groups=groups, scores=scores, metrics="auc")
    for group in "abc":
        positives = int(true[groups == group].sum())
        negatives = int((groups == group).sum()) - positives
        margin = math.sqrt((1 / positives + 1 / negatives) * math.log(2 * 4 / 0.05) / 2)
        measured = found(certificate, "auc", group)
        assert measured.estimate is not None
        assert measured.lower == pytest.approx(max(0, measured.estimate - margin), abs=1e-9)


def test_priors_are_those_of_every_group() -> None:
    true, predicted, groups = examples(6)
    certificate = risk.certify(
        true, predicted, groups=groups, priors={0: 0.9, 1: 0.1}, metrics=("error", "recall")
    )
    for one in certificate.statements:
        inside = np.ones(240, bool) if one.group is None else groups == one.group
        t, wrong = true[inside], (true != predicted)[inside]
        k, m = np.bincount(t, wrong).astype(int), np.bincount(t)
        if one.measurement.metric == "recall":
            expected = stats.binomtest(int(m[1] - k[1]), int(m[1])).proportion_ci(1 - 0.05 / 8)
            low, high = expected.low, expected.high
        else:
            each = [
                stats.binomtest(int(k[i]), int(m[i])).proportion_ci(1 - 0.05 / 16) for i in (0, 1)
            ]
            low, high = (0.9 * a + 0.1 * b for a, b in zip(*each, strict=True))
        assert (one.measurement.lower, one.measurement.upper) == pytest.approx(
            (low, high), abs=1e-9
        )
    assert certificate.priors == {"0": 0.9, "1": 0.1}


def test_what_the_shares_change_is_measured_with_them() -> None:
    # The false alarms of three classes differ, so specificity follows the shares of the negatives.
    true = np.repeat([0, 1, 2], 40)
    predicted = np.concatenate((np.repeat([0, 2], [30, 10]), np.repeat([1, 2], [39, 1]), [2] * 40))
    certificate = risk.certify(
        true,
        predicted,
        metrics=("specificity", "recall", "balanced-accuracy"),
        positive=2,
        priors={0: 0.8, 1: 0.1, 2: 0.1},
    )
    assert found(certificate, "specificity").estimate == pytest.approx((8 * 30 + 39) / 360)
    assert found(certificate, "recall").estimate == 1
    assert found(certificate, "balanced-accuracy").estimate == pytest.approx((30 + 39 + 40) / 120)


def test_clusters_count_once_each() -> None:
    rng = np.random.default_rng(7)
    clusters = np.repeat(np.arange(30), rng.integers(1, 9, 30))
    true = np.zeros(len(clusters), int)
    predicted = (rng.random(len(clusters)) < rng.beta(1, 3, 30)[clusters]).astype(int)
    certificate = risk.certify(true, predicted, clusters=clusters, labels=[0, 1], seed=3)
    rates = [float(predicted[clusters == c].mean()) for c in range(30)]
    expected = risk.mean_interval(rates, 0.95, seed=3)
    measured = found(certificate, "error")
    assert measured.estimate == pytest.approx(np.mean(rates), rel=1e-13)
    assert (measured.lower, measured.upper) == (expected.lower, expected.upper)
    assert (measured.examples, certificate.clusters, certificate.examples) == (
        30,
        30,
        len(true),
    )
    assert certificate.sampling == "independent clusters"


def test_other_metrics_of_clusters_are_resampled_by_whole_clusters() -> None:
    true, predicted, _ = examples(8)
    clusters = np.arange(240) // 8
    certificate = risk.certify(
        true, predicted, clusters=clusters, metrics=("f1", "kappa"), replicates=300, seed=4
    )
    tables = risk.confusions_by(true, predicted, clusters).counts
    for metric in ("f1", "kappa"):
        drawn = risk.bootstrap(tables, metric, replicates=300, seed=4, clustered=True)
        expected = drawn.interval(certificate.each, "bca")
        measured = found(certificate, metric)
        assert (measured.lower, measured.upper) == (expected.lower, expected.upper)
        assert (measured.guarantee, measured.examples) == ("asymptotic", 30)


def test_the_order_of_the_examples_does_not_matter() -> None:
    true, predicted, groups = examples(9)
    clusters = np.arange(240) // 6
    by = np.random.default_rng(10).permutation(240)
    options: dict[str, Any] = {"metrics": ("error", "f1"), "replicates": 50}
    first = risk.certify(true, predicted, groups=groups, clusters=clusters, **options)
    again = risk.certify(
        true[by], predicted[by], groups=groups[by], clusters=clusters[by], **options
    )
    assert first == again


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
@example(0.1)
@example(1e-17)
@example(1 - 2**-53)
def test_one_statement_has_the_whole_confidence(confidence: float) -> None:
    certificate = risk.certify([0, 1], [0, 0], confidence=confidence)
    assert certificate.each == confidence
    assert found(certificate, "error") == risk.measure(
        risk.confusion([0, 1], [0, 0]), "error", confidence
    )


@given(st.floats(1e-6, 1 - 1e-6), st.integers(2, 14))
def test_the_miss_is_shared_evenly(confidence: float, count: int) -> None:
    true, predicted, _ = examples(18, m=20)
    options: dict[str, Any] = {"metrics": (*ALL, *SCORED)[:count], "scores": np.full(20, 0.5)}
    certificate = risk.certify(true, predicted, confidence=confidence, replicates=2, **options)
    exact = (1 - Fraction(confidence)) / count
    # the confidence near 1 is a float; so much of the miss is lost in it, and no more
    assert abs(1 - Fraction(certificate.each) - exact) <= Fraction(2) ** -52
    assert {one.measurement.confidence for one in certificate.statements} == {certificate.each}


# ------------------------------------------------------------------------------------ coverage

METRICS_AT_ONCE = ("error", "precision", "recall", "f1", "balanced-accuracy")
SHARES_OF_GROUPS = np.array([0.6, 0.4])
LAWS = np.array([[[0.5, 0.1], [0.1, 0.3]], [[0.75, 0.05], [0.15, 0.05]]])


def truth_of(law: Array) -> dict[str, float]:
    (tn, fp), (fn, tp) = law / law.sum()
    return {
        "error": fp + fn,
        "precision": tp / (tp + fp),
        "recall": tp / (tp + fn),
        "f1": 2 * tp / (2 * tp + fp + fn),
        "balanced-accuracy": (tp / (tp + fn) + tn / (tn + fp)) / 2,
    }


def test_all_statements_hold_together_as_often_as_stated() -> None:
    sets, m, confidence = 300, 150, 0.6
    rng = np.random.default_rng(11)
    truths = {"0": truth_of(LAWS[0]), "1": truth_of(LAWS[1])}
    every = truth_of(np.tensordot(SHARES_OF_GROUPS, LAWS, 1))
    cells = (SHARES_OF_GROUPS[:, None, None] * LAWS).ravel()
    together = uncorrected = 0
    for _ in range(sets):
        group, true, predicted = np.unravel_index(rng.choice(8, m, p=cells), (2, 2, 2))
        certificate = risk.certify(
            true, predicted, groups=group, metrics=METRICS_AT_ONCE, confidence=confidence
        )
        assert len(certificate.statements) == 15
        holds, plain = [], []
        for one in certificate.statements:
            measured = one.measurement
            truth = (every if one.group is None else truths[one.group])[measured.metric]
            holds.append(measured.lower <= truth <= measured.upper)
            inside = slice(None) if one.group is None else group == int(one.group)
            counts = risk.confusion(true[inside], predicted[inside], labels=[0, 1])
            alone = risk.measure(counts, measured.metric, confidence)
            plain.append(alone.lower <= truth <= alone.upper)
        together += all(holds)
        uncorrected += all(plain)
        assert found(certificate, "error").upper < 0.5
    assert stats.binomtest(together, sets, confidence, alternative="less").pvalue > 1e-4
    # without the correction they do not hold together: the judgement above can fail
    assert stats.binomtest(uncorrected, sets, confidence, alternative="less").pvalue < 1e-4


def test_clusters_are_covered_where_examples_alone_are_not() -> None:
    sets, number, size, confidence = 250, 60, 20, 0.9
    rng = np.random.default_rng(12)
    clusters = np.repeat(np.arange(number), size)
    true = np.zeros(number * size, int)
    hits = plain = resampled = 0
    for _ in range(sets):
        # each cluster has an error rate of its own, a quarter on average
        predicted = (rng.random(number * size) < rng.beta(0.5, 1.5, number)[clusters]).astype(int)
        with_clusters = risk.certify(
            true,
            predicted,
            clusters=clusters,
            labels=[0, 1],
            metrics=("error", "specificity"),
            confidence=2 * confidence - 1,
            replicates=300,
        )
        assert with_clusters.each == pytest.approx(confidence)
        error, kept = (one.measurement for one in with_clusters.statements)
        hits += error.lower <= 0.25 <= error.upper
        resampled += kept.lower <= 0.75 <= kept.upper
        without = found(
            risk.certify(true, predicted, labels=[0, 1], confidence=confidence), "error"
        )
        plain += without.lower <= 0.25 <= without.upper
        assert error.upper - error.lower < 0.4
    assert stats.binomtest(hits, sets, confidence, alternative="less").pvalue > 1e-4
    # the bootstrap is asymptotic: 60 clusters are many, its coverage a little less than stated
    assert stats.binomtest(resampled, sets, confidence - 0.05, alternative="less").pvalue > 1e-4
    # ignoring the clusters misses the truth half of the time, not once in ten
    assert stats.binomtest(plain, sets, 0.65, alternative="less").pvalue < 1e-4


@pytest.mark.parametrize("classes", [2, 3])
def test_other_shares_of_the_classes_are_covered_jointly(classes: int) -> None:
    sets, m, confidence = 250, 240, 0.6
    law = {
        2: np.array([[0.9, 0.1], [0.3, 0.7]]),
        3: np.array([[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.3, 0.6]]),
    }[classes]
    drawn_from = np.full(classes, 1 / classes)
    q = np.array([0.85, 0.15]) if classes == 2 else np.array([0.8, 0.15, 0.05])
    joint, last = q[:, None] * law, classes - 1
    hits, predicted_share = joint[last, last], joint[:, last].sum()
    truth = {
        "error": 1 - np.trace(joint),
        "accuracy": np.trace(joint),
        "precision": hits / predicted_share,
        "f1": 2 * hits / (q[last] + predicted_share),
    }
    rng = np.random.default_rng([13, classes])
    cells = (drawn_from[:, None] * law).ravel()
    together = unshifted = 0
    for _ in range(sets):
        true, predicted = np.unravel_index(rng.choice(classes**2, m, p=cells), (classes, classes))
        options: dict[str, Any] = {
            "metrics": tuple(truth),
            "labels": range(classes),
            "positive": last,
            "confidence": confidence,
        }
        shifted = risk.certify(true, predicted, priors=dict(enumerate(q.tolist())), **options)
        plain = risk.certify(true, predicted, **options)
        together += all(
            found(shifted, name).lower <= value <= found(shifted, name).upper
            for name, value in truth.items()
        )
        unshifted += all(
            found(plain, name).lower <= value <= found(plain, name).upper
            for name, value in truth.items()
        )
        assert found(shifted, "error").upper < 0.6
    assert stats.binomtest(together, sets, confidence, alternative="less").pvalue > 1e-4
    assert stats.binomtest(unshifted, sets, confidence, alternative="less").pvalue < 1e-4


# --------------------------------------------------------------------------------------- edges

EDGES: dict[str, tuple[list[Any], list[Any], dict[str, Any]]] = {
    "no error": ([0, 1] * 20, [0, 1] * 20, {}),
    "all wrong": ([0, 1] * 20, [1, 0] * 20, {}),
    "one example": ([1], [1], {"labels": [0, 1]}),
    "one wrong example": ([1], [0], {"labels": [0, 1]}),
    "one class present": ([1] * 20, [1] * 20, {"labels": [0, 1]}),
    "one class predicted": ([0, 1] * 20, [1] * 40, {}),
    "one label": (["a"] * 9, ["a"] * 9, {"positive": "a"}),
    "a label that never occurs": (
        ["a", "b"] * 9,
        ["a", "b"] * 9,
        {"labels": "cba", "positive": "c"},
    ),
    "booleans": ([True, False] * 9, [True] * 18, {}),
}
SETTINGS: dict[str, Any] = {
    "plain": lambda _: {},
    "groups": lambda m: {"groups": [min(i, 1) for i in range(m)]},
    "one cluster": lambda m: {"clusters": ["k"] * m},
    "clusters": lambda m: {"clusters": [i // 2 for i in range(m)]},
    "groups and clusters": lambda m: {
        "groups": [i % 2 for i in range(m)],
        "clusters": [i // 3 for i in range(m)],
    },
}


@pytest.mark.parametrize("side", ["two-sided", "upper", "lower"])
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("edge", EDGES)
def test_edges_are_plain_numbers_with_plain_texts(edge: str, setting: str, side: Any) -> None:
    true, predicted, options = EDGES[edge]
    certificate = risk.certify(
        true,
        predicted,
        metrics=ALL,
        replicates=20,
        side=side,
        **options,
        **SETTINGS[setting](len(true)),
    )
    for one in certificate.statements:
        measured = one.measurement
        row = risk.METRICS[measured.metric]
        assert row.low <= measured.lower <= measured.upper <= row.high
        if measured.guarantee == "finite-sample" and measured.estimate is not None:
            assert measured.lower - 1e-12 <= measured.estimate <= measured.upper + 1e-12
        if side == "upper" and measured.guarantee == "finite-sample":
            assert measured.lower == row.low
    assert Certificate.from_json(certificate.to_json()) == certificate
    for text in (str(certificate), certificate.to_html(), certificate.to_json()):
        assert "nan" not in text.lower()


def test_no_error_and_all_wrong_have_closed_forms() -> None:
    truth = [0, 1] * 20
    right = found(risk.certify(truth, truth), "error")
    wrong = found(risk.certify(truth, [1 - t for t in truth]), "error")
    end = 1 - 0.025 ** (1 / 40)
    assert (right.estimate, right.lower) == (0, 0)
    assert right.upper == pytest.approx(end, rel=1e-12)
    assert (wrong.estimate, wrong.upper) == (1, 1)
    assert wrong.lower == pytest.approx(1 - end, rel=1e-12)


def test_one_cluster_says_nothing() -> None:
    true, predicted, _ = examples(14)
    certificate = risk.certify(true, predicted, clusters=np.zeros(240, int), metrics=ALL)
    for one in certificate.statements:
        measured, row = one.measurement, risk.METRICS[one.measurement.metric]
        assert (measured.lower, measured.upper) == (row.low, row.high)
        assert measured.estimate is not None
        assert measured.examples == 1


def test_a_group_of_one_class_has_the_positive_class_of_all() -> None:
    # The labels 1 and 2, of which a group has only 1: the other one stays the positive class.
    true, predicted = [1, 1, 2, 2, 1, 2], [1, 1, 2, 2, 1, 2]
    groups = ["x", "x", "y", "y", "z", "z"]
    certificate = risk.certify(
        true,
        predicted,
        groups=groups,
        scores=[0.1, 0.2, 0.9, 0.6, 0.3, 0.8],
        metrics=("brier", "auc", "recall", "log-loss"),
    )
    assert found(certificate, "brier", "x").estimate == pytest.approx((0.01 + 0.04) / 2)
    assert found(certificate, "brier", "y").estimate == pytest.approx((0.01 + 0.16) / 2)
    for group in ("x", "y"):
        area = found(certificate, "auc", group)
        assert (area.estimate, area.lower, area.upper) == (None, 0, 1)
    assert found(certificate, "auc", "z").estimate == 1
    missing = found(certificate, "recall", "x")
    assert (missing.estimate, missing.lower, missing.upper, missing.examples) == (None, 0, 1, 0)
    assert certificate.positive == 2


@pytest.mark.parametrize(("small", "large"), [("cat", "dog"), (1, 2), (0, 1), (False, True)])
def test_a_group_of_one_class_has_scores_of_the_larger_label(small: Any, large: Any) -> None:
    certificate = risk.certify(
        [small, large, small],
        [small, large, large],
        groups=[0, 1, 1],
        scores=[0.2, 0.9, 0.4],
        metrics="brier",
    )
    assert found(certificate, "brier", "0").estimate == pytest.approx(0.04)
    assert certificate.positive == large


def test_a_group_without_the_positive_class_of_three_has_scores_of_none() -> None:
    certificate = risk.certify(
        [0, 1, 2, 0, 1],
        [0, 1, 2, 0, 1],
        groups=["x", "x", "y", "y", "y"],
        scores=[0.1, 0.2, 0.9, 0.3, 0.1],
        metrics=("brier", "auc"),
        positive=2,
    )
    assert found(certificate, "brier", "x").estimate == pytest.approx((0.01 + 0.04) / 2)
    area = found(certificate, "auc", "x")
    assert (area.estimate, area.lower, area.upper) == (None, 0, 1)
    assert found(certificate, "auc", "y").estimate == 1


def test_clusters_that_are_all_right_say_nothing_of_a_spread() -> None:
    true = [0, 1] * 20
    certificate = risk.certify(
        true, true, clusters=np.arange(40) // 4, metrics=("f1", "kappa", "mcc"), replicates=50
    )
    for one in certificate.statements:
        measured, row = one.measurement, risk.METRICS[one.measurement.metric]
        assert (measured.estimate, measured.guarantee) == (1, "asymptotic")
        assert (measured.lower, measured.upper) == (row.low, row.high)


@pytest.mark.parametrize(("label", "expected"), [(0, 0.04), (1, 0.64)])
def test_scores_of_one_class_are_of_1(label: int, expected: float) -> None:
    certificate = risk.certify([label] * 3, [label] * 3, scores=[0.2] * 3, metrics="brier")
    assert found(certificate, "brier").estimate == pytest.approx(expected)


def test_scores_may_be_of_labels_none_of_which_is_the_positive_one() -> None:
    for every in ((0, 1, 2), (2, 1, 0)):
        options: dict[str, Any] = {"labels": every, "positive": 2}
        brier = risk.measure_scores([0, 1, 1], [0.2, 0.4, 0.1], "brier", **options)
        assert brier.estimate == pytest.approx((0.04 + 0.16 + 0.01) / 3)
        area = risk.measure_scores([0, 1, 1], [0.2, 0.4, 0.1], "auc", **options)
        assert (area.estimate, area.lower, area.upper) == (None, 0, 1)
    # without labels= another one is taken for a mistake, and what to do about it can be done
    with pytest.raises(InputError, match=r"one of 0, 1; got 2.*give every label as labels="):
        risk.measure_scores([0, 1, 1], [0.2, 0.4, 0.1], "brier", positive=2)
    with pytest.raises(InputError, match="y_true has 1 labels that labels= has not"):
        risk.measure_scores([0, 1, 2], [0.2, 0.4, 0.1], "brier", labels=[0, 1])


def test_arguments_of_numpy_come_back_as_plain_ones() -> None:
    certificate = risk.certify(
        np.array([0, 1, 1]),
        np.array([0, 1, 0]),
        positive=np.int64(1),  # type: ignore[arg-type]
        priors={np.int64(0): np.float64(0.5), np.int64(1): np.float64(0.5)},
        confidence=np.float64(0.9),
        seed=np.int64(3),
    )
    assert Certificate.from_json(certificate.to_json()) == certificate
    assert type(certificate.positive) is int
    assert certificate.priors == {"0": 0.5, "1": 0.5}


# ------------------------------------------------------------------------------- text and JSON

GOLDEN = """\
All 4 statements hold together with confidence 95 %: each holds with 98.75 % (Bonferroni).
error 15 % (98.75 % CI 5–30 %, Clopper–Pearson, finite-sample, m = 60, i.i.d.)
recall 90 % (98.75 % CI 68–99 %, Clopper–Pearson, finite-sample, m = 30, i.i.d.)
night: error 15 % (98.75 % CI 5–30 %, Clopper–Pearson, finite-sample, m = 60, i.i.d.)
night: recall 90 % (98.75 % CI 68–99 %, Clopper–Pearson, finite-sample, m = 30, i.i.d.)
Positive class: 1"""


def golden() -> Certificate:
    true = np.repeat([0, 1], 30)
    predicted = np.concatenate((np.repeat([0, 1], [24, 6]), np.repeat([0, 1], [3, 27])))
    return risk.certify(true, predicted, metrics=("error", "recall"), groups=["night"] * 60)


def test_a_certificate_reads_as_it_should() -> None:
    certificate = golden()
    error = stats.binomtest(9, 60).proportion_ci(0.9875)
    recall = stats.binomtest(27, 30).proportion_ci(0.9875)
    assert (math.floor(100 * error.low), math.ceil(100 * error.high)) == (5, 30)
    assert (math.floor(100 * recall.low), math.ceil(100 * recall.high)) == (68, 99)
    assert str(certificate) == GOLDEN


def test_a_single_statement_needs_no_correction() -> None:
    true = np.zeros(26492, int)
    predicted = (np.arange(26492) < 866).astype(int)
    certificate = risk.certify(true, predicted, labels=[0, 1])
    assert str(certificate) == (
        "error 3.27 % (95 % CI 3.05–3.50 %, Clopper–Pearson, finite-sample, m = 26492, i.i.d.)"
    )
    assert certificate.correction == "The statement holds with confidence 95 %."
    assert certificate.each == certificate.confidence == 0.95
    assert "Bonferroni" not in certificate.to_html()


def test_what_holds_only_asymptotically_is_said_to() -> None:
    true, predicted, _ = examples(15)
    one = risk.certify(true, predicted, metrics="mcc", replicates=20)
    assert one.correction == "The statement holds with confidence approximately 95 %."
    two = risk.certify(true, predicted, metrics=("mcc", "error"), replicates=20)
    assert two.correction.endswith("97.5 % (Bonferroni), the asymptotic ones approximately.")


def test_assumptions_are_stated_once_each_and_those_on_groups_too() -> None:
    true, predicted, groups = examples(16)
    plain = risk.certify(true, predicted, metrics=("error", "accuracy", "f1"))
    assert len(plain.assumptions) == 2
    grouped = risk.certify(true, predicted, metrics=("error", "accuracy", "f1"), groups=groups)
    assert grouped.assumptions[:2] == plain.assumptions
    assert "groups fixed beforehand" in grouped.assumptions[2]


def test_shares_of_the_classes_are_stated() -> None:
    true, predicted, _ = examples(17)
    certificate = risk.certify(true, predicted, priors={1: 0.125, 0: 0.875})
    assert "Shares of the classes: 0 0.875, 1 0.125." in certificate.to_html()
    assert str(certificate).endswith("m = 240, i.i.d. within each class)")


NAMES = st.text(min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_certificates_come_back_from_json(data: st.DataObject) -> None:
    labels = data.draw(
        st.one_of(
            st.lists(NAMES, min_size=2, max_size=4, unique=True),
            st.lists(st.integers(-9, 9), min_size=2, max_size=4, unique=True),
            st.lists(st.floats(-9, 9), min_size=2, max_size=4, unique=True),
        )
    )
    m = data.draw(st.integers(1, 12))

    def some(values: Any) -> list[Any]:
        return data.draw(st.lists(st.sampled_from(values), min_size=m, max_size=m))

    shifted = data.draw(st.booleans())
    certificate = risk.certify(
        some(labels),
        some(labels),
        labels=labels,
        positive=labels[0],
        metrics=("error", "f1") if shifted else ("error", "f1", "mcc"),
        groups=data.draw(st.none() | NAMES.map(lambda name: [name] * m)),
        priors={label: 1 / len(labels) for label in labels} if shifted else None,
        replicates=5,
        side=data.draw(st.sampled_from(["two-sided", "upper", "lower"])),
        confidence=data.draw(st.floats(0.01, 0.999)),
    )
    again = Certificate.from_json(certificate.to_json())
    assert again == certificate
    assert Certificate.from_dict(json.loads(certificate.to_json())) == certificate
    assert (str(again), again.to_html()) == (str(certificate), certificate.to_html())
    assert Statement.from_json(certificate.statements[0].to_json()) == certificate.statements[0]


# ---------------------------------------------------------------------------------------- HTML


class Page(HTMLParser):
    """Reads a page: its text by cell, and whether its elements are closed in order."""

    VOID = ("meta",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


HOSTILE = "<script>alert('x')</script>&amp;\"<img src=//evil onerror=1>"


def test_the_page_is_whole_and_asks_nothing_of_the_network() -> None:
    page = Page(golden().to_html())
    assert page.open == []
    assert set(page.seen) == {
        *("html", "head", "meta", "title", "style", "body", "div", "h2", "p", "table"),
        *("thead", "tbody", "tr", "th", "td", "small"),
    }
    harmless = {"lang", "charset", "name", "content", "class", "scope"}
    assert {name for name, _ in page.attributes} <= harmless
    text = golden().to_html().lower()
    for reference in ("http", "//", "url(", "@import", "src=", "href="):
        assert reference not in text
    assert page.rows == [
        ["group", "metric", "estimate", "interval", "method", "examples"],
        *[
            [group, metric, *numbers]
            for group in ("all examples", "night")
            for metric, *numbers in (
                ["error", "15 %", "98.75 % CI 5–30 %", "Clopper–Pearson, finite-sample", "60"],
                ["recall", "90 %", "98.75 % CI 68–99 %", "Clopper–Pearson, finite-sample", "30"],
            )
        ],
    ]


@pytest.mark.parametrize("whole", [True, False])
def test_hostile_labels_and_groups_are_escaped(whole: bool) -> None:
    certificate = risk.certify(
        [HOSTILE, "b"] * 5,
        [HOSTILE, "b"] * 5,
        groups=[HOSTILE] * 10,
        priors={HOSTILE: 0.5, "b": 0.5},
    )
    text = certificate.to_html() if whole else certificate._repr_html_()
    page = Page(text)
    assert page.open == []
    assert not {"script", "img"} & set(page.seen)
    assert page.rows[2][0] == HOSTILE
    assert HOSTILE not in text
    assert html.escape(HOSTILE) in text


@settings(max_examples=40, deadline=None)
@given(st.text(min_size=1, max_size=20).filter(lambda text: "\r" not in text))
def test_any_group_is_shown_as_it_is(group: str) -> None:
    page = Page(risk.certify([0, 1], [0, 1], groups=[group] * 2).to_html())
    assert page.open == []
    assert page.rows[2][0] == group


# -------------------------------------------------------------------------------------- errors

GOOD: dict[str, Any] = {"y_true": [0, 1, 1, 0], "y_pred": [0, 1, 0, 0]}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"y_true": [], "y_pred": []}, "y_true must hold at least one example, got none"),
        ({"y_pred": [0, 1]}, "y_true and y_pred must be of one length.*got 4 and 2"),
        ({"y_pred": [0, 1, 2, 0]}, "y_pred has labels that y_true never has: 2"),
        ({"y_pred": list("abaa")}, "must have labels of one kind"),
        ({"y_true": [0, 1, None, None]}, "got 2 that are missing.*first at index 2"),
        ({"y_true": [0.0, 1.0, 1.0, float("nan")]}, "got 1 that are missing.*first at index 3"),
        ({"y_true": [[0, 1], [1, 0]]}, "y_true must have one dimension"),
        ({"labels": 3}, "labels must be labels, got 3: list every one that may occur"),
        ({"labels": [0]}, "y_true has 1 labels that labels= has not"),
        ({"metrics": "accurracy"}, "a metric must be one of error, .*, got 'accurracy'"),
        ({"metrics": ()}, "metrics must be at least one, each named once, got none"),
        ({"metrics": ("error", "f1", "error")}, "each named once, got error, f1, error"),
        ({"metrics": [["error"]]}, r"a metric must be one of .*, got \['error'\]"),
        ({"metrics": None}, "metrics must be names of metrics, got None: give one or several"),
        ({"metrics": 3}, "metrics must be names of metrics, got 3"),
        ({"metrics": (3,)}, "a metric must be one of .*, got 3"),
        ({"metrics": "auc"}, "auc needs a score for each example: give scores"),
        ({"confidence": 0}, "confidence must lie strictly between 0 and 1, got 0"),
        ({"confidence": 1}, "confidence must lie strictly between 0 and 1, got 1"),
        ({"confidence": float("nan")}, "confidence must lie strictly between 0 and 1, got nan"),
        ({"confidence": "95"}, "confidence must lie strictly between 0 and 1, got 95"),
        (
            {"confidence": 1 - 2**-53, "metrics": ("error", "f1")},
            "confidence must leave a miss that 2 statements can share, got 0.9999999999999999",
        ),
        ({"side": "both"}, "side must be one of two-sided, upper, lower, got 'both'"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"metrics": "mcc", "replicates": 0}, "replicates must be at least 1"),
        ({"replicates": 0}, "replicates must be at least 1, got 0"),
        ({"replicates": 1.5}, "replicates must be a whole number of at least 1, got 1.5"),
        ({"groups": [1, 2]}, "y_true and groups must be of one length.*got 4 and 2"),
        ({"groups": [1, None, 2, 2]}, "groups must have .*got 1 that are missing.*index 1"),
        ({"groups": ["a", "b", math.nan, "b"]}, "groups must have .*index 2"),
        ({"groups": []}, "groups must hold at least one example"),
        ({"groups": "a"}, "groups must have one dimension"),
        ({"clusters": [1, 2]}, "y_true and clusters must be of one length.*got 4 and 2"),
        ({"clusters": ["a", math.nan, "b", "b"]}, "clusters must have .*got 1 .*index 1"),
        ({"clusters": [[1], [2], [3], [4]]}, "clusters must have one dimension"),
        ({"clusters": [1, "a", 2, 2]}, "clusters must hold labels of one kind"),
        ({"clusters": np.ma.masked_equal([1, 2, 3, 3], 2)}, "clusters must have .*index 1"),
        ({"scores": [0.1, 0.2]}, "y_true and scores must be of one length.*got 4 and 2"),
        ({"scores": 0.5}, "y_true and scores must be of one length.*got 4 and 0"),
        (
            {"scores": [0.1, math.nan, 0.3, math.nan], "metrics": "auc"},
            "scores must be numbers, got 2 that are not, the first at index 1: nan",
        ),
        (
            {"scores": [0.1, 0.2, 1.5, -0.1], "metrics": "brier"},
            r"probabilities in \[0, 1\], got 2 that are not, the first at index 2: 1.5",
        ),
        ({"scores": list("abcd"), "metrics": "auc"}, "scores must be numbers"),
        (
            {"scores": np.ma.masked_equal([0.1, 0.2, 0.3, 0.4], 0.3), "metrics": "brier"},
            "got 1 that are not, the first at index 2: nan",
        ),
        ({"scores": [0.1, None, 0.2, 0.3], "metrics": "auc"}, "first at index 1: nan"),
        (
            {"scores": [[0.1, 0.9]] * 4, "metrics": "auc"},
            "scores must have one dimension.*take its column",
        ),
        ({"positive": 2}, "positive= must name the positive class, one of 0, 1; got 2"),
        ({"positive": "1", "metrics": "f1"}, "positive= must name the positive class"),
        ({"positive": [1]}, r"positive= must name the positive class.*got \[1\]"),
        ({"positive": math.nan}, "positive= must name the positive class.*got nan"),
        (
            {"y_true": [0, 1, 2, 0], "metrics": "f1"},
            "positive= must name the positive class, one of 0, 1, 2; none was given",
        ),
        (
            {"y_true": [0] * 4, "y_pred": [0] * 4, "metrics": "f1", "positive": 1},
            "one of 0; got 1. If it is another that never occurs, give every label as labels=",
        ),
        ({"priors": {0: 0.5, 1: 0.6}}, "priors must add up to 1"),
        ({"priors": {0: 1.5, 1: -0.5}}, r"the prior of 0 must lie in \[0, 1\], got 1.5"),
        ({"priors": {0: 0.5, 2: 0.5}}, "a share for each label 0, 1, got them for 0, 2"),
        ({"priors": {"x": 1}, "metrics": "recall"}, "a share for each label 0, 1"),
        ({"priors": [0.5, 0.5]}, "priors must be a mapping from labels to shares, got list"),
        ({"priors": {0: 0.5, 1: 0.5}, "metrics": "mcc"}, "mcc does not go with priors"),
        (
            {"priors": {0: 0.5, 1: 0.5}, "metrics": "auc", "scores": [0.5] * 4},
            "auc does not go with priors; those that do are error",
        ),
        (
            {"priors": {0: 0.5, 1: 0.5}, "clusters": [1, 1, 2, 2]},
            "clusters and priors do not go together",
        ),
        (
            {"clusters": [1, 1, 2, 2], "metrics": "brier", "scores": [0.5] * 4},
            "brier does not go with clusters",
        ),
    ],
)
def test_what_cannot_be_certified_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        risk.certify(**{**GOOD, **options})


def test_predictions_and_references_are_other_names() -> None:
    references, predictions = ["a", "b"] * 50, ["a", "a"] * 50
    expected = risk.certify(references, predictions)
    assert risk.certify(predictions=predictions, references=references) == expected
    assert risk.certify(references, predictions=predictions) == expected


@pytest.mark.parametrize("given", [{}, {"predictions": [1]}, {"references": [1], "y_true": [1]}])
def test_labels_that_are_missing_or_given_twice_are_refused(given: dict[str, list[int]]) -> None:
    with pytest.raises(InputError, match=r"expected y_\w+, or \w+ in its place"):
        risk.certify(**given)  # type: ignore[arg-type]
