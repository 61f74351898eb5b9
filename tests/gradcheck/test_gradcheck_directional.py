"""The central difference along a random direction, against one in NumPy."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from backproof._core.errors import InputError
from backproof.gradcheck import Difference, directional
from backproof.training import FFModel, mean_logistic_loss

Array = NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)


def vector(n: int = 4, seed: int = 0) -> Tensor:
    return torch.tensor(np.random.default_rng(seed).standard_normal(n))


def direction(shape: tuple[int, ...], seed: int, name: str = "a", step: float = 0.5) -> Array:
    """Return the direction that is used for an input `name`, from where the function is called."""
    seen: list[Array] = []

    def function(at: Tensor) -> Tensor:
        seen.append(at.detach().numpy().copy())
        return at.sum()

    source = {"a": lambda a: function(a), "b": lambda b: function(b)}[name]
    directional(source, torch.zeros(shape, dtype=torch.float64), step=step, seed=seed)
    _, above, below = seen
    return np.asarray((above - below) / (2 * step))


@pytest.mark.parametrize("step", [1e-1, 1e-3, 1e-5])
@pytest.mark.parametrize("seed", [0, 7])
def test_both_slopes_equal_those_of_numpy(step: float, seed: int) -> None:
    x = vector().numpy()
    (one,) = directional(lambda a: (a.sin() * a).sum(), torch.tensor(x), step=step, seed=seed)

    def value(at: Array) -> float:
        return float((np.sin(at) * at).sum())

    u = direction((4,), seed)
    numeric = (value(x + step * u) - value(x - step * u)) / (2 * step)
    claimed = (np.cos(x) * x + np.sin(x)) @ u
    # The values are near 1 and off by a few eps each; the difference divides that by the step.
    assert one.numeric == pytest.approx(numeric, abs=8 * _EPS / step)
    assert one.claimed == pytest.approx(claimed, abs=16 * _EPS)
    assert one.step == step


def test_the_difference_is_the_truncation_error() -> None:
    # For a cubic it is ε² times the sum of the cubes of the direction, with nothing behind it.
    u = direction((4,), 3)
    (one,) = directional(lambda a: (a**3).sum(), vector(), step=1e-2, seed=3)
    assert one.numeric - one.claimed == pytest.approx(1e-4 * (u**3).sum(), rel=1e-7)
    assert one.absolute == abs(one.numeric - one.claimed)


def test_there_is_one_difference_a_tensor_with_its_shape() -> None:
    x, w, b = vector(6).reshape(2, 3), vector(3), vector(1)[0]
    found = directional(lambda x, w, b: (x @ w + b).tanh().sum(), x, w, b, step=1e-4)
    assert [(one.tensor, one.shape) for one in found] == [("x", (2, 3)), ("w", (3,)), ("b", ())]
    # Truncation at most ε² times a third derivative of a few; rounding eps/ε.
    assert max(one.absolute for one in found) < 1e-7


@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3), (4, 1, 7)])
def test_directions_have_length_one(shape: tuple[int, ...]) -> None:
    u = direction(shape, 1)
    assert u.shape == shape
    assert np.linalg.norm(u) == pytest.approx(1, rel=8 * _EPS)


def test_directions_are_uniform_on_the_sphere() -> None:
    n, d = 1500, 3
    u = np.stack([direction((d,), seed) for seed in range(n)])
    # Uniform: n·d·|mean|² is χ² with d degrees of freedom, asymptotically; the coordinates'
    # covariance is I/d; in three dimensions each coordinate is itself uniform on [-1, 1].
    assert stats.chi2.sf(n * d * float((u.mean(axis=0) ** 2).sum()), d) > 1e-3
    deviation = u.T @ u / n - np.eye(d) / d
    # Standard deviations √(4/45/n) on the diagonal and √(1/15/n) beside it: 4.5 of the larger.
    assert np.abs(deviation).max() < 4.5 * np.sqrt(4 / 45 / n)
    assert min(stats.kstest(c, stats.uniform(-1, 2).cdf).pvalue for c in u.T) > 1e-4


def test_directions_do_not_favour_the_corners() -> None:
    # Fourth moments on the sphere are 3/(d(d + 2)); normalised points of a cube give 0.6 of that.
    d = 50
    u = np.concatenate([direction((d,), seed) for seed in range(100)])
    # In units of the expectation one fourth power has standard deviation 3.3: 0.046 for 5000.
    assert (u**4).mean() * d * (d + 2) / 3 == pytest.approx(1, abs=0.2)


def test_a_scalar_is_moved_either_way() -> None:
    signs = [float(direction((), seed)) for seed in range(200)]
    assert set(signs) == {-1.0, 1.0}
    assert stats.binomtest(signs.count(1.0), 200).pvalue > 1e-3


def test_directions_depend_on_the_seed() -> None:
    assert abs(direction((50,), 1).reshape(-1) @ direction((50,), 2).reshape(-1)) < 0.9


def test_directions_depend_on_the_name() -> None:
    assert abs(direction((50,), 1, "a").reshape(-1) @ direction((50,), 1, "b").reshape(-1)) < 0.9


def test_directions_do_not_depend_on_the_step() -> None:
    # Steps that are powers of two, so that nothing is rounded.
    assert np.array_equal(direction((5,), 1, step=0.5), direction((5,), 1, step=0.125))


def test_directions_do_not_depend_on_the_dtype() -> None:
    def slope(dtype: torch.dtype) -> float:
        x = torch.ones(4, dtype=torch.float64)
        weights = torch.tensor([1.0, 2.0, 4.0, 8.0])
        (one,) = directional(lambda a: (a * weights.to(a)).sum(), x, step=1e-2, dtype=dtype)
        return one.claimed

    assert slope(torch.float32) == slope(torch.float64) == slope(torch.float16)


def test_a_tensor_alone_has_the_direction_that_it_has_among_others() -> None:
    x = vector()
    alone = directional(lambda a: a.exp().sum(), x, step=1e-2)[0]
    among = directional(lambda b, a: a.exp().sum() + b.sum(), x, x, step=1e-2)[1]
    assert among.claimed == alone.claimed


def test_a_repetition_is_the_same_to_the_bit() -> None:
    first, second = (directional(lambda a: a.exp().sum(), vector(), step=1e-3) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 1e-3), (torch.float64, 1e-9)])
def test_the_dtype_is_that_of_the_computation(dtype: torch.dtype, limit: float) -> None:
    seen = set()

    def function(a: Tensor) -> Tensor:
        seen.add(a.dtype)
        return a.sin().sum()

    (one,) = directional(function, vector(), step=1e-4, dtype=dtype)
    assert seen == {dtype}
    # eps/ε is 1e-3 in float32, 2e-12 in float64; truncation at most ε²/6.
    assert one.absolute < 4 * limit


def test_float32_stays_float32_without_a_dtype() -> None:
    (one,) = directional(lambda a: (a * a).sum(), vector().float(), step=1e-3)
    # Rounding of values near 4 over twice the step; in float64 it would be below 1e-12.
    assert 1e-9 < one.absolute < 1e-2


def test_the_network_of_the_lab_agrees_as_published() -> None:
    rng = np.random.default_rng(0)
    t = torch.tensor(np.where(np.arange(200) % 2 == 0, -1, 1))
    x = torch.tensor(rng.standard_normal((200, 2)) / 4 + t.numpy()[:, None] / 2)
    found = directional(FFModel(500), x, step=1e-5, loss=partial(mean_logistic_loss, t=t), seed=1)
    assert [one.tensor for one in found] == ["W1", "b1", "w", "b"]
    # Published: up to 2e-11, which is eps·|L|/ε; ten times that for an unlucky direction.
    assert max(one.absolute for one in found) < 2e-10


@pytest.mark.parametrize("step", [0.0, -1e-3, float("nan"), float("inf")])
def test_a_step_that_is_not_positive_is_refused(step: float) -> None:
    with pytest.raises(InputError, match="step"):
        directional(lambda a: a.sum(), vector(), step=step)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(InputError, match="seed"):
        directional(lambda a: a.sum(), vector(), step=1e-3, seed=-1)


def test_json_gives_the_difference_back() -> None:
    for one in directional(lambda x, w: (x * w).sum(), vector(), vector(), step=1e-3):
        assert Difference.from_json(one.to_json()) == one


def test_the_text_names_tensor_and_step() -> None:
    one = Difference(tensor="w", shape=(3,), step=1e-3, numeric=1.5, claimed=1.0)
    assert str(one) == "w at ε = 1e-03: 5.000e-01"


@pytest.mark.parametrize("setting", [torch.no_grad, torch.inference_mode])
def test_a_caller_without_gradients_gets_the_same_difference(setting: Callable[[], Any]) -> None:
    x = torch.tensor([0.3, -1.2], dtype=torch.float64)
    expected = directional(lambda a: a.sin().sum(), x, step=1e-3)
    with setting():
        assert directional(lambda a: a.sin().sum(), x.clone(), step=1e-3) == expected
