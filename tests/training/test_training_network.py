"""Networks of any depth: against a formula in NumPy, and their initial weights as documented."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats

from backproof import gradcheck
from backproof._core.errors import InputError
from backproof.training import FFModel, Network, NetworkSpec
from backproof.training.activations import ACTIVATIONS

Array = NDArray[np.float64]

# An independent form of each activation; the tests below walk ACTIVATIONS.
FORMULAS: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "relu": lambda a: np.maximum(a, 0),
    "softplus": lambda a: np.logaddexp(a, 0),
}
SHAPES: list[tuple[int, Any, int]] = [
    (1, 1, 1), (2, 5, 1), (3, (4, 2), 1), (5, (3, 3, 3), 2), (2, 7, 4),
]  # fmt: skip


def plain_scores(network: Network, x: Array, function: Callable[[Array], Array]) -> Array:
    """Return the scores, shape (n, K), by the formula in the class's description."""
    weights = {name: p.detach().double().numpy() for name, p in network.named_parameters()}
    values = x
    layers = len(weights) // 2
    for number in range(1, layers + 1):
        values = np.einsum("nd,dh->nh", values, weights[f"W{number}"]) + weights[f"b{number}"]
        if number < layers:
            values = function(values)
    return values


def points(n: int, inputs: int) -> Array:
    return 2 * np.random.default_rng(n).standard_normal((n, inputs))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("inputs", "hidden", "outputs"), SHAPES)
def test_the_score_is_that_of_the_formula(
    activation: str, inputs: int, hidden: Any, outputs: int
) -> None:
    network = Network(inputs, hidden, outputs, activation=activation, seed=3)
    x = points(50, inputs)
    expected = plain_scores(network, x, FORMULAS[activation])
    found = network.score(x)
    assert found.shape == ((50,) if outputs == 1 else (50, outputs))
    # A handful of sums of at most 7 terms, eps = 2.2e-16.
    np.testing.assert_allclose(found.detach().reshape(50, -1), expected, rtol=1e-13, atol=1e-14)
    assert torch.equal(network(x), found)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_huge_pre_activations_give_no_nan(activation: str) -> None:
    network = Network(2, 3, activation=activation)
    x = 1e200 * points(20, 2)
    assert torch.isfinite(network.score(x)).all()


def test_a_function_is_an_activation_too() -> None:
    network = Network(3, (4, 2), activation=torch.sin, seed=1)
    x = points(9, 3)
    expected = plain_scores(network, x, np.sin)[:, 0]
    np.testing.assert_allclose(network.score(x).detach(), expected, rtol=1e-13)


