"""Published numbers beside ours, and where they fall among our seeds."""

from collections.abc import Callable, Sequence

import numpy as np

from backproof._core.numbers import step_name
from backproof.lab import published
from backproof.lab.config import LabConfig
from backproof.lab.record import (
    Comparison,
    GradientStage,
    NetworkRow,
    TestErrorStage,
    TrainingStage,
    Unit,
)


def compare(
    config: LabConfig, gradient: GradientStage, training: TrainingStage, errors: TestErrorStage
) -> tuple[Comparison, ...]:
    """Compare every published number whose setting was run."""
    usual = LabConfig()
    plan = _plan(errors) if _same(config, usual, "margin", "confidence") else []
    if not _same(config, usual, "training_points"):
        return tuple(plan)
    if not _same(config, usual, "steps", "learning_rate", "margin", "confidence"):
        return (*_gradient(gradient), *plan)
    return (
        *_gradient(gradient),
        *plan,
        *_rates("test error", published.TEST_ERRORS, training, _test_error),
        *_rates("gap", published.GAPS, training, _gap),
        *_rates("training error", published.TRAINING_ERRORS, training, _training_error),
    )


def _same(config: LabConfig, other: LabConfig, *names: str) -> bool:
    return all(getattr(config, name) == getattr(other, name) for name in names)


def percentile(value: float, ours: Sequence[float]) -> float:
    """Return the percentage of `ours` below `value`, ties counted half."""
    numbers = np.asarray(ours)
    return float(100 * ((numbers < value).mean() + (numbers == value).mean() / 2))


def _gradient(stage: GradientStage) -> list[Comparison]:
    if stage.hidden != published.CHECKED_HIDDEN:
        return []
    return [
        _among_seeds(
            f"gradient {check.tensor}, ε = {step_name(check.step)}",
            "scientific",
            published.DIFFERENCES[check.step][check.tensor],
            check.differences,
        )
        for check in stage.checks
        if check.step in published.DIFFERENCES
    ]


def _plan(stage: TestErrorStage) -> list[Comparison]:
    ours = float(stage.plans[0].examples)
    return [
        Comparison(
            quantity="planned m (Hoeffding)",
            unit="integer",
            published=float(published.PLANNED_EXAMPLES),
            ours=ours,
            low=ours,
            high=ours,
            percentile=None,
        )
    ]


def _rates(
    name: str, numbers: dict[int, float], stage: TrainingStage, rate: Callable[[NetworkRow], float]
) -> list[Comparison]:
    found = []
    for hidden, value in numbers.items():
        ours = [rate(row) for row in stage.networks if row.hidden == hidden]
        if ours:
            found.append(_among_seeds(f"{name}, H = {hidden}", "percent", value, ours))
    return found


def _among_seeds(quantity: str, unit: Unit, value: float, ours: Sequence[float]) -> Comparison:
    return Comparison(
        quantity=quantity,
        unit=unit,
        published=value,
        ours=float(np.median(ours)),
        low=min(ours),
        high=max(ours),
        percentile=percentile(value, ours),
    )


def _test_error(row: NetworkRow) -> float:
    return row.test_error


def _gap(row: NetworkRow) -> float:
    return row.test_error - row.training_error


def _training_error(row: NetworkRow) -> float:
    return row.training_error
