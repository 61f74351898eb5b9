"""Is this gradient right? Backpropagated gradients against numeric ones."""

from backproof.gradcheck.case import Case, as_case
from backproof.gradcheck.check import check
from backproof.gradcheck.directional import Difference, directional
from backproof.gradcheck.jvp import AdjointCheck, JvpReport, check_jvp
from backproof.gradcheck.order import ErrorLaw, error_law
from backproof.gradcheck.report import GradientError, GradientReport, TensorCheck, WrongEntry
from backproof.gradcheck.sweep import Curve, Sweep, sweep
from backproof.gradcheck.taylor import Remainders, Taylor, TaylorVerdict, taylor
from backproof.gradcheck.verdict import Verdict

__all__ = [
    "AdjointCheck",
    "Case",
    "Curve",
    "Difference",
    "ErrorLaw",
    "GradientError",
    "GradientReport",
    "JvpReport",
    "Remainders",
    "Sweep",
    "Taylor",
    "TaylorVerdict",
    "TensorCheck",
    "Verdict",
    "WrongEntry",
    "as_case",
    "check",
    "check_jvp",
    "directional",
    "error_law",
    "sweep",
    "taylor",
]
