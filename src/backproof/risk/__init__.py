"""What a test error is worth: intervals, sample sizes, and the law of the test error.

Everything works from counts, so no cost grows with the size of a test set; nothing here imports
PyTorch.
"""

from backproof.risk.bootstrap import Bootstrap, bootstrap
from backproof.risk.coverage import (
    CoverageCurve,
    MethodCoverage,
    WorstCoverage,
    coverage,
    coverage_curve,
    coverages,
    worst_coverage,
)
from backproof.risk.generalisation import Gap, compression_bound, gap, pac_bayes
from backproof.risk.interval import METHODS, Interval, Intervals, interval
from backproof.risk.law import SamplingLaw, sampling_law
from backproof.risk.losses import LossSummary, summarise
from backproof.risk.mean import MeanInterval, mean_interval
from backproof.risk.mean_coverage import MeanCoverage, mean_coverage
from backproof.risk.mean_methods import MEAN_METHODS
from backproof.risk.monitor import Monitor
from backproof.risk.observed import Coverage, observed_coverage
from backproof.risk.plan import Plan, plan, plan_curves, plan_margin, plans
from backproof.risk.planning.methods import PLANS
from backproof.risk.simulate import simulate_errors
from backproof.risk.wording import quote

__all__ = [
    "MEAN_METHODS",
    "METHODS",
    "PLANS",
    "Bootstrap",
    "Coverage",
    "CoverageCurve",
    "Gap",
    "Interval",
    "Intervals",
    "LossSummary",
    "MeanCoverage",
    "MeanInterval",
    "MethodCoverage",
    "Monitor",
    "Plan",
    "SamplingLaw",
    "WorstCoverage",
    "bootstrap",
    "compression_bound",
    "coverage",
    "coverage_curve",
    "coverages",
    "gap",
    "interval",
    "mean_coverage",
    "mean_interval",
    "observed_coverage",
    "pac_bayes",
    "plan",
    "plan_curves",
    "plan_margin",
    "plans",
    "quote",
    "sampling_law",
    "simulate_errors",
    "summarise",
    "worst_coverage",
]
