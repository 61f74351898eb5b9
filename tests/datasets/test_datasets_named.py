"""The sets that have a name: as scikit-learn has them, reproducible, refused where unknown."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import sklearn.datasets

from backproof import datasets
from backproof._core.errors import InputError

DRAWN = ["lab", "moons", "circles", "spirals"]
BUNDLED = ["breast-cancer", "digits"]


def moons(n: int, seed: int) -> Any:
    return sklearn.datasets.make_moons(n, noise=0.2, random_state=seed)


def circles(n: int, seed: int) -> Any:
    return sklearn.datasets.make_circles(n, noise=0.1, factor=0.5, random_state=seed)


@pytest.mark.parametrize("name", datasets.NAMED)
def test_a_named_set_is_whole(name: str) -> None:
    found = datasets.named(name)
    assert found.name == name
    assert found.t is not None
    assert found.x.dtype == np.float64
    assert found.x.shape == (len(found.t), len(found.features))
    assert np.isfinite(found.x).all()
    assert found.classes == tuple(sorted(set(found.t.tolist())))
    assert len(set(found.features)) == len(found.features)


def test_all_named_sets_are_listed() -> None:
    assert list(datasets.NAMED) == DRAWN + BUNDLED


def test_the_lab_set_is_the_lab_mixture() -> None:
    found = datasets.named("lab", n=60, seed=4)
    x, t = datasets.lab_mixture().sample(60, 4)
    assert np.array_equal(found.x, x)
    assert np.array_equal(found.t, t)  # type: ignore[arg-type]
    assert found.classes == (-1, 1)


@pytest.mark.parametrize(("name", "make"), [("moons", moons), ("circles", circles)])
@pytest.mark.parametrize(("n", "seed"), [(2, 0), (31, 5), (200, 2**32 - 1)])
def test_toy_sets_are_those_of_scikit_learn(name: str, make: Any, n: int, seed: int) -> None:
    found = datasets.named(name, n=n, seed=seed)
    x, t = make(n, seed)
    assert np.array_equal(found.x, x)
    assert np.array_equal(found.t, t)  # type: ignore[arg-type]


def test_breast_cancer_is_that_of_scikit_learn_with_names_for_labels() -> None:
    found, kept = datasets.named("breast-cancer"), sklearn.datasets.load_breast_cancer()
    assert np.array_equal(found.x, kept.data)
    assert found.features == tuple(kept.feature_names)
    assert found.t is not None
    assert found.t.tolist() == [kept.target_names[label] for label in kept.target]
    assert found.classes == ("benign", "malignant")


def test_digits_are_those_of_scikit_learn() -> None:
    found, kept = datasets.named("digits"), sklearn.datasets.load_digits()
    assert np.array_equal(found.x, kept.data)
    assert np.array_equal(found.t, kept.target)  # type: ignore[arg-type]
    assert found.classes == tuple(range(10))


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawn_set_has_200_points_unless_told(name: str) -> None:
    assert len(datasets.named(name).x) == 200
    assert len(datasets.named(name, n=np.int64(42)).x) == 42


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_seed_draws_the_same_set_and_another_another(name: str) -> None:
    first, again, other = (datasets.named(name, seed=seed).x for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", BUNDLED)
def test_the_seed_changes_nothing_about_a_bundled_set(name: str) -> None:
    assert np.array_equal(datasets.named(name, seed=1).x, datasets.named(name, seed=2).x)


def test_a_set_says_what_it_holds() -> None:
    assert str(datasets.named("breast-cancer")) == (
        "breast-cancer: 569 rows, 30 features, 2 classes (benign 357, malignant 212)"
    )
    assert str(datasets.named("lab")) == "lab: 200 rows, 2 features, 2 classes (-1: 100, 1: 100)"


def test_many_classes_are_not_listed_one_by_one() -> None:
    t = np.repeat(np.arange(11), range(1, 12))
    found = datasets.Dataset(
        name="many", x=np.zeros((len(t), 1)), t=t, features=("a",), classes=tuple(range(11))
    )
    assert str(found) == "many: 66 rows, 1 feature, 11 classes of 1 to 11 rows"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("moon", "moons"), ("Digit", "digits"), ("breast_cancer", "breast-cancer")],
)
def test_a_misspelt_name_is_refused_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(InputError, match=rf"one of lab, .*did you mean '{nearest}'\?"):
        datasets.named(name)


def test_an_unknown_name_without_a_near_one_is_refused_with_the_list() -> None:
    with pytest.raises(InputError, match=r"breast-cancer, digits, got 'zebra'$"):
        datasets.named("zebra")


@pytest.mark.parametrize(("name", "rows"), [("breast-cancer", 569), ("digits", 1797)])
def test_the_size_of_a_bundled_set_cannot_be_chosen(name: str, rows: int) -> None:
    with pytest.raises(InputError, match=f"n cannot be chosen for {name}, which has {rows} rows"):
        datasets.named(name, n=100)


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("n", [1, 0, -2, 2.0, "20"])
def test_a_size_that_is_none_is_refused(name: str, n: Any) -> None:
    with pytest.raises(InputError, match="the sample size n must be"):
        datasets.named(name, n=n)


def test_an_odd_size_of_the_lab_set_is_refused() -> None:
    with pytest.raises(InputError, match="must be even"):
        datasets.named("lab", n=21)


@pytest.mark.parametrize("name", datasets.NAMED)
@pytest.mark.parametrize("seed", [-1, 0.5])
def test_a_seed_that_is_none_is_refused(name: str, seed: Any) -> None:
    with pytest.raises(InputError, match="seed must be"):
        datasets.named(name, seed=seed)


@pytest.mark.parametrize("name", ["moons", "circles"])
def test_a_seed_that_scikit_learn_cannot_take_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="at most 4294967295"):
        datasets.named(name, seed=2**32)


def test_importing_the_data_sets_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'sklearn', 'duckdb', 'matplotlib'}"
    code = f"import backproof.datasets, sys; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout.strip() == "[]"


def test_the_lab_knows_its_bayes_score_and_others_none() -> None:
    points = np.array([[0.0, 1.0], [-1.0, -1.0]])
    lab = datasets.named("lab").bayes_score
    assert lab is not None
    assert np.sign(lab(points)).tolist() == [1, -1]  # means of class +1 and of class -1
    assert datasets.named("moons").bayes_score is None
