"""Metrics of scores from counts in bins, against those of the scores themselves."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from backproof import risk
from backproof.risk.metrics.scores import CLIP
from backproof.risk.tables.scores import area_ends

PEERS = {"auc": roc_auc_score, "brier": brier_score_loss, "log-loss": log_loss}
Drawn = tuple[NDArray[np.int64], NDArray[np.float64]]


def drawn(kind: str, n: int = 20_000) -> Drawn:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, n)
    latent = rng.normal(1.5 * y - 0.75)
    p = {
        "smooth": 1 / (1 + np.exp(-latent)),
        "steep": 1 / (1 + np.exp(-8 * latent)),
        "few": np.round(1 / (1 + np.exp(-latent)), 1),
        "constant": np.full(n, 0.25),
        "near zero": 1e-7 / (1 + np.exp(-latent)),
    }
    return y, p[kind]


def measured(y: Any, p: Any, metric: str) -> risk.Measurement:
    table = {"y": y, "p": p}
    found = risk.certify_table(table, prediction=None, score="p", metrics=metric, positive=1)
    return found.statements[0].measurement


@pytest.mark.parametrize("kind", ["smooth", "steep", "few", "constant", "near zero"])
@pytest.mark.parametrize("metric", PEERS)
def test_binned_metrics_are_near_those_of_scikit_learn(kind: str, metric: str) -> None:
    y, p = drawn(kind)
    exact = PEERS[metric](y, np.clip(p, CLIP, 1 - CLIP) if metric == "log-loss" else p)
    found = measured(y, p, metric)
    assert found.estimate == pytest.approx(exact, abs=2e-3)
    assert found.lower <= exact <= found.upper
    assert found.guarantee == "finite-sample"


@pytest.mark.parametrize("kind", ["smooth", "steep", "few", "constant"])
def test_the_interval_of_the_area_holds_that_of_the_scores(kind: str) -> None:
    y, p = drawn(kind)
    found = measured(y, p, "auc")
    unbinned = risk.measure_scores(y, p, "auc", positive=1)
    assert found.lower <= unbinned.lower + 1e-12
    assert found.upper >= unbinned.upper - 1e-12
    assert found.upper - found.lower <= unbinned.upper - unbinned.lower + 4e-3


@pytest.mark.parametrize("metric", ["brier", "log-loss"])
def test_few_different_scores_leave_nothing_open(metric: str) -> None:
    y, p = drawn("few")
    found = measured(y, p, metric)
    assert "bins" not in found.assumptions
    exact = PEERS[metric](y, np.clip(p, CLIP, 1 - CLIP) if metric == "log-loss" else p)
    assert found.estimate == pytest.approx(exact, abs=1e-12)


def test_what_bins_leave_open_is_told() -> None:
    y, p = drawn("smooth")
    assert "scores in bins" in measured(y, p, "auc").assumptions


def test_the_area_may_be_anything_between_its_ends() -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        n = int(rng.integers(2, 40))
        y = np.r_[0, 1, rng.integers(0, 2, n)]
        p = rng.integers(0, 12, n + 2) / 12
        bins = (p * 3).astype(int)
        cells = np.unique(np.c_[bins, y], axis=0)
        at = [(bins == one) & (y == true) for one, true in cells]
        ends = (
            np.array([p[chosen].min() for chosen in at]),
            np.array([p[chosen].max() for chosen in at]),
        )
        low, high = area_ends(
            cells[:, 0], cells[:, 1] == 1, np.array([chosen.sum() for chosen in at]), ends
        )
        assert low - 1e-12 <= roc_auc_score(y, p) <= high + 1e-12


def test_scores_on_all_scales_keep_their_order() -> None:
    rng = np.random.default_rng(3)
    scores = np.r_[
        -(2.0 ** rng.uniform(-30, 30, 3000)),
        rng.random(3000),
        2.0 ** rng.uniform(-60, 60, 3000),
        [0.0, 1.0, -0.0, 0.5, 5e-324, -5e-324, 1e300, -1e300],
    ]
    table = {"y": np.zeros(len(scores), int), "p": scores}
    counts = risk.count_table(table, prediction=None, score="p")
    low, high = counts.numbers[:, 0], counts.numbers[:, 1]
    order = np.argsort(low)
    assert (high[order][:-1] < low[order][1:]).all()
    assert counts.examples == len(scores)


def test_groups_without_one_class_have_no_area() -> None:
    table = {"y": [0, 1, 0, 0], "p": [0.1, 0.9, 0.3, 0.2], "g": [1, 1, 2, 2]}
    found = risk.certify_table(table, prediction=None, score="p", metrics="auc", by="g")
    assert found.statements[2].measurement.estimate is None
    assert (found.statements[2].measurement.lower, found.statements[2].measurement.upper) == (0, 1)
