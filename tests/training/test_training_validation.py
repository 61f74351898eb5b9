"""Validation and early stopping: against a plain loop that validates after each epoch."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from backproof._core.errors import InputError
from backproof.training import Fit, Network, fit
from backproof.training.batches import Batches
from backproof.training.engines import ENGINES
from backproof.training.engines.batched import BatchedGradients
from backproof.training.fit import prepared
from backproof.training.optimizers import GradientDescent
from backproof.training.stepping import Stepper

Array = NDArray[np.float64]
VALIDATING = [name for name in ENGINES if name != "fused"]


def noisy(n: int, seed: int) -> tuple[Array, NDArray[np.int64]]:
    """Return points whose labels are so noisy that a large network soon fits the noise."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 2))
    return x, np.where(x[:, 0] + 1.5 * rng.standard_normal(n) > 0, 1, -1)


def plain_loop(
    seed: int, steps: int, batch_size: int | None, patience: int | None, rate: float
) -> tuple[str, int, list[float], Network]:
    """Train with plain PyTorch; return how it ended, where, the validation losses, the weights."""
    (x, t), (xv, tv) = noisy(30, 0), noisy(40, 1)
    network = Network(2, 20, seed=seed)
    optimizer = torch.optim.SGD(network.parameters(), rate)
    batches = Batches(30, batch_size)

    def loss(points: Array, labels: NDArray[np.int64]) -> torch.Tensor:
        scores = network.score(points)
        return functional.binary_cross_entropy_with_logits(scores, torch.tensor((labels + 1) / 2))

    seen: list[float] = []
    best, best_epoch, best_weights = np.inf, 0, network.state_dict()
    for step in range(steps + 1):
        if step % batches.per_epoch == 0:
            seen.append(loss(xv, tv).item())
            if seen[-1] < best:
                best, best_epoch = seen[-1], len(seen) - 1
                best_weights = {k: v.clone() for k, v in network.state_dict().items()}
            if patience is not None and len(seen) - 1 - best_epoch >= patience:
                network.load_state_dict(best_weights)
                return "stopped", best_epoch * batches.per_epoch, seen, network
        if step < steps:
            rows = np.arange(30) if batch_size is None else batches.indices(step, [seed])[0]
            optimizer.zero_grad()
            loss(x[rows], t[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    if patience is None:
        return "completed", steps, seen, network
    network.load_state_dict(best_weights)
    return "completed", best_epoch * batches.per_epoch, seen, network


@pytest.mark.parametrize("engine", VALIDATING)
@pytest.mark.parametrize("batch_size", [None, 8])
@pytest.mark.parametrize("patience", [1, 4, None])
def test_it_stops_when_and_with_the_weights_that_a_plain_loop_says(
    engine: str, batch_size: int | None, patience: int | None
) -> None:
    seeds = range(6)
    fits = fit(
        20, seeds, *noisy(30, 0), steps=230, learning_rate=0.5, batch_size=batch_size,
        validation=noisy(40, 1), patience=patience, engine=engine,
    )  # fmt: skip
    ends = set()
    for seed, one in zip(seeds, fits, strict=True):
        status, steps, seen, network = plain_loop(seed, 230, batch_size, patience, 0.5)
        assert (one.status, one.steps) == (status, steps)
        # 230 steps of some hundred roundings of eps = 2.2e-16, at a large step length.
        np.testing.assert_allclose(one.validation_losses, seen, rtol=1e-9)
        x = noisy(9, 2)[0]
        np.testing.assert_allclose(one.model.infer(x), network.infer(x), rtol=1e-8, atol=1e-9)
        ends.add((status, steps))
    if patience == 1:
        assert len(ends) > 1  # networks left one after the other
        assert all(status == "stopped" for status, _ in ends)


@pytest.mark.parametrize("engine", VALIDATING)
def test_the_kept_weights_have_the_least_validation_loss(engine: str) -> None:
    validation = noisy(40, 1)
    fits = fit(
        20, range(4), *noisy(30, 0), steps=300, learning_rate=0.5, validation=validation,
        patience=5, engine=engine,
    )  # fmt: skip
    for one in fits:
        assert one.validation_losses.argmin() == one.steps
        scores, t = one.score(validation[0]), torch.tensor(validation[1])
        achieved = functional.softplus(-t * scores, threshold=1000).mean().item()
        assert achieved == pytest.approx(one.validation_losses.min(), rel=1e-12)
    best = fits.best()
    assert best.validation_losses.min() == min(one.validation_losses.min() for one in fits)


def test_a_network_that_stops_leaves_the_others_as_they_are() -> None:
    arguments: dict[str, Any] = {
        "steps": 300, "learning_rate": 0.5, "validation": noisy(40, 1), "patience": 3
    }  # fmt: skip
    together = fit(20, range(5), *noisy(30, 0), **arguments)
    assert len({one.steps for one in together}) > 1
    for one in together:
        alone = fit(20, one.spec.seed, *noisy(30, 0), **arguments)[0]
        assert one.steps == alone.steps
        np.testing.assert_allclose(one.losses, alone.losses, rtol=1e-10)


def test_validation_without_patience_changes_nothing_but_is_reported() -> None:
    plain = fit(5, [0, 1], *noisy(30, 0), steps=20, engine="batched")
    validated = fit(5, [0, 1], *noisy(30, 0), steps=20, engine="batched", validation=noisy(9, 1))
    for one, other in zip(plain, validated, strict=True):
        assert np.array_equal(one.losses, other.losses)
        assert len(one.validation_losses) == 0
        assert len(other.validation_losses) == 21


def test_epochs_that_the_steps_do_not_fill_are_not_validated() -> None:
    one = fit(5, 0, *noisy(30, 0), steps=11, batch_size=8, validation=noisy(9, 1))[0]
    assert len(one.validation_losses) == 3  # before the first, after 4 and after 8 steps


def learned_and_held_out(
    t: NDArray[Any], share: float, seeds: list[int], loss: str
) -> list[tuple[NDArray[Any], NDArray[Any], Array, Array]]:
    """Return targets and first features of both parts of each network's points."""
    x = np.stack([np.arange(len(t)), np.zeros(len(t))], 1)
    run = prepared(
        3, seeds, x, t, steps=1, learning_rate=0.1, activation="tanh", loss=loss,
        optimizer=GradientDescent(), batch_size=None, weight_decay=0.0, validation=share,
        patience=None, dtype="float64", engine="auto", device="cpu",
    )  # fmt: skip
    problem = run.problem(range(len(seeds)))
    assert problem.validation is not None
    points, held = problem.points, problem.validation
    return [
        (
            points.t[row].numpy(),
            held.t[row].numpy(),
            points.x[row, 0].numpy(),
            held.x[row, 0].numpy(),
        )
        for row in range(len(seeds))
    ]


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("loss", ["logistic", "softmax", "squared"])
def test_a_share_is_held_out_of_each_class_alike(share: float, loss: str) -> None:
    counts = {"logistic": {-1: 80, 1: 20}, "softmax": {0: 60, 1: 20, 2: 40}, "squared": {0: 100}}
    t = np.repeat(list(counts[loss]), list(counts[loss].values()))
    parts = learned_and_held_out(t, share, [0, 1], loss)
    for learned, held, x, xv in parts:
        assert sorted([*x, *xv]) == list(range(len(t)))  # each point is in one part
        assert np.array_equal(t[x.astype(int)], learned)
        assert np.array_equal(t[xv.astype(int)], held)
        for value, count in counts[loss].items():
            assert (held == value).sum() == round(share * count)
    assert not np.array_equal(parts[0][3], parts[1][3])  # each seed holds out others


def test_the_points_that_are_held_out_are_not_learned_from() -> None:
    x, t = noisy(40, 0)
    one = fit(5, 3, x, t, steps=30, validation=0.25, engine="autograd")[0]
    ((_, _, learned, held),) = learned_and_held_out(t, 0.25, [3], "logistic")
    rows, others = learned.astype(int), held.astype(int)
    plain = fit(5, 3, x[rows], t[rows], steps=30, engine="autograd")[0]
    np.testing.assert_allclose(one.losses, plain.losses, rtol=1e-12)
    scores = plain.score(x[others])
    expected = np.logaddexp(0, -t[others] * scores.detach().numpy()).mean()
    assert one.validation_losses[-1] == pytest.approx(expected, rel=1e-12)


def test_a_training_set_a_seed_holds_out_of_each() -> None:
    sets = [noisy(40, seed) for seed in (0, 1)]
    # The same number of each class in each set.
    sets = [(x, np.where(np.argsort(np.argsort(x[:, 0])) < 20, -1, 1)) for x, _ in sets]
    x, t = np.stack([s[0] for s in sets]), np.stack([s[1] for s in sets])
    together = fit(5, [3, 4], x, t, steps=10, validation=0.25)
    for row, one in enumerate(together):
        alone: Fit = fit(5, 3 + row, x[row], t[row], steps=10, validation=0.25)[0]
        np.testing.assert_allclose(one.losses, alone.losses, rtol=1e-12)
        np.testing.assert_allclose(one.validation_losses, alone.validation_losses, rtol=1e-12)


@pytest.mark.parametrize("engine", VALIDATING)
def test_validation_points_of_another_number_than_training_points(engine: str) -> None:
    one = fit(5, 0, *noisy(4, 0), steps=2, validation=noisy(700, 1), engine=engine)[0]
    xv, tv = noisy(700, 1)
    expected = np.logaddexp(0, -tv * one.score(xv).detach().numpy()).mean()
    assert one.validation_losses[-1] == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patience": 3}, "patience needs validation"),
        ({"patience": 0, "validation": 0.5}, "patience must be at least 1, got 0"),
        ({"patience": 2.5, "validation": 0.5}, "patience must be a whole number"),
        ({"validation": 0.0}, "validation must lie strictly between 0 and 1, got 0"),
        ({"validation": 1.0}, "validation must lie strictly between 0 and 1, got 1"),
        ({"validation": np.nan}, "validation must lie strictly between 0 and 1"),
        ({"validation": 0.001}, "validation of 0.001 leaves nothing to learn from or nothing"),
        ({"validation": 0.999}, "validation of 0.999 leaves nothing to learn from"),
        ({"validation": (np.zeros((4, 3)), np.ones(4))}, r"shape \(m, 2\), got \(4, 3\)"),
        ({"validation": (np.zeros((0, 2)), np.ones(0))}, r"shape \(m, 2\), got \(0, 2\)"),
        ({"validation": (np.zeros((4, 2)), np.ones(3))}, "validation targets must hold one label"),
        ({"validation": (np.full((4, 2), np.nan), np.ones(4))}, "validation points must be finite"),
        ({"validation": (np.zeros((4, 2)), np.zeros(4))}, "labels must be -1 or"),
        ({"validation": 0.5, "engine": "fused"}, "fused engine cannot train this: it knows no val"),
    ],
)
def test_bad_validation_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit(3, 0, *noisy(20, 0), steps=2, **arguments)


