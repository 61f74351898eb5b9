"""The scikit-learn classifier: its contract, and its numbers against SciPy and scikit-learn."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import expit, log_softmax, softmax
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from backproof import training
from backproof._core.errors import InputError
from backproof.training import Adam, FFClassifier, Fit, Network, NetworkSpec, fit

Array = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [
        FFClassifier(),
        FFClassifier(
            hidden=(8, 4), activation="relu", n_ensemble=3, batch_size=20, dtype="float32"
        ),
    ]
)
def test_the_contract_of_scikit_learn_holds(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def data(classes: int, n: int = 60, seed: int = 0) -> tuple[Array, NDArray[np.int64]]:
    """Return points in three dimensions of overlapping classes 0, …, K-1."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    centres = 1.5 * rng.standard_normal((classes, 3))
    return rng.standard_normal((n, 3)) + centres[y], y


def small(**settings: Any) -> FFClassifier:
    return FFClassifier(**{"hidden": 5, "steps": 30, "random_state": 0, **settings})


def scores(one: Fit, x: Array) -> Array:
    return np.asarray(one.score(x).detach().double().numpy())


def member_probabilities(one: Fit, x: Array) -> Array:
    """Return the probabilities by SciPy from a network's own scores, shape (n, K)."""
    found = scores(one, x)
    if found.ndim == 1:
        return np.column_stack([expit(-found), expit(found)])
    return np.asarray(softmax(found, axis=1))


# Scores are sums of some ten terms, and `infer` may add them in another order than `score`.
TOLERANCE = {"float64": 100 * EPS, "float32": 100 * float(np.finfo(np.float32).eps)}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_probabilities_are_those_of_the_networks_own_scores(classes: int, dtype: str) -> None:
    x, y = data(classes)
    model = small(dtype=dtype).fit(x, y)
    found = model.predict_proba(x)
    assert found.shape == (len(x), classes)
    assert found.dtype == np.float64
    expected = member_probabilities(model.fits_[0], x)
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE[dtype])
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=8 * EPS)


def test_the_decision_of_one_network_is_its_score_also_where_probabilities_are_1() -> None:
    x, y = data(2)
    model = small().fit(x, y)
    far = 1e3 * x  # the last weights, scaled below, then give scores of thousands
    model.fits_[0].layers[-1].mul_(1e3)
    expected = scores(model.fits_[0], far)
    assert np.abs(expected).max() > 1000
    found = model.decision_function(far)
    assert found.shape == (len(x),)
    # tanh is ±1 so far out; what remains is the rounding of scores of thousands.
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE["float64"], atol=1e-10)


def test_the_decision_for_several_classes_is_the_log_probability() -> None:
    x, y = data(4)
    model = small().fit(x, y)
    found = model.decision_function(x)
    assert found.shape == (len(x), 4)
    expected = log_softmax(scores(model.fits_[0], x), axis=1)
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE["float64"], atol=1e-14)


@pytest.mark.parametrize("classes", [2, 4])
def test_an_ensemble_decides_by_the_mean_probability(classes: int) -> None:
    x, y = data(classes, n=200)
    model = small(n_ensemble=5, steps=3).fit(x, y)
    members = np.array([member_probabilities(one, x) for one in model.fits_])
    mean = members.mean(axis=0)
    # The mean differs from what a vote, or mean scores, would decide.
    votes = np.array([np.bincount(v, minlength=classes) for v in members.argmax(axis=2).T])
    assert (votes.argmax(axis=1) != mean.argmax(axis=1)).any()
    np.testing.assert_allclose(model.predict_proba(x), mean, rtol=TOLERANCE["float64"])
    np.testing.assert_array_equal(model.predict(x), mean.argmax(axis=1))
    decision = model.decision_function(x)
    if classes == 2:
        expected = np.log(mean[:, 1]) - np.log(mean[:, 0])
        np.testing.assert_allclose(decision, expected, rtol=1e-12, atol=1e-13)
        np.testing.assert_array_equal(decision > 0, model.predict(x) == 1)
    else:
        np.testing.assert_allclose(decision, np.log(mean), rtol=1e-12, atol=1e-13)
        np.testing.assert_array_equal(decision.argmax(axis=1), model.predict(x))
    assert model.score(x, y) == (mean.argmax(axis=1) == y).mean()


def test_of_equally_probable_classes_the_first_is_predicted() -> None:
    x, y = data(2)
    model = small().fit(x, y)
    for layer in model.fits_[0].layers:
        layer.zero_()
    np.testing.assert_array_equal(model.predict_proba(x), 0.5)
    np.testing.assert_array_equal(model.predict(x), 0)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_loss_curve_is_the_mean_log_loss_of_the_members(classes: int) -> None:
    x, y = data(classes)
    for steps in (0, 7):
        model = small(n_ensemble=3, steps=steps).fit(x, y)
        expected = np.mean([log_loss(y, member_probabilities(one, x)) for one in model.fits_])
        assert model.loss_curve_.shape == (steps + 1,)
        assert model.loss_curve_[-1] == pytest.approx(expected, rel=1e-13)


