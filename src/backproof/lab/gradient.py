"""The gradient stage: the published check, the check that judges, and the sweep behind both."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from backproof._core import seeds
from backproof._core.progress import Progress
from backproof.gradcheck import GradientReport, check, directional, sweep
from backproof.grading.subject import Subject
from backproof.lab.config import LabConfig
from backproof.lab.draws import TrainingSets
from backproof.lab.own import OwnLoss
from backproof.lab.record import CheckDifferences, GradientStage, SeedVerdict
from backproof.training import FFModel, mean_logistic_loss


def gradient_stage(
    config: LabConfig, sets: TrainingSets, progress: Progress, own: Subject | None = None
) -> GradientStage:
    """Check the gradient of the largest untrained network of every seed.

    Of `FFModel`, or of somebody's `own` model with the same parameters.
    """
    hidden = max(config.hidden)

    def checked(member: int) -> tuple[nn.Module, Callable[[Tensor], Tensor] | None]:
        model = FFModel(hidden, seed=sets.weight_seeds[member])
        return (
            (model, _loss(sets, member))
            if own is None
            else (OwnLoss(own, model, sets.t[member]), None)
        )

    differences: dict[tuple[float, str], list[float]] = {}
    verdicts: list[SeedVerdict] = []
    total = len(sets.weight_seeds)
    for member in range(total):
        model, loss = checked(member)
        x = torch.from_numpy(sets.x[member])
        seed = seeds.derive(config.seed, "check", member)
        for step in config.check_steps:
            for one in directional(model, x, loss=loss, step=step, seed=seed):
                differences.setdefault((step, one.tensor), []).append(one.absolute)
        verdicts.append(_verdict(check(model, x, loss=loss, seed=seed)))
        progress("gradient check", member + 1, total)

    model, loss = checked(0)
    points = torch.from_numpy(sets.x[0])
    output = model(points).detach()
    return GradientStage(
        hidden=hidden,
        loss=float(output if loss is None else loss(output)),
        checks=tuple(
            CheckDifferences(tensor=tensor, step=step, differences=tuple(values))
            for (step, tensor), values in differences.items()
        ),
        sweeps=tuple(
            sweep(
                model,
                points,
                loss=loss,
                directions=config.sweep_directions,
                seed=seeds.derive(config.seed, "sweep"),
                dtype=dtype,
                progress=progress,
            )
            for dtype in (torch.float64, torch.float32)
        ),
        verdicts=tuple(verdicts),
    )


def _loss(sets: TrainingSets, member: int) -> Callable[[Tensor], Tensor]:
    return partial(mean_logistic_loss, t=torch.from_numpy(sets.t[member]))


def _verdict(report: GradientReport) -> SeedVerdict:
    return SeedVerdict(
        verdict=report.verdict, evaluations=report.evaluations, tensors=report.tensors
    )
