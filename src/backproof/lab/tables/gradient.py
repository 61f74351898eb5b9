"""The published check, and the sweep that settles it."""

from itertools import groupby

import numpy as np

from backproof._core.numbers import Value, step_name
from backproof.gradcheck import Sweep
from backproof.lab import published
from backproof.lab.record import LabRun
from backproof.report import Column, Table


def check_table(run: LabRun) -> Table:
    """Return the published gradient check in the layout of the published table."""
    tensors = tuple(dict.fromkeys(check.tensor for check in run.gradient.checks))
    rows: list[tuple[Value, ...]] = []
    for step, checks in groupby(run.gradient.checks, key=lambda check: check.step):
        ours = {check.tensor: check.differences for check in checks}
        name = f"ε = {step_name(step)}"
        numbers = published.DIFFERENCES.get(step, {})
        if run.gradient.hidden == published.CHECKED_HIDDEN and numbers:
            rows.append((f"{name}, published", *(numbers[tensor] for tensor in tensors)))
        rows.append((f"{name}, ours, first seed", *(ours[tensor][0] for tensor in tensors)))
        medians = (float(np.median(ours[tensor])) for tensor in tensors)
        rows.append((f"{name}, ours, median", *medians))
    return Table(
        name="gradient-check",
        caption=(
            f"Absolute difference of central difference and backpropagated slope, float64, "
            f"H = {run.gradient.hidden}, N = {run.config.training_points}."
        ),
        columns=(
            Column(header="step"),
            *(Column(header=tensor, style="scientific") for tensor in tensors),
        ),
        rows=tuple(rows),
    )


def verdict_table(run: LabRun) -> Table:
    """Return what the check without a stated step found for the network of the first seed."""
    verdicts = run.gradient.verdicts
    first = verdicts[0]
    return Table(
        name="gradient-verdict",
        caption=(
            "The verdict of Backproof's own check, which states no step and no tolerance but the "
            f"error it measured: first seed, {first.evaluations} evaluations of the loss. Found "
            "would be: the relative error of a tensor's gradient that is missed with probability "
            "1e-6."
        ),
        columns=(
            Column(header="tensor"),
            Column(header="verdict"),
            Column(header="discrepancy", style="scientific", digits=1),
            Column(header="± (standard error)", style="scientific", digits=1),
            Column(header="of a slope of", style="scientific", digits=1),
            Column(header="order", style="decimal", digits=3),
            Column(header="found would be", style="scientific", digits=1),
        ),
        rows=tuple(
            (
                tensor.name,
                tensor.verdict.upper(),
                tensor.discrepancy,
                tensor.sigma,
                tensor.slope,
                tensor.order,
                tensor.resolution,
            )
            for tensor in first.tensors
        ),
    )


def law_table(run: LabRun) -> Table:
    """Return the fitted order, rounding level and best step of every curve of the sweeps."""
    return Table(
        name="gradient-order",
        caption=(
            "Order of the truncation error (± 95 % interval), level ν of the rounding error ν/ε, "
            "and the step with the smallest difference."
        ),
        columns=(
            Column(header="dtype"),
            Column(header="tensor"),
            Column(header="order", style="decimal", digits=5),
            Column(header="±", style="decimal", digits=5),
            Column(header="fitted from ε", style="scientific", digits=0),
            Column(header="to ε", style="scientific", digits=0),
            Column(header="rounding ν", style="scientific", digits=1),
            Column(header="best ε", style="scientific", digits=1),
            Column(header="difference there", style="scientific", digits=1),
        ),
        rows=tuple(row for sweep in run.gradient.sweeps for row in _law_rows(sweep)),
    )


def _law_rows(sweep: Sweep) -> list[tuple[Value, ...]]:
    rows: list[tuple[Value, ...]] = []
    for curve in sweep.curves:
        law = curve.law
        smallest, largest = law.truncation_range or (None, None)
        rows.append(
            (
                sweep.dtype,
                curve.tensor,
                law.order,
                law.order_margin,
                smallest,
                largest,
                law.rounding,
                law.best_step,
                law.floor,
            )
        )
    return rows


def sweep_table(run: LabRun) -> Table:
    """Return every point of the sweeps."""
    return Table(
        name="gradient-sweep",
        caption=(
            f"Difference over the sweep: root mean square over "
            f"{run.config.sweep_directions} random unit directions."
        ),
        columns=(
            Column(header="ε", style="scientific", digits=2),
            *(
                Column(header=f"{curve.tensor}, {sweep.dtype}", style="scientific", digits=2)
                for sweep in run.gradient.sweeps
                for curve in sweep.curves
            ),
        ),
        rows=tuple(
            (
                step,
                *(
                    curve.differences[number]
                    for sweep in run.gradient.sweeps
                    for curve in sweep.curves
                ),
            )
            for number, step in enumerate(run.gradient.sweeps[0].steps)
        ),
    )
