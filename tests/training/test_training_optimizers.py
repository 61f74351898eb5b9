"""The optimizers and minibatches: against loops with `torch.optim` as people write them."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from backproof._core.errors import InputError
from backproof.training import Adam, FFModel, Fit, GradientDescent, Momentum, Network, fit
from backproof.training.batches import Batches
from backproof.training.engines import ENGINES
from backproof.training.optimizers import OPTIMIZERS, as_optimizer

Parameters = Iterator[nn.Parameter]

# PyTorch's optimizer of each of ours, by learning rate and weight decay; the tests below walk
# OPTIMIZERS, so a new one without a peer fails.
PEERS: dict[str, Callable[[Parameters, float, float], torch.optim.Optimizer]] = {
    "gd": lambda p, rate, decay: torch.optim.SGD(p, rate, weight_decay=decay),
    "momentum": lambda p, rate, decay: torch.optim.SGD(p, rate, momentum=0.9, weight_decay=decay),
    "adam": lambda p, rate, decay: torch.optim.Adam(p, rate, weight_decay=decay),
}
OTHER_CONSTANTS: list[tuple[Any, Callable[[Parameters, float], torch.optim.Optimizer]]] = [
    (Momentum(coefficient=0.5), lambda p, rate: torch.optim.SGD(p, rate, momentum=0.5)),
    (Momentum(coefficient=0.0), lambda p, rate: torch.optim.SGD(p, rate)),
    (
        Adam(beta1=0.8, beta2=0.9, epsilon=1e-3),
        lambda p, rate: torch.optim.Adam(p, rate, betas=(0.8, 0.9), eps=1e-3),
    ),
]
# After 60 steps of some hundred roundings each (eps = 2.2e-16), with Adam's division by √v.
CLOSE: dict[str, Any] = {"rtol": 1e-10, "atol": 1e-12}


def data(n: int = 37) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return points of two overlapping classes."""
    rng = np.random.default_rng(5)
    t = np.where(np.arange(n) % 2 == 0, 1, -1)
    return rng.standard_normal((n, 2)) + 0.7 * t[:, None], t


def plain_loop(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    chosen: Callable[[int], Any],
    steps: int,
    loss: Callable[[Tensor, Tensor], Tensor],
    t: Tensor,
) -> list[float]:
    """Train a module as people do; return the loss before each step, and the last of all points."""
    x = torch.tensor(data(len(t))[0])
    losses = []
    for step in range(steps):
        indices = chosen(step)
        optimizer.zero_grad()
        value = loss(model(x[indices]), t[indices])
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(value.item())
    return [*losses, loss(model(x), t).item()]


