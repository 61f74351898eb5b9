"""Figures of the jobs' results: each function takes records and returns a matplotlib figure."""

from matplotlib.figure import Figure

from backproof.plots.boundary import boundaries, boundary
from backproof.plots.comparison import comparison, ranking
from backproof.plots.coverage import coverage_growth, coverages
from backproof.plots.graph import graph
from backproof.plots.intervals import IntervalPanel, intervals
from backproof.plots.losses import LossCurve, losses
from backproof.plots.plans import plans
from backproof.plots.sampling import SamplingPanel, sampling
from backproof.plots.seeds import SeedErrors, seed_errors
from backproof.plots.style import FORMATS, rendered, save, save_all, svg
from backproof.plots.sweep import PublishedDifference, sweep
from backproof.plots.weights import weights

__all__ = [
    "FORMATS",
    "Figure",
    "IntervalPanel",
    "LossCurve",
    "PublishedDifference",
    "SamplingPanel",
    "SeedErrors",
    "boundaries",
    "boundary",
    "comparison",
    "coverage_growth",
    "coverages",
    "graph",
    "intervals",
    "losses",
    "plans",
    "ranking",
    "rendered",
    "sampling",
    "save",
    "save_all",
    "seed_errors",
    "svg",
    "sweep",
    "weights",
]
