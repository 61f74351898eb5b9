"""What the test errors are worth."""

from backproof._core.numbers import Value
from backproof.lab import published
from backproof.lab.record import LabRun, SamplingStage
from backproof.report import Column, Table


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
            Column(header="guarantee"),
            Column(header="what holds then"),
        ),
        rows=(
            ("published (Hoeffding)", published.PLANNED_EXAMPLES, None, None),
            *(
                (plan.method, plan.examples, plan.guarantee, plan.promise)
                for plan in run.test_error.plans
            ),
        ),
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


def coverage_summary_table(run: LabRun) -> Table:
    """Return how often each method covers each predictor's true error, a row a method."""
    stages = run.test_error.sampling
    columns = [Column(header="interval"), Column(header="guarantee")]
    for stage in stages:
        columns += [
            Column(header=f"H = {stage.hidden} (%)", style="percent", digits=2),
            Column(header="exact (%)", style="percent", digits=2),
        ]
    rows: list[tuple[Value, ...]] = []
    for number, interval in enumerate(stages[0].intervals):
        found = [stage.coverages[number] for stage in stages]
        values = [value for one in found for value in (one.observed, one.exact)]
        rows.append((interval.method, interval.guarantee, *values))
    return Table(
        name="coverage-by-method",
        caption=(
            f"{run.config.interval_confidence:.0%} intervals from {run.config.sets} test sets of "
            f"{run.config.examples}: the share that covers the true error, and the exact "
            "probability of covering it. The predictors share the test sets, so their luck too."
        ),
        columns=tuple(columns),
        rows=tuple(rows),
    )


def coverage_table(run: LabRun) -> Table:
    """Return how often each interval covers the true error."""
    return Table(
        name="coverage",
        caption=(
            f"{run.config.interval_confidence:.0%} intervals from test sets of "
            f"{run.config.examples}: how many of {run.config.sets} cover the true error, the 95 % "
            "Clopper-Pearson interval of that share, and the exact probability of covering."
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
