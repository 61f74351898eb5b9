"""The whole experiment: the tape, the gradient, the training, the test error; and its report."""

from backproof.lab.config import LabConfig
from backproof.lab.document import document
from backproof.lab.experiment import run
from backproof.lab.output import check_output, load, write
from backproof.lab.own import OwnModel
from backproof.lab.record import FORMAT, Claim, Comparison, LabRun
from backproof.lab.tables import comparison_table, points_table

__all__ = [
    "FORMAT",
    "Claim",
    "Comparison",
    "LabConfig",
    "LabRun",
    "OwnModel",
    "check_output",
    "comparison_table",
    "document",
    "load",
    "points_table",
    "run",
    "write",
]