def logistic(scores: Tensor, t: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(scores, (t.double() + 1) / 2)


def all_points(_: int) -> slice:
    return slice(None)


def check_same(one: Fit, losses: list[float], model: nn.Module) -> None:
    np.testing.assert_allclose(one.losses, losses, **CLOSE)
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(one.parameters[name], parameter.detach(), **CLOSE)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("decay", [0.0, 0.03])
def test_full_batches_of_the_labs_model(name: str, decay: float) -> None:
    x, t = data()
    model = FFModel(6, seed=4)
    peer = PEERS[name](model.parameters(), 0.05, decay)
    losses = plain_loop(model, peer, all_points, 60, logistic, torch.tensor(t))
    one = fit(
        6, 4, x, t, steps=60, learning_rate=0.05, optimizer=name, weight_decay=decay,
        engine="autograd",
    )[0]  # fmt: skip
    check_same(one, losses, model)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("engine", ["autograd", "batched"])
def test_minibatches_of_a_deep_network_of_three_classes(name: str, engine: str) -> None:
    x, _ = data()
    t = np.arange(37) % 3
    model = Network(2, (5, 4), 3, activation="sigmoid", seed=8)
    batches = Batches(37, 10)
    peer = PEERS[name](model.parameters(), 0.05, 0.01)
    losses = plain_loop(
        model,
        peer,
        lambda step: batches.indices(step, [8])[0],
        61,
        functional.cross_entropy,
        torch.tensor(t),
    )
    one = fit(
        [(5, 4)], 8, x, t, steps=61, learning_rate=0.05, optimizer=name, weight_decay=0.01,
        batch_size=10, loss="softmax", activation="sigmoid", engine=engine,
    )[0]  # fmt: skip
    check_same(one, losses, model)


@pytest.mark.parametrize("activation", ["softplus", torch.cos])
def test_a_squared_loss_and_any_activation(activation: Any) -> None:
    x, _ = data()
    t = x[:, 0] * x[:, 1]
    model = Network(2, 5, activation=activation, seed=1)
    peer = PEERS["adam"](model.parameters(), 0.02, 0.0)
    losses = plain_loop(model, peer, all_points, 60, functional.mse_loss, torch.tensor(t))
    one = fit(
        5, 1, x, t, steps=60, learning_rate=0.02, optimizer="adam", loss="squared",
        activation=activation, engine="autograd",
    )[0]  # fmt: skip
    check_same(one, losses, model)


@pytest.mark.parametrize(("optimizer", "peer"), OTHER_CONSTANTS)
def test_other_constants(optimizer: Any, peer: Any) -> None:
    x, t = data()
    model = FFModel(3, seed=2)
    trained = peer(model.parameters(), 0.05)
    losses = plain_loop(model, trained, all_points, 60, logistic, torch.tensor(t))
    one = fit(3, 2, x, t, steps=60, learning_rate=0.05, optimizer=optimizer, engine="autograd")[0]
    check_same(one, losses, model)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_many_parameters_step_as_each_would_alone(name: str, dtype: torch.dtype) -> None:
    rng = torch.Generator().manual_seed(1)
    # Gradients of all sizes: Adam's ε decides for the small ones.
    scale = 10.0 ** torch.linspace(-12, 3, 40, dtype=dtype)
    theirs = nn.Parameter(torch.randn(40, generator=rng, dtype=dtype))
    ours = theirs.detach().clone()
    optimizer = OPTIMIZERS[name]()
    slots = [torch.zeros_like(ours) for _ in range(optimizer.slots)]
    peer = PEERS[name](iter([theirs]), 0.01, 0.0)
    for step in range(1, 30):
        gradient = scale * torch.randn(40, generator=rng, dtype=dtype)
        theirs.grad = gradient.clone()
        peer.step()
        optimizer.update(ours, gradient, slots, 0.01, step)
    # Thirty steps of a few roundings each.
    torch.testing.assert_close(
        ours, theirs.detach(), rtol=100 * torch.finfo(dtype).eps, atol=100 * torch.finfo(dtype).eps
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_name_stands_for_the_usual_constants(name: str) -> None:
    assert as_optimizer(name) == OPTIMIZERS[name]()
    assert as_optimizer(OPTIMIZERS[name]()) == OPTIMIZERS[name]()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Momentum(coefficient=-0.1), r"coefficient must lie in \[0, 1\], got -0.1"),
        (lambda: Momentum(coefficient=1.5), "coefficient must lie"),
        (lambda: Momentum(coefficient=np.nan), "coefficient must lie"),
        (lambda: Adam(beta1=1.0), "beta1 must lie strictly between 0 and 1, got 1"),
        (lambda: Adam(beta2=0.0), "beta2 must lie strictly"),
        (lambda: Adam(epsilon=0.0), "epsilon must be finite and above 0, got 0"),
        (lambda: as_optimizer("sgd"), "optimizer must be one of gd, momentum, adam, or one of"),
        (lambda: as_optimizer(GradientDescent), "optimizer must be one of"),  # type: ignore[arg-type]
    ],
)
def test_bad_constants_and_unknown_names_are_refused(
    make: Callable[[], object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(("points", "size"), [(10, 3), (10, 5), (7, 6), (1, 1), (5, 1), (4, None)])
def test_an_epoch_visits_each_point_once(points: int, size: int | None) -> None:
    batches = Batches(points, size)
    step = 0
    for _ in range(4):
        seen: list[int] = []
        for _ in range(batches.per_epoch):
            assert not seen or not batches.ends_epoch(step)
            seen += batches.indices(step, [3])[0].tolist()
            step += 1
        assert batches.ends_epoch(step)
        assert sorted(seen) == list(range(points))


@pytest.mark.parametrize(
    ("points", "size", "sizes"), [(10, 3, [3, 3, 3, 1]), (10, 5, [5, 5]), (3, 9, [3])]
)
def test_the_last_batch_of_an_epoch_may_be_smaller(
    points: int, size: int, sizes: list[int]
) -> None:
    batches = Batches(points, size)
    for epoch in range(2):
        steps = range(epoch * len(sizes), (epoch + 1) * len(sizes))
        assert [batches.indices(step, [0]).shape[1] for step in steps] == sizes


def test_the_order_follows_from_the_seed_and_the_epoch_alone() -> None:
    forwards, backwards = Batches(20, 7), Batches(20, 7)
    expected = [forwards.indices(step, [1, 2]) for step in range(9)]
    for step in reversed(range(9)):
        assert np.array_equal(backwards.indices(step, [5, 2, 1])[[2, 1]], expected[step])
    firsts = {tuple(expected[step][row]) for step in (0, 3, 6) for row in (0, 1)}
    assert len(firsts) == 6  # of three epochs and two seeds


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("size", [37, 1000])
def test_a_batch_of_all_points_is_a_full_batch(engine: str, size: int) -> None:
    x, t = data()
    whole = fit(3, 0, x, t, steps=9, engine=engine)[0]
    batch = fit(3, 0, x, t, steps=9, engine=engine, batch_size=size)[0]
    assert np.array_equal(whole.losses, batch.losses)


def test_the_last_loss_is_of_all_points_with_minibatches_too() -> None:
    x, t = data()
    one = fit(3, 0, x, t, steps=10, batch_size=4)[0]
    expected = logistic(one.score(x), torch.tensor(t)).item()
    assert one.losses[-1] == pytest.approx(expected, rel=1e-13)