def test_the_loss_curve_is_of_the_members_that_still_learn() -> None:
    x, y = data(2, seed=3)
    model = small(
        n_ensemble=4, steps=400, learning_rate=0.1, validation=0.3, patience=3, random_state=1
    ).fit(x, y)
    lengths = sorted(len(one.losses) for one in model.fits_)
    assert lengths[0] < lengths[-1] < 401  # all stopped, at different steps
    assert len(model.loss_curve_) == lengths[-1]
    for step in (0, lengths[0] - 1, lengths[0], lengths[-1] - 1):
        going = [one.losses[step] for one in model.fits_ if step < len(one.losses)]
        assert model.loss_curve_[step] == pytest.approx(np.mean(going), rel=4 * EPS)


def test_every_parameter_reaches_the_training() -> None:
    x, y = data(3)
    settings: dict[str, Any] = {
        "steps": 12,
        "learning_rate": 0.03,
        "activation": "sigmoid",
        "optimizer": Adam(beta1=0.8),
        "batch_size": 10,
        "weight_decay": 0.01,
        "validation": 0.25,
        "patience": 2,
        "dtype": "float32",
        "engine": "autograd",
        "device": "cpu",
    }
    model = FFClassifier(hidden=[6, 4], n_ensemble=2, random_state=5, **settings).fit(x, y)
    assert model.fits_.engine == "autograd"
    assert [one.spec.hidden for one in model.fits_] == [(6, 4), (6, 4)]
    own = [one.spec.seed for one in model.fits_]
    assert len(set(own)) == 2
    for one, expected in zip(
        model.fits_, fit([(6, 4)], own, x, y, loss="softmax", **settings), strict=True
    ):
        np.testing.assert_array_equal(one.losses, expected.losses)
        np.testing.assert_array_equal(one.validation_losses, expected.validation_losses)
        assert one.spec == expected.spec
        for found, layer in zip(one.layers, expected.layers, strict=True):
            assert torch.equal(found, layer)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "names",
    [["no", "perhaps", "yes"], [-7, 0, 12], np.array(["a", "b", "c"], dtype=object)],
)
def test_labels_of_any_kind_come_back(names: Any, classes: int) -> None:
    x, y = data(classes)
    labels = np.asarray(names)[y]
    model = small().fit(x, labels.tolist())
    np.testing.assert_array_equal(model.classes_, names[:classes])
    numbered = small().fit(x, y)
    np.testing.assert_array_equal(model.predict_proba(x), numbered.predict_proba(x))
    np.testing.assert_array_equal(model.predict(x), np.asarray(names)[numbered.predict(x)])
    assert model.score(x, labels) == numbered.score(x, y)


def test_booleans_are_labels() -> None:
    x, y = data(2)
    model = small().fit(x, y == 1)
    assert model.predict(x).dtype == np.bool_
    assert model.score(x, y == 1) > 0.7


def test_a_whole_number_as_random_state_gives_the_same_networks() -> None:
    x, y = data(3)
    first, again = small(n_ensemble=2).fit(x, y), small(n_ensemble=2).fit(x, y)
    np.testing.assert_array_equal(first.predict_proba(x), again.predict_proba(x))
    other = small(n_ensemble=2, random_state=1).fit(x, y)
    assert not np.array_equal(first.predict_proba(x), other.predict_proba(x))
    refitted = first.fit(x, y)
    np.testing.assert_array_equal(refitted.predict_proba(x), again.predict_proba(x))


def test_a_larger_ensemble_begins_with_the_members_of_a_smaller_one() -> None:
    x, y = data(2)
    few, many = (small(n_ensemble=n, steps=2).fit(x, y) for n in (3, 8))
    seeds = [one.spec.seed for one in many.fits_]
    assert len(set(seeds)) == 8
    assert [one.spec.seed for one in few.fits_] == seeds[:3]


def test_a_generator_as_random_state_goes_on() -> None:
    x, y = data(2)
    model = small(random_state=np.random.RandomState(0), steps=1)
    seeds = [model.fit(x, y).fits_[0].spec.seed for _ in range(2)]
    assert seeds[0] == small(steps=1).fit(x, y).fits_[0].spec.seed
    assert seeds[0] != seeds[1]


