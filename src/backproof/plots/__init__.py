"""Figures of the jobs' results: each function takes records and returns a matplotlib figure."""

from matplotlib.figure import Figure

from backproof.plots.boundary import boundary
from backproof.plots.graph import graph
from backproof.plots.losses import LossCurve, losses
from backproof.plots.sampling import SamplingPanel, sampling
from backproof.plots.seeds import SeedErrors, seed_errors
from backproof.plots.style import FORMATS, save, svg
from backproof.plots.sweep import PublishedDifference, sweep

__all__ = [
    "FORMATS",
    "Figure",
    "LossCurve",
    "PublishedDifference",
    "SamplingPanel",
    "SeedErrors",
    "boundary",
    "graph",
    "losses",
    "sampling",
    "save",
    "seed_errors",
    "svg",
    "sweep",
]
