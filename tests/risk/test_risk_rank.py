"""Rankings: Holm's correction by its definition, the claims by simulation."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from backproof import risk
from backproof._core.errors import InputError
from backproof.risk.compare import compare
from backproof.risk.rank import holm_adjusted, rank
from backproof.risk.ranking import Ranking

Models = dict[str, NDArray[Any]]


def errors(seed: int, rates: list[float], m: int = 400) -> Models:
    rng = np.random.default_rng(seed)
    return {f"m{i}": rng.random(m) < rate for i, rate in enumerate(rates)}


def rejected_by_holm(p_values: list[float], level: float) -> set[int]:
    """The procedure as it was published: step down while p is at most level / those left."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    rejected: set[int] = set()
    for step, i in enumerate(order):
        if p_values[i] > level / (len(p_values) - step):
            break
        rejected.add(i)
    return rejected


@pytest.mark.parametrize("seed", range(20))
def test_adjusted_p_values_give_holms_rejections(seed: int) -> None:
    p_values = list(np.random.default_rng(seed).random(9) ** 4)
    adjusted = holm_adjusted(p_values)
    for level in (0.01, 0.05, 0.2, 0.6):
        assert set(np.flatnonzero(adjusted <= level)) == rejected_by_holm(p_values, level)
    assert (adjusted >= p_values).all()


