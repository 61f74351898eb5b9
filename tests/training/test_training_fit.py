"""Gradient descent: against a hand-derived one in NumPy; and what is done with bad input."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from backproof import datasets, training
from backproof._core.errors import InputError
from backproof.training import FFModel, Fit, Fits, Network, NetworkSpec, fit

Array = NDArray[np.float64]


def data(n: int = 40, seed: int = 0) -> tuple[Array, NDArray[np.int64]]:
    """Return points of two overlapping classes."""
    rng = np.random.default_rng(seed)
    t = np.where(np.arange(n) % 2 == 0, 1, -1)
    return rng.standard_normal((n, 2)) + 0.7 * t[:, None], t


def weights(model: FFModel | Network) -> list[Array]:
    assert isinstance(model, FFModel)
    return [p.detach().double().numpy().copy() for p in (model.W1, model.b1, model.w, model.b)]


def lab_model(one: Fit) -> FFModel:
    assert isinstance(one.model, FFModel)
    return one.model


def same_weights(first: FFModel | Network, second: FFModel | Network) -> bool:
    return all(map(np.array_equal, weights(first), weights(second)))


def numpy_descent(
    hidden: int, seed: int, x: Array, t: NDArray[np.int64], steps: int, rate: float
) -> tuple[Array, list[Array]]:
    """Descend with the gradient derived by hand: dL/ds_n = -t_n σ(-t_n s_n) / N."""
    W1, b1, w, b = weights(FFModel(hidden, seed=seed))
    losses = []
    for step in range(steps + 1):
        activation = np.tanh(x @ W1 + b1)
        margin = t * (activation @ w + b)
        losses.append(np.logaddexp(0, -margin).mean())
        if step < steps:
            ds = -t * np.exp(-np.logaddexp(0, margin)) / len(x)
            da = np.outer(ds, w) * (1 - activation**2)
            w = w - rate * (activation.T @ ds)
            b = b - rate * ds.sum()
            W1 = W1 - rate * (x.T @ da)
            b1 = b1 - rate * da.sum(axis=0)
    return np.array(losses), [W1, b1, w, b]


@pytest.mark.parametrize("rate", [0.1, 0.02])
@pytest.mark.parametrize(("hidden", "n"), [(1, 2), (5, 40), (20, 41), (100, 200)])
def test_losses_are_those_of_gradient_descent(hidden: int, n: int, rate: float) -> None:
    x, t = data(n)
    found = fit(hidden, 3, x, t, steps=50, learning_rate=rate)[0].losses
    expected, _ = numpy_descent(hidden, 3, x, t, 50, rate)
    # Roundings of the weights (eps = 2e-16) add up over 50 steps of some hundred operations.
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert expected[0] - expected[-1] > 1e-3  # it learned


def test_the_weights_are_those_of_gradient_descent() -> None:
    x, t = data()
    found = fit(7, 2, x, t, steps=50)[0].model
    _, expected = numpy_descent(7, 2, x, t, 50, 0.1)
    for ours, theirs in zip(weights(found), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


def test_float32_follows_float64_to_its_rounding() -> None:
    x, t = data()
    one = fit(5, 0, x, t, steps=50, dtype="float32")[0]
    assert one.model.W1.dtype == torch.float32
    expected, _ = numpy_descent(5, 0, x, t, 50, 0.1)
    # eps is 1.2e-7; a hundred operations over 50 steps.
    np.testing.assert_allclose(one.losses, expected, rtol=1e-5)
    assert not np.allclose(one.losses, expected, rtol=1e-10)


def test_the_first_loss_is_that_of_the_untrained_network() -> None:
    x, t = data()
    one = fit(5, 1, x, t, steps=3)[0]
    exact = FFModel(5, seed=1).mean_loss(x, t).item()
    assert one.losses[0] == pytest.approx(exact, rel=1e-14)


def test_the_last_loss_is_that_of_the_returned_network() -> None:
    x, t = data()
    one = fit(5, 1, x, t, steps=3)[0]
    assert one.losses[-1] == pytest.approx(lab_model(one).mean_loss(x, t).item(), rel=1e-14)


@pytest.mark.parametrize("steps", [0, 1, 50, 51])
def test_there_is_a_loss_before_the_first_and_after_each_step(steps: int) -> None:
    one = fit(2, 0, *data(), steps=steps)[0]
    assert one.losses.shape == (steps + 1,)
    assert one.losses.dtype == np.float64
    assert one.steps == steps


def test_without_steps_the_network_is_the_initial_one() -> None:
    one = fit(5, 9, *data(), steps=0)[0]
    assert one.status == "completed"
    assert same_weights(one.model, FFModel(5, seed=9))


def test_members_come_in_the_order_of_sizes_then_seeds() -> None:
    fits = fit([3, 1], [7, 2], *data(), steps=1)
    assert [one.spec.hidden for one in fits] == [(3,), (3,), (1,), (1,)]
    assert [one.spec.seed for one in fits] == [7, 2, 7, 2]


def test_every_member_starts_as_its_seed_says() -> None:
    for one in fit([3, 1], [7, 2], *data(), steps=0):
        assert same_weights(one.model, FFModel(one.spec.hidden[0], seed=one.spec.seed))


def test_a_member_is_the_same_alone_and_among_others() -> None:
    x, t = data()
    for one in fit([3, 1], [7, 2], x, t, steps=5):
        alone = fit(one.spec.hidden[0], one.spec.seed, x, t, steps=5)[0]
        assert np.array_equal(alone.losses, one.losses)


def test_a_training_set_a_seed_gives_the_same_as_separate_fits() -> None:
    sets = [data(seed=s) for s in (1, 2, 3)]
    x, t = np.stack([s[0] for s in sets]), np.stack([s[1] * (-1) ** i for i, s in enumerate(sets)])
    together = fit([2, 4], [5, 6, 7], x, t, steps=10)
    for index, one in enumerate(together):
        member = index % 3
        alone = fit(one.spec.hidden[0], one.spec.seed, x[member], t[member], steps=10)[0]
        # Memory of another alignment may be summed in another order: roundings over ten steps.
        np.testing.assert_allclose(one.losses, alone.losses, rtol=1e-13)


def test_a_repetition_is_the_same_to_the_bit() -> None:
    x, t = data(200)
    first, second = (fit([5, 50], range(2), x, t, steps=20) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.losses, other.losses)
        assert same_weights(one.model, other.model)


def test_tensors_and_lists_are_training_sets_too() -> None:
    x, t = data(6)
    expected = fit(2, 0, x, t, steps=3)[0].losses
    for points, labels in ((torch.tensor(x), torch.tensor(t)), (x.tolist(), t.tolist())):
        np.testing.assert_allclose(fit(2, 0, points, labels, steps=3)[0].losses, expected)


def test_the_training_set_is_not_changed() -> None:
    x, t = data(6)
    before = x.copy(), t.copy()
    fit(2, 0, x, t, steps=3)
    assert np.array_equal(x, before[0])
    assert np.array_equal(t, before[1])


def test_a_read_only_training_set_is_accepted() -> None:
    x, t = data(6)
    x.flags.writeable = t.flags.writeable = False
    assert len(fit(2, 0, x, t, steps=1)) == 1


def test_whole_numbers_of_numpy_are_sizes_and_seeds() -> None:
    x, t = data(6)
    one = fit(np.int64(2), np.int64(3), x, t, steps=1)[0]
    assert one.spec == fit(2, 3, x, t, steps=1)[0].spec


@pytest.mark.parametrize("steps", [0, 1, 7, 50, 120])
def test_progress_grows_to_the_total(steps: int) -> None:
    calls: list[tuple[str, int, int]] = []
    fit([1, 2], [0, 1], *data(6), steps=steps, progress=lambda *call: calls.append(call))
    done = [call[1] for call in calls]
    assert {call[2] for call in calls} == {4 * steps}
    assert done == sorted(done)
    assert done[-1] == 4 * steps


# After this step the output weights are near 1e306: one times 40 points stays below the largest
# number, 1.8e308; the sum over 5000 does not.
_HUGE = 3e306


def _diverging() -> Fits:
    return fit([5000, 1], 0, *data(), steps=1, learning_rate=_HUGE)


def test_a_member_that_diverges_does_not_stop_the_others() -> None:
    assert [one.status for one in _diverging()] == ["diverged", "completed"]


def test_losses_of_a_diverged_member_end_at_the_last_finite_one() -> None:
    one = _diverging()[0]
    assert one.steps == 1
    assert one.losses.shape == (1,)
    assert np.isfinite(one.losses).all()
    assert not np.isfinite(lab_model(one).mean_loss(*data()).item())


def test_progress_ends_although_a_member_diverges() -> None:
    calls: list[tuple[int, int]] = []

    def progress(what: str, done: int, total: int) -> None:
        calls.append((done, total))

    fit([1, 5000], 0, *data(), steps=3, learning_rate=_HUGE, progress=progress)
    assert calls[-1] == (6, 6)


def test_the_text_says_which_member_diverged() -> None:
    text = str(_diverging())
    assert "hidden 5000, seed 0: diverged" in text
    assert text.count("diverged") == 1


def test_the_text_of_a_huge_loss_is_readable() -> None:
    assert max(map(len, str(_diverging()).splitlines())) < 100


def test_points_far_away_saturate_and_train_on() -> None:
    x, t = data()
    one = fit(5, 0, 1e300 * x, t, steps=3)[0]
    assert one.status == "completed"
    assert one.losses[-1] < one.losses[0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("per_seed", [False, True])
def test_points_that_are_not_finite_are_refused(bad: float, per_seed: bool) -> None:
    x, t = data(6)
    x[2, 1] = bad
    if per_seed:
        x, t = x[None], t[None]
    with pytest.raises(InputError, match="x must be finite; 1 of its points"):
        fit(2, 0, x, t)


def test_points_beyond_float32_are_refused_there() -> None:
    x, t = data(6)
    with pytest.raises(InputError, match="x must be finite"):
        fit(2, 0, 1e60 * x, t, dtype="float32")


@pytest.mark.parametrize("bad", [0.0, 2.0, np.nan])
def test_labels_other_than_plus_and_minus_one_are_refused(bad: float) -> None:
    x, t = data(6)
    labels = t.astype(float)
    labels[0] = bad
    with pytest.raises(InputError, match="labels"):
        fit(2, 0, x, labels)


@pytest.mark.parametrize("rate", [0.0, -0.1, np.inf, np.nan, "fast", None])
def test_a_learning_rate_that_is_not_positive_is_refused(rate: Any) -> None:
    with pytest.raises(InputError, match="learning_rate"):
        fit(2, 0, *data(6), learning_rate=rate)


@pytest.mark.parametrize("steps", [-1, 2.5, None])
def test_a_bad_number_of_steps_is_refused(steps: Any) -> None:
    with pytest.raises(InputError, match="steps"):
        fit(2, 0, *data(6), steps=steps)


@pytest.mark.parametrize("dtype", ["float16", "double", "", torch.float64])
def test_another_dtype_is_refused(dtype: Any) -> None:
    with pytest.raises(InputError, match="dtype must be one of float32, float64"):
        fit(2, 0, *data(6), dtype=dtype)


@pytest.mark.parametrize("hidden", [0, [3, -1], [2.5]])
def test_a_bad_size_is_refused(hidden: Any) -> None:
    with pytest.raises(InputError, match="hidden"):
        fit(hidden, 0, *data(6))


@pytest.mark.parametrize("hidden", [2.5, None])
def test_a_size_that_is_neither_a_number_nor_a_list_is_refused(hidden: Any) -> None:
    with pytest.raises(InputError, match="hidden"):
        fit(hidden, 0, *data(6))


@pytest.mark.parametrize("seeds", [-1, [0, -1], [0.5]])
def test_a_bad_seed_is_refused(seeds: Any) -> None:
    with pytest.raises(InputError, match="seed"):
        fit(2, seeds, *data(6))


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_training_sets_than_seeds_is_refused(count: int) -> None:
    x, t = data(6)
    with pytest.raises(InputError, match=r"x must have shape \(2, 6, 2\), a training set a seed"):
        fit(2, [0, 1], np.stack([x] * count), np.stack([t] * count))


@pytest.mark.parametrize("shape", [(0, 2), (1, 0, 2), (6,), (6, 0), (1, 1, 6, 2)])
def test_points_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="x must have shape"):
        fit(2, 0, np.zeros(shape), np.ones(shape[:-1]))


@pytest.mark.parametrize("shape", [(5,), (6, 1), (1, 6), ()])
def test_labels_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="t must hold one label a point"):
        fit(2, 0, data(6)[0], np.ones(shape))


@pytest.fixture(scope="module")
def four() -> Fits:
    return fit([3, 1], [7, 2], *data(6), steps=2)


def test_an_index_gives_one_fit(four: Fits) -> None:
    assert isinstance(four[-1], Fit)
    assert (four[-1].spec.hidden, four[-1].spec.seed) == ((1,), 2)


def test_a_slice_gives_fits(four: Fits) -> None:
    part = four[1:3]
    assert isinstance(part, Fits)
    assert list(part) == [four[1], four[2]]


def test_an_index_beyond_the_end_is_an_index_error(four: Fits) -> None:
    assert len(four) == 4
    with pytest.raises(IndexError):
        four[4]


def test_of_size_keeps_one_size_in_order(four: Fits) -> None:
    assert list(four.of_size(1)) == [four[2], four[3]]
    assert len(four.of_size(2)) == 0


def test_a_fit_scores_and_classifies_as_its_network(four: Fits) -> None:
    x = data(6)[0]
    assert torch.equal(four[0].score(x), four[0].model.score(x))
    assert torch.equal(four[0].classify(x), four[0].model.classify(x))


def test_as_module_is_independent() -> None:
    one = fit(3, 0, *data(6), steps=2)[0]
    module, before = one.as_module(), weights(one.model)
    assert same_weights(module, one.model)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    assert all(map(np.array_equal, weights(one.model), before))


def test_the_text_has_a_line_a_member(four: Fits) -> None:
    lines = str(four).splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("hidden 3, seed 7: loss 0.")
    assert lines[0].endswith("after 2 steps")


@pytest.mark.parametrize("setting", [torch.no_grad, torch.inference_mode])
def test_a_caller_without_gradients_gets_the_same_fit(setting: Callable[[], Any]) -> None:
    x, t = datasets.lab_mixture().sample(20, seed=0)
    expected = training.fit(3, 0, x, t, steps=5)[0].losses
    with setting():
        assert np.array_equal(training.fit(3, 0, x, t, steps=5)[0].losses, expected)


def test_another_default_device_does_not_reach_a_fit() -> None:
    x, t = datasets.lab_mixture().sample(20, seed=0)
    with torch.device("meta"):
        fit = training.fit(3, 0, x, t, steps=5)[0]
    assert np.isfinite(fit.losses).all()


def _without(monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    """Let a module believe that the optional packages are not installed."""
    monkeypatch.setattr(module, "find_spec", lambda _: None)


def test_without_numba_the_fused_engine_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from backproof.training.engines import fused

    x, t = data(6)
    _without(monkeypatch, fused)
    assert fit(2, 0, x, t, steps=1).engine == "batched"
    with pytest.raises(InputError, match=r"needs numba: pip install 'backproof\[fast\]'"):
        fit(2, 0, x, t, steps=1, engine="fused")


def test_without_distributed_a_cluster_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from backproof.training import cluster

    _without(monkeypatch, cluster)
    with pytest.raises(InputError, match=r"pip install 'backproof\[dask\]'"):
        training.sweep(2, 0, *data(6), steps=1, dask="tcp://127.0.0.1:1")


def test_importing_training_imports_neither_numba_nor_scikit_learn() -> None:
    code = (
        "import sys, backproof.training;"
        "print([m for m in ('numba', 'sklearn', 'distributed') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "x",
    [
        [[1.0, 2.0], [3.0]],
        [["a", "b"], ["c", "d"]],
        np.array([[1 + 1j, 2], [3, 4]]),
        torch.tensor([[1 + 1j, 2], [3, 4]]),
        {"a": 1},
    ],
    ids=["ragged", "text", "complex", "complex tensor", "mapping"],
)
def test_what_is_no_array_of_real_numbers_is_refused(x: Any) -> None:
    with pytest.raises(InputError, match=r"expected (an array of|real) numbers"):
        fit(2, 0, x, [1, -1])


@pytest.mark.parametrize("dtype", [">f8", "O", "g", "f2", "i4"])
def test_numbers_of_any_dtype_are_points(dtype: str) -> None:
    x, t = data(6)
    x = np.round(4 * x)  # whole numbers, which every dtype holds
    expected = fit(2, 0, x, t, steps=3)[0].losses
    assert np.array_equal(fit(2, 0, x.astype(dtype), t, steps=3)[0].losses, expected)


def test_targets_in_a_list_are_not_rounded() -> None:
    x, t = data(6)
    values = (t + 0.123456789).tolist()
    first = fit(2, 0, x, values, steps=2, loss="squared")[0].losses
    second = fit(2, 0, x, np.array(values), steps=2, loss="squared")[0].losses
    assert np.array_equal(first, second)


def test_unsigned_labels_do_not_wrap_around() -> None:
    x, _ = data(4)
    with pytest.raises(InputError, match="labels must be -1 or"):
        fit(2, 0, x, np.array([1, 255, 1, 255], np.uint8))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"validation": (np.ones((2, 2)),)}, "validation must be a share"),
        ({"device": None}, "device None cannot be used"),
        ({"device": "meta"}, "cannot be used"),
    ],
)
def test_other_arguments_that_cannot_be_used_are_refused(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fit(2, 0, *data(6), **arguments)


def test_specs_take_no_other_activation() -> None:
    spec = NetworkSpec(hidden=(2,), seed=0)
    with pytest.raises(InputError, match="have their activation"):
        fit([spec], None, *data(6), activation="relu")


def test_minibatches_of_a_set_each_are_those_of_the_set_alone() -> None:
    sets = [data(30, seed=s) for s in (1, 2, 3)]
    x, t = np.stack([s[0] for s in sets]), np.stack([s[1] for s in sets])
    for engine in ("autograd", "batched"):
        together = fit(4, [5, 6, 7], x, t, steps=20, batch_size=8, engine=engine)
        for member, one in enumerate(together):
            alone = fit(4, 5 + member, x[member], t[member], steps=20, batch_size=8, engine=engine)
            # Sums in another order in a batch of another size: roundings over twenty steps.
            np.testing.assert_allclose(one.losses, alone[0].losses, rtol=1e-12)
