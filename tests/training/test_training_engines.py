"""The engines: gradients proved by gradcheck and autograd, and trajectories equal to rounding."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from backproof import gradcheck
from backproof._core.errors import InputError
from backproof.training import Fit, NetworkSpec, fit
from backproof.training.activations import ACTIVATIONS
from backproof.training.engines import ENGINES, batched, fused, kernel
from backproof.training.fit import prepared
from backproof.training.losses import LOSSES
from backproof.training.optimizers import OPTIMIZERS, as_optimizer
from backproof.training.problem import Problem
from backproof.training.spec import ActivationLike

Array = NDArray[np.float64]
NETWORKS = 3

# Each kernel takes seconds to compile. These hold each pair of an activation, a loss and an
# optimizer once, rows that are added included.
KERNELS = [
    (activation, loss, list(OPTIMIZERS)[(i + j) % len(OPTIMIZERS)])
    for i, activation in enumerate(fused.ACTIVATIONS)
    for j, loss in enumerate(LOSSES)
]
SOME_KERNELS = KERNELS[:: len(LOSSES) + 1]

# Independent forms, of which the tests below need one a row of the tables.
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": lambda a: 1 / (1 + torch.exp(-a)),
    "relu": lambda a: a.clamp(min=0),
    "softplus": lambda a: a.clamp(min=0) + torch.log1p(torch.exp(-a.abs())),
}
MEANS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "logistic": lambda s, t: functional.binary_cross_entropy_with_logits(s[:, 0], (t + 1) / 2),
    "softmax": lambda s, t: functional.cross_entropy(s, t.long()),
    "squared": lambda s, t: ((s[:, 0] - t) ** 2).mean(),
}


def training_set(
    loss: str, n: int, inputs: int = 2, sets: int | None = None, classes: int = 3
) -> tuple[Array, NDArray[Any]]:
    """Return points (n, d) and targets (n,) that depend on them; or `sets` of them.

    With classes there are at least as many points, one of each class.
    """
    n = max(n, classes) if loss == "softmax" else n
    rng = np.random.default_rng(n + inputs)
    x = rng.standard_normal((sets or 1, n, inputs))
    signal = x.sum(axis=2) + 0.5 * rng.standard_normal(x.shape[:2])
    if loss == "logistic":
        t = np.where(signal > 0, 1, -1)
    elif loss == "softmax":
        t = np.clip(np.floor(signal + classes / 2), 0, classes - 1).astype(int)
        t[:, -classes:] = np.arange(classes)
    else:
        t = signal
    return (x[0], t[0]) if sets is None else (x, t)


def problem_of(
    engine: str,
    hidden: Any,
    x: Array,
    t: NDArray[Any],
    *,
    activation: str,
    loss: str,
    optimizer: str = "gd",
) -> Problem:
    """Return a problem of three networks."""
    run = prepared(
        [hidden], range(NETWORKS), x, t, steps=2, learning_rate=1.0, activation=activation,
        loss=loss, optimizer=as_optimizer(optimizer), batch_size=None, weight_decay=0.0,
        validation=None, patience=None, dtype="float64", engine=engine, device="cpu",
    )  # fmt: skip
    return run.problem(range(NETWORKS))


def random_layers(problem: Problem, seed: int = 0) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(layer.shape) for layer in problem.start().weights]


def losses_and_gradients(
    engine: str, problem: Problem, layers: Sequence[Array]
) -> tuple[Array, list[Array]]:
    """Return losses (b,) and gradients, as one step of an engine shows them."""
    state = problem.start()
    state.weights = [torch.tensor(layer) for layer in layers]
    ENGINES[engine](problem).advance(state, 1)
    optimizer = problem.settings.optimizer
    if optimizer.name == "gd":  # θ₀ - θ₁ with a step length of 1
        found = [layer - after.numpy() for layer, after in zip(layers, state.weights, strict=True)]
    else:  # the first slot: v₁ = g; m₁ = (1 - β₁) g
        share = 1 - getattr(optimizer, "beta1", 0.0)
        found = [slots[0].numpy() / share for slots in state.slots]
    return state.losses[:, 0].copy(), found


def by_autograd(
    problem: Problem, layers: Sequence[Array], x: Array, t: NDArray[Any]
) -> tuple[Array, list[Array]]:
    """Return losses and gradients of networks written out plainly, one after the other."""
    function, mean = FUNCTIONS[str(problem.activation)], MEANS[problem.settings.loss]
    losses, gradients = [], []
    for row in range(NETWORKS):
        own = [torch.tensor(layer[row], requires_grad=True) for layer in layers]
        values = torch.tensor(x if x.ndim == 2 else x[row])
        targets = torch.tensor(t if t.ndim == 1 else t[row], dtype=torch.float64)
        for number, layer in enumerate(own):
            values = function(values) if number else values
            values = values @ layer[:-1] + layer[-1]
        loss = mean(values, targets)
        gradients.append(torch.autograd.grad(loss, own))
        losses.append(loss.item())
    stacked = [torch.stack(layer).numpy() for layer in zip(*gradients, strict=True)]
    return np.array(losses), stacked


def check_against_autograd(engine: str, problem: Problem, x: Array, t: NDArray[Any]) -> None:
    layers = random_layers(problem)
    losses, gradients = losses_and_gradients(engine, problem, layers)
    expected, slopes = by_autograd(problem, layers, x, t)
    # The softmax loss is a difference of logarithms: a small one has their rounding.
    np.testing.assert_allclose(losses, expected, rtol=1e-13, atol=1e-15)
    for ours, theirs in zip(gradients, slopes, strict=True):
        # Sums whose terms cancel: relative to the largest entries, or, where the gradient is read
        # from a step, to the weights, which are near 1 (eps = 2.2e-16).
        np.testing.assert_allclose(ours, theirs, atol=3e-14 * max(1.0, np.abs(theirs).max()))


def check_by_differences(engine: str, problem: Problem) -> None:
    """Let gradcheck decide whether the gradient is that of the losses."""

    def value(layers: list[Array]) -> Array:
        return losses_and_gradients(engine, problem, layers)[0]

    def pullback(layers: list[Array], cotangent: Array) -> list[Array]:
        gradients = losses_and_gradients(engine, problem, layers)[1]
        return [cotangent[:, None, None] * gradient for gradient in gradients]

    report = gradcheck.check(value, random_layers(problem), gradient=pullback)
    assert report.verdict is gradcheck.Verdict.AGREE, str(report)


@pytest.mark.parametrize("hidden", [5, (4, 3), (3, 4, 2)])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "fused"])
def test_gradients_of_any_depth(engine: str, activation: str, loss: str, hidden: Any) -> None:
    x, t = training_set(loss, 23)
    problem = problem_of(engine, hidden, x, t, activation=activation, loss=loss)
    check_against_autograd(engine, problem, x, t)
    check_by_differences(engine, problem)


@pytest.mark.parametrize("hidden", [5, (4, 3)])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("sets", [None, NETWORKS])
@pytest.mark.parametrize("points", [1, 7, 22, 23])
def test_batched_gradients_tile_by_tile(
    points: int, sets: int | None, loss: str, hidden: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    widest = max(hidden) if isinstance(hidden, tuple) else hidden
    monkeypatch.setattr(batched, "_TILE", {"cpu": 8 * NETWORKS * widest * points})
    x, t = training_set(loss, 23, sets=sets)
    problem = problem_of("batched", hidden, x, t, activation="tanh", loss=loss)
    check_against_autograd("batched", problem, x, t)
    if points == 7:
        check_by_differences("batched", problem)


@pytest.mark.parametrize("hidden", [5, (4, 3)])
@pytest.mark.parametrize("sets", [None, NETWORKS])
@pytest.mark.parametrize("inputs", [1, 2, 3, 5])
@pytest.mark.parametrize(("loss", "classes"), [("softmax", 2), ("softmax", 7), ("squared", 1)])
def test_batched_gradients_with_any_number_of_features_and_scores(
    loss: str, classes: int, inputs: int, sets: int | None, hidden: Any
) -> None:
    x, t = training_set(loss, 19, inputs, sets, classes)
    problem = problem_of("batched", hidden, x, t, activation="sigmoid", loss=loss)
    check_against_autograd("batched", problem, x, t)


@pytest.mark.parametrize("sets", [None, NETWORKS])
@pytest.mark.parametrize(("activation", "loss", "optimizer"), KERNELS)
def test_gradients_of_the_kernel(
    activation: str, loss: str, optimizer: str, sets: int | None
) -> None:
    # Points on both sides of the kernel's tiles of 512.
    for n, inputs, classes in product((1, 2, 513, 1100), (1, 2, 3, 5), (2, 3)):
        x, t = training_set(loss, n, inputs, sets, classes)
        problem = problem_of(
            "fused", 5, x, t, activation=activation, loss=loss, optimizer=optimizer
        )
        check_against_autograd("fused", problem, x, t)
        if (n, inputs) in ((513, 2), (2, 5)):
            check_by_differences("fused", problem)


def test_a_wrong_gradient_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = batched.BatchedGradients.gradients

    def wrong(self: Any, weights: Any, points: Any) -> Any:
        losses, gradients = right(self, weights, points)
        gradients[0][1, 0, 0] *= 1 + 1e-6
        return losses, gradients

    monkeypatch.setattr(batched.BatchedGradients, "gradients", wrong)
    x, t = training_set("logistic", 23)
    problem = problem_of("batched", 5, x, t, activation="tanh", loss="logistic")
    with pytest.raises(AssertionError):
        check_by_differences("batched", problem)
    with pytest.raises(AssertionError):
        check_against_autograd("batched", problem, x, t)


def check_same_training(
    engine: str, hidden: Any, x: Array, t: NDArray[Any], *, rtol: float = 1e-6, **settings: Any
) -> None:
    """Compare losses and weights with those of the reference."""
    ours = fit(hidden, range(2), x, t, engine=engine, **settings)
    settings["dtype"] = "float64"
    theirs = fit(hidden, range(2), x, t, engine="autograd", **settings)
    assert ours.engine == engine
    for one, reference in zip(ours, theirs, strict=True):
        assert one.status == reference.status == "completed"
        np.testing.assert_allclose(one.losses, reference.losses, rtol=rtol)
        if rtol < 1e-5:
            # The first steps show the rounding before training magnifies it.
            np.testing.assert_allclose(one.losses[:10], reference.losses[:10], rtol=1e-11)
            points = x if x.ndim == 2 else x[0]
            scale = float(reference.model.infer(points).abs().max())
            np.testing.assert_allclose(
                one.model.infer(points), reference.model.infer(points), atol=1e-5 * scale
            )


# Step lengths at which each optimizer learns, and does not oscillate.
RATES = {"gd": 0.1, "momentum": 0.003, "adam": 0.01}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_batched_training_is_that_of_autograd(activation: str, loss: str, optimizer: str) -> None:
    x, t = training_set(loss, 41)
    check_same_training(
        "batched", [5, (4, 3)], x, t, steps=100, activation=activation, loss=loss,
        optimizer=optimizer, learning_rate=RATES[optimizer], weight_decay=0.01,
    )  # fmt: skip


@pytest.mark.parametrize("batch_size", [None, 16])
@pytest.mark.parametrize(("activation", "loss", "optimizer"), KERNELS)
def test_fused_training_is_that_of_autograd(
    activation: str, loss: str, optimizer: str, batch_size: int | None
) -> None:
    x, t = training_set(loss, 41, inputs=3)
    check_same_training(
        "fused", [5, 8], x, t, steps=101, activation=activation, loss=loss, optimizer=optimizer,
        learning_rate=RATES[optimizer], weight_decay=0.01, batch_size=batch_size,
    )  # fmt: skip


@pytest.mark.parametrize("index", range(len(ACTIVATIONS)))
def test_a_thousand_batched_steps_are_those_of_autograd(index: int) -> None:
    loss = list(LOSSES)[index % len(LOSSES)]
    optimizer = list(OPTIMIZERS)[index % len(OPTIMIZERS)]
    x, t = training_set(loss, 60)
    check_same_training(
        "batched", [5, 10, 100, (8, 8)], x, t, steps=1000, loss=loss, optimizer=optimizer,
        activation=list(ACTIVATIONS)[index], learning_rate=RATES[optimizer],
    )  # fmt: skip


@pytest.mark.parametrize(("activation", "loss", "optimizer"), SOME_KERNELS)
def test_a_thousand_fused_steps_are_those_of_autograd(
    activation: str, loss: str, optimizer: str
) -> None:
    x, t = training_set(loss, 60)
    check_same_training(
        "fused", [5, 10, 100], x, t, steps=1000, activation=activation, loss=loss,
        optimizer=optimizer, learning_rate=RATES[optimizer],
    )  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("activation", "loss", "optimizer"), SOME_KERNELS)
def test_float32_training_is_that_of_float64(
    engine: str, activation: str, loss: str, optimizer: str
) -> None:
    x, t = training_set(loss, 60)
    check_same_training(
        engine, [5, 10, 100], x, t, steps=1000, activation=activation, loss=loss, rtol=1e-4,
        optimizer=optimizer, learning_rate=RATES[optimizer], dtype="float32",
    )  # fmt: skip


@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "autograd"])
@pytest.mark.parametrize("sets", [None, 2])
@pytest.mark.parametrize("batch_size", [1, 7, 513])
def test_minibatches_are_those_of_autograd(engine: str, sets: int | None, batch_size: int) -> None:
    n = 1100 if batch_size == 513 else 41
    x, t = training_set("logistic", n, sets=sets)
    check_same_training(engine, [5], x, t, steps=50, batch_size=batch_size)


def overflowing() -> tuple[Array, Array]:
    """Return a training set for each of three networks; with the second's, the loss explodes."""
    x, t = training_set("squared", 30, sets=3)
    x[1] *= 30
    return x, t