def test_a_saved_model_predicts_the_same_bits(tmp_path: Path) -> None:
    x, y = data(3)
    model = make_pipeline(StandardScaler(), small(n_ensemble=2)).fit(x, y)
    expected = model.predict_proba(x)
    joblib.dump(model, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(loaded.predict_proba(x), expected)
    np.testing.assert_array_equal(loaded[-1].loss_curve_, model[-1].loss_curve_)


def test_a_clone_has_the_parameters_and_is_not_fitted() -> None:
    x, y = data(2)
    model = small(hidden=[4, 3], optimizer=Adam(beta1=0.5), activation=torch.sin).fit(x, y)
    copied = clone(model)
    assert copied.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        copied.predict(x)
    np.testing.assert_array_equal(copied.fit(x, y).predict_proba(x), model.predict_proba(x))


def scaled(model: Any) -> Pipeline:
    return make_pipeline(StandardScaler(), model)


def test_a_grid_is_searched_and_crossvalidated_in_other_processes() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    search = GridSearchCV(
        scaled(small(steps=50)),
        {
            "ffclassifier__hidden": [(3,), (6, 4)],
            "ffclassifier__optimizer": ["adam", Adam(beta1=0.8)],
        },
        cv=2,
        n_jobs=2,
        error_score="raise",
    ).fit(x, y)
    best = search.best_index_
    here = cross_val_score(
        clone(scaled(small(steps=50))).set_params(**search.best_params_), x, y, cv=2
    )
    for fold in range(2):  # the processes compute the same bits
        assert search.cv_results_[f"split{fold}_test_score"][best] == here[fold]
    there = cross_val_score(search.best_estimator_, x, y, cv=2, n_jobs=2, scoring="roc_auc")
    assert there.min() > 0.97


@pytest.mark.parametrize("load", [load_breast_cancer, load_digits])
def test_the_defaults_are_as_accurate_as_those_of_mlpclassifier(load: Callable[..., Any]) -> None:
    x, y = load(return_X_y=True)
    parts = train_test_split(x, y, test_size=0.4, random_state=0, stratify=y)
    x_train, x_test, y_train, y_test = parts
    ours = scaled(FFClassifier(random_state=0)).fit(x_train, y_train)
    theirs = scaled(MLPClassifier(random_state=0, max_iter=1000)).fit(x_train, y_train)
    # The difference of two error rates near 3 % on 228 points has a standard error of 1.6 %.
    assert ours.score(x_test, y_test) > theirs.score(x_test, y_test) - 0.03
    assert ours.score(x_test, y_test) > 0.94
    ensemble = scaled(FFClassifier(n_ensemble=5, random_state=0)).fit(x_train, y_train)
    # Cross-entropy is convex, so the mean probability loses at most what members lose on average.
    single = [
        log_loss(y_test, member_probabilities(one, ensemble[0].transform(x_test)))
        for one in ensemble[-1].fits_
    ]
    assert log_loss(y_test, ensemble.predict_proba(x_test)) < np.mean(single)


def test_probabilities_of_a_rare_class_are_those_of_bayes() -> None:
    rng = np.random.default_rng(0)
    share, shift, n = 0.05, 1.5, 4000

    def drawn() -> tuple[Array, NDArray[np.int64]]:
        y = (rng.random(n) < share).astype(np.int64)
        return rng.standard_normal((n, 2)) + shift * y[:, None], y

    (x, y), (x_test, y_test) = drawn(), drawn()
    model = small(hidden=4, steps=500, learning_rate=0.05).fit(x, y)
    # Where the last bias' derivative is 0, the mean probability is the share of the class.
    assert model.predict_proba(x)[:, 1].mean() == pytest.approx(y.mean(), rel=0.02)
    # Two unit Gaussians: log odds = log(π/(1-π)) + δ(x₁ + x₂) - δ².
    posterior = expit(np.log(share / (1 - share)) + shift * x_test.sum(axis=1) - shift**2)
    found = model.predict_proba(x_test)[:, 1]
    assert log_loss(y_test, found) < 1.1 * log_loss(y_test, posterior)
    assert balanced_accuracy_score(y_test, found > share) == pytest.approx(
        balanced_accuracy_score(y_test, posterior > share), abs=0.03
    )


def logarithmic(n: int) -> tuple[Array, NDArray[np.int64]]:
    """Return points x > 0, of which log(wx + b) is finite where w and b are above 0."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0.01, 100, (n, 1))
    return x, (x[:, 0] > 1).astype(np.int64)


def test_networks_that_diverge_are_named_and_left_out() -> None:
    x, y = logarithmic(40)
    model = small(
        hidden=1, activation=torch.log, n_ensemble=6, steps=2, learning_rate=1e-9, optimizer="gd"
    )
    with pytest.warns(ConvergenceWarning) as caught:
        model.fit(x, y)
    assert caught[0].filename == __file__

    def defined(seed: int) -> bool:
        start = Network(1, 1, seed=seed)
        weight, bias = start.get_parameter("W1"), start.get_parameter("b1")
        return bool((torch.tensor(x) @ weight + bias > 0).all())

    kept = [one for one in model.fits_ if defined(one.spec.seed)]
    lost = [one for one in model.fits_ if not defined(one.spec.seed)]
    assert kept
    assert lost
    message = str(caught[0].message)
    assert f"{len(lost)} of 6 networks diverged" in message
    assert all(f"seed {one.spec.seed}:" in message for one in lost)
    assert not any(f"seed {one.spec.seed}:" in message for one in kept)
    mean = np.mean([member_probabilities(one, x) for one in kept], axis=0)
    np.testing.assert_allclose(model.predict_proba(x), mean, rtol=TOLERANCE["float64"])
    losses = np.mean([one.losses for one in kept], axis=0)
    np.testing.assert_allclose(model.loss_curve_, losses, rtol=4 * EPS)


@pytest.mark.parametrize(("members", "said"), [(1, "1 of 1 networks"), (3, "3 of 3 networks")])
def test_where_all_diverge_the_first_is_named_with_its_step(members: int, said: str) -> None:
    x, y = data(3)
    model = small(
        hidden=(5, 5), activation="relu", optimizer="gd", learning_rate=1e200, n_ensemble=members
    )
    seed = int(np.random.RandomState(0).randint(1 << 48, dtype=np.int64))
    expected = rf"{said} diverged, the first of them hidden 5-5, seed {seed}: diverged at step \d"
    with pytest.raises(InputError, match=expected):
        model.fit(x, y)


@pytest.mark.parametrize("labels", [["yes"] * 60, [3] * 60])
def test_one_class_is_refused(labels: list[Any]) -> None:
    with pytest.raises(InputError, match=f"at least two classes, got one class, {labels[0]}"):
        small().fit(data(2)[0], labels)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hidden": 0}, "hidden must be at least 1, got 0"),
        ({"hidden": ()}, "at least one layer"),
        ({"hidden": "10"}, "hidden must"),
        ({"hidden": NetworkSpec(hidden=(3,), seed=0)}, "leave out seeds"),
        ({"n_ensemble": 0}, "n_ensemble must be at least 1, got 0"),
        ({"n_ensemble": 1.5}, "n_ensemble must be a whole number"),
        ({"steps": -1}, "steps must be at least 0"),
        ({"learning_rate": 0}, "learning_rate must be finite and above 0"),
        ({"activation": "cosine"}, "activation must be one of"),
        ({"optimizer": "lbfgs"}, "optimizer must be one of"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"weight_decay": -1}, "weight_decay must be finite and at least 0"),
        ({"validation": 1.0}, "validation must lie strictly between 0 and 1"),
        ({"validation": ([[1.0, 2.0, 3.0]], [1])}, "validation must be a number"),
        ({"patience": 3}, "patience needs validation"),
        ({"dtype": "float16"}, "dtype must be one of float32, float64"),
        ({"engine": "magic"}, "engine must be one of"),
        ({"device": "nowhere"}, "device 'nowhere' cannot be used"),
    ],
)
def test_a_parameter_out_of_range_is_refused_when_fitted(
    settings: dict[str, Any], said: str
) -> None:
    model = small(**settings)  # the constructor takes everything, as scikit-learn wants it
    with pytest.raises(InputError, match=said):
        model.fit(*data(2))


def test_points_too_large_for_float32_are_refused_in_it() -> None:
    x, y = data(2)
    model = small(dtype="float32").fit(x, y)
    # NumPy, too, warns of the overflow when scikit-learn converts the points.
    with (
        np.errstate(over="ignore"),
        pytest.raises(ValueError, match=r"too large for dtype\('float32'\)"),
    ):
        model.predict(np.full((1, 3), 1e300))
    assert np.isfinite(small().fit(x, y).predict_proba(np.full((1, 3), 1e300))).all()


def test_training_imports_scikit_learn_only_for_the_classifier() -> None:
    code = (
        "import sys, backproof.training as training\n"
        "print('FFClassifier' in dir(training), 'sklearn' in sys.modules)\n"
        "training.FFClassifier\n"
        "print('sklearn' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["True", "False", "True"]


def test_the_module_lists_what_it_has() -> None:
    assert "FFClassifier" in training.__all__
    assert set(training.__all__) <= set(dir(training))
    with pytest.raises(AttributeError, match=r"'backproof\.training' has no attribute 'nothing'"):
        _ = training.nothing  # type: ignore[attr-defined]
