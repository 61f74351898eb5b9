"""Is this gradient right? Backpropagated gradients against numeric ones."""

from backproof.gradcheck.check import check
from backproof.gradcheck.directional import Difference, directional
from backproof.gradcheck.order import ErrorLaw, error_law
from backproof.gradcheck.report import GradientError, GradientReport, TensorCheck, WrongEntry
from backproof.gradcheck.sweep import Curve, Sweep, sweep
from backproof.gradcheck.verdict import Verdict

__all__ = [
    "Curve",
    "Difference",
    "ErrorLaw",
    "GradientError",
    "GradientReport",
    "Sweep",
    "TensorCheck",
    "Verdict",
    "WrongEntry",
    "check",
    "directional",
    "error_law",
    "sweep",
]
