"""The model: its weights, its score, its fast inference, its errors."""

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats

from backproof._core import seeds
from backproof._core.errors import InputError
from backproof.datasets import lab_mixture
from backproof.training import FFModel

Array = NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)
_BLOCK = 1 << 17  # hidden activations that inference holds at a time


def flat(model: FFModel) -> Array:
    values = [p.detach().double().numpy().reshape(-1) for p in model.parameters()]
    return np.concatenate(values)


def weights(model: FFModel) -> tuple[Array, Array, Array, float]:
    W1, b1, w, b = (p.detach().numpy() for p in (model.W1, model.b1, model.w, model.b))
    return W1, b1, w, float(b)


def points(n: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal((n, 2))


def scale(model: FFModel) -> float:
    """Return the largest score in absolute value that the weights allow."""
    _, _, w, b = weights(model)
    return float(np.abs(w).sum() + abs(b))


@pytest.mark.parametrize("hidden", [1, 2, 7, 500])
def test_parameters_have_their_names_and_shapes(hidden: int) -> None:
    shapes = {name: tuple(p.shape) for name, p in FFModel(hidden).named_parameters()}
    assert shapes == {"W1": (2, hidden), "b1": (hidden,), "w": (hidden,), "b": ()}


@pytest.mark.parametrize("hidden", [1, 5, 500])
def test_there_are_4h_plus_1_numbers(hidden: int) -> None:
    assert sum(p.numel() for p in FFModel(hidden).parameters()) == 4 * hidden + 1


def test_every_parameter_requires_a_gradient() -> None:
    assert all(p.requires_grad and p.is_leaf for p in FFModel(3).parameters())


@pytest.mark.parametrize("name", ["W1", "b1", "w"])
def test_weights_are_uniform_on_minus_one_to_one(name: str) -> None:
    # A normal or a [0, 1] law would give p below 1e-100 with 50 000 numbers or more.
    values = FFModel(50_000, seed=3).get_parameter(name).detach().numpy().reshape(-1)
    assert np.abs(values).max() <= 1
    assert stats.kstest(values, stats.uniform(-1, 2).cdf).pvalue > 1e-3


def test_the_bias_is_uniform_over_the_seeds() -> None:
    values = [FFModel(1, seed=seed).b.item() for seed in range(1000)]
    assert stats.kstest(values, stats.uniform(-1, 2).cdf).pvalue > 1e-3


def test_coordinates_of_a_unit_are_not_correlated() -> None:
    model = FFModel(5000, seed=1)
    W1, b1, w, _ = weights(model)
    correlation = np.corrcoef(np.stack((W1[0], W1[1], b1, w)))
    # Standard deviation 1/√5000 each; six of them beyond 4.5 has probability 4e-5.
    assert np.abs(correlation - np.eye(4)).max() < 4.5 / math.sqrt(5000)


def test_the_same_seed_gives_the_same_network() -> None:
    assert np.array_equal(flat(FFModel(6, seed=11)), flat(FFModel(6, seed=11)))


def test_another_seed_gives_other_numbers() -> None:
    assert not np.isin(flat(FFModel(50, seed=1)), flat(FFModel(50, seed=2))).any()


def test_another_size_gives_other_numbers() -> None:
    assert not np.isin(flat(FFModel(50, seed=1)), flat(FFModel(51, seed=1))).any()


def test_the_global_generators_neither_matter_nor_move() -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = flat(FFModel(4))
    assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(2)
    assert np.array_equal(first, flat(FFModel(4)))


def test_a_data_set_of_the_same_seed_comes_from_another_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first_bits = []
    original = seeds.generator

    def spy(seed: int, *names: str | int) -> np.random.Generator:
        rng = original(seed, *names)
        first_bits.append(int(copy.deepcopy(rng).integers(1 << 62)))
        return rng

    monkeypatch.setattr(seeds, "generator", spy)
    FFModel(10, seed=5)
    lab_mixture().sample(10, 5)
    assert len(first_bits) == 2
    assert first_bits[0] != first_bits[1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_other_dtypes_round_the_same_network(dtype: torch.dtype) -> None:
    exact, rounded = flat(FFModel(200, seed=4)), FFModel(200, seed=4, dtype=dtype)
    assert {p.dtype for p in rounded.parameters()} == {dtype}
    info = torch.finfo(dtype)
    # Half a unit in the last place, also among the subnormals; by way of float32 a little more.
    half = info.eps / 2 * (np.abs(exact) + info.smallest_normal) * (1 + 2**-10)
    assert (np.abs(flat(rounded) - exact) <= half).all()


@pytest.mark.parametrize("hidden", [1, 2, 9])
def test_score_equals_a_loop(hidden: int) -> None:
    model, x = FFModel(hidden, seed=2), points(5)
    W1, b1, w, b = weights(model)
    expected = [
        sum(w[h] * math.tanh(W1[0, h] * p[0] + W1[1, h] * p[1] + b1[h]) for h in range(hidden)) + b
        for p in x
    ]
    # A dozen roundings in a row, each relative to the largest possible score.
    np.testing.assert_allclose(
        model.score(x).detach().numpy(), expected, rtol=0, atol=16 * _EPS * scale(model)
    )


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_score_has_one_number_a_point(n: int) -> None:
    model, x = FFModel(3), points(n)
    assert model.score(x).shape == model.infer(x).shape == model.classify(x).shape == (n,)


def test_calling_the_model_gives_the_score() -> None:
    model, x = FFModel(3), points(4)
    assert torch.equal(model(x), model.score(x))


@pytest.mark.parametrize("convert", [torch.from_numpy, lambda x: x.tolist(), np.asfortranarray])
def test_points_may_be_anything_array_like(convert: Callable[[Array], Any]) -> None:
    model, x = FFModel(3, seed=1), points(4)
    assert torch.equal(model.score(convert(x)), model.score(x))


def test_whole_numbers_are_points_too() -> None:
    model = FFModel(3)
    assert torch.equal(model.score(np.array([[1, -2]])), model.score([[1.0, -2.0]]))


def test_a_read_only_array_gives_points() -> None:
    x = points(3)
    x.flags.writeable = False
    assert FFModel(3).score(x).shape == (3,)


def test_a_reversed_array_gives_points() -> None:
    model, x = FFModel(3), points(3)
    assert torch.equal(model.score(x[::-1]), model.score(x[::-1].copy()))


@pytest.mark.parametrize(
    ("hidden", "n"),
    [
        (1, 0),
        (1, 1),
        (1, _BLOCK - 1),
        (1, _BLOCK),
        (1, _BLOCK + 1),
        (2, 100),
        (500, _BLOCK // 500),
        (500, _BLOCK // 500 + 1),
        (500, 1000),
        (3000, 1),
        (3000, 42),
        (3000, 43),
        (3000, 44),
        (3000, 130),
        (_BLOCK + 1, 3),
    ],
)
def test_infer_agrees_with_score(hidden: int, n: int) -> None:
    model, x = FFModel(hidden, seed=1), points(n)
    # Every term is off by a few roundings of 1; their sum by no more than that of the weights.
    np.testing.assert_allclose(
        model.infer(x).numpy(), model.score(x).detach().numpy(), rtol=0, atol=1e-14 * scale(model)
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_infer_agrees_with_score_to_the_rounding_of_the_dtype(dtype: torch.dtype) -> None:
    model, x = FFModel(50, seed=1, dtype=dtype), points(300)
    difference = (model.infer(x).double() - model.score(x).detach().double()).abs().max().item()
    # Points up to 4 away give arguments of the tanh near 8, off by 8 roundings, and so the tanh.
    assert difference <= 16 * torch.finfo(dtype).eps * scale(FFModel(50, seed=1))


def test_infer_is_right_where_the_units_saturate() -> None:
    model, x = FFModel(4, seed=1), 1e300 * points(6)
    W1, _, w, b = weights(model)
    np.testing.assert_allclose(model.infer(x).numpy(), np.sign(x @ W1) @ w + b, rtol=1e-14)


def test_infer_records_no_graph_and_changes_nothing() -> None:
    model, x = FFModel(4), torch.tensor(points(6), requires_grad=True)
    before = x.detach().clone(), flat(model)
    assert not model.infer(x).requires_grad
    assert torch.equal(x.detach(), before[0])
    assert np.array_equal(flat(model), before[1])


@pytest.mark.parametrize(("hidden", "n"), [(1, 1), (3, 200), (500, 1000)])
def test_classify_is_the_sign_of_the_score(hidden: int, n: int) -> None:
    model, x = FFModel(hidden, seed=1), points(n)
    scores = model.score(x).detach().numpy()
    clear = np.abs(scores) > 1e-12 * scale(model)
    classes = model.classify(x)
    assert classes.dtype == torch.int64
    assert set(classes.tolist()) <= {-1, 1}
    assert clear.mean() > 0.9
    assert np.array_equal(classes.numpy()[clear], np.sign(scores[clear]))


def test_a_score_of_zero_counts_as_plus_one() -> None:
    model = FFModel(2)
    with torch.no_grad():
        model.w.zero_()
        model.b.zero_()
    assert model.classify([[0.3, 0.4]]).tolist() == [1]


@pytest.mark.parametrize("shape", [(3,), (4, 3), (4, 1), (2, 4, 2), ()])
def test_points_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    for method in (FFModel(2).score, FFModel(2).infer, FFModel(2).classify):
        with pytest.raises(InputError, match=r"x must have shape \(n, 2\)"):
            method(np.zeros(shape))


@pytest.mark.parametrize("hidden", [0, -1, 2.5, "5", None])
def test_a_size_that_is_no_whole_number_from_one_is_refused(hidden: Any) -> None:
    with pytest.raises(InputError, match="hidden"):
        FFModel(hidden)


@pytest.mark.parametrize("seed", [-1, 0.5, None])
def test_a_seed_that_is_no_whole_number_from_zero_is_refused(seed: Any) -> None:
    with pytest.raises(InputError, match="seed"):
        FFModel(2, seed=seed)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex128, float])
def test_a_dtype_that_is_not_floating_is_refused(dtype: Any) -> None:
    with pytest.raises(InputError, match="dtype"):
        FFModel(2, dtype=dtype)


def test_numpy_integers_are_sizes_and_seeds() -> None:
    model = FFModel(np.int64(3), seed=np.int32(2))
    assert np.array_equal(flat(model), flat(FFModel(3, seed=2)))


def test_the_state_dict_goes_into_another_network() -> None:
    source, other = FFModel(5, seed=1), FFModel(5, seed=2)
    other.load_state_dict(source.state_dict())
    assert np.array_equal(flat(other), flat(source))


def test_a_deep_copy_is_independent() -> None:
    model = FFModel(5)
    before, twin = flat(model), copy.deepcopy(model)
    assert np.array_equal(flat(twin), before)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.add_(1)
    assert np.array_equal(flat(model), before)


def test_functional_call_uses_the_parameters_it_is_given() -> None:
    model, other, x = FFModel(5, seed=1), FFModel(5, seed=2), torch.tensor(points(3))
    state = {name: p.detach() for name, p in other.named_parameters()}
    assert torch.equal(torch.func.functional_call(model, state, (x,)), other.score(x).detach())


def test_the_gradient_of_the_score_with_respect_to_the_points() -> None:
    model, x = FFModel(5, seed=1), torch.tensor(points(3), requires_grad=True)
    (gradient,) = torch.autograd.grad(model.score(x).sum(), x)
    W1, b1, w, _ = weights(model)
    expected = (w * (1 - np.tanh(x.detach().numpy() @ W1 + b1) ** 2)) @ W1.T
    # A sum of five terms of size at most 1, each off by a few roundings.
    np.testing.assert_allclose(gradient.numpy(), expected, rtol=0, atol=64 * _EPS)


def test_the_text_names_the_size() -> None:
    assert repr(FFModel(7)) == "FFModel(hidden=7, dtype=torch.float64)"


def test_a_dtype_may_be_named() -> None:
    assert FFModel(3, 1, "float32").W1.dtype == torch.float32


@pytest.mark.parametrize("dtype", ["int64", "floaty", "tensor", None])
def test_what_names_no_floating_dtype_is_refused(dtype: Any) -> None:
    with pytest.raises(InputError, match="dtype must be a floating dtype"):
        FFModel(3, dtype=dtype)
