"""What a test error is worth: intervals, sample sizes, and the law of the test error.

Everything works from counts, so no cost grows with the size of a test set; nothing here imports
PyTorch.
"""

from backproof.risk.bootstrap import Bootstrap, bootstrap
from backproof.risk.coverage import (
    Coverage,
    WorstCoverage,
    coverage,
    observed_coverage,
    worst_coverage,
)
from backproof.risk.gap import Gap, gap
from backproof.risk.interval import METHODS, Interval, Intervals, interval
from backproof.risk.law import SamplingLaw, sampling_law
from backproof.risk.plan import Plan, plan
from backproof.risk.simulate import simulate_errors

__all__ = [
    "METHODS",
    "Bootstrap",
    "Coverage",
    "Gap",
    "Interval",
    "Intervals",
    "Plan",
    "SamplingLaw",
    "WorstCoverage",
    "bootstrap",
    "coverage",
    "gap",
    "interval",
    "observed_coverage",
    "plan",
    "sampling_law",
    "simulate_errors",
    "worst_coverage",
]
