"""The report of a page's run."""

from collections.abc import Callable, Iterator
from functools import partial

from backproof import plots
from backproof._core.numbers import counted
from backproof.app.addresses import as_text
from backproof.app.settings import settings_of
from backproof.app.train.record import CONFIDENCE, PageRun
from backproof.app.train.settings import OWN
from backproof.report import Block, Code, Column, Document, Paragraph, Picture, Section, Table
from backproof.tabular import format_size
from backproof.tabular.pictures import draw_boundary, draw_errors, draw_losses
from backproof.tabular.tables import size_table

_FEATURES = ("x1", "x2")
_CLASSES = ("class −1", "class +1")
_CAPTIONS = {
    "seeds": "Test error of every network, by size. The black line is the median.",
    "losses": "Training loss, the median over the networks with a band from 10 % to 90 %.",
    "boundary": "Boundaries over the training points: the median over the networks, and a band.",
}


def document(run: PageRun) -> Document:
    """Compose the report."""
    pictures = tuple(
        Picture(
            name=name,
            caption=_CAPTIONS[name.partition("-")[0]],
            svg=plots.svg(draw()),
            narrow=name.startswith("boundary"),
        )
        for name, draw in _pictures(run)
    )
    return Document(
        title=f"Networks trained on {run.settings.data}",
        subtitle=(
            f"{counted(run.networks, 'network')}, hidden {as_text(run.settings.hidden)}, after "
            f"{run.step} of {counted(run.settings.steps, 'step')}."
        ),
        sections=(
            Section(title="What came out", anchor="found", blocks=(*_tables(run), *pictures)),
            Section(title="How it was made", anchor="made", blocks=_made(run)),
        ),
        footer=(
            f"Backproof {run.provenance.backproof}, PyTorch "
            f"{run.provenance.packages['torch']}, engine {run.engine}."
        ),
    )


def _tables(run: PageRun) -> Iterator[Block]:
    if run.diverged:
        yield Paragraph(
            text=(
                f"{counted(run.diverged, 'network')} diverged: the loss was no longer a finite "
                "number; a smaller learning rate may help."
            )
        )
    if run.test:
        yield size_table(
            run.test,
            tested_on=f"{run.test_points} test points",
            seeds=run.settings.networks,
            confidence=CONFIDENCE,
        )
    yield _training_table(run)


def _training_table(run: PageRun) -> Table:
    return Table(
        name="training-errors",
        caption=(
            f"Errors on {counted(len(run.plane.targets), 'training point')}, over the networks."
        ),
        columns=(
            Column(header="hidden"),
            Column(header="errors of each network"),
            Column(header="median (%)", style="percent", digits=2),
            Column(header="diverged", style="integer"),
        ),
        rows=tuple(
            (
                format_size(size.hidden),
                ", ".join(map(str, size.errors)),
                size.quantiles.get("0.5"),
                size.diverged,
            )
            for size in run.training
        ),
    )


def _pictures(run: PageRun) -> Iterator[tuple[str, Callable[[], plots.Figure]]]:
    for one in run.plane.bands:
        draw = partial(draw_boundary, run.plane, one, _CLASSES, _FEATURES)
        yield f"boundary-{format_size(one.hidden)}", draw
    if run.losses:
        yield "losses", partial(draw_losses, run.losses, run.settings.networks)
    if any(size.errors for size in run.test):
        yield "seeds", partial(draw_errors, run.test, run.test_points)


def _made(run: PageRun) -> tuple[Block, ...]:
    rows = tuple(
        (setting.control.label, as_text(getattr(run.settings, setting.name)))
        for setting in settings_of(run.settings)
        if setting.control.label
    )
    return (
        Table(
            name="settings",
            caption="Settings of the page.",
            columns=(Column(header="setting"), Column(header="value")),
            rows=rows,
        ),
        Paragraph(text=_tested(run)),
        Paragraph(text="The same networks again: start backproof app; after its host and port:"),
        Code(text=f"/?{run.query}".rstrip("?")),
    )


def _tested(run: PageRun) -> str:
    if run.settings.data == OWN:
        return "The points are one's own; there are none to test with."
    return (
        "The test points are drawn as the training points are; no network has learned from them. "
        "The interval of a size covers the mean true error of its networks: the share of the "
        "networks that are wrong about a point is a loss between 0 and 1, and the interval is the "
        "betting one, which holds for every number of points."
    )
