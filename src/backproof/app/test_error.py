"""The panel of the test error: intervals, the sampling distribution, the bootstrap, coverage."""

import asyncio
from dataclasses import dataclass

import numpy as np
from nicegui import ui
from numpy.typing import NDArray

from backproof import datasets, plots, risk
from backproof._core import seeds
from backproof._core.errors import InputError
from backproof._core.numbers import counted
from backproof.app.gradient import Network, Source
from backproof.app.pictures import show_figure
from backproof.app.settings import choice, number
from backproof.app.tables import show_table
from backproof.app.train.settings import LAB
from backproof.lab.certainty import sampling
from backproof.lab.pictures import sampling_panel
from backproof.lab.record import SamplingStage
from backproof.report import Column, Table

BAYES = "Bayes-optimal"
"""The best predictor that there can be."""
NETWORK = "network in training"
"""That of the panel of training, as it stands."""
_REPLICATES = 10_000


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Which test sets are drawn, and what is said of the first."""

    predictor: str = choice(BAYES, "Predictor", (BAYES, NETWORK))
    examples: int = number(1000, "Test set size", least=2, most=20_000, even=True)
    confidence: float = number(0.95, "Confidence", least=0.5, most=0.999999)
    method: str = choice("clopper-pearson", "Method", risk.METHODS)
    sets: int = number(1000, "Simulated test sets", least=1, most=20_000)
    draw: int = number(0, "Seed of the draws", least=0, most=2**31)


@dataclass(frozen=True, kw_only=True)
class Study:
    """A predictor's error on many test sets of the lab's problem."""

    settings: Settings
    predictor: str
    """Which predictor, in words."""
    errors: NDArray[np.int64]
    """Its errors in each test set, shape (sets,)."""
    stage: SamplingStage
    """What follows from them, and from the first alone."""

    @property
    def statement(self) -> str:
        """What the first test set says by the chosen method, as it can be quoted."""
        chosen = next(one for one in self.stage.intervals if one.method == self.settings.method)
        return risk.quote(chosen, self.stage.examples, sampling="drawn class by class")

    def distribution(self) -> plots.Figure:
        """Draw the test error over all test sets."""
        return plots.sampling([sampling_panel(self.stage, self.predictor, self.settings.method)])

    def intervals(self) -> plots.Figure:
        """Draw what every method says of the first test set."""
        stage = self.stage
        label = f"{counted(stage.observed, 'error')} among {stage.examples} examples"
        panel = plots.IntervalPanel(
            label=label, intervals=stage.intervals, true_rate=stage.true_error
        )
        return plots.intervals([panel])

    def growth(self) -> plots.Figure:
        """Draw how often the chosen method covered, from the first test set to the last."""
        settings, stage = self.settings, self.stage
        covered = risk.covered_sets(
            settings.method,
            self.errors,
            settings.examples,
            settings.confidence,
            error=stage.true_error,
        )
        of = next(one for one in stage.coverages if one.method == settings.method)
        return plots.coverage_growth(of, covered)

    def coverages(self) -> Table:
        """Return how often each method covered the true error."""
        stage = self.stage
        return Table(
            name="coverage",
            caption=(
                f"How many of {counted(self.settings.sets, 'test set')} have an interval at "
                f"confidence {self.settings.confidence:g} that covers the true error, and the "
                "exact probability of it."
            ),
            columns=(
                Column(header="method"),
                Column(header="from (%)", style="percent", digits=2),
                Column(header="to (%)", style="percent", digits=2),
                Column(header="guarantee"),
                Column(header="covered", style="integer"),
                Column(header="share (%)", style="percent", digits=2),
                Column(header="exact (%)", style="percent", digits=2),
            ),
            rows=tuple(
                (
                    interval.method,
                    interval.lower,
                    interval.upper,
                    interval.guarantee,
                    found.covered,
                    found.observed,
                    found.exact,
                )
                for interval, found in zip(stage.intervals, stage.coverages, strict=True)
            ),
        )


@dataclass(frozen=True)
class _Draws:
    """The errors of a predictor in drawn test sets, and what they were drawn for."""

    drawn_for: tuple[Network | None, int, int, int]
    truth: datasets.ClassErrors
    errors: NDArray[np.int64]


class Studies:
    """Makes studies; the test sets are drawn again only where they would be others."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._draws: _Draws | None = None

    async def make(self, settings: Settings) -> Study:
        """Draw test sets and say what follows."""
        network = await self._network() if settings.predictor == NETWORK else None
        return await asyncio.to_thread(self._study, settings, network)

    async def _network(self) -> Network:
        network = await self._source()
        if network.points.data != LAB:
            raise InputError(
                f"the true error of a network is known on the data {LAB!r} alone, not on "
                f"{network.points.data!r}: choose it on the panel Train"
            )
        if network.fit.status == "diverged":
            raise InputError("the network diverged: choose a smaller learning rate, and reset")
        return network

    def _study(self, settings: Settings, network: Network | None) -> Study:
        data = datasets.lab_mixture()
        classify = data.classify if network is None else network.classify
        drawn_for = (network, settings.examples, settings.sets, settings.draw)
        draws = self._draws
        if draws is None or draws.drawn_for != drawn_for:
            errors = risk.simulate_errors(
                data.sample,
                [classify],
                examples=settings.examples,
                sets=settings.sets,
                seed=settings.draw,
                workers=1,
            )
            self._draws = draws = _Draws(drawn_for, data.class_errors(classify), errors[0])
        return Study(
            settings=settings,
            predictor="Bayes-optimal predictor" if network is None else network.name,
            errors=draws.errors,
            stage=sampling(
                draws.truth,
                draws.errors,
                examples=settings.examples,
                confidence=settings.confidence,
                replicates=_REPLICATES,
                seed=seeds.derive(settings.draw, "bootstrap"),
            ),
        )


async def show_study(study: Study) -> None:
    """Show a study."""
    ui.label(f"{study.predictor}. Its first test set says:").classes("text-sm")
    ui.label(study.statement).classes("text-base font-medium")
    await show_figure(
        study.distribution,
        "sampling-distribution",
        "Histogram of the test error over the simulated test sets, the exact law, the bootstrap of "
        "the first test set, and its interval",
    )
    await show_figure(
        study.intervals, "intervals", "The intervals of all methods, and the true error"
    )
    await show_figure(
        study.growth,
        "coverage",
        "Share of test sets whose interval covers the true error, as they are drawn",
    )
    show_table(study.coverages())
