"""The test error of every seed, with the published number beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from backproof.plots import style


@dataclass(frozen=True, kw_only=True)
class SeedErrors:
    """The test errors of one size."""

    label: str
    """Name of the size."""
    errors: Sequence[float]
    """Test error of each seed, a rate."""
    published: float | None
    """Published test error, a rate; ``None`` where there is none."""


@style.styled
def seed_errors(sizes: Sequence[SeedErrors], bayes_error: float | None = None) -> Figure:
    """Draw every seed's test error by size, and where they are known the published one and Bayes'.

    Parameters
    ----------
    sizes
        One for each size.
    bayes_error
        Error rate of the Bayes-optimal classifier.
    """
    figure, axes = style.new_figure(6.0, 3.8)
    ax = axes[0, 0]
    for place, size in enumerate(sizes):
        errors = 100 * np.sort(size.errors)
        # Side by side within a column in the order of their size, so that equal ones are seen.
        spread = np.linspace(-0.22, 0.22, len(errors)) if len(errors) > 1 else np.zeros(1)
        ours = "one seed" if place == 0 else None
        ax.plot(place + spread, errors, "o", ms=4.5, color=style.SEED, alpha=0.8, label=ours)
        middle = "median of the seeds" if place == 0 else None
        ax.hlines(np.median(errors), place - 0.3, place + 0.3, color="black", label=middle)
    places = [place for place, size in enumerate(sizes) if size.published is not None]
    if places:
        published = [100 * (sizes[place].published or 0.0) for place in places]
        ax.plot(
            np.array(places) + 0.38, published, "<", ms=8, color=style.PUBLISHED, label="published"
        )
    if bayes_error is not None:
        ax.axhline(100 * bayes_error, color=style.BAYES, linestyle="--", label="Bayes error")
    ax.set(
        xticks=range(len(sizes)),
        xticklabels=[size.label for size in sizes],
        ylabel="test error (%)",
        title="Test error over seeds",
        xlim=(-0.5, len(sizes) - 0.4),
    )
    ax.set_ylim(bottom=0)
    ax.grid(visible=False, axis="x")
    style.legend_below(figure, [ax], columns=4)
    return figure
