"""The losses for many networks at once: against PyTorch's own, its autograd, and mpmath."""

from collections.abc import Callable
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from backproof import gradcheck
from backproof.training.losses import LOSSES

# An independent form of each loss of scores (n,) or (n, K); the tests below walk LOSSES, so a new
# loss without one fails.
ORACLES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "logistic": lambda s, t: functional.binary_cross_entropy_with_logits(s, (t + 1) / 2),
    "softmax": lambda s, t: (torch.logsumexp(s, 1) - s[torch.arange(len(t)), t]).mean(),
    "squared": lambda s, t: ((s - t) ** 2).mean(),
}
EPS = {torch.float64: 2.3e-16, torch.float32: 1.2e-7}


def some(loss: str, dtype: torch.dtype, sets: int, networks: int = 3, n: int = 11) -> Any:
    """Return scores (b, k, n) and targets (sets, n) of a loss."""
    rng = torch.Generator().manual_seed(0)
    outputs = 3 if loss == "softmax" else 1
    scores = 3 * torch.randn(networks, outputs, n, generator=rng, dtype=dtype)
    draws = {
        "logistic": lambda: 2 * torch.randint(2, (sets, n), generator=rng) - 1,
        "softmax": lambda: torch.randint(3, (sets, n), generator=rng),
        "squared": lambda: torch.randn(sets, n, generator=rng, dtype=torch.float64),
    }
    return scores, LOSSES[loss].targets(draws[loss](), dtype)


def oracle(loss: str, scores: Tensor, t: Tensor) -> Tensor:
    """Return the mean loss of each network, by PyTorch's functions, one after the other."""
    losses = []
    for row, one in enumerate(scores):
        own = one[0] if len(one) == 1 else one.T
        losses.append(ORACLES[loss](own, t[min(row, len(t) - 1)]))
    return torch.stack(losses)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("sets", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_values_and_derivatives_are_those_of_pytorch(
    loss: str, sets: int, dtype: torch.dtype
) -> None:
    scores, t = some(loss, dtype, sets)
    leaf = scores.clone().requires_grad_()
    expected = oracle(loss, leaf, t)
    (slopes,) = torch.autograd.grad(expected.sum(), leaf)
    found, derivatives = LOSSES[loss].batched(scores.clone(), t, t.shape[1])
    assert found.dtype == derivatives.dtype == dtype
    # Sums of 11 terms, each a few roundings.
    torch.testing.assert_close(found, expected, rtol=16 * EPS[dtype], atol=0)
    torch.testing.assert_close(derivatives, slopes, rtol=16 * EPS[dtype], atol=4 * EPS[dtype])


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("sets", [1, 3])
def test_derivatives_are_the_gradient(loss: str, sets: int) -> None:
    scores, t = some(loss, torch.float64, sets)

    def value(s: Any) -> Any:
        return LOSSES[loss].batched(torch.tensor(s), t, t.shape[1])[0].numpy()

    def pullback(s: Any, cotangent: Any) -> Any:
        derivatives = LOSSES[loss].batched(torch.tensor(s), t, t.shape[1])[1]
        return derivatives.numpy() * cotangent[:, None, None]

    report = gradcheck.check(value, scores.numpy(), gradient=pullback)
    assert report.verdict is gradcheck.Verdict.AGREE, str(report)


@pytest.mark.parametrize("loss", LOSSES)
def test_shares_of_the_points_add_up(loss: str) -> None:
    scores, t = some(loss, torch.float64, 3)
    whole, derivatives = LOSSES[loss].batched(scores.clone(), t, 11)
    parts = [
        LOSSES[loss].batched(scores[:, :, cut].clone(), t[:, cut], 11)
        for cut in (slice(0, 4), slice(4, 11))
    ]
    torch.testing.assert_close(parts[0][0] + parts[1][0], whole, rtol=1e-14, atol=0)
    assert torch.equal(torch.cat([part[1] for part in parts], 2), derivatives)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_mean_for_autograd_is_that_of_pytorch(loss: str) -> None:
    scores, t = some(loss, torch.float64, 3)
    for row in range(3):
        own = scores[row, 0] if scores.shape[1] == 1 else scores[row].T
        expected = ORACLES[loss](own, t[row])
        torch.testing.assert_close(LOSSES[loss].mean(own, t[row]), expected, rtol=1e-14, atol=0)


@pytest.mark.parametrize("size", [0.0, 1e-9, 1.0, 36.0, 40.0, 700.0, 800.0, 1e300])
@pytest.mark.parametrize("label", [-1.0, 1.0])
def test_the_logistic_loss_is_right_for_scores_of_any_size(size: float, label: float) -> None:
    scores = torch.tensor([[[size, -size]]], dtype=torch.float64)
    t = torch.tensor([[label, label]], dtype=torch.float64)
    found, derivatives = LOSSES["logistic"].batched(scores.clone(), t, 2)
    with mpmath.workprec(120):
        margins = [mpmath.mpf(label * score) for score in (size, -size)]
        expected = sum(mpmath.log1p(mpmath.exp(-m)) if m > -1e4 else -m for m in margins) / 2
        slopes = [-label / (1 + mpmath.exp(m)) / 2 if m < 1e4 else 0 for m in margins]
    assert found.item() == pytest.approx(float(expected), rel=4 * EPS[torch.float64])
    np.testing.assert_allclose(derivatives.flatten(), [float(s) for s in slopes], rtol=1e-14)


@pytest.mark.parametrize("size", [40.0, 800.0, 1e300])
def test_the_softmax_loss_neither_overflows_nor_underflows(size: float) -> None:
    scores = torch.tensor([[[size, size], [-size, -size]]], dtype=torch.float64)
    found, derivatives = LOSSES["softmax"].batched(scores.clone(), torch.tensor([[0, 1]]), 2)
    # The right class costs nothing, the wrong one the distance of the scores: 2 size, halved.
    assert found.item() == pytest.approx(size, rel=1e-15)
    np.testing.assert_allclose(derivatives, [[[0.0, 0.5], [0.0, -0.5]]], atol=1e-17)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_show_in_their_own_network_alone(loss: str, bad: float) -> None:
    scores, t = some(loss, torch.float64, 1)
    clean, _ = LOSSES[loss].batched(scores.clone(), t, 11)
    spoilt = scores.clone()
    spoilt[1] = bad
    found, _ = LOSSES[loss].batched(spoilt, t, 11)
    assert torch.equal(found[[0, 2]], clean[[0, 2]])
    assert not torch.isfinite(found[1])
