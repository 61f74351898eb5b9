"""The figures of a run, made from its record alone."""

from collections.abc import Callable, Iterator
from functools import partial

from backproof import plots
from backproof._core.numbers import counted
from backproof.lab import published
from backproof.lab.record import BoundaryPicture, LabRun, SamplingStage


def pictures(run: LabRun) -> Iterator[tuple[str, Callable[[], plots.Figure]]]:
    """Yield the file name of each figure and how to draw it."""
    for program in run.tape:
        yield f"tape-{program.name}", partial(plots.graph, program.graph)
    yield "gradient-sweep", partial(_sweep, run)
    for picture in run.training.pictures:
        yield boundary_name(picture), partial(_boundary, run, picture)
    yield "losses", partial(_losses, run)
    yield "seeds", partial(_seeds, run)
    yield "test-error", partial(_sampling, run)
    yield "intervals", partial(_intervals, run)


def boundary_name(picture: BoundaryPicture) -> str:
    """Return the file name of a boundary's figure."""
    return f"boundary-{picture.hidden}{'' if picture.trained else '-untrained'}"


def _sweep(run: LabRun) -> plots.Figure:
    marks = [
        plots.PublishedDifference(tensor=tensor, step=step, difference=difference)
        for step, row in published.DIFFERENCES.items()
        for tensor, difference in row.items()
        if run.gradient.hidden == published.CHECKED_HIDDEN
    ]
    return plots.sweep(run.gradient.sweeps, marks)


def _boundary(run: LabRun, picture: BoundaryPicture) -> plots.Figure:
    state = f"after {run.config.steps} steps" if picture.trained else "before training"
    return plots.boundary(
        picture.boundary,
        run.training.points,
        run.training.labels,
        predicted=picture.predicted,
        bayes=run.training.bayes,
        title=f"H = {picture.hidden}, {state}",
    )


def _losses(run: LabRun) -> plots.Figure:
    curves = [
        plots.LossCurve(
            label=f"H = {band.hidden}", median=band.median, lower=band.lower, upper=band.upper
        )
        for band in run.training.losses
    ]
    return plots.losses(curves, f"band from 10 % to 90 % of {counted(run.config.seeds, 'seed')}")


def _seeds(run: LabRun) -> plots.Figure:
    sizes = [
        plots.SeedErrors(
            label=f"H = {hidden}",
            errors=[row.test_error for row in run.training.networks if row.hidden == hidden],
            published=published.TEST_ERRORS.get(hidden),
        )
        for hidden in run.config.hidden
    ]
    return plots.seed_errors(sizes, run.test_error.bayes_error)


def _sampling(run: LabRun) -> plots.Figure:
    return plots.sampling(
        [sampling_panel(stage, f"H = {stage.hidden}") for stage in run.test_error.sampling]
    )


def sampling_panel(
    stage: SamplingStage, label: str, method: str = "hoeffding"
) -> plots.SamplingPanel:
    """Return what is drawn of one predictor's test error, with the interval of a method."""
    return plots.SamplingPanel(
        label=label,
        examples=stage.examples,
        simulated=stage.simulated,
        law=stage.law,
        bootstrap=stage.bootstrap,
        true_error=stage.true_error,
        observed=stage.observed / stage.examples,
        interval=next(one for one in stage.intervals if one.method == method),
    )


def _intervals(run: LabRun) -> plots.Figure:
    return plots.intervals(
        [
            plots.IntervalPanel(
                label=f"H = {stage.hidden}",
                intervals=stage.intervals,
                true_rate=stage.true_error,
            )
            for stage in run.test_error.sampling
        ]
    )
