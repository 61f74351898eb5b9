"""Training on a table: what is split, scaled, counted and kept, against scikit-learn and SciPy."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import StandardScaler

from backproof import datasets
from backproof._core.errors import InputError, OutputError
from backproof.datasets import Dataset
from backproof.tabular import (
    TableConfig,
    TableRun,
    TrainedModel,
    check_folder,
    load_model,
    summary,
    train_on_table,
    write_run,
)
from backproof.tabular.preparation import class_index, scaling, split

QUICK = TableConfig(hidden=((3,), (4, 4)), seeds=3, steps=60, confidence=0.9)


def three_classes(n: int = 90, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    t = np.array(["ash", "birch", "cedar"])[np.arange(n) % 3]
    x = rng.normal(scale=0.5, size=(n, 4)) + np.eye(4)[np.arange(n) % 3]
    return Dataset(
        name="trees", x=x, t=t, features=("a", "b", "c", "d"), classes=("ash", "birch", "cedar")
    )


@pytest.fixture(scope="module")
def lab_run() -> tuple[TableRun, TrainedModel]:
    return train_on_table(QUICK, datasets.named("lab"), "class")


@pytest.fixture(scope="module")
def tree_run() -> tuple[TableRun, TrainedModel]:
    return train_on_table(QUICK, three_classes(), "kind")


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_rows_are_split_by_class_and_none_is_lost(share: float) -> None:
    data = three_classes()
    parts = split(data, share, seed=3)
    rows = np.concatenate((parts.train_x, parts.test_x))
    assert sorted(map(tuple, rows)) == sorted(map(tuple, data.x))
    for t, expected in ((parts.test_t, 30 * share), (parts.train_t, 30 * (1 - share))):
        assert np.abs(np.bincount(t, minlength=3) - expected).max() < 1
    again = split(data, share, seed=3)
    assert np.array_equal(parts.test_x, again.test_x)
    assert not np.array_equal(parts.test_x, split(data, share, seed=4).test_x)


def test_two_classes_become_minus_and_plus_one() -> None:
    parts = split(datasets.named("moons"), 0.25, seed=0)
    assert set(parts.train_t.tolist()) == {-1, 1}
    assert class_index(parts.test_t, 2).tolist() == [(t + 1) // 2 for t in parts.test_t.tolist()]


def test_the_scaling_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(3, 5, (50, 4))
    x[:, 2] = 7.0  # a feature that never changes
    expected = StandardScaler().fit(x)
    y = rng.normal(size=(10, 4))
    found = scaling(x, "abcd", standardise=True)
    # Means of 50 numbers, summed in another order.
    np.testing.assert_allclose(found(y), expected.transform(y), rtol=1e-13, atol=1e-13)
    assert np.array_equal(scaling(x, "abcd", standardise=False)(y), y)


def test_errors_are_those_of_the_networks_on_rows_that_none_has_seen(
    tree_run: tuple[TableRun, TrainedModel],
) -> None:
    run, model = tree_run
    parts = split(three_classes(), QUICK.test, QUICK.seed)
    assert (run.training_rows, run.test_rows) == (len(parts.train_t), len(parts.test_t))
    scaled = StandardScaler().fit(parts.train_x).transform(parts.test_x)
    for row in run.sizes:
        errors = [
            round((1 - accuracy_score(parts.test_t, one.classify(scaled))) * run.test_rows)
            for one in model.fits.of_size(row.hidden)
        ]
        assert list(row.errors) == errors
        assert row.quantiles["0.5"] == pytest.approx(np.median(errors) / run.test_rows)
        assert row.mean is not None
        assert row.mean.estimate == pytest.approx(np.mean(errors) / run.test_rows)
        assert row.mean.lower <= row.mean.estimate <= row.mean.upper


def test_all_together_is_the_mean_probability(tree_run: tuple[TableRun, TrainedModel]) -> None:
    run, model = tree_run
    parts = split(three_classes(), QUICK.test, QUICK.seed)
    scaled = model.scaling(parts.test_x)
    scores = np.stack([one.score(scaled).detach().numpy() for one in model.fits])
    probabilities = np.exp(scores - scores.max(axis=2, keepdims=True))
    probabilities /= probabilities.sum(axis=2, keepdims=True)
    wrong = int((probabilities.mean(axis=0).argmax(axis=1) != parts.test_t).sum())
    exact = stats.binomtest(wrong, run.test_rows).proportion_ci(0.9, "exact")
    assert run.together is not None
    assert run.together.lower == pytest.approx(exact.low, abs=1e-9)
    assert run.together.upper == pytest.approx(exact.high, abs=1e-9)


def test_the_majority_is_that_of_the_training_rows() -> None:
    data = datasets.named("breast-cancer")
    run, _ = train_on_table(TableConfig(hidden=((2,),), seeds=1, steps=1), data, "class")
    assert run.majority.estimate == pytest.approx(53 / 143)  # malignant among the test rows


def test_a_plane_has_its_boundaries_and_bayes(lab_run: tuple[TableRun, TrainedModel]) -> None:
    run, _ = lab_run
    assert run.plane is not None
    assert [one.hidden for one in run.plane.bands] == [(3,), (4, 4)]
    assert run.plane.bayes is not None
    assert run.plane.bayes.pieces > 0
    assert len(run.plane.points) == run.training_rows


def test_more_features_or_classes_have_none(tree_run: tuple[TableRun, TrainedModel]) -> None:
    assert tree_run[0].plane is None


def test_constant_features_are_named() -> None:
    data = three_classes()
    data.x[:, 1] = 4.0
    run, _ = train_on_table(QUICK, data, "kind")
    assert run.constant == ("b",)
    assert "Constant, so of no use: b." in summary(run)


def test_the_record_comes_back_from_json(
    lab_run: tuple[TableRun, TrainedModel], tree_run: tuple[TableRun, TrainedModel]
) -> None:
    for run, _ in (lab_run, tree_run):
        assert TableRun.from_json(run.to_json()) == run


def test_another_seed_is_another_split_and_other_networks() -> None:
    first = train_on_table(QUICK, three_classes(), "kind")[1]
    second = train_on_table(TableConfig(**{**vars(QUICK), "seed": 1}), three_classes(), "kind")[1]
    assert not {one.spec.seed for one in first.fits} & {one.spec.seed for one in second.fits}


def test_a_class_with_one_row_is_refused() -> None:
    data = three_classes()
    assert data.t is not None
    t = data.t.copy()
    t[t == "ash"] = "birch"
    t[0] = "ash"
    lonely = Dataset(name="trees", x=data.x, t=t, features=data.features, classes=data.classes)
    with pytest.raises(InputError, match="class 'ash' has 1 row; each class needs at least two"):
        train_on_table(QUICK, lonely, "kind")


def test_a_test_share_without_room_for_each_class_is_refused() -> None:
    with pytest.raises(InputError, match="90 rows of 3 classes cannot be split"):
        train_on_table(TableConfig(test=0.01), three_classes(), "kind")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": ()}, "hidden sizes"),
        ({"hidden": ((3,), (3,))}, "hidden sizes must be distinct"),
        ({"seeds": 0}, "seeds"),
        ({"seed": -1}, "seed"),
        ({"test": 1.0}, "test"),
        ({"confidence": 0.0}, "confidence"),
    ],
)
def test_bad_settings_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TableConfig(**change)


# The folder.


def test_a_model_comes_back_and_predicts_the_same(
    tree_run: tuple[TableRun, TrainedModel], tmp_path: Path
) -> None:
    run, model = tree_run
    write_run(run, model, tmp_path / "out")
    back = load_model(tmp_path / "out")
    assert back.card == model.card
    labels, probabilities = back.predict(three_classes(seed=5))
    expected, same = model.predict(three_classes(seed=5))
    assert np.array_equal(labels, expected)
    assert np.array_equal(probabilities, same)
    assert set(labels.tolist()) <= {"ash", "birch", "cedar"}
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)


def test_a_run_replaces_an_earlier_one_and_nothing_else(
    lab_run: tuple[TableRun, TrainedModel], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    write_run(*lab_run, out)
    names = {path.name for path in out.iterdir()}
    assert {"run.json", "model.json", "report.html", "boundary-4-4.svg"} <= names
    write_run(*lab_run, out)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"in use, it holds notes\.txt"):
        check_folder(out)
    with pytest.raises(OutputError, match="in use"):
        check_folder(tmp_path)
    assert (out / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda out: (out / "model.json").unlink(), "holds no trained model"),
        (lambda out: (out / "model.json").write_text("{"), "not whole JSON"),
        (lambda out: (out / "weights.safetensors").unlink(), "cannot read"),
        (lambda out: (out / "weights.safetensors").write_bytes(b"x" * 50), "cannot read"),
        (lambda out: _edit(out, "format", 9), "has format 9"),
        (lambda out: _edit(out, "features", ["a"]), "do not belong together"),
    ],
)
def test_a_damaged_model_is_refused(
    tree_run: tuple[TableRun, TrainedModel], tmp_path: Path, damage: Any, message: str
) -> None:
    out = tmp_path / "out"
    write_run(*tree_run, out)
    damage(out)
    with pytest.raises(InputError, match=message):
        load_model(out)


def _edit(out: Path, name: str, value: Any) -> None:
    card = json.loads((out / "model.json").read_text())
    (out / "model.json").write_text(json.dumps({**card, name: value}))


def test_other_columns_are_refused(tree_run: tuple[TableRun, TrainedModel]) -> None:
    data = three_classes()
    other = Dataset(name="x", x=data.x, t=None, features=("a", "b", "d", "c"), classes=())
    with pytest.raises(InputError, match="takes the columns a, b, c, d, got a, b, d, c"):
        tree_run[1].predict(other)


def test_probabilities_are_those_of_independent_arithmetic(
    lab_run: tuple[TableRun, TrainedModel],
) -> None:
    _, model = lab_run
    x: NDArray[np.float64] = np.random.default_rng(0).normal(size=(20, 2))
    scores = np.stack([one.score(model.scaling(x)).detach().numpy() for one in model.fits])
    expected = (1 / (1 + np.exp(-scores))).mean(axis=0)
    np.testing.assert_allclose(model.probabilities(x)[:, 1], expected, rtol=1e-12)


def test_a_column_of_equal_numbers_is_only_shifted() -> None:
    x = np.full((57, 2), 0.1)  # their deviation is 1e-17, not 0: their mean is rounded
    x[:, 0] = np.arange(57)
    found = scaling(x, "abcd", standardise=True)(np.array([[0.0, 0.1001]]))
    assert found[0, 1] == pytest.approx(0.0001)


def test_names_with_dollar_signs_are_drawn_as_they_are(tmp_path: Path) -> None:
    data = datasets.named("moons")
    names = ("a$_$b", "$\\foo$ <script>")
    odd = Dataset(name="x", x=data.x, t=data.t, features=names, classes=data.classes)
    run, model = train_on_table(QUICK, odd, "class")
    write_run(run, model, tmp_path / "out")
    assert "<script>" not in (tmp_path / "out" / "report.html").read_text()


def test_a_feature_too_large_to_standardise_is_named() -> None:
    with pytest.raises(InputError, match="feature 'b' is too large to standardise"):
        scaling(np.array([[0.0, 1e300], [1.0, -1e300]]), ("a", "b"), standardise=True)
