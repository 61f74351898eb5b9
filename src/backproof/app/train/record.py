"""The record of a page's run: every number that its report shows."""

from dataclasses import dataclass

from backproof._core.provenance import Provenance, provenance
from backproof._core.results import Result
from backproof.app.addresses import written
from backproof.app.train.job import band_of
from backproof.app.train.points import Points
from backproof.app.train.settings import Settings
from backproof.tabular.outcome import loss_rows, size_rows
from backproof.tabular.record import LossRow, PlanePicture, SizeBand, SizeRow
from backproof.training import Fits, SizeErrors, boundary

_RESOLUTION = 201
CONFIDENCE = 0.95
"""Of the intervals."""


@dataclass(frozen=True)
class Trained:
    """The networks of a page as they are."""

    settings: Settings
    points: Points
    fits: Fits


@dataclass(frozen=True, kw_only=True)
class PageRun(Result):
    """The networks of a page, how they were trained, and what their test error is worth."""

    provenance: Provenance
    """How it was made."""
    settings: Settings
    """What the panel was set to."""
    query: str
    """The query of the address that opens the page with these settings."""
    networks: int
    """Number of networks."""
    step: int
    """Gradient steps that were taken."""
    engine: str
    """Engine of the training."""
    training: tuple[SizeErrors, ...]
    """Errors on the training points, one row for each size."""
    test: tuple[SizeRow, ...]
    """Errors on the test points, one row for each size; empty where there are none."""
    test_points: int
    """Number of test points, drawn as the training points were; 0 for points of one's own."""
    losses: tuple[LossRow, ...]
    """One for each size with a network that did not diverge."""
    plane: PlanePicture
    """The training points and the boundaries."""

    @property
    def diverged(self) -> int:
        """How many networks diverged."""
        return sum(size.diverged for size in self.training)


def page_run(trained: Trained) -> PageRun:
    """Return the record of a page's networks."""
    settings, points, fits = trained.settings, trained.points, trained.fits
    test: tuple[SizeRow, ...] = ()
    if points.test_x is not None and points.test_t is not None:
        test = size_rows(fits, points.test_x, points.test_t, CONFIDENCE)
    return PageRun(
        provenance=provenance("cpu", threads=1),
        settings=settings,
        query=written(settings),
        networks=len(fits),
        step=max(fit.steps for fit in fits),
        engine=fits.engine,
        training=fits.error_quantiles(points.x, points.t, (0, 0.5, 1)),
        test=test,
        test_points=0 if points.test_t is None else len(points.test_t),
        losses=loss_rows(fits),
        plane=_plane(points, fits),
    )


def _plane(points: Points, fits: Fits) -> PlanePicture:
    window, usable = points.window, fits.usable
    return PlanePicture(
        points=tuple((first, second) for first, second in points.x.tolist()),
        targets=tuple(points.t.tolist()),
        bands=tuple(
            SizeBand(hidden=size, band=band)
            for size in usable.sizes
            if (band := band_of(usable.of_size(size), window, _RESOLUTION)) is not None
        ),
        bayes=None if points.bayes is None else boundary(points.bayes, window=window),
    )
