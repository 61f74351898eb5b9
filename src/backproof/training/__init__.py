"""Small feed-forward networks: the models, their training, their prediction boundaries."""

from backproof.training.activations import ACTIVATIONS
from backproof.training.boundary import Boundary, boundary
from backproof.training.fit import fit
from backproof.training.fits import Fit, Fits, SizeErrors
from backproof.training.losses import mean_logistic_loss, mean_softmax_loss
from backproof.training.model import FFModel
from backproof.training.network import Network
from backproof.training.optimizers import Adam, GradientDescent, Momentum
from backproof.training.settings import recording_on_cpu, single_threaded
from backproof.training.spec import NetworkSpec

__all__ = [
    "ACTIVATIONS",
    "Adam",
    "Boundary",
    "FFModel",
    "Fit",
    "Fits",
    "GradientDescent",
    "Momentum",
    "Network",
    "NetworkSpec",
    "SizeErrors",
    "boundary",
    "fit",
    "mean_logistic_loss",
    "mean_softmax_loss",
    "recording_on_cpu",
    "single_threaded",
]
