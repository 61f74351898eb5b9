"""The tables of a run: raw values in named columns."""

from itertools import groupby

import numpy as np

from backproof._core.numbers import Style, Value, counted, step_name
from backproof.gradcheck import Sweep
from backproof.lab import published
from backproof.lab.record import LabRun, SamplingStage
from backproof.report import Column, Table
from backproof.tape import ProgramRun

_UNITS: dict[str, tuple[Style, int]] = {
    "scientific": ("scientific", 3),
    "percent": ("percent", 4),
    "integer": ("integer", 0),
}


def comparison_table(run: LabRun) -> Table:
    """Return every published number beside ours."""
    names = {"percent": " (%)"}
    return Table(
        name="published-beside-ours",
        caption=(
            f"Published numbers beside ours over {counted(run.config.seeds, 'seed')}. "
            "Gradient: absolute "
            "difference of numeric and backpropagated slope. Gap: test minus training error. "
            "Percentile: percentage of our seeds below the published number."
        ),
        columns=(
            Column(header="quantity"),
            Column(header="published", style=None),
            Column(header="median", style=None),
            Column(header="smallest", style=None),
            Column(header="largest", style=None),
            Column(header="percentile", style="integer"),
        ),
        rows=tuple(
            (
                one.quantity + names.get(one.unit, ""),
                one.published,
                one.ours,
                one.low,
                one.high,
                one.percentile,
            )
            for one in run.comparisons
        ),
        row_styles=tuple(_UNITS[one.unit] for one in run.comparisons),
    )


def observation_table(program: ProgramRun) -> Table:
    """Return the observations of one program."""
    return Table(
        name=f"tape-{program.name}",
        caption=f"{program.title}: expected and observed.",
        columns=(
            Column(header="what"),
            Column(header="expected"),
            Column(header="observed"),
            Column(header="holds", style="yes"),
        ),
        rows=tuple(
            (one.what, _short(one.expected), _short(one.observed), one.holds)
            for one in program.observations
        ),
    )


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


def boundary_table(run: LabRun) -> Table:
    """Return how smooth the boundaries are, by size, beside the Bayes-optimal one."""
    bayes = run.training.bayes
    rows: list[tuple[Value, ...]] = []
    for hidden, group in groupby(run.training.networks, key=lambda row: row.hidden):
        members = list(group)
        bends = [row.sharpest for row in members if row.sharpest is not None]
        rows.append(
            (
                f"H = {hidden}",
                4 * hidden + 1,
                float(np.median([row.turning for row in members])),
                max(row.turning for row in members),
                min(bends, default=None),
                max(row.pieces for row in members),
            )
        )
    rows.append(("Bayes-optimal", None, bayes.turning, bayes.turning, bayes.sharpest, bayes.pieces))
    return Table(
        name="boundaries",
        caption=(
            f"Smoothness of the boundaries inside [−{bayes.window:g}, {bayes.window:g}]², over "
            f"{counted(run.config.seeds, 'seed')}: total turning, sharpest bend, connected pieces."
        ),
        columns=(
            Column(header="predictor"),
            Column(header="parameters", style="integer"),
            Column(header="turning, median (°)", style="integer"),
            Column(header="largest (°)", style="integer"),
            Column(header="sharpest radius", style="decimal"),
            Column(header="most pieces", style="integer"),
        ),
        rows=tuple(rows),
    )


def certainty_table(run: LabRun) -> Table:
    """Return test error and generalisation gap of each size with both intervals."""
    rows: list[tuple[Value, ...]] = []
    for size in run.test_error.sizes:
        both = ((size.hoeffding, size.hoeffding_gap), (size.exact, size.exact_gap))
        for interval, gap in both:
            rows.append(
                (
                    f"H = {size.hidden}",
                    interval.method,
                    interval.estimate,
                    interval.lower,
                    interval.upper,
                    gap.training_error,
                    gap.estimate,
                    gap.lower,
                    gap.upper,
                    size.true_error.mean,
                )
            )
    return Table(
        name="test-error",
        caption=(
            f"First seed's networks on {run.test_error.plans[0].examples} test examples: test "
            f"error, generalisation gap, their {run.config.confidence:.0%} intervals, and the true "
            "error by quadrature."
        ),
        columns=(
            Column(header="predictor"),
            Column(header="interval"),
            *(
                Column(header=f"{name} (%)", style="percent", digits=digits)
                for name, digits in (
                    ("test error", 4),
                    ("error from", 2),
                    ("error to", 2),
                    ("training error", 1),
                    ("gap", 4),
                    ("gap from", 2),
                    ("gap to", 2),
                    ("true error", 4),
                )
            ),
        ),
        rows=tuple(rows),
    )


