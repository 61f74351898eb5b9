"""The panel of the test error: intervals, the sampling distribution, coverage, and the planner."""

import asyncio
from dataclasses import dataclass
from functools import cached_property

from nicegui import ui

from backproof import datasets, plots, risk
from backproof._core import seeds
from backproof._core.numbers import counted
from backproof.app.pictures import show_figure
from backproof.app.settings import choice, number
from backproof.app.tables import show_table
from backproof.lab.certainty import sampling
from backproof.lab.pictures import sampling_panel
from backproof.lab.record import SamplingStage
from backproof.report import Column, Table

_REPLICATES = 10_000


@dataclass(frozen=True, kw_only=True)
class StudySettings:
    """Which test sets are drawn, and what is said of the first."""

    examples: int = number(1000, "Test set size", least=2, most=20_000, even=True)
    confidence: float = number(0.95, "Confidence", least=0.5, most=0.999999)
    method: str = choice("clopper-pearson", "Method", risk.METHODS)
    sets: int = number(1000, "Simulated test sets", least=1, most=20_000)
    draw: int = number(0, "Seed of the draws", least=0, most=2**31)


@dataclass(frozen=True, kw_only=True)
class PlanSettings:
    """What is planned for."""

    margin: float = number(0.01, "Accepted margin", least=1e-4, most=0.5)
    planned: float = number(0.99, "Confidence of the plan", least=0.5, most=0.999999)


@dataclass(frozen=True)
class Study:
    """The Bayes-optimal predictor's error on many test sets of the lab's problem."""

    settings: StudySettings

    @cached_property
    def stage(self) -> SamplingStage:
        """What was drawn, and what follows from it."""
        settings, data = self.settings, datasets.lab_mixture()
        errors = risk.simulate_errors(
            data.sample,
            [data.classify],
            examples=settings.examples,
            sets=settings.sets,
            seed=settings.draw,
            workers=1,
        )
        return sampling(
            data.class_errors(data.classify),
            errors[0],
            examples=settings.examples,
            confidence=settings.confidence,
            replicates=_REPLICATES,
            seed=seeds.derive(settings.draw, "bootstrap"),
        )

    @property
    def statement(self) -> str:
        """What the first test set says by the chosen method, as it can be quoted."""
        methods = list(risk.METHODS)
        chosen = self.stage.intervals[methods.index(self.settings.method)]
        return risk.quote(chosen, self.stage.examples, sampling="drawn class by class")

    def intervals(self) -> plots.Figure:
        """Draw what every method says of the first test set."""
        stage = self.stage
        label = f"{counted(stage.observed, 'error')} among {stage.examples} examples"
        panel = plots.IntervalPanel(
            label=label, intervals=stage.intervals, true_rate=stage.true_error
        )
        return plots.intervals([panel])

    def distribution(self) -> plots.Figure:
        """Draw the test error over all test sets."""
        return plots.sampling([sampling_panel(self.stage, "Bayes-optimal predictor")])

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


async def make_study(settings: StudySettings) -> Study:
    """Return a study whose drawing is done."""
    study = Study(settings)
    await asyncio.to_thread(lambda: study.stage)
    return study


async def make_plans(settings: PlanSettings) -> tuple[risk.Plan, ...]:
    """Return the plans of all methods."""
    return await asyncio.to_thread(risk.plans, settings.margin, settings.planned)


def plan_table(plans: tuple[risk.Plan, ...]) -> Table:
    """Return how many test examples each method asks for."""
    first = plans[0]
    return Table(
        name="plan",
        caption=(
            f"Test examples for a margin of {first.margin:g} at confidence {first.confidence:g}."
        ),
        columns=(
            Column(header="method"),
            Column(header="examples", style="integer"),
            Column(header="guarantee"),
            Column(header="what holds then"),
        ),
        rows=tuple((plan.method, plan.examples, plan.guarantee, plan.promise) for plan in plans),
    )


async def show_study(study: Study) -> None:
    """Show a study."""
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
    show_table(study.coverages())


async def show_plan(plans: tuple[risk.Plan, ...]) -> None:
    """Show how many test examples each method asks for."""
    show_table(plan_table(plans))
