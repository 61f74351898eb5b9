"""The record of one run: every number that the report shows."""

from dataclasses import dataclass
from typing import Literal

from backproof._core.errors import InputError
from backproof._core.provenance import Provenance
from backproof._core.results import Result
from backproof.datasets import ClassErrors
from backproof.gradcheck import Sweep, TensorCheck, Verdict
from backproof.grading import Grade
from backproof.lab.config import LabConfig
from backproof.risk import Coverage, Gap, Interval, Plan
from backproof.tape import ProgramRun
from backproof.training import Boundary

FORMAT = 4
"""Version of the layout of ``run.json``; one more with every change that old readers trip over."""

Point = tuple[float, float]
Unit = Literal["scientific", "percent", "integer"]


@dataclass(frozen=True, kw_only=True)
class CheckDifferences(Result):
    """The published check for one tensor and step, on the network of every seed."""

    tensor: str
    """Name of the parameter tensor."""
    step: float
    """Step ε."""
    differences: tuple[float, ...]
    """Absolute difference of numeric and backpropagated slope, for each seed."""


@dataclass(frozen=True, kw_only=True)
class SeedVerdict(Result):
    """What `gradcheck.check` found for the network of one seed."""

    verdict: Verdict
    """Whether the backpropagated gradient is right."""
    evaluations: int
    """Evaluations of the network's loss behind the verdict."""
    tensors: tuple[TensorCheck, ...]
    """The verdict on each parameter tensor."""


@dataclass(frozen=True, kw_only=True)
class GradientStage(Result):
    """The gradient check of the untrained network."""

    hidden: int
    """Hidden size of the checked networks."""
    loss: float
    """Mean training loss of the network of the first seed, which sets the scale of rounding."""
    checks: tuple[CheckDifferences, ...]
    """The published check, by step, then tensor."""
    sweeps: tuple[Sweep, ...]
    """The network of the first seed over a ladder of steps: float64, then float32."""
    verdicts: tuple[SeedVerdict, ...] = ()
    """What the check without a stated step found, for each seed; empty in older records."""


@dataclass(frozen=True, kw_only=True)
class NetworkRow(Result):
    """One trained network."""

    hidden: int
    """Hidden size."""
    seed: int
    """Seed of its initial weights."""
    training_set_seed: int
    """Seed of its training set."""
    status: str
    """``completed`` or ``diverged``."""
    initial_loss: float
    """Mean training loss before the first step."""
    final_loss: float
    """Mean training loss after the last step."""
    training_error: float
    """Error rate on its training set."""
    test_errors: int
    """Errors on the test set of the planned size."""
    test_error: float
    """Error rate there."""
    pieces: int
    """Connected pieces of its prediction boundary."""
    turning: float
    """Total turning of the boundary, in degrees."""
    sharpest: float | None
    """Smallest radius of curvature of the boundary."""


@dataclass(frozen=True, kw_only=True)
class BoundaryPicture(Result):
    """One predictor's boundary and its classes of the first seed's training points."""

    hidden: int
    """Hidden size."""
    trained: bool
    """Whether it is the trained network or the one before the first step."""
    boundary: Boundary
    """Zero level of its score."""
    predicted: tuple[int, ...]
    """Its class of each training point."""


@dataclass(frozen=True, kw_only=True)
class LossBand(Result):
    """Training losses of one size over its seeds."""

    hidden: int
    """Hidden size."""
    median: tuple[float, ...]
    """Median, before the first step and after each."""
    lower: tuple[float, ...]
    """10 % quantile."""
    upper: tuple[float, ...]
    """90 % quantile."""


@dataclass(frozen=True, kw_only=True)
class TrainingStage(Result):
    """All networks, and the pictures of the first seed's."""

    engine: str
    """Engine of the training; see `backproof.training.fit`."""
    points: tuple[Point, ...]
    """Training points of the first seed."""
    labels: tuple[int, ...]
    """Their classes."""
    networks: tuple[NetworkRow, ...]
    """Every network, by size, then seed."""
    losses: tuple[LossBand, ...]
    """Losses of each size."""
    pictures: tuple[BoundaryPicture, ...]
    """The largest network before training, then every size after it."""
    bayes: Boundary
    """The Bayes-optimal boundary."""


@dataclass(frozen=True, kw_only=True)
class SizeTestError(Result):
    """The first seed's network of one size on the test set of the planned size."""

    hidden: int
    """Hidden size."""
    hoeffding: Interval
    """Hoeffding interval for its true error."""
    exact: Interval
    """Clopper-Pearson interval for its true error."""
    hoeffding_gap: Gap
    """Generalisation gap with the Hoeffding interval."""
    exact_gap: Gap
    """Generalisation gap with the Clopper-Pearson interval."""
    true_error: ClassErrors
    """Its true error in each class, by quadrature."""


