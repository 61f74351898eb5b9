"""Every network, and how smooth its boundary is."""

from itertools import groupby

import numpy as np

from backproof._core.numbers import Value, counted
from backproof.lab.record import LabRun
from backproof.report import Column, Table
from backproof.training import Boundary


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
            f"Smoothness of the boundaries inside {_window(bayes)}, over "
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


def _window(line: Boundary) -> str:
    sides = (f"[{low:g}, {high:g}]" for low, high in line.window)
    return " × ".join(sides).replace("-", "−")
