"""A scikit-learn classifier: one network, or the mean of several."""

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from backproof._core.checks import one_of, open_unit, whole_number
from backproof._core.errors import InputError
from backproof.training.arrays import as_numpy
from backproof.training.fit import DTYPES, fit
from backproof.training.fits import Fits
from backproof.training.optimizers import Optimizer
from backproof.training.spec import ActivationLike, Hidden

Array = NDArray[np.float64]

# Seeds are below this: float64 holds them exactly, and two members hardly ever get the same.
_SEEDS = 1 << 48


class FFClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Feed-forward classifier for scikit-learn: a network, or an ensemble of them.

    All members are trained in one call of `backproof.training.fit`. They differ in their initial
    weights (and in their minibatches and held-out points); the mean of their probabilities
    decides. Two classes are learned with the logistic loss, more with the softmax loss.

    The defaults suit standardised features; put a `sklearn.preprocessing.StandardScaler` before
    it in a pipeline.

    Parameters
    ----------
    hidden
        Size of the hidden layer, or sizes of several, each at least 1.
    activation
        Activation of the hidden layers: ``tanh``, ``sigmoid``, ``relu``, ``softplus``, or a
        function of a tensor.
    n_ensemble
        Number of networks, at least 1.
    steps
        Number of gradient steps, at least 0.
    learning_rate
        Step length; above 0.
    optimizer
        ``gd``, ``momentum`` or ``adam``, or one of `GradientDescent`, `Momentum` and `Adam`.
    batch_size
        Points a step learns from, at least 1; each epoch takes all points in a new order. ``None``:
        all points in each step.
    weight_decay
        Factor of at least 0 of the parameters that is added to their gradient.
    validation
        Share of the training points, strictly between 0 and 1, that each network holds out, of
        each class alike, and does not learn from.
    patience
        Epochs, at least 1, without a smaller validation loss after which a network stops and
        keeps its best weights. ``None``: never, and the last weights are kept.
    dtype
        ``float64`` or ``float32``: the dtype of the networks. Probabilities are float64.
    engine
        ``auto``, ``autograd``, ``batched`` or ``fused``.
    device
        Name of the PyTorch device that is trained on; predictions are made on the CPU.
    random_state
        Where the seeds of the networks come from: a whole number, with which every fit to the same
        data gives the same networks, and a larger ensemble begins with the members of a smaller
        one; a `numpy.random.RandomState`; or ``None``, NumPy's global one.

    Attributes
    ----------
    classes_ : numpy.ndarray
        The K different labels, sorted, shape (K,).
    n_features_in_ : int
        Number of features.
    feature_names_in_ : numpy.ndarray
        Names of the features, where `X` had names.
    fits_ : Fits
        The networks, also those that diverged; their classes are -1 and +1 where K is 2, else
        0, …, K-1, in the order of `classes_`.
    loss_curve_ : numpy.ndarray
        Mean training loss before the first step and after each step, over the members that did
        not diverge and were still learning; shape (steps + 1,), shorter where all stopped early.

    See Also
    --------
    backproof.training.fit : What the parameters mean in full.
    """

    classes_: NDArray[Any]
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]
    fits_: Fits
    loss_curve_: Array

    def __init__(
        self,
        *,
        hidden: Hidden = (100,),
        activation: ActivationLike = "tanh",
        n_ensemble: int = 1,
        steps: int = 300,
        learning_rate: float = 0.01,
        optimizer: str | Optimizer = "adam",
        batch_size: int | None = None,
        weight_decay: float = 0.0,
        validation: float | None = None,
        patience: int | None = None,
        dtype: str = "float64",
        engine: str = "auto",
        device: str = "cpu",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.n_ensemble = n_ensemble
        self.steps = steps
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.validation = validation
        self.patience = patience
        self.dtype = dtype
        self.engine = engine
        self.device = device
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train the networks.

        Parameters
        ----------
        X
            Points, shape (n, d), finite.
        y
            Labels, shape (n,), of at least two classes: numbers, text or booleans.

        Returns
        -------
        FFClassifier
            Itself.

        Raises
        ------
        ValueError
            If `X` or `y` cannot be used; an `InputError` if `y` holds one class, a parameter is
            out of range, or all networks diverged.

        Warns
        -----
        ConvergenceWarning
            If some of the networks diverged; they are left out of the ensemble.
        """
        one_of("dtype", self.dtype, DTYPES)
        points, labels = validate_data(self, X, y, dtype=np.dtype(self.dtype))
        check_classification_targets(labels)
        classes, codes = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise InputError(
                f"y must hold at least two classes, got one class, {classes[0]}: give points of "
                "another class too"
            )
        fits = self._trained(points, codes, len(classes))
        _warn_of_diverged(fits)
        self.classes_ = classes
        self.fits_ = fits
        self.loss_curve_ = _mean_losses(fits.usable)
        return self

    def decision_function(self, X: ArrayLike) -> Array:
        """Return how strongly the ensemble is for each class.

        Parameters
        ----------
        X
            Points, shape (n, d), finite.

        Returns
        -------
        numpy.ndarray
            For two classes the log odds of the second one, shape (n,): log(p₁/p₀) of the mean
            probabilities, which for one network is its score. For K classes log p, shape (n, K).

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If `X` is not finite, or has another number of features than were learned from.
        """
        likelihoods = self._log_probabilities(X)
        if len(self.classes_) == 2:
            return np.asarray(likelihoods[:, 1] - likelihoods[:, 0])
        return likelihoods

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the mean probability of each class.

        Parameters
        ----------
        X
            Points, shape (n, d), finite.

        Returns
        -------
        numpy.ndarray
            Shape (n, K), the classes in the order of `classes_`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If `X` is not finite, or has another number of features than were learned from.
        """
        return np.asarray(np.exp(self._log_probabilities(X)))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each point; of equal ones the first.

        Parameters
        ----------
        X
            Points, shape (n, d), finite.

        Returns
        -------
        numpy.ndarray
            Labels, shape (n,).

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If `X` is not finite, or has another number of features than were learned from.
        """
        chosen = self._log_probabilities(X).argmax(axis=1)
        return np.asarray(self.classes_[chosen])

    def _trained(self, points: NDArray[np.floating], codes: NDArray[np.intp], classes: int) -> Fits:
        """Train the networks on the classes 0, …, K-1."""
        members = whole_number("n_ensemble", self.n_ensemble, at_least=1)
        # No points of their own, as `fit` takes: no pipeline would transform these like X.
        share = None if self.validation is None else open_unit("validation", self.validation)
        random = check_random_state(self.random_state)
        return fit(
            [self.hidden],
            random.randint(_SEEDS, size=members, dtype=np.int64).tolist(),
            points,
            2 * codes - 1 if classes == 2 else codes,
            steps=self.steps,
            learning_rate=self.learning_rate,
            activation=self.activation,
            loss="logistic" if classes == 2 else "softmax",
            optimizer=self.optimizer,
            batch_size=self.batch_size,
            weight_decay=self.weight_decay,
            validation=share,
            patience=self.patience,
            dtype=self.dtype,
            engine=self.engine,
            device=self.device,
        )

    def _log_probabilities(self, X: ArrayLike) -> Array:
        """Return the logarithm of the mean probability of each class, shape (n, K)."""
        check_is_fitted(self)
        dtype = as_numpy(self.fits_[0].layers[0]).dtype
        points = validate_data(self, X, reset=False, dtype=dtype)
        return self.fits_.log_probabilities(points)


def _warn_of_diverged(fits: Fits) -> None:
    """Warn of networks that diverged; raise `InputError` where no other is left."""
    diverged = fits.diverged
    share = f"{len(diverged)} of {len(fits)} networks diverged"
    remedy = "standardise the features, or use a smaller learning_rate"
    if len(diverged) == len(fits):
        raise InputError(f"{share}, the first of them {diverged[0]}; {remedy}")
    if diverged:
        named = "; ".join(map(str, diverged))
        warnings.warn(
            f"{share} and are left out: {named}; {remedy}", ConvergenceWarning, stacklevel=3
        )


def _mean_losses(members: Fits) -> Array:
    """Return the mean loss at each step, over the members that were still learning."""
    losses = np.full((len(members), max(len(one.losses) for one in members)), np.nan)
    for row, one in zip(losses, members, strict=True):
        row[: len(one.losses)] = one.losses
    return np.asarray(np.nanmean(losses, axis=0))
