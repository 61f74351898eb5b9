"""Two classes in the plane, each a mixture of Gaussians, with everything about them known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backproof._core import seeds
from backproof._core.checks import positive, whole_number
from backproof._core.errors import InputError
from backproof._core.results import Result
from backproof.datasets.quadrature import wrong_mass

_MOST_COMPONENTS = 1 << 15  # their numbers, of both classes, are drawn as 16 bits

Classifier = Callable[[NDArray[np.float64]], Any]
"""Takes points of shape (n, 2), float64; returns n labels, -1 or +1, as anything array-like."""


@dataclass(frozen=True, kw_only=True)
class ClassErrors(Result):
    """The error rates of a classifier within each class of a known distribution."""

    negative: float
    """P(label is not -1 | class -1)."""
    positive: float
    """P(label is not +1 | class +1)."""
    error_estimate: float
    """Bound estimated by the quadrature on the error of either rate; at most 1e-5."""

    @property
    def mean(self) -> float:
        """The error rate where both classes are equally likely."""
        return (self.negative + self.positive) / 2

    def __str__(self) -> str:
        return (
            f"class -1: {self.negative:.4%}, class +1: {self.positive:.4%} "
            f"(± {self.error_estimate:.0e})"
        )


@dataclass(frozen=True, kw_only=True)
class TwoClassMixture:
    """Two equally likely classes, each an equal mixture of isotropic Gaussians in the plane.

    Attributes
    ----------
    negative_means, positive_means
        The components' means of class -1 and of class +1; as many for the one as for the other.
    variance
        Variance of every component along every axis.
    """

    negative_means: tuple[tuple[float, float], ...]
    positive_means: tuple[tuple[float, float], ...]
    variance: float

    def __post_init__(self) -> None:
        components = len(self.negative_means)
        if not 0 < components == len(self.positive_means) < _MOST_COMPONENTS:
            raise InputError(
                "expected as many means of class +1 as of class -1, and at least one, got "
                f"{len(self.positive_means)} and {components}"
            )
        positive("variance", self.variance)

    def sample(
        self, n: SupportsIndex, seed: SupportsIndex
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Draw `n` labelled points, exactly n/2 of each class.

        The classes alternate and the points are otherwise independent, so that every slice of even
        length is itself a sample with as many points of the one class as of the other.

        Parameters
        ----------
        n
            Number of points, even and positive.
        seed
            Whole number of at least 0; the same seed draws the same points.

        Returns
        -------
        x
            The points, shape (n, 2), float64.
        t
            Their classes, shape (n,): -1, +1, -1, +1, …

        Raises
        ------
        InputError
            If `n` is odd or not positive, or `seed` is negative.
        """
        size = whole_number("the sample size n", n, at_least=1)
        if size % 2:
            raise InputError(
                f"the sample size n must be even, since each class gets n/2 points; got {size}: "
                f"ask for {f'{size - 1} or ' if size > 1 else ''}{size + 1}"
            )
        rng = seeds.generator(seed, "datasets.TwoClassMixture.sample")
        means = np.array(self.negative_means + self.positive_means)
        components = len(self.negative_means)
        # One row a pair of points: the first of class -1, the second of class +1.
        which = rng.integers(0, components, size=(size // 2, 2), dtype=np.uint16)
        which[:, 1] += components
        x = rng.standard_normal((size, 2))
        x *= np.sqrt(self.variance)
        x += np.take(means, which.reshape(-1), axis=0)
        return x, np.tile(np.array([-1, 1]), size // 2)

    def score(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the log-odds of class +1 against class -1: the Bayes-optimal score.

        Parameters
        ----------
        x
            Points, shape (n, 2).

        Returns
        -------
        numpy.ndarray
            Shape (n,); positive where class +1 is the likelier one.
        """
        points = np.asarray(x, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2:
            raise InputError(f"x must have shape (n, 2), got {points.shape}")
        # The prior, the number of components and the normalising constant cancel.
        return self._log_density(points, self.positive_means) - self._log_density(
            points, self.negative_means
        )

    def classify(self, x: ArrayLike) -> NDArray[np.int64]:
        """Return the likelier class of each point, -1 or +1: no classifier errs less often."""
        return np.where(self.score(x) >= 0, 1, -1)

    def class_errors(self, classify: Classifier) -> ClassErrors:
        """Return the exact error rate of a classifier within each class, by quadrature.

        Parameters
        ----------
        classify
            Takes float64 points of shape (n, 2), returns n labels, -1 or +1. It must always give
            the same label to the same point. A region that is narrower than a fiftieth of a
            component's standard deviation in every direction may be missed; it holds 2e-5 of a
            class at most.

        Raises
        ------
        InputError
            If `classify` returns other labels or another shape.
        ConvergenceError
            If the error estimate cannot be brought to 1e-5.
        """
        (negative, positive), estimate = wrong_mass(
            classify,
            means=(np.array(self.negative_means), np.array(self.positive_means)),
            scale=float(np.sqrt(self.variance)),
        )
        return ClassErrors(negative=negative, positive=positive, error_estimate=estimate)

    def true_error(self, classify: Classifier) -> float:
        """Return the exact error rate of a classifier; see `class_errors`."""
        return self.class_errors(classify).mean

    def bayes_error(self) -> float:
        """Return the error rate of the best classifier that there can be."""
        return self.true_error(self.classify)

    def _log_density(
        self, x: NDArray[np.float64], means: tuple[tuple[float, float], ...]
    ) -> NDArray[np.float64]:
        # k component, n sample; the largest term is taken out, so that far away none underflows.
        logs = np.stack([((x - mean) ** 2).sum(axis=1) for mean in np.array(means)])
        logs /= -2 * self.variance
        largest = logs.max(axis=0)
        density: NDArray[np.float64] = largest + np.log(np.exp(logs - largest).sum(axis=0))
        return density


def lab_mixture() -> TwoClassMixture:
    """Return the lab's problem: three components a class, covariance I/20, Bayes error 1.68 %."""
    return TwoClassMixture(
        negative_means=((-1.0, -1.0), (-1.0, 0.0), (0.0, 0.0)),
        positive_means=((0.0, 1.0), (0.0, -1.0), (1.0, 0.0)),
        variance=1 / 20,
    )
