"""What training returns: the models, and what is said of all of them."""

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from backproof._core.errors import InputError
from backproof.training import FFModel, Fit, Fits, Network, NetworkSpec, SizeErrors, fit

Array = NDArray[np.float64]


def data(n: int = 30, inputs: int = 2, seed: int = 0) -> tuple[Array, NDArray[np.int64]]:
    """Return points of two overlapping classes."""
    rng = np.random.default_rng(seed)
    t = np.where(np.arange(n) % 2 == 0, 1, -1)
    return rng.standard_normal((n, inputs)) + 0.5 * t[:, None], t


def targets(loss: str, x: Array, t: NDArray[np.int64]) -> NDArray[Any]:
    """Return targets of a loss for points of two classes."""
    return {"logistic": t, "softmax": (t + 1) // 2, "squared": x[:, 0]}[loss]


def plain_scores(one: Fit, x: Array) -> Array:
    """Return the scores, shape (n, K), by the description of `Fit.layers`; tanh units."""
    values = x
    for number, layer in enumerate(one.layers):
        values = np.tanh(values) if number else values
        values = np.column_stack([values, np.ones(len(x))]) @ layer.double().numpy()
    return values


CASES: list[tuple[Any, int, str, type, list[str]]] = [
    (4, 2, "logistic", FFModel, ["W1", "b1", "w", "b"]),
    (4, 3, "logistic", Network, ["W1", "b1", "W2", "b2"]),
    (4, 2, "softmax", Network, ["W1", "b1", "W2", "b2"]),
    (4, 2, "squared", Network, ["W1", "b1", "W2", "b2"]),
    ([(4, 3)], 2, "logistic", Network, ["W1", "b1", "W2", "b2", "W3", "b3"]),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("hidden", "inputs", "loss", "kind", "names"), CASES)
def test_a_fit_is_a_model_with_the_weights_in_its_layers(
    hidden: Any, inputs: int, loss: str, kind: type, names: list[str], dtype: str
) -> None:
    x, t = data(inputs=inputs)
    one = fit(hidden, 3, x, targets(loss, x, t), steps=5, loss=loss, dtype=dtype)[0]
    assert type(one.model) is kind
    assert [name for name, _ in one.model.named_parameters()] == list(one.parameters) == names
    for name, parameter in one.model.named_parameters():
        assert torch.equal(parameter, one.parameters[name])
        assert parameter.dtype == getattr(torch, dtype)
    assert (one.inputs, one.outputs) == (inputs, 2 if loss == "softmax" else 1)
    eps = torch.finfo(getattr(torch, dtype)).eps
    scores = one.score(x).detach().reshape(len(x), -1)
    np.testing.assert_allclose(scores, plain_scores(one, x), rtol=50 * eps, atol=50 * eps)


@pytest.mark.parametrize("activation", ["sigmoid", torch.tanh])
def test_another_activation_is_in_the_model(activation: Any) -> None:
    x, t = data()
    one = fit(4, 3, x, t, steps=2, activation=activation)[0]
    assert isinstance(one.model, Network)
    assert one.model.activation is activation


@pytest.mark.parametrize(("hidden", "inputs", "loss", "kind", "names"), CASES)
def test_a_module_is_an_independent_copy(
    hidden: Any, inputs: int, loss: str, kind: type, names: list[str]
) -> None:
    x, t = data(inputs=inputs)
    one = fit(hidden, 3, x, targets(loss, x, t), steps=2, loss=loss)[0]
    before = [layer.clone() for layer in one.layers]
    scores = one.score(x).detach()
    for module in (one.as_module(), one.as_module()):
        assert type(module) is kind
        assert torch.equal(module.score(x), scores)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.fill_(7.0)
    assert torch.equal(one.score(x), scores)
    assert all(map(torch.equal, one.layers, before))


def test_the_module_can_be_trained_on() -> None:
    x, t = data()
    module = fit([(4, 3)], 0, x, t, steps=2)[0].as_module()
    module.score(x).sum().backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and bool(p.grad.any()) for p in module.parameters())


def test_classes_are_those_of_the_loss() -> None:
    x, t = data()
    two = fit(4, 0, x, t, steps=50)[0]
    assert np.array_equal(two.classify(x), np.where(plain_scores(two, x)[:, 0] >= 0, 1, -1))
    several = fit(4, 0, x, np.arange(30) % 3, steps=50, loss="softmax")[0]
    assert np.array_equal(several.classify(x), plain_scores(several, x).argmax(axis=1))


