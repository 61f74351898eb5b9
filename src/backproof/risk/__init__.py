"""What a test error is worth: intervals, sample sizes, and the law of the test error.

Everything works from counts, so no cost grows with the size of a test set; nothing here imports
PyTorch.
"""

from backproof.risk.bootstrap import Bootstrap, BootstrapInterval, bootstrap
from backproof.risk.bound import Decision, ErrorBound, bound_error
from backproof.risk.certificate import Certificate, Statement
from backproof.risk.certify import certify
from backproof.risk.compare import compare
from backproof.risk.compare_counts import compare_counts, compare_rates
from backproof.risk.comparison import Comparison
from backproof.risk.confusion import Confusion, Confusions, confusion, confusions_by
from backproof.risk.coverage import WorstCoverage, coverage, worst_coverage
from backproof.risk.coverages import (
    CoverageCurve,
    MethodCoverage,
    coverage_curve,
    coverages,
)
from backproof.risk.generalisation import Gap, compression_bound, gap, pac_bayes
from backproof.risk.interval import METHODS, Interval, Intervals, interval
from backproof.risk.law import SamplingLaw, sampling_law
from backproof.risk.losses import LossSummary, summarise
from backproof.risk.mean import MeanInterval, mean_interval
from backproof.risk.mean_coverage import MeanCoverage, mean_coverage
from backproof.risk.mean_methods import MEAN_METHODS
from backproof.risk.methods.method import Guarantee, Side
from backproof.risk.metrics.measure import measure
from backproof.risk.metrics.measurement import Measurement
from backproof.risk.metrics.scores import SCORE_METRICS, measure_scores
from backproof.risk.metrics.table import METRICS
from backproof.risk.monitor import Monitor
from backproof.risk.observed import Coverage, covered_sets, observed_coverage
from backproof.risk.plan import Plan, plan, plan_curves, plan_margin, plans
from backproof.risk.planning.methods import PLANS
from backproof.risk.rank import rank
from backproof.risk.ranking import RankedModel, RankedPair, Ranking
from backproof.risk.simulate import simulate_errors
from backproof.risk.tables.certify_counts import certify_counts
from backproof.risk.tables.certify_table import certify_table
from backproof.risk.tables.count import count_table
from backproof.risk.tables.counts import Counts
from backproof.risk.tables.sources import Source, SourceFile
from backproof.risk.wording import quote

__all__ = [
    "MEAN_METHODS",
    "METHODS",
    "METRICS",
    "PLANS",
    "SCORE_METRICS",
    "Bootstrap",
    "BootstrapInterval",
    "Certificate",
    "Comparison",
    "Confusion",
    "Confusions",
    "Counts",
    "Coverage",
    "CoverageCurve",
    "Decision",
    "ErrorBound",
    "Gap",
    "Guarantee",
    "Interval",
    "Intervals",
    "LossSummary",
    "MeanCoverage",
    "MeanInterval",
    "Measurement",
    "MethodCoverage",
    "Monitor",
    "Plan",
    "RankedModel",
    "RankedPair",
    "Ranking",
    "SamplingLaw",
    "Side",
    "Source",
    "SourceFile",
    "Statement",
    "WorstCoverage",
    "bootstrap",
    "bound_error",
    "certify",
    "certify_counts",
    "certify_table",
    "compare",
    "compare_counts",
    "compare_rates",
    "compression_bound",
    "confusion",
    "confusions_by",
    "count_table",
    "coverage",
    "coverage_curve",
    "coverages",
    "covered_sets",
    "gap",
    "interval",
    "mean_coverage",
    "mean_interval",
    "measure",
    "measure_scores",
    "observed_coverage",
    "pac_bayes",
    "plan",
    "plan_curves",
    "plan_margin",
    "plans",
    "quote",
    "rank",
    "sampling_law",
    "simulate_errors",
    "summarise",
    "worst_coverage",
]
