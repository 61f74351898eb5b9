"""Is this gradient right? Backpropagated gradients against numeric ones."""

from backproof.gradcheck.directional import Difference, directional
from backproof.gradcheck.order import ErrorLaw, error_law
from backproof.gradcheck.sweep import Curve, Sweep, sweep

__all__ = ["Curve", "Difference", "ErrorLaw", "Sweep", "directional", "error_law", "sweep"]