def seeds_table(run: LabRun) -> Table:
    """Return every network's loss and errors."""
    return Table(
        name="networks",
        caption="Every network: loss before and after training, training error, test error.",
        columns=(
            Column(header="H", style="integer"),
            Column(header="seed of weights", style="integer"),
            Column(header="seed of training set", style="integer"),
            Column(header="status"),
            Column(header="initial loss", style="decimal", digits=4),
            Column(header="final loss", style="decimal", digits=4),
            Column(header="training error (%)", style="percent", digits=1),
            Column(header="test error (%)", style="percent", digits=4),
        ),
        rows=tuple(
            (
                row.hidden,
                row.seed,
                row.training_set_seed,
                row.status,
                row.initial_loss,
                row.final_loss,
                row.training_error,
                row.test_error,
            )
            for row in run.training.networks
        ),
    )


def plan_table(run: LabRun) -> Table:
    """Return the planned test set sizes."""
    return Table(
        name="plan",
        caption=(
            f"Test examples for a deviation of at most {run.config.margin:g} with probability "
            f"{run.config.confidence:g}."
        ),
        columns=(
            Column(header="method"),
            Column(header="examples", style="integer"),
            Column(header="assumptions"),
        ),
        rows=(
            ("published (Hoeffding)", published.PLANNED_EXAMPLES, None),
            *((plan.method, plan.examples, plan.assumptions) for plan in run.test_error.plans),
        ),
    )


def coverage_table(run: LabRun) -> Table:
    """Return how often each interval covers the true error."""
    return Table(
        name="coverage",
        caption=(
            f"{run.config.interval_confidence:.0%} intervals from test sets of "
            f"{run.config.examples}: how many of {run.config.sets} cover the true error, and the "
            "exact probability of covering. The predictors share the test sets, so their luck too."
        ),
        columns=(
            Column(header="predictor"),
            Column(header="interval"),
            Column(header="guarantee"),
            Column(header="covered", style="integer"),
            Column(header="share (%)", style="percent", digits=2),
            Column(header="95 % from (%)", style="percent", digits=2),
            Column(header="to (%)", style="percent", digits=2),
            Column(header="exact (%)", style="percent", digits=2),
        ),
        rows=tuple(row for stage in run.test_error.sampling for row in _coverage_rows(stage)),
    )


def _coverage_rows(stage: SamplingStage) -> list[tuple[Value, ...]]:
    return [
        (
            f"H = {stage.hidden}",
            one.method,
            interval.guarantee,
            one.covered,
            one.observed,
            one.uncertainty.lower,
            one.uncertainty.upper,
            one.exact,
        )
        for one, interval in zip(stage.coverages, stage.intervals, strict=True)
    ]


def one_set_table(run: LabRun) -> Table:
    """Return what one test set says, by every method, beside the true error."""
    return Table(
        name="one-test-set",
        caption=(
            f"What one test set of {run.config.examples} says: its error, the true error, and "
            f"{run.config.interval_confidence:.0%} intervals."
        ),
        columns=(
            Column(header="predictor"),
            Column(header="test error (%)", style="percent", digits=2),
            Column(header="true error (%)", style="percent", digits=4),
            Column(header="interval"),
            Column(header="from (%)", style="percent", digits=2),
            Column(header="to (%)", style="percent", digits=2),
        ),
        rows=tuple(
            (
                f"H = {stage.hidden}",
                interval.estimate,
                stage.true_error,
                interval.method,
                interval.lower,
                interval.upper,
            )
            for stage in run.test_error.sampling
            for interval in stage.intervals
        ),
    )


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.7g}"
