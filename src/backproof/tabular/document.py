"""The report of a run on a table."""

from collections.abc import Mapping

from backproof._core.numbers import counted
from backproof.report import Block, Details, Document, Paragraph, Picture, Section
from backproof.risk import Interval
from backproof.tabular.config import format_size
from backproof.tabular.record import TableRun
from backproof.tabular.tables import errors_table

_CAPTIONS = {
    "seeds": "Test error of every network, by size. The black line is the median.",
    "losses": "Training loss, the median over seeds with a band from 10 % to 90 %.",
    "boundary": "Boundaries over the training rows: the median over the networks, and a band.",
}

_MOST_NAMED = 3  # networks that diverged


def document(run: TableRun, svgs: Mapping[str, str]) -> Document:
    """Compose the report.

    Parameters
    ----------
    run
        The record.
    svgs
        The figures by name, each as the text of an SVG file.
    """
    sizes = ", ".join(format_size(size.hidden) for size in run.sizes)
    pictures = tuple(
        Picture(
            name=name,
            caption=_CAPTIONS[name.partition("-")[0]],
            svg=svg,
            narrow=name.startswith("boundary"),
        )
        for name, svg in svgs.items()
    )
    return Document(
        title=f"Networks trained on {run.data}",
        subtitle=(
            f"{counted(len(run.sizes) * run.config.seeds, 'network')}, hidden {sizes}, "
            f"predicting {run.label} from {counted(len(run.features), 'feature')}."
        ),
        sections=(
            Section(title="What was found", anchor="found", blocks=_found(run)),
            Section(title="Over the seeds", anchor="seeds", blocks=(errors_table(run), *pictures)),
            Section(title="How it was made", anchor="made", blocks=_made(run)),
        ),
        footer=(
            f"Backproof {run.provenance.backproof}, PyTorch "
            f"{run.provenance.packages['torch']}, engine {run.engine}."
        ),
    )


def summary(run: TableRun) -> list[str]:
    """Return in words how the data were used and what came out."""
    lines = [
        f"{run.data}: {run.training_rows} rows to learn from, {run.test_rows} to test with; "
        + (
            "features standardised by the training rows."
            if run.config.standardise
            else "features as they are."
        )
    ]
    if run.constant:
        lines.append(f"Constant, so of no use: {', '.join(run.constant)}.")
    if run.together is not None:
        lines.append(f"All networks together, by their mean probability: {_percent(run.together)}.")
    lines.append(f"Always saying the most frequent class: {_percent(run.majority)}.")
    if run.diverged:
        lines.append(diverged(run))
    return lines


def diverged(run: TableRun) -> str:
    """Return in words which networks diverged, and when."""
    networks = counted(len(run.sizes) * run.config.seeds, "network")
    more = len(run.diverged) - _MOST_NAMED
    return (
        f"{len(run.diverged)} of {networks} diverged: {'; '.join(run.diverged[:_MOST_NAMED])}"
        + (f"; and {more} more" if more > 0 else "")
        + ". A smaller learning rate may help."
    )


def _found(run: TableRun) -> tuple[Block, ...]:
    return tuple(Paragraph(text=line) for line in summary(run))


def _percent(found: Interval) -> str:
    return (
        f"test error {100 * found.estimate:.2f} % "
        f"({100 * found.confidence:g} % CI {100 * found.lower:.2f} to {100 * found.upper:.2f} %)"
    )


def _made(run: TableRun) -> tuple[Block, ...]:
    config = run.config
    used = f"{config.optimizer}, learning rate {config.learning_rate:g}, {config.steps} steps"
    return (
        Paragraph(
            text=(
                f"Training: {used}, activation {config.activation}, {config.dtype}, seed "
                f"{config.seed}. The test rows were set aside before training, of each class its "
                "share; no network and no scaling has seen them."
            )
        ),
        Details(
            summary="What the intervals mean",
            blocks=(
                Paragraph(
                    text=(
                        "The interval of a size covers the mean true error of its networks, "
                        "over rows drawn like the test rows: the share of the networks that are "
                        "wrong about a row is a loss between 0 and 1, and the interval is the "
                        "betting one, which holds for every number of rows. That of all networks "
                        "together is Clopper and Pearson's, exact for the number of errors. "
                        "Each interval holds alone; for all at once, ask for more confidence."
                    )
                ),
            ),
        ),
    )
