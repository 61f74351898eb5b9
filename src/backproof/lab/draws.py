"""What the lab draws: training sets, seeds of initial weights, the test set."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backproof._core import seeds
from backproof.datasets import TwoClassMixture
from backproof.lab.config import LabConfig
from backproof.risk import plan


@dataclass(frozen=True)
class TrainingSets:
    """One training set and one seed of initial weights for each member."""

    x: NDArray[np.float64]
    """Points, shape (members, n, 2)."""
    t: NDArray[np.int64]
    """Classes, shape (members, n)."""
    set_seeds: tuple[int, ...]
    """Seeds that the training sets were drawn with."""
    weight_seeds: tuple[int, ...]
    """Seeds of the initial weights."""


def training_sets(config: LabConfig, data: TwoClassMixture) -> TrainingSets:
    """Draw the training set and the seed of the initial weights of each member."""
    members = range(config.seeds)
    set_seeds = tuple(seeds.derive(config.seed, "training set", member) for member in members)
    samples = [data.sample(config.training_points, seed=seed) for seed in set_seeds]
    return TrainingSets(
        x=np.stack([x for x, _ in samples]),
        t=np.stack([t for _, t in samples]),
        set_seeds=set_seeds,
        weight_seeds=tuple(seeds.derive(config.seed, "weights", member) for member in members),
    )


def planned_examples(config: LabConfig) -> int:
    """Return the planned number of test examples, one more where it is odd."""
    examples = plan(config.margin, config.confidence).examples
    return examples + examples % 2


def planned_test_set(
    config: LabConfig, data: TwoClassMixture
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Draw the test set of the planned size, the same for every network."""
    return data.sample(planned_examples(config), seed=seeds.derive(config.seed, "test set"))
