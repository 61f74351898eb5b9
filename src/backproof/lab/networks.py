"""The training stage: every size with every seed, and what their boundaries look like."""

import numpy as np
from numpy.typing import NDArray

from backproof._core.progress import Progress
from backproof.datasets import TwoClassMixture
from backproof.lab.config import LabConfig
from backproof.lab.draws import TrainingSets, planned_test_set
from backproof.lab.record import BoundaryPicture, LossBand, NetworkRow, TrainingStage
from backproof.training import Boundary, FFModel, Fit, Fits, Network, boundary, fit


def train(config: LabConfig, sets: TrainingSets, progress: Progress) -> Fits:
    """Train every size with every seed."""
    return fit(
        config.hidden,
        sets.weight_seeds,
        sets.x,
        sets.t,
        steps=config.steps,
        learning_rate=config.learning_rate,
        progress=progress,
    )


def training_stage(
    config: LabConfig, data: TwoClassMixture, sets: TrainingSets, fits: Fits, progress: Progress
) -> TrainingStage:
    """Measure the training error, the test error and the boundary of every network."""
    test_x, test_t = planned_test_set(config, data)
    networks = []
    boundaries = {}
    for number, one in enumerate(fits):
        boundaries[one.spec] = boundary(one.model.infer)
        member = sets.weight_seeds.index(one.spec.seed)
        networks.append(_network_row(one, member, sets, boundaries[one.spec], test_x, test_t))
        progress("test errors", number + 1, len(fits))
    first = [fits.of_size(size)[0] for size in config.hidden]
    untrained = FFModel(max(config.hidden), seed=sets.weight_seeds[0])
    return TrainingStage(
        engine=fits.engine,
        points=tuple((x, y) for x, y in sets.x[0].tolist()),
        labels=tuple(sets.t[0].tolist()),
        networks=tuple(networks),
        losses=tuple(_loss_band(size, fits.of_size(size)) for size in config.hidden),
        pictures=(
            _picture(untrained.hidden, untrained, boundary(untrained.infer), sets, False),
            *(
                _picture(one.spec.hidden[0], one.model, boundaries[one.spec], sets, True)
                for one in first
            ),
        ),
        bayes=boundary(data.score),
    )


def _network_row(
    one: Fit,
    member: int,
    sets: TrainingSets,
    line: Boundary,
    test_x: NDArray[np.float64],
    test_t: NDArray[np.int64],
) -> NetworkRow:
    errors = int((one.classify(test_x).numpy() != test_t).sum())
    return NetworkRow(
        hidden=one.spec.hidden[0],
        seed=one.spec.seed,
        training_set_seed=sets.set_seeds[member],
        status=one.status,
        initial_loss=float(one.losses[0]),
        final_loss=float(one.losses[-1]),
        training_error=float((one.classify(sets.x[member]).numpy() != sets.t[member]).mean()),
        test_errors=errors,
        test_error=errors / len(test_t),
        pieces=line.pieces,
        turning=line.turning,
        sharpest=line.sharpest,
    )


def _loss_band(size: int, fits: Fits) -> LossBand:
    lower, median, upper = fits.loss_quantiles((0.1, 0.5, 0.9)).tolist()
    return LossBand(hidden=size, median=tuple(median), lower=tuple(lower), upper=tuple(upper))


def _picture(
    hidden: int, model: FFModel | Network, line: Boundary, sets: TrainingSets, trained: bool
) -> BoundaryPicture:
    return BoundaryPicture(
        hidden=hidden,
        trained=trained,
        boundary=line,
        predicted=tuple(model.classify(sets.x[0]).tolist()),
    )
