"""What can be taken away, in every state that networks can be in."""

from typing import Any

import pytest

from backproof import training
from backproof._core.errors import InputError
from backproof.app.train.points import points_of
from backproof.app.train.record import PageRun, Trained, page_run
from backproof.app.train.saved import SAVED
from backproof.app.train.settings import Settings

OWN: dict[str, Any] = {"data": "own points", "own": "1.00,1.00,a"}
DIVERGING: dict[str, Any] = {"activation": "relu", "rate": 1e6, "hidden": (5,), "networks": 2}
# The scores of some are flat where those of others are huge.
STEEP: dict[str, Any] = {"activation": "relu", "rate": 1e4, "hidden": (1, 3), "networks": 8}


def trained(steps: int, **settings: Any) -> Trained:
    chosen = Settings(**settings)
    points = points_of(chosen)
    trainer = training.Trainer(
        chosen.hidden,
        range(chosen.networks),
        points.x,
        points.t,
        learning_rate=chosen.rate,
        activation=chosen.activation,
    )
    if steps:
        trainer.advance(steps)
    return Trained(chosen, points, trainer.fits())


@pytest.mark.parametrize("what", SAVED)
@pytest.mark.parametrize(
    ("steps", "settings"),
    [(0, {}), (1, {}), (30, {"data": "circles"}), (3, OWN), (40, DIVERGING), (40, STEEP)],
    ids=["untrained", "one step", "circles", "own", "diverged", "steep"],
)
def test_it_is_a_file_or_said_why_not(what: str, steps: int, settings: dict[str, Any]) -> None:
    made = SAVED[what][1]
    if what.startswith("Losses") and (steps == 0 or settings is DIVERGING):
        with pytest.raises(InputError, match="no step was taken, or every network diverged"):
            made(trained(steps, **settings))
        return
    assert len(made(trained(steps, **settings))) > 100


@pytest.mark.parametrize("settings", [{}, OWN, DIVERGING])
def test_a_record_comes_back_from_json(settings: dict[str, Any]) -> None:
    run = page_run(trained(40, **settings))
    assert PageRun.from_json(run.to_json()) == run