def test_holms_textbook_values() -> None:
    assert holm_adjusted([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize("seed", range(6))
def test_pairs_intervals_groups_and_ranks_follow_from_their_definitions(seed: int) -> None:
    models = errors(seed, [0.05, 0.1, 0.14, 0.2, 0.3, 0.1])
    found = rank(models)
    order = sorted(models, key=lambda name: models[name].mean())
    assert [model.name for model in found.models] == order
    pairs = list(combinations(order, 2))
    p_values = [compare(models[a], models[b]).p_value for a, b in pairs]
    rejected = {pairs[i] for i in rejected_by_holm(p_values, 0.05)}
    assert [pair.p_value for pair in found.pairs] == pytest.approx(p_values)
    assert {(pair.a, pair.b) for pair in found.pairs if pair.told_apart} == rejected
    for model in found.models:
        expected = risk.interval(int(models[model.name].sum()), 400, 1 - 0.05 / 6)
        assert model.lower == pytest.approx(expected.lower, rel=1e-12)
        assert model.upper == pytest.approx(expected.upper, rel=1e-12)
        assert model.best_rank == 1 + sum(b == model.name for _, b in rejected)
        assert model.worst_rank == 6 - sum(a == model.name for a, _ in rejected)
    runs = [
        tuple(order[i:j])
        for i in range(6)
        for j in range(i + 1, 7)
        if not any(pair in rejected for pair in combinations(order[i:j], 2))
    ]
    longest = [run for run in runs if not any(set(run) < set(other) for other in runs)]
    assert list(found.groups) == longest


def share_of_false_claims(rates: list[float], low_noise: bool) -> tuple[int, int]:
    sets, wrong = 300, 0
    truth = {f"m{i}": rate for i, rate in enumerate(rates)}
    for seed in range(sets):
        models = errors(seed, rates, 80)
        if low_noise:
            models = {name: 0.5 * x for name, x in models.items()}
        found = rank(models, confidence=0.8)
        wrong += any(pair.told_apart and truth[pair.a] >= truth[pair.b] for pair in found.pairs)
    return wrong, sets


@pytest.mark.parametrize("bounded", [False, True])
@pytest.mark.parametrize("rates", [[0.3] * 5, [0.1, 0.1, 0.5, 0.5]])
def test_equal_models_are_seldom_told_apart(rates: list[float], bounded: bool) -> None:
    wrong, sets = share_of_false_claims(rates, bounded)
    assert stats.binomtest(wrong, sets, 0.2, alternative="greater").pvalue > 0.001


def test_without_the_correction_they_would_be() -> None:
    """The simulation sees what Holm's correction is there for."""
    sets, wrong = 300, 0
    for seed in range(sets):
        found = rank(errors(seed, [0.3] * 5, 80), confidence=0.8)
        wrong += any(pair.p_value <= 0.2 for pair in found.pairs)
    assert stats.binomtest(wrong, sets, 0.2, alternative="greater").pvalue < 1e-6


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_different_models_are_told_apart(scale: float) -> None:
    models = {name: scale * x for name, x in errors(0, [0.02, 0.2, 0.6]).items()}
    found = rank(models)
    assert [(m.name, m.best_rank, m.worst_rank) for m in found.models] == [
        ("m0", 1, 1),
        ("m1", 2, 2),
        ("m2", 3, 3),
    ]
    assert found.groups == (("m0",), ("m1",), ("m2",))


def test_all_intervals_cover_at_once() -> None:
    rates, sets = [0.03, 0.1, 0.3, 0.5], 300
    covered = 0
    for seed in range(sets):
        found = rank(errors(seed, rates, 80), confidence=0.8)
        covered += all(m.lower <= rates[int(m.name[1])] <= m.upper for m in found.models)
    assert stats.binomtest(covered, sets, 0.8, alternative="less").pvalue > 0.001


def test_groups_may_overlap() -> None:
    m = 1000
    models = {
        name: np.arange(m) < wrong for name, wrong in (("near", 14), ("left", 8), ("right", 18))
    }
    # 8 against 14 and 14 against 18 are not told apart, 8 against 18 are: their errors are nested
    found = rank(models)
    assert found.groups == (("left", "near"), ("near", "right"))
    assert [(x.best_rank, x.worst_rank) for x in found.models] == [(1, 2), (1, 3), (2, 3)]


def test_equal_models_share_every_rank_in_the_order_given() -> None:
    x = np.arange(30) < 4
    found = rank({"b": x, "a": x, "c": x})
    assert [model.name for model in found.models] == ["b", "a", "c"]
    assert all((model.best_rank, model.worst_rank) == (1, 3) for model in found.models)
    assert found.groups == (("b", "a", "c"),)
    assert all(pair.adjusted == 1.0 for pair in found.pairs)


def test_predictions_are_ranked_by_their_mistakes() -> None:
    truth = np.arange(60) % 3
    guesses = {"same": truth, "shifted": (truth + (np.arange(60) < 30)) % 3}
    expected = rank({name: x != truth for name, x in guesses.items()})
    assert rank(guesses, y_true=truth) == expected


def test_clusters_are_the_units() -> None:
    models = errors(3, [0.1, 0.6], 200)
    keys = np.arange(200) // 4
    found = rank(models, clusters=keys)
    means = {name: x.reshape(50, 4).mean(axis=1) for name, x in models.items()}
    alone = rank(means)
    assert (found.clusters, found.examples) == (50, 200)
    assert found.pairs == alone.pairs
    assert found.models == alone.models


def test_a_ranking_is_a_table() -> None:
    models = {
        name: np.arange(1000) < wrong for name, wrong in (("near", 14), ("left", 8), ("right", 18))
    }
    assert str(rank(models)) == (
        "model  error    interval            ranks  groups\n"
        "left   0.8000%  0.2818% to 1.7631%  1-2    a\n"
        "near   1.4000%  0.6651% to 2.5666%  1-3    a b\n"
        "right  1.8000%  0.9466% to 3.0785%  2-3    b\n"
        "1000 examples, seen by every model.\n"
        "Models that share a letter stand in a run no two of which are told apart: exact McNemar, "
        "Holm's correction.\n"
        "All ranks hold together with confidence 0.95, and so do all intervals (clopper-pearson); "
        "both at once with 0.9.\n"
        "Assumes independent examples of one distribution, seen by every model."
    )


def test_many_groups_have_letters_enough() -> None:
    wrong = {f"m{i:02d}": np.arange(3000) < 40 * i for i in range(30)}
    text = str(rank(wrong))
    assert [line.split()[-1] for line in text.splitlines()[26:31]] == ["z", "aa", "ab", "ac", "ad"]


def test_a_ranking_survives_json() -> None:
    found = rank(errors(0, [0.1, 0.2, 0.3]))
    assert Ranking.from_json(found.to_json()) == found


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        ({"one": [0, 1]}, {}, "at least two models, got 1"),
        ({}, {}, "at least two models, got 0"),
        ([[0, 1], [1, 0]], {}, "must be a mapping from names to errors, got a list"),
        ({1: [0, 1], "1": [1, 1]}, {}, "name of its own, got 1 twice"),
        ({"x": [0, 1], "y": [1]}, {}, "got 2 of x, 1 of y"),
        ({"x": [0, 1], "y": []}, {}, "y: losses must hold at least one loss"),
        ({"x": [0, 1], "y": [0, np.nan]}, {}, "y: losses must lie in .* index 1: nan"),
        ({"x": [0, 1], "y": [0, 3]}, {}, "y: losses must lie in"),
        ({"x": [0, 1], "y": [0, 1]}, {"clusters": [1, None]}, "clusters must have a label"),
        ({"x": [0, 1], "y": [0, 1]}, {"confidence": 0}, "confidence must lie strictly"),
        ({"x": [0, 1], "y": [0, 1]}, {"y_true": [0]}, "y_true and x must be of one length"),
    ],
)
def test_bad_input_is_refused(models: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        rank(models, **options)
