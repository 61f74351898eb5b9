"""A trainer: the bits of `fit`, in as many pieces as its caller likes."""

from typing import Any

import numpy as np
import pytest
import torch

from backproof import datasets, training
from backproof._core.errors import InputError

X, T = datasets.lab_mixture().sample(60, seed=1)

SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "fused": {"engine": "fused"},
    "autograd": {"engine": "autograd"},
    "adam in batches": {"optimizer": "adam", "batch_size": 7, "learning_rate": 0.01},
    "early stopping": {"validation": 0.3, "patience": 2, "learning_rate": 2.0},
    "diverging": {"learning_rate": 1e308, "activation": "relu"},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("pieces", [(30,), (1, 2, 27), (29, 5)])
def test_it_ends_as_fit_does(settings: dict[str, Any], pieces: tuple[int, ...]) -> None:
    hidden, seeds = [3, 5], range(3)
    expected = training.fit(hidden, seeds, X, T, steps=30, **settings)
    trainer = training.Trainer(hidden, seeds, X, T, steps=30, **settings)
    for steps in pieces:
        trainer.advance(steps)
    assert trainer.done
    found = trainer.fits()
    assert found.engine == expected.engine
    for one, other in zip(found, expected, strict=True):
        assert (one.spec, one.status, one.steps) == (other.spec, other.status, other.steps)
        np.testing.assert_array_equal(one.losses, other.losses)
        np.testing.assert_array_equal(one.validation_losses, other.validation_losses)
        for mine, theirs in zip(one.layers, other.layers, strict=True):
            assert torch.equal(mine, theirs) or not mine.isfinite().all()


@pytest.mark.parametrize("engine", ["autograd", "batched", "fused"])
def test_on_the_way_the_networks_are_those_of_a_shorter_fit(engine: str) -> None:
    trainer = training.Trainer(4, range(2), X, T, steps=100, engine=engine)
    for done in (3, 10):
        trainer.advance(done - trainer.step)
        shorter = training.fit(4, range(2), X, T, steps=done, engine=engine)
        for one, other in zip(trainer.fits(), shorter, strict=True):
            assert (one.status, one.steps) == ("running", done)
            assert f"{one}" == f"{one.spec}: running, {done} steps taken"
            np.testing.assert_array_equal(one.losses, other.losses[:done])
            for mine, theirs in zip(one.layers, other.layers, strict=True):
                assert torch.equal(mine, theirs)
    assert not trainer.done


def test_before_the_first_step_the_weights_are_the_initial_ones() -> None:
    trainer = training.Trainer(4, 7, X, T)
    model = training.FFModel(4, seed=7)
    (fit,) = trainer.fits()
    assert fit.steps == 0
    assert len(fit.losses) == 0
    assert torch.equal(fit.parameters["W1"], model.W1)


def test_a_look_does_not_change_what_follows() -> None:
    trainer = training.Trainer(4, 7, X, T, steps=20)
    trainer.advance(10)
    for layer in trainer.fits()[0].layers:
        layer.zero_()
    trainer.advance(10)
    (expected,) = training.fit(4, 7, X, T, steps=20)
    assert torch.equal(trainer.fits()[0].layers[0], expected.layers[0])


def test_one_network_may_end_before_the_others() -> None:
    specs = [training.NetworkSpec(hidden=(3,), seed=seed, activation="relu") for seed in range(2)]
    x = np.stack([X, 1e200 * X])
    trainer = training.Trainer(specs, None, x, np.stack([T, T]), steps=20, learning_rate=0.1)
    trainer.advance(5)
    assert [fit.status for fit in trainer.fits()] == ["running", "diverged"]
    trainer.advance(15)
    assert [fit.status for fit in trainer.fits()] == ["completed", "diverged"]


@pytest.mark.parametrize("steps", [0, -1, 1.5, "two"])
def test_steps_must_be_a_number_above_zero(steps: Any) -> None:
    trainer = training.Trainer(4, 7, X, T)
    with pytest.raises(InputError, match="steps"):
        trainer.advance(steps)