def test_classes_of_predicted_numbers_are_refused() -> None:
    x, _ = data()
    fits = fit(4, 0, x, x[:, 0], steps=2, loss="squared")
    assert fits[0].score(x).shape == (30,)
    with pytest.raises(InputError, match="predicts numbers, not classes: use score"):
        fits[0].classify(x)
    with pytest.raises(InputError, match="predicts numbers, not classes"):
        fits.test_errors(x, x[:, 0])


def made(
    hidden: tuple[int, ...],
    seed: int,
    losses: list[float],
    *,
    status: Any = "completed",
    validation: list[float] | None = None,
) -> Fit:
    """Return a fit with initial weights and with losses as if trained."""
    network = Network(2, hidden, seed=seed)
    layers = [
        torch.cat([network.get_parameter(f"W{n}"), network.get_parameter(f"b{n}")[None]]).detach()
        for n in range(1, len(hidden) + 2)
    ]
    return Fit(
        spec=NetworkSpec(hidden=hidden, seed=seed),
        status=status,
        steps=len(losses) - 1,
        losses=np.array(losses),
        validation_losses=np.array(validation or []),
        validation_loss=validation[-1] if validation else None,
        loss="logistic",
        layers=tuple(layers),
    )


@pytest.fixture
def several() -> Fits:
    return Fits(
        [
            made((5,), 0, [0.9, 0.5]),
            made((5,), 1, [0.9, 0.3], status="diverged"),
            made((3, 2), 0, [0.7, 0.4]),
            made((5,), 2, [0.2, 0.6]),
            made((4,), 0, [0.5], status="diverged"),
        ],
        engine="batched",
    )


def test_the_best_has_the_least_last_loss_and_did_not_diverge(several: Fits) -> None:
    assert several.best() is several[2]


def test_the_best_has_the_least_validation_loss_of_its_weights() -> None:
    fits = Fits(
        [
            made((5,), 0, [0.9, 0.1], validation=[0.5, 0.2, 0.6]),
            made((5,), 1, [0.9, 0.8], validation=[0.7, 0.3, 0.4]),
        ]
    )
    assert fits.best() is fits[1]


def test_sizes_and_statuses_select_in_order(several: Fits) -> None:
    assert several.sizes == [(5,), (3, 2), (4,)]
    assert (
        list(several.of_size(5)) == list(several.of_size((5,))) == [several[n] for n in (0, 1, 3)]
    )
    assert list(several.of_size((3, 2))) == [several[2]]
    assert list(several.diverged) == [several[1], several[4]]
    assert several.diverged.engine == several[1:].engine == several.of_size(5).engine == "batched"
    with pytest.raises(InputError, match="hidden must be at least 1, got 0"):
        several.of_size(0)


def test_errors_are_counted_for_each_network(several: Fits) -> None:
    x, t = data(200, seed=1)
    expected = [int(((plain_scores(one, x)[:, 0] >= 0) != (t > 0)).sum()) for one in several]
    found = several.test_errors(x, t)
    assert found.dtype == np.int64
    assert found.tolist() == expected
    assert (
        several.test_errors(x.tolist(), torch.tensor(t, dtype=torch.float64)).tolist() == expected
    )


@pytest.mark.parametrize("shape", [(199,), (200, 1), ()])
def test_errors_need_a_class_a_point(several: Fits, shape: tuple[int, ...]) -> None:
    x, _ = data(200)
    with pytest.raises(InputError, match=r"t must hold one class a point, shape \(200,\), got"):
        several.test_errors(x, np.ones(shape))


def test_quantiles_of_the_test_error_are_those_of_numpy() -> None:
    fits = Fits([made((size,), seed, [0.5]) for size in (3, 6) for seed in range(7)])
    x, t = data(200, seed=1)
    errors = fits.test_errors(x, t).reshape(2, 7)
    wanted = (0.0, 0.1, 0.5, 0.95, 1.0)
    for row, one in enumerate(fits.error_quantiles(x, t, wanted)):
        assert (one.hidden, one.examples, one.diverged) == (((3, 6)[row],), 200, 0)
        assert one.errors == tuple(errors[row])
        expected = np.quantile(errors[row] / 200, wanted)
        assert list(one.quantiles) == ["0", "0.1", "0.5", "0.95", "1"]
        np.testing.assert_allclose(list(one.quantiles.values()), expected, rtol=1e-15)
        assert SizeErrors.from_dict(one.to_dict()) == one


