"""The gradient by hand: right without a mistake, wrong in the named parameters with one."""

import numpy as np
import pytest
import torch

from backproof import datasets, gradcheck, training
from backproof.lab.mistakes import MISTAKES, gradient, mean_loss

X, T = datasets.lab_mixture().sample(60, seed=3)
NAMES = ("W1", "b1", "w", "b")


def parameters(hidden: int) -> list[np.ndarray]:
    model = training.FFModel(hidden, seed=5)
    return [getattr(model, name).detach().numpy().copy() for name in NAMES]


def test_the_loss_is_the_models() -> None:
    model = training.FFModel(7, seed=5)
    expected = model.mean_loss(torch.from_numpy(X), torch.from_numpy(T)).item()
    assert mean_loss(X, T)(*parameters(7)) == pytest.approx(expected, rel=1e-14)


def test_without_a_mistake_it_is_autograds() -> None:
    model = training.FFModel(7, seed=5)
    loss = model.mean_loss(torch.from_numpy(X), torch.from_numpy(T))
    expected = torch.autograd.grad(loss, [getattr(model, name) for name in NAMES])
    for mine, theirs in zip(gradient(X, T, "none")(*parameters(7)), expected, strict=True):
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("hidden", [2, 5, 100])
@pytest.mark.parametrize("name", MISTAKES)
def test_the_check_names_what_each_mistake_spoils(name: str, hidden: int) -> None:
    report = gradcheck.check(
        mean_loss(X, T), *parameters(hidden), gradient=gradient(X, T, name), seed=hidden
    )
    wrong = {one.name for one in report.tensors if one.verdict is gradcheck.Verdict.DISAGREE}
    assert wrong == set(MISTAKES[name].tensors)
    agree = {one.name for one in report.tensors if one.verdict is gradcheck.Verdict.AGREE}
    assert agree == set(NAMES) - wrong


def test_a_mistake_leaves_what_it_was_given_alone() -> None:
    given = parameters(5)
    before = [one.copy() for one in given]
    for name in MISTAKES:
        gradient(X, T, name)(*given)
    for one, other in zip(given, before, strict=True):
        np.testing.assert_array_equal(one, other)