def plain_descent(seed: int, x: Array, t: Array, steps: int, rate: float) -> int | None:
    """Descend by momentum in plain NumPy; return the step after which the loss is not finite."""
    first, second = (layer[0].numpy() for layer in _initial(seed))
    velocity = [np.zeros_like(first), np.zeros_like(second)]
    inputs = np.column_stack([x, np.ones(len(x))])
    with np.errstate(all="ignore"):
        for step in range(steps + 1):
            hidden = inputs @ first
            outputs = np.column_stack([np.maximum(hidden, 0), np.ones(len(x))])
            error = (outputs @ second)[:, 0] - t
            if not np.isfinite((error**2).mean()):
                return step
            by_score = 2 * error[:, None] / len(x)
            by_hidden = (by_score @ second[:-1].T) * (hidden > 0)
            slopes = [inputs.T @ by_hidden, outputs.T @ by_score]
            velocity = [0.9 * v + g for v, g in zip(velocity, slopes, strict=True)]
            first, second = first - rate * velocity[0], second - rate * velocity[1]
    return None


def _initial(seed: int) -> list[Tensor]:
    layers = fit(
        4, seed, *training_set("squared", 2), steps=0, activation="relu", loss="squared",
        engine="autograd",
    )[0].layers  # fmt: skip
    return [layer[None] for layer in layers]


