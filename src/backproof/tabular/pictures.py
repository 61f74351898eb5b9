"""The figures of a run on a table."""

from collections.abc import Callable, Iterator
from functools import partial

from backproof import plots
from backproof._core.numbers import counted
from backproof.tabular.config import format_size
from backproof.tabular.record import PlanePicture, SizeBand, TableRun


def pictures(run: TableRun) -> Iterator[tuple[str, Callable[[], plots.Figure]]]:
    """Yield the file name of each figure and how to draw it."""
    if run.losses:
        yield "seeds", partial(_seeds, run)
        yield "losses", partial(_losses, run)
    if run.plane is not None:
        for one in run.plane.bands:
            yield f"boundary-{format_size(one.hidden)}", partial(_boundary, run, run.plane, one)


def _boundary(run: TableRun, plane: PlanePicture, one: SizeBand) -> plots.Figure:
    figure = plots.boundary(
        one.band,
        plane.points,
        plane.targets,
        classes=[f"{run.label} {label}" for label in run.classes],
        bayes=plane.bayes,
        title=f"H = {format_size(one.hidden)}, {counted(one.band.members, 'network')}",
    )
    (axes,) = figure.axes
    axes.set_xlabel(run.features[0], parse_math=False)
    axes.set_ylabel(run.features[1], parse_math=False)
    return figure


def _seeds(run: TableRun) -> plots.Figure:
    return plots.seed_errors(
        [
            plots.SeedErrors(
                label=f"H = {format_size(size.hidden)}",
                errors=[count / run.test_rows for count in size.errors],
                published=None,
            )
            for size in run.sizes
            if size.errors
        ]
    )


def _losses(run: TableRun) -> plots.Figure:
    curves = [
        plots.LossCurve(
            label=f"H = {format_size(row.hidden)}",
            median=row.median,
            lower=row.lower,
            upper=row.upper,
        )
        for row in run.losses
    ]
    return plots.losses(curves, f"band from 10 % to 90 % of {counted(run.config.seeds, 'seed')}")