def test_diverged_networks_are_counted_apart(several: Fits) -> None:
    x, t = data(200, seed=1)
    five, deep, none = several.error_quantiles(x, t)
    assert (five.diverged, deep.diverged, none.diverged) == (1, 0, 1)
    errors = several.test_errors(x, t)
    assert five.errors == (errors[0], errors[3])
    assert five.quantiles["0.5"] == pytest.approx(errors[[0, 3]].mean() / 200)
    assert none.errors == ()
    assert none.quantiles == {}


@pytest.mark.parametrize("bad", [-0.1, 1.1, np.nan])
def test_a_quantile_outside_zero_and_one_is_refused(several: Fits, bad: float) -> None:
    with pytest.raises(InputError, match=r"quantiles must lie in \[0, 1\]"):
        several.error_quantiles(*data(9), (0.5, bad))


def test_the_table_has_a_row_a_network() -> None:
    fits = Fits(
        [
            made((5,), 3, [0.9, 0.5, 0.4]),
            made((4, 2), 0, [0.8, 0.7], status="stopped", validation=[0.6, 0.3, 0.5]),
            made((5,), 1, [], status="diverged"),
        ]
    )
    assert fits.to_columns() == {
        "hidden": ["5", "4-2", "5"],
        "seed": [3, 0, 1],
        "activation": ["tanh"] * 3,
        "status": ["completed", "stopped", "diverged"],
        "steps": [2, 1, -1],
        "initial_loss": [0.9, 0.8, None],
        "final_loss": [0.4, 0.7, None],
        "validation_loss": [None, 0.5, None],
    }


def test_the_text_says_how_each_network_ended() -> None:
    fits = Fits(
        [
            made((5,), 3, [0.9, 0.5, 0.4]),
            made((4, 2), 0, [0.8, 0.7], status="stopped", validation=[0.6, 0.3]),
            made((5,), 1, [0.9, 1e9], status="diverged"),
            made((5,), 2, [], status="diverged"),
        ]
    )
    assert str(fits).splitlines() == [
        "hidden 5, seed 3: loss 0.4 after 2 steps",
        "hidden 4-2, seed 0: stopped early, loss 0.7 after 1 step; kept are the weights after 1",
        "hidden 5, seed 1: diverged at step 2, loss 1e+09 after 1 step",
        "hidden 5, seed 2: diverged, its first loss is not finite",
    ]


def test_a_real_table_has_columns_of_one_length() -> None:
    x, t = data()
    sizes: list[Any] = [4, (3, 2)]
    columns = fit(sizes, [0, 1], x, t, steps=3, validation=0.2).to_columns()
    assert {len(column) for column in columns.values()} == {4}
    assert columns["hidden"] == ["4", "4", "3-2", "3-2"]
    assert columns["steps"] == [3] * 4
    assert None not in columns["validation_loss"]


def test_no_fits_have_an_empty_text_and_table(several: Fits) -> None:
    empty = several.of_size(99)
    assert str(empty) == ""
    assert empty.sizes == []
    assert all(column == [] for column in empty.to_columns().values())
    with pytest.raises(InputError, match="no fit is the best"):
        empty.best()


def test_a_pickled_fit_holds_no_more_than_its_own_numbers() -> None:
    x, t = data(40)
    fits = fit(5, range(300), x, t, steps=3)
    assert len(pickle.dumps(fits[0])) < 5000  # 21 weights and 4 losses; a block has 300 times that
    size = len(pickle.dumps(fits[0]))
    fits[0].classify(x)
    assert len(pickle.dumps(fits[0])) == size


def test_a_model_first_used_in_inference_mode_still_trains() -> None:
    x, t = data(10)
    one = fit(3, 0, x, t, steps=1)[0]
    with torch.inference_mode():
        one.classify(x)
    one.score(x).sum().backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is not None for parameter in one.model.parameters())


def test_labels_of_another_kind_are_refused_when_counting_errors() -> None:
    x, t = data(10)
    with pytest.raises(InputError, match="labels must be -1 or"):
        fit(3, 0, x, t, steps=1).test_errors(x, (t + 1) // 2)