@pytest.mark.parametrize("n", [0, 1, 2, 300])
@pytest.mark.parametrize("outputs", [1, 3])
def test_inference_is_the_score_without_a_gradient(
    n: int, outputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backproof.training import network as module

    monkeypatch.setattr(module, "INFERENCE_BLOCK", 7 * 6)  # blocks of seven points
    network = Network(2, (4, 6), outputs, seed=2)
    found = network.infer(points(n, 2))
    assert not found.requires_grad
    torch.testing.assert_close(found, network.score(points(n, 2)).detach(), rtol=1e-14, atol=1e-14)


def test_classes_are_the_sign_of_one_score() -> None:
    network = Network(2, (3, 3), seed=2)
    with torch.no_grad():
        network.get_parameter("b3").sub_(network.score(points(300, 2)).median())
    x = points(300, 2)
    found = network.classify(x)
    assert found.dtype == torch.int64
    assert set(found.tolist()) == {-1, 1}
    assert torch.equal(found == 1, network.score(x) >= 0)


def test_a_score_of_zero_is_of_the_positive_class() -> None:
    network = Network(2, (3, 3))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert network.classify(points(4, 2)).tolist() == [1] * 4


def test_classes_are_the_largest_of_several_scores() -> None:
    network = Network(2, 5, 4, seed=2)
    x = 3 * points(300, 2)
    expected = plain_scores(network, x, np.tanh).argmax(axis=1)
    assert np.array_equal(network.classify(x), expected)
    assert len(set(expected)) > 1


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_module_has_the_gradient_that_gradcheck_finds(activation: str) -> None:
    network = Network(2, (4, 3), 2, activation=activation, seed=5)
    report = gradcheck.check(network, torch.tensor(points(6, 2)))
    assert report.verdict is gradcheck.Verdict.AGREE, str(report)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("hidden", [1, 5, 100])
def test_the_labs_shape_starts_as_the_labs_model(hidden: int, dtype: str) -> None:
    for seed in (0, 7):
        model = FFModel(hidden, seed=seed, dtype=dtype)
        network = Network(2, hidden, seed=seed, dtype=dtype)
        assert torch.equal(network.get_parameter("W1"), model.W1)
        assert torch.equal(network.get_parameter("b1"), model.b1)
        assert torch.equal(network.get_parameter("W2")[:, 0], model.w)
        assert torch.equal(network.get_parameter("b2")[0], model.b)


@pytest.mark.parametrize(
    ("inputs", "hidden", "outputs"), [(2, 400, 1), (2, (90, 70), 3), (50, 80, 40)]
)
def test_initial_weights_are_uniform_within_their_bounds(
    inputs: int, hidden: Any, outputs: int
) -> None:
    sizes = (inputs, *(hidden if isinstance(hidden, tuple) else (hidden,)), outputs)
    last = len(sizes) - 1
    draws: dict[str, list[Array]] = {}
    for seed in range(20):
        network = Network(inputs, hidden, outputs, seed=seed)
        for name, parameter in network.named_parameters():
            draws.setdefault(name, []).append(parameter.detach().numpy().ravel())
    for number, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
        bound = 1.0 if number == last else (2 / fan_in) ** 0.5
        for name, end, count in (
            (f"W{number}", bound, fan_in * fan_out),
            (f"b{number}", 1.0, fan_out),
        ):
            values = np.concatenate(draws[name])
            assert len(values) == len(set(values)) == 20 * count  # no draw is used twice
            assert np.abs(values).max() <= end
            # Seeds are fixed; a right generator fails at one part in a million.
            assert stats.kstest(values, stats.uniform(-end, 2 * end).cdf).pvalue > 1e-6


def test_seeds_and_shapes_have_draws_of_their_own() -> None:
    networks = [Network(2, (4, 3), seed=0), Network(2, (4, 3), seed=1), Network(2, (4, 3, 3))]
    firsts = {tuple(network.get_parameter("W1").flatten().tolist()) for network in networks}
    assert len(firsts) == 3
    again = Network(2, (4, 3), seed=1).get_parameter("W2")
    assert torch.equal(again, networks[1].get_parameter("W2"))


def test_draws_leave_the_callers_generators_alone() -> None:
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
    Network(2, (4, 3), seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)  # type: ignore[index]  # noqa: NPY002


def test_the_parameters_have_names_and_a_dtype() -> None:
    network = Network(3, (4, 2), 5, dtype="float32")
    shapes = {name: tuple(p.shape) for name, p in network.named_parameters()}
    assert shapes == {
        "W1": (3, 4), "b1": (4,), "W2": (4, 2), "b2": (2,), "W3": (2, 5), "b3": (5,)
    }  # fmt: skip
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert network.score(points(2, 3)).dtype == torch.float32
    assert "inputs=3, hidden=(4, 2), outputs=5" in repr(network)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Network(0, 3), "inputs must be at least 1, got 0"),
        (lambda: Network(2, 0), "hidden must be at least 1, got 0"),
        (lambda: Network(2, ()), "hidden must name the size of at least one layer"),
        (lambda: Network(2, 3, 0), "outputs must be at least 1, got 0"),
        (lambda: Network(2, 3, seed=-1), "seed must be at least 0, got -1"),
        (lambda: Network(2, 3, dtype="int64"), "dtype must be a floating dtype"),
        (lambda: Network(2, 3, activation="swish"), "activation must be one of tanh, .*'swish'"),
        (lambda: Network(2, 3).score(np.zeros((4, 3))), r"x must have shape \(n, 2\), got \(4, 3"),
        (lambda: Network(2, 3).infer(np.zeros(2)), r"x must have shape \(n, 2\), got \(2,\)"),
        (lambda: NetworkSpec(hidden=(), seed=0), "hidden must name the size of at least one"),
        (lambda: NetworkSpec(hidden=(3, 0), seed=0), "a hidden size must be at least 1, got 0"),
        (lambda: NetworkSpec(hidden=(3,), seed=-1), "seed must be at least 0, got -1"),
        (lambda: NetworkSpec(hidden=3, seed=0), "hidden"),  # type: ignore[arg-type]
    ],
)
def test_bad_arguments_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()
