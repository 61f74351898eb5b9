"""The logistic loss: exact at every score, and with it its gradient."""

from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
import torch

from backproof._core.errors import InputError
from backproof.training import FFModel, mean_logistic_loss

_SCORES = [0.0, 1e-8, -1e-8, 0.5, -3.0, 20.0, -20.0, 21.0, -21.0]
_SCORES += [37.0, -37.0, 100.0, -100.0, 745.0, -745.0, 1e4, -1e4]
_DTYPES = [torch.float32, torch.float64]


def constant(score: float, dtype: torch.dtype) -> FFModel:
    """Return a model whose score is `score`, rounded to `dtype`, everywhere."""
    model = FFModel(1, dtype=dtype)
    with torch.no_grad():
        model.w.zero_()
        model.b.fill_(score)
    return model


def near(value: float, exact: mpmath.mpf, dtype: torch.dtype) -> bool:
    # Four roundings (product, exp, log1p, mean of equals); below the normal range the exponential
    # may be a subnormal or 0.
    info = torch.finfo(dtype)
    return bool(abs(value - exact) <= 4 * info.eps * abs(exact) + info.smallest_normal)


@pytest.mark.parametrize("dtype", _DTYPES)
@pytest.mark.parametrize("label", [-1, 1])
@pytest.mark.parametrize("score", _SCORES)
def test_the_loss_is_exact_to_rounding(score: float, label: int, dtype: torch.dtype) -> None:
    model = constant(score, dtype)
    loss = model.mean_loss(np.zeros((3, 2)), np.full(3, label))
    with mpmath.workdps(50):
        exact = mpmath.log1p(mpmath.exp(-label * mpmath.mpf(model.b.item())))
        assert loss.dtype == dtype
        assert near(loss.item(), exact, dtype)


@pytest.mark.parametrize("dtype", _DTYPES)
@pytest.mark.parametrize("label", [-1, 1])
@pytest.mark.parametrize("score", _SCORES)
def test_the_gradient_is_exact_to_rounding(score: float, label: int, dtype: torch.dtype) -> None:
    model = constant(score, dtype)
    (gradient,) = torch.autograd.grad(model.mean_loss(np.zeros((4, 2)), np.full(4, label)), model.b)
    with mpmath.workdps(50):
        exact = -label / (1 + mpmath.exp(label * mpmath.mpf(model.b.item())))
        assert near(gradient.item(), exact, dtype)


def test_the_loss_is_a_mean_over_the_points() -> None:
    scores = np.array([0.3, -1.2, 4.0, 30.0])
    t = np.array([1, 1, -1, -1])
    expected = np.logaddexp(0, -t * scores).mean()
    found = mean_logistic_loss(torch.tensor(scores), torch.tensor(t)).item()
    # Four terms of size up to 30, a few roundings each.
    assert found == pytest.approx(expected, rel=16 * np.finfo(float).eps)


def test_the_model_scores_before_it_takes_the_loss() -> None:
    model, rng = FFModel(4, seed=2), np.random.default_rng(1)
    x, t = rng.standard_normal((7, 2)), np.array([1, -1, 1, 1, -1, -1, 1])
    expected = np.logaddexp(0, -t * model.score(x).detach().numpy()).mean()
    assert model.mean_loss(x, t).item() == pytest.approx(expected, rel=16 * np.finfo(float).eps)


@pytest.mark.parametrize(
    "t", [[1, -1], np.array([1.0, -1.0], dtype=np.float32), torch.tensor([1, -1])]
)
def test_labels_may_be_anything_array_like(t: Any) -> None:
    model, x = FFModel(2), np.ones((2, 2))
    assert model.mean_loss(x, t).item() == model.mean_loss(x, np.array([1, -1])).item()


@pytest.mark.parametrize("shape", [(4, 1), (1, 4), (3,), ()])
def test_labels_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="labels must have the same shape"):
        FFModel(2).mean_loss(np.zeros((4, 2)), np.ones(shape))


def test_points_with_three_coordinates_are_refused() -> None:
    with pytest.raises(InputError, match="x must have shape"):
        FFModel(2).mean_loss(np.zeros((4, 3)), np.ones(4))


@pytest.mark.parametrize("wrong", [0.0, 2.0, 0.5, float("nan")])
def test_a_label_other_than_plus_or_minus_one_is_refused(wrong: float) -> None:
    with pytest.raises(InputError, match="labels must be -1 or \\+1"):
        FFModel(2).mean_loss(np.zeros((3, 2)), np.array([1.0, -1.0, wrong]))


def test_the_mean_over_no_points_is_refused() -> None:
    with pytest.raises(InputError):
        FFModel(2).mean_loss(np.zeros((0, 2)), np.zeros(0))