def test_a_validation_class_that_training_lacks_is_refused() -> None:
    x = noisy(6, 0)[0]
    with pytest.raises(InputError, match="validation holds class 2, the training points only"):
        fit(3, 0, x, [0, 1] * 3, loss="softmax", validation=(x, [0, 1, 2] * 2))


@pytest.mark.parametrize("classes", [[0, 0, 0], [0, 2, 0], [2, 2, 2]])
def test_validation_points_need_not_show_every_class(classes: list[int]) -> None:
    x = noisy(6, 0)[0]
    one = fit(3, 0, x, [0, 1, 2] * 2, steps=2, loss="softmax", validation=(x[:3], classes))[0]
    expected = functional.cross_entropy(one.score(x[:3]), torch.tensor(classes)).item()
    assert one.validation_losses[-1] == pytest.approx(expected, rel=1e-13)


def test_sets_that_would_hold_out_different_numbers_are_refused() -> None:
    x = noisy(10, 0)[0]
    t = np.array([[1] * 6 + [-1] * 4, [1] * 9 + [-1]])  # 3 + 2 points, and 4 + 0
    with pytest.raises(InputError, match="the same number of points of each class"):
        fit(3, [0, 1], np.stack([x, x]), t, validation=0.5)


def test_networks_that_stop_one_after_the_other_need_no_more_memory() -> None:
    run = prepared(
        20, range(12), *noisy(30, 0), steps=300, learning_rate=0.5, activation="tanh",
        loss="logistic", optimizer=GradientDescent(), batch_size=None, weight_decay=0.0,
        validation=noisy(30, 1), patience=1, dtype="float64", engine="batched", device="cpu",
    )  # fmt: skip
    problem = run.problem(range(12))
    gradients, state = BatchedGradients(problem), problem.start()
    Stepper(problem, gradients).advance(state, 1)
    before = bytes_kept(vars(gradients))
    assert before > 0
    Stepper(problem, gradients).advance(state, 300)
    assert len(set(state.steps)) > 3
    # Fewer networks need less memory than all of them: the first step took all there is.
    assert bytes_kept(vars(gradients)) <= before


def bytes_kept(value: Any) -> int:
    """Return the size of all tensors in nested dictionaries."""
    if isinstance(value, torch.Tensor):
        return value.nbytes
    return sum(map(bytes_kept, value.values())) if isinstance(value, dict) else 0
