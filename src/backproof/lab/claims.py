"""What became of the published report's three claims."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from backproof._core.numbers import counted, step_name, with_margin
from backproof.gradcheck import ErrorLaw, Sweep
from backproof.lab.record import Claim, GradientStage, SamplingStage, TestErrorStage, TrainingStage

_ORDER_TOLERANCE = 0.05
"""How far a fitted order may lie from 2, its own uncertainty added, to count as 2."""

_BIAS_ERRORS = 4.0
"""Standard errors beyond which the mean over the test sets would count as biased."""


def judge(
    gradient: GradientStage, training: TrainingStage, errors: TestErrorStage
) -> tuple[Claim, ...]:
    """Judge each claim by what this run measured."""
    return (
        _quadratic(gradient),
        _smooth(training),
        _bootstrap_underestimates(errors.sampling),
    )


def _quadratic(stage: GradientStage) -> Claim:
    double = stage.sweeps[0]
    laws = [curve.law for curve in double.curves]
    held = all(
        law.order is not None
        and law.order_margin is not None
        and abs(law.order - 2) + law.order_margin <= _ORDER_TOLERANCE
        for law in laws
    )
    orders = ", ".join(f"{curve.tensor} {_order(curve.law)}" for curve in double.curves)
    return Claim(
        claim="The difference between numeric and backpropagated gradient is O(ε²).",
        held=held,
        text=f"Fitted orders over the sweep in {double.dtype}: {orders}. {_smallest_step(double)}",
    )


def _order(law: ErrorLaw) -> str:
    if law.order is None or law.order_margin is None:
        return law.reason
    return with_margin(law.order, law.order_margin)


def _smallest_step(sweep: Sweep) -> str:
    """Say what a second column at ε = 1e-5 can and cannot show."""
    step = 1e-5
    shares = []
    for curve in sweep.curves:
        if curve.law.rounding is not None and curve.law.order is not None:
            truncation = curve.differences[0] * (step / sweep.steps[0]) ** 2
            shares.append(curve.law.rounding / step / truncation)
    if not shares:
        return ""
    small = step_name(step)
    least, most = (f"{n:.0f}" if n >= 10 else f"{n:.1g}" for n in (min(shares), max(shares)))
    range_ = f"at {small} rounding is {least} to {most} times what ε² leaves."
    if min(shares) > 1:
        return f"Two columns at 1e-3 and {small} cannot show it: {range_}"
    return f"Of two columns at 1e-3 and {small} the second is in doubt: {range_}"


def _smooth(stage: TrainingStage) -> Claim:
    bayes = stage.bayes.turning
    medians = {
        hidden: float(np.median([row.turning for row in rows]))
        for hidden, rows in groupby(stage.networks, key=lambda row: row.hidden)
    }
    held = all(row.pieces > 0 and row.turning <= bayes for row in stage.networks)
    rougher = sum(row.turning > bayes for row in stage.networks)
    single = sum(row.pieces == 1 for row in stage.networks)
    turnings = ", ".join(f"{turning:.0f}° at H = {size}" for size, turning in medians.items())
    return Claim(
        claim="All boundaries are smooth in spite of the redundant parameters.",
        held=held,
        text=(
            f"Smooth here means: turning no more than the Bayes-optimal boundary, {bayes:.0f}°. "
            f"Median total turning: {turnings}. Of {counted(len(stage.networks), 'network')} "
            f"{rougher} turn more, and {single} have a single line as their boundary."
        ),
    )


def _bootstrap_underestimates(stages: Sequence[SamplingStage]) -> Claim:
    # A law would put (nearly) every test set below the truth, or the mean over them.
    held = all(stage.bias < -_BIAS_ERRORS * stage.bias_error for stage in stages)
    below = [stage.below for stage in stages]
    ones = sum(stage.observed / stage.examples < stage.true_error for stage in stages)
    bias = max(abs(stage.bias) for stage in stages)
    return Claim(
        claim="The bootstrap underestimates the error.",
        held=held,
        text=(
            "The bootstrap is centred at its one test set's error, which lay below the true error "
            f"for {ones} of {counted(len(stages), 'predictor')}"
            f"{'' if held else ': luck of that set, not a law'}. "
            f"Of the {sum(stages[0].simulated)} simulated test sets {min(below):.1%} to "
            f"{max(below):.1%} lie below, and their mean is off by at most {bias:.4%}."
        ),
    )
