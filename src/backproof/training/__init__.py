"""Small feed-forward networks: the model, its training, its prediction boundary."""

from backproof.training.boundary import Boundary, boundary
from backproof.training.fits import Fit, Fits, NetworkSpec
from backproof.training.loss import mean_logistic_loss
from backproof.training.model import FFModel
from backproof.training.reference import fit
from backproof.training.settings import recording_on_cpu, single_threaded

__all__ = [
    "Boundary",
    "FFModel",
    "Fit",
    "Fits",
    "NetworkSpec",
    "boundary",
    "fit",
    "mean_logistic_loss",
    "recording_on_cpu",
    "single_threaded",
]
