"""Data sets: a problem whose distribution is known, the usual ones, and a user's own tables."""

from backproof.datasets.dataset import Dataset
from backproof.datasets.mixture import ClassErrors, TwoClassMixture, lab_mixture
from backproof.datasets.named import NAMED, named
from backproof.datasets.tables import column_names, read_table

__all__ = [
    "NAMED",
    "ClassErrors",
    "Dataset",
    "TwoClassMixture",
    "column_names",
    "lab_mixture",
    "named",
    "read_table",
]
