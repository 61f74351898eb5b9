"""Small feed-forward networks: the models, their training, their prediction boundaries."""

from typing import TYPE_CHECKING

from backproof.training.activations import ACTIVATIONS
from backproof.training.boundary import Boundary, boundary
from backproof.training.boundary_band import BoundaryBand, boundary_band
from backproof.training.code import python_code
from backproof.training.fit import fit
from backproof.training.fits import Fits, SizeErrors
from backproof.training.loggers import CallbackError, MLflowLogger, TensorBoardLogger
from backproof.training.losses import mean_logistic_loss, mean_softmax_loss
from backproof.training.model import FFModel
from backproof.training.network import Network
from backproof.training.optimizers import Adam, GradientDescent, Momentum
from backproof.training.saving import load_fits, save_fits
from backproof.training.settings import recording_on_cpu, single_threaded
from backproof.training.spec import NetworkSpec
from backproof.training.sweep import WorkerError, sweep
from backproof.training.trained import Fit
from backproof.training.trainer import Trainer

if TYPE_CHECKING:
    from backproof.training.estimator import FFClassifier
else:

    def __getattr__(name: str) -> object:
        # PEP 562: only those who use it wait for scikit-learn to be imported. Out of the sight of
        # type checkers, which would let any name of this module pass.
        if name == "FFClassifier":
            from backproof.training.estimator import FFClassifier

            return FFClassifier
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "ACTIVATIONS",
    "Adam",
    "Boundary",
    "BoundaryBand",
    "CallbackError",
    "FFClassifier",
    "FFModel",
    "Fit",
    "Fits",
    "GradientDescent",
    "MLflowLogger",
    "Momentum",
    "Network",
    "NetworkSpec",
    "SizeErrors",
    "TensorBoardLogger",
    "Trainer",
    "WorkerError",
    "boundary",
    "boundary_band",
    "fit",
    "load_fits",
    "mean_logistic_loss",
    "mean_softmax_loss",
    "python_code",
    "recording_on_cpu",
    "save_fits",
    "single_threaded",
    "sweep",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