DIVERGING: dict[str, Any] = {
    "steps": 60,
    "learning_rate": 0.05,
    "activation": "relu",
    "loss": "squared",
    "optimizer": "momentum",
}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_network_that_diverges_is_named_with_its_step(engine: str) -> None:
    x, t = overflowing()
    ends = [plain_descent(seed, x[seed], t[seed], 60, 0.05) for seed in range(3)]
    fits = fit(4, range(3), x, t, engine=engine, **DIVERGING)
    assert ends[0] is ends[2] is None
    step = ends[1]
    assert step is not None
    assert 2 < step < 60
    assert [one.status for one in fits] == ["completed", "diverged", "completed"]
    assert list(fits.diverged) == [fits[1]]
    assert fits[1].steps == step
    assert f"hidden 4, seed 1: diverged at step {step}, loss" in str(fits).splitlines()[1]
    assert len(fits[1].losses) == step
    assert fits.best() in (fits[0], fits[2])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("batch_size", [None, 7])
def test_the_others_are_the_same_to_the_bit(engine: str, batch_size: int | None) -> None:
    x, t = overflowing()
    together = fit(4, range(3), x, t, engine=engine, batch_size=batch_size, **DIVERGING)
    assert together[1].status == "diverged"
    kept = [0, 2]
    apart = fit(4, kept, x[kept], t[kept], engine=engine, batch_size=batch_size, **DIVERGING)
    for one, other in zip((together[0], together[2]), apart, strict=True):
        assert same_bits(one, other)


