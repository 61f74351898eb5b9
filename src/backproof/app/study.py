"""What one test set says, and many: intervals, the sampling distribution, coverage; no widgets."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backproof import datasets, plots, risk
from backproof._core import seeds
from backproof._core.errors import InputError
from backproof._core.numbers import counted
from backproof.app.network import Network
from backproof.app.settings import choice, number
from backproof.lab.certainty import sampling
from backproof.lab.pictures import sampling_panel
from backproof.lab.record import SamplingStage
from backproof.report import Column, Table

BAYES = "Bayes-optimal"
"""The best predictor that there can be."""
NETWORK = "network in training"
"""That of the panel of training, as it stands."""
_REPLICATES = 10_000
_MOST_DRAWN = 20_000_000  # some seconds for the largest network


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
                f"Intervals at confidence {self.settings.confidence:g}: the first test set's, from "
                f"and to; how many of {counted(self.settings.sets, 'test set')} have one that "
                "covers the true error, and the exact probability of it."
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
class Draws:
    """The errors of a predictor in drawn test sets, and what they were drawn for."""

    drawn_for: tuple[int, int, int]
    truth: datasets.ClassErrors
    errors: NDArray[np.int64]


def make_study(
    settings: Settings, network: Network | None, draws: Draws | None
) -> tuple[Study, Draws]:
    """Say what test sets say of a network, or of the best predictor where there is none.

    Test sets that were drawn for the same predictor are not drawn again where they would be the
    same.
    """
    drawn_for = (settings.examples, settings.sets, settings.draw)
    if draws is None or draws.drawn_for != drawn_for:
        draws = _drawn(settings, network, drawn_for)
    study = Study(
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
    return study, draws


def _drawn(settings: Settings, network: Network | None, drawn_for: tuple[int, int, int]) -> Draws:
    data = datasets.lab_mixture()
    classify = data.classify if network is None else network.classify
    errors = risk.simulate_errors(
        data.sample,
        [classify],
        examples=settings.examples,
        sets=settings.sets,
        seed=settings.draw,
        workers=1,
    )
    return Draws(drawn_for, data.class_errors(classify), errors[0])


def check_size(settings: Settings) -> None:
    """Raise `InputError` where there is more to draw than a page is quick enough for."""
    drawn = settings.sets * settings.examples
    if drawn > _MOST_DRAWN:
        raise InputError(
            f"all test sets together must have at most {_MOST_DRAWN} examples, got {drawn}: "
            "fewer of them, or smaller ones"
        )
