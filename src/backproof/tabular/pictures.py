"""The figures of a run on a table."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from backproof import plots
from backproof._core.numbers import counted
from backproof.tabular.config import format_size
from backproof.tabular.record import LossRow, PlanePicture, SizeBand, SizeRow, TableRun


def pictures(run: TableRun) -> Iterator[tuple[str, Callable[[], plots.Figure]]]:
    """Yield the file name of each figure and how to draw it."""
    if run.losses:
        yield "seeds", partial(draw_errors, run.sizes, run.test_rows)
        yield "losses", partial(draw_losses, run.losses, run.config.seeds)
    if run.plane is not None:
        classes = [f"{run.label} {label}" for label in run.classes]
        for one in run.plane.bands:
            draw = partial(draw_boundary, run.plane, one, classes, run.features)
            yield f"boundary-{format_size(one.hidden)}", draw


def draw_boundary(
    plane: PlanePicture, one: SizeBand, classes: Sequence[str], features: Sequence[str]
) -> plots.Figure:
    """Draw the boundaries of one size; `classes` and `features` are what the two are called."""
    figure = plots.boundary(
        one.band,
        plane.points,
        plane.targets,
        classes=classes,
        bayes=plane.bayes,
        title=f"H = {format_size(one.hidden)}, {counted(one.band.members, 'network')}",
    )
    (axes,) = figure.axes
    axes.set_xlabel(features[0], parse_math=False)
    axes.set_ylabel(features[1], parse_math=False)
    return figure


def draw_errors(sizes: Sequence[SizeRow], rows: int) -> plots.Figure:
    """Draw the test error of every network, given the number of rows that it was tested on."""
    return plots.seed_errors(
        [
            plots.SeedErrors(
                label=f"H = {format_size(size.hidden)}",
                errors=[count / rows for count in size.errors],
                published=None,
            )
            for size in sizes
            if size.errors
        ]
    )


def draw_losses(losses: Sequence[LossRow], seeds: int) -> plots.Figure:
    """Draw the training losses, given the number of networks of each size."""
    curves = [
        plots.LossCurve(
            label=f"H = {format_size(row.hidden)}",
            median=row.median,
            lower=row.lower,
            upper=row.upper,
        )
        for row in losses
    ]
    return plots.losses(curves, f"band from 10 % to 90 % of {counted(seeds, 'seed')}")