@dataclass(frozen=True, kw_only=True)
class SamplingStage(Result):
    """The test error of the first seed's network of one size over many fresh test sets."""

    hidden: int
    """Hidden size; 0 where the predictor is no network."""
    examples: int
    """Size m of a test set."""
    true_error: float
    """The true error, a rate."""
    simulated: tuple[int, ...]
    """Number of test sets with 0, 1, …, m errors, by classifying every point of them."""
    law: tuple[float, ...]
    """Exact probability of 0, 1, …, m errors."""
    observed: int
    """Errors on the one test set that the bootstrap starts from, the first."""
    bootstrap: tuple[int, ...]
    """Number of its bootstrap replicates with 0, 1, …, m errors."""
    intervals: tuple[Interval, ...]
    """Intervals from that one test set, one a method."""
    coverages: tuple[Coverage, ...]
    """How many of the test sets each method's interval covers the true error in."""
    below: float
    """Share of the test sets whose error lies below the true error."""
    above: float
    """Share of the test sets whose error lies above it."""
    bias: float
    """Mean test error over the test sets minus the true error."""
    bias_error: float
    """Standard error of `bias`."""


@dataclass(frozen=True, kw_only=True)
class TestErrorStage(Result):
    """What the test errors are worth."""

    __test__ = False  # not a test class, whatever pytest thinks of the name

    plans: tuple[Plan, ...]
    """Test set sizes for the accepted deviation by every method, Hoeffding's first."""
    bayes_error: float
    """Error rate of the Bayes-optimal classifier."""
    sizes: tuple[SizeTestError, ...]
    """One for each hidden size."""
    sampling: tuple[SamplingStage, ...]
    """One for each hidden size."""


@dataclass(frozen=True, kw_only=True)
class Comparison(Result):
    """A published number beside ours."""

    quantity: str
    """What it is."""
    unit: Unit
    """How it is shown."""
    published: float
    """The published number."""
    ours: float
    """Ours: the median over the seeds."""
    low: float
    """Smallest of our seeds."""
    high: float
    """Largest of our seeds."""
    percentile: float | None
    """Percentage of our seeds below the published number, ties counted half; ``None`` where the
    number does not depend on a seed."""


@dataclass(frozen=True, kw_only=True)
class Claim(Result):
    """A claim of the published report and what this run says of it."""

    claim: str
    """The claim."""
    held: bool
    """Whether it held in this run."""
    text: str
    """What was found, in plain words."""


@dataclass(frozen=True, kw_only=True)
class LabRun(Result):
    """One run of the lab."""

    format: int
    """Version of this layout."""
    provenance: Provenance
    """Software, machine and times; nothing else differs between two runs with one seed."""
    config: LabConfig
    """What it was run with."""
    tape: tuple[ProgramRun, ...]
    """The two programs."""
    gradient: GradientStage
    """The gradient check."""
    training: TrainingStage
    """The networks."""
    test_error: TestErrorStage
    """What their test errors are worth."""
    comparisons: tuple[Comparison, ...]
    """Published numbers beside ours."""
    claims: tuple[Claim, ...]
    """The published report's claims."""
    grade: Grade | None = None
    """What somebody's own model got that the lab was run on; ``None`` for Backproof's."""

    def __post_init__(self) -> None:
        sizes = self.config.hidden
        members = [size for size in sizes for _ in range(self.config.seeds)]
        consistent = (
            sizes
            and self.config.seeds > 0
            and members == [row.hidden for row in self.training.networks]
            and sizes == tuple(band.hidden for band in self.training.losses)
            and sizes == tuple(size.hidden for size in self.test_error.sizes)
            and sizes == tuple(stage.hidden for stage in self.test_error.sampling)
            and all(_whole(stage) for stage in self.test_error.sampling)
            and len(self.training.points) == len(self.training.labels) > 0
            and all(
                len(picture.predicted) == len(self.training.labels)
                for picture in self.training.pictures
            )
            and self.test_error.plans
            and self.gradient.sweeps
            and all(_even(sweep) for sweep in self.gradient.sweeps)
        )
        if not consistent:
            raise InputError("its parts do not belong together")

    def __str__(self) -> str:
        return "\n".join(
            f"{'held' if claim.held else 'did not hold'}: {claim.claim} {claim.text}"
            for claim in self.claims
        )


def _whole(stage: SamplingStage) -> bool:
    """Whether its histograms have an entry for every number of errors, and count something."""
    histograms = (stage.simulated, stage.law, stage.bootstrap)
    return (
        stage.examples > 0
        and all(len(histogram) == stage.examples + 1 for histogram in histograms)
        and all(sum(histogram) > 0 for histogram in histograms)
        and any(interval.method == "hoeffding" for interval in stage.intervals)
        and len(stage.intervals) == len(stage.coverages)
    )


def _even(sweep: Sweep) -> bool:
    """Whether it has curves, each with a difference for every step."""
    return bool(sweep.steps and sweep.curves) and all(
        len(curve.differences) == len(sweep.steps) for curve in sweep.curves
    )