@pytest.mark.parametrize("engine", ENGINES)
def test_divergence_in_minibatches_is_at_the_same_step(engine: str) -> None:
    x, t = overflowing()
    arguments = {**DIVERGING, "batch_size": 7}
    found = fit(4, range(3), x, t, engine=engine, **arguments)
    expected = fit(4, range(3), x, t, engine="autograd", **arguments)
    assert [one.steps for one in found] == [one.steps for one in expected]
    assert [one.status for one in found] == [one.status for one in expected]
    # Rounding, magnified as much as the loss is.
    np.testing.assert_allclose(found[1].losses, expected[1].losses, rtol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_float32_diverges_where_its_own_range_ends(engine: str) -> None:
    x, t = overflowing()
    found = fit(4, range(3), x, t, engine=engine, dtype="float32", **DIVERGING)
    expected = fit(4, range(3), x, t, engine="autograd", dtype="float32", **DIVERGING)
    assert [one.status for one in found] == ["completed", "diverged", "completed"]
    assert found[1].losses.max() <= np.finfo(np.float32).max
    assert found[1].steps == expected[1].steps


@pytest.mark.parametrize("engine", ENGINES)
def test_a_last_step_may_be_the_one_that_diverges(engine: str) -> None:
    x, t = overflowing()
    step = fit(4, range(3), x, t, engine=engine, **DIVERGING)[1].steps
    arguments = {**DIVERGING, "steps": step}
    assert fit(4, range(3), x, t, engine=engine, **arguments)[1].status == "diverged"
    arguments["steps"] = step - 1
    assert fit(4, range(3), x, t, engine=engine, **arguments)[1].status == "completed"


@pytest.mark.parametrize("engine", ENGINES)
def test_where_all_diverge_none_is_the_best(engine: str) -> None:
    x, t = overflowing()
    fits = fit(4, 1, x[1], t[1], engine=engine, **DIVERGING)
    assert [one.status for one in fits] == ["diverged"]
    with pytest.raises(InputError, match="no fit is the best: all 1 diverged"):
        fits.best()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_first_loss_that_is_not_finite_is_reported(engine: str) -> None:
    x, t = training_set("squared", 30)
    one = fit(4, 0, x, 1e200 * t, engine=engine, **DIVERGING)[0]
    assert (one.status, one.steps, len(one.losses)) == ("diverged", 0, 0)
    assert str(one) == "hidden 4, seed 0: diverged, its first loss is not finite"


def same_bits(one: Fit, other: Fit) -> bool:
    return np.array_equal(one.losses, other.losses) and all(
        map(torch.equal, one.layers, other.layers)
    )


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def several_blocks(engine: str) -> Sequence[Fit]:
    return fit([60, 5], range(9), *training_set("logistic", 1100), steps=25, engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_number_of_threads_changes_no_bit(engine: str) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    alone = several_blocks(engine)
    torch.set_num_threads(2)
    try:
        assert all(map(same_bits, several_blocks(engine), alone))
    finally:
        torch.set_num_threads(before)


def test_a_fused_network_does_not_depend_on_the_others() -> None:
    for one in several_blocks("fused")[::4]:
        x, t = training_set("logistic", 1100)
        assert same_bits(
            fit(one.spec.hidden, one.spec.seed, x, t, steps=25, engine="fused")[0], one
        )


@pytest.mark.usefixtures("two_threads")
def test_threads_that_need_the_same_kernel_compile_it_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled: list[object] = []

    def interpreted(*signature: Any, **_: Any) -> Callable[[Any], Any]:
        if signature:  # the whole kernel
            compiled.append(signature)
            time.sleep(0.2)  # as compiling does, which takes seconds
        return lambda function: function

    monkeypatch.setattr(kernel, "njit", interpreted)
    # A kernel that no other test needs, so that it is neither there before nor used afterwards.
    fits = fit(
        [2, 3], 0, *training_set("squared", 3), steps=1, activation="relu", loss="squared",
        optimizer="adam", dtype="float32", engine="fused",
    )  # fmt: skip
    assert [one.status for one in fits] == ["completed"] * 2
    assert len(compiled) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_networks_of_mixed_shapes_are_trained_as_each_alone(engine: str) -> None:
    hidden: list[tuple[int, ...]] = [(5,), (3,), (5,), (4,)]
    activations = ["tanh", "tanh", "sigmoid", "tanh"]
    if engine != "fused":
        hidden[1], activations[3] = (3, 2), "softplus"
    specs = [
        NetworkSpec(hidden=sizes, seed=seed, activation=name)
        for seed, (sizes, name) in enumerate(zip(hidden, activations, strict=True))
    ]
    x, t = training_set("logistic", 30, sets=4)
    fits = fit(specs, None, x, t, steps=20, engine=engine)
    assert [one.spec for one in fits] == specs
    for row, (one, spec) in enumerate(zip(fits, specs, strict=True)):
        alone = fit([spec], None, x[row], t[row], steps=20, engine="autograd")[0]
        np.testing.assert_allclose(one.losses, alone.losses, rtol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_training_set_a_seed_serves_all_sizes(engine: str) -> None:
    x, t = training_set("logistic", 30, sets=2)
    fits = fit([5, 3], [8, 9], x, t, steps=20, engine=engine)
    for index, one in enumerate(fits):
        row = index % 2
        alone = fit(one.spec.hidden, 8 + row, x[row], t[row], steps=20, engine="autograd")[0]
        np.testing.assert_allclose(one.losses, alone.losses, rtol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("inputs", [1, 2, 3, 5])
@pytest.mark.parametrize("n", [1, 2, 513])
def test_any_number_of_features_and_points(engine: str, inputs: int, n: int) -> None:
    x, t = training_set("logistic", n, inputs)
    one = fit(4, 0, x, t, steps=20, engine=engine)[0]
    assert (one.inputs, one.outputs) == (inputs, 1)
    reference = fit(4, 0, x, t, steps=20, engine="autograd")[0]
    np.testing.assert_allclose(one.losses, reference.losses, rtol=1e-12)
    assert one.losses[-1] < one.losses[0]


def engine_for(
    steps: int,
    *,
    hidden: Any = 5,
    activation: ActivationLike = "tanh",
    inputs: int = 2,
    validation: float | None = None,
) -> str:
    x, t = training_set("logistic", 100, inputs)
    return prepared(
        [hidden], [0], x, t, steps=steps, learning_rate=0.1, activation=activation,
        loss="logistic", optimizer=as_optimizer("gd"), batch_size=None, weight_decay=0.0,
        validation=validation, patience=None, dtype="float64", engine="auto",
        device="cpu",
    ).engine  # fmt: skip


def test_auto_takes_the_fastest_engine_that_applies() -> None:
    many = 10**8
    assert engine_for(100) == "batched"  # shorter than the compilation
    assert engine_for(many) == "fused"
    assert engine_for(many, hidden=(5, 5)) == "batched"
    assert engine_for(many, activation="softplus") == "batched"
    assert engine_for(many, inputs=40) == "batched"
    assert engine_for(many, validation=0.2) == "batched"
    assert engine_for(many, activation=torch.sin) == "autograd"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"engine": "cuda"}, "engine must be one of auto, autograd, batched, fused, got 'cuda'"),
        (
            {"engine": "fused", "hidden": [(3, 2)]},
            "one hidden layer, not 3-2; or use engine='auto'",
        ),
        ({"engine": "fused", "activation": "softplus"}, "activations tanh, .*, not softplus"),
        ({"engine": "fused", "activation": torch.sin}, "activations tanh, .*, not .*sin"),
        ({"engine": "batched", "activation": torch.sin}, "not .*sin; use engine='autograd'"),
        ({"loss": "hinge"}, "loss must be one of logistic, softmax, squared, got 'hinge'"),
        ({"optimizer": "sgd"}, "optimizer must be one of gd, momentum, adam, .* got 'sgd'"),
        ({"optimizer": ["gd"]}, "optimizer must be one of"),
        ({"activation": "swish"}, "activation must be one of tanh, .* got 'swish'"),
        ({"device": "abacus"}, "device 'abacus' cannot be used"),
        ({"device": "meta"}, "device 'meta' cannot be used"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number of at least 1, got 2.5"),
        ({"weight_decay": -0.1}, "weight_decay must be finite and at least 0, got -0.1"),
        ({"weight_decay": np.nan}, "weight_decay must be finite and at least 0, got nan"),
    ],
)
def test_bad_settings_are_refused(arguments: dict[str, Any], message: str) -> None:
    x, t = training_set("logistic", 6)
    hidden = arguments.pop("hidden", 3)
    with pytest.raises(InputError, match=message):
        fit(hidden, 0, x, t, **arguments)


@pytest.mark.parametrize(
    ("loss", "t", "message"),
    [
        ("softmax", [0, 1, -1], "classes must be whole numbers 0, 1, .*, K-1, got -1"),
        ("softmax", [0, 1, 0.5], "classes must be whole numbers .* got 0.5"),
        ("softmax", [0, 1, np.nan], "classes must be whole numbers .* got nan"),
        ("softmax", [0, 1, np.inf], "classes must be whole numbers .* got inf"),
        ("softmax", [0, 0, 0], "classes must be at least two, got 0 alone"),
        ("softmax", [0, 2, 0], "classes"),  # there is no 1
        ("softmax", [1, 2, 1], "classes"),  # there is no 0
        ("squared", [0.0, np.nan, 1.0], "targets must be finite, got nan"),
        ("squared", [0.0, np.inf, 1.0], "targets must be finite, got inf"),
        ("logistic", [0, 1, 1], "labels must be -1 or"),
        ("logistic", [np.nan, 1, 1], "labels must be -1 or"),
    ],
)
def test_bad_targets_are_refused(loss: str, t: list[Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit(3, 0, np.zeros((3, 2)), t, loss=loss)


def test_networks_as_specs_bring_their_seeds() -> None:
    x, t = training_set("logistic", 6)
    with pytest.raises(InputError, match="networks given as specs have their seeds; leave out"):
        fit([NetworkSpec(hidden=(2,), seed=0)], 0, x, t)
    with pytest.raises(InputError, match="seeds must be given"):
        fit([2], None, x, t)


def test_sizes_may_come_from_a_generator() -> None:
    x, t = training_set("logistic", 6)
    fits = fit((size for size in (2, 3)), (seed for seed in (4, 5)), x, t, steps=1)
    assert [one.spec.hidden for one in fits] == [(2,), (2,), (3,), (3,)]
