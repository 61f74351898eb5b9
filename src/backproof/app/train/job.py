"""What runs in the process of its own that each open page trains in."""

import pickle
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from backproof import training
from backproof._core.errors import BackproofError, InputError
from backproof.app.train.points import points_of
from backproof.app.train.settings import Settings

Line = tuple[tuple[float, float], ...]

FITS = None
"""The request for all networks."""
_RESOLUTION = 71
_LONGEST = 0.2
"""Seconds of training without an answer: whoever waits for it cannot pause or begin anew."""
_MOST_LOSSES = 150
"""Points of a loss curve that are sent to the page."""


@dataclass(frozen=True, kw_only=True)
class SizeFrame:
    """The networks of one size at one step; what is of one network is of the first that goes on."""

    hidden: int
    median: tuple[Line, ...]
    """The median boundary over the networks."""
    region: tuple[Line, ...]
    """Where the networks disagree, 10 % to 90 %."""
    wrong: NDArray[np.int64]
    """Training points on the wrong side."""
    train_errors: int
    test_errors: int | None
    losses: tuple[tuple[int, float], ...]
    """Training loss by step."""
    test_losses: tuple[tuple[int, float], ...]
    """Test loss by step, where there are test points."""
    layers: tuple[NDArray[np.float64], ...]
    """Weights, the biases as the last row."""
    diverged: int
    """How many networks of this size diverged."""
    networks: int


@dataclass(frozen=True, kw_only=True)
class Frame:
    """All networks at one step."""

    step: int
    done: bool
    sizes: tuple[SizeFrame, ...]


class Job:
    """Networks in training, and what is to be seen of them."""

    def __init__(self, settings: Settings) -> None:
        points = points_of(settings)
        self._points = points
        self._tests: dict[tuple[int, int], list[tuple[int, float]]] = {}
        self._trainer = training.Trainer(
            dict.fromkeys(settings.hidden),
            range(settings.weights, settings.weights + settings.networks),
            points.x,
            points.t,
            steps=settings.steps,
            learning_rate=settings.rate,
            activation=settings.activation,
        )

    def advance(self, steps: int) -> Frame:
        """Take so many steps, or fewer where they are slow, and return what is then to be seen."""
        end = monotonic() + _LONGEST
        for _ in range(steps):
            self._trainer.advance()
            if self._trainer.done or monotonic() > end:
                break
        return self.frame()

    def fits(self) -> training.Fits:
        """Return all networks."""
        return self._trainer.fits()

    def frame(self) -> Frame:
        """Return what is to be seen."""
        fits = self._trainer.fits()
        return Frame(
            step=self._trainer.step,
            done=self._trainer.done,
            sizes=tuple(self._size(fits.of_size(hidden)) for hidden in fits.sizes),
        )

    def _size(self, fits: training.Fits) -> SizeFrame:
        usable, points, (hidden,) = fits.usable, self._points, fits[0].spec.hidden
        band = band_of(usable, points.window, _RESOLUTION)
        shown = shown_of(fits)
        right = np.asarray(shown.classify(points.x)) == points.t
        return SizeFrame(
            hidden=hidden,
            median=() if band is None else band.boundaries[1].lines,
            region=() if band is None else band.region,
            wrong=np.flatnonzero(~right),
            train_errors=int((~right).sum()),
            test_errors=self._test_errors(shown),
            losses=_thinned(list(enumerate(shown.losses.tolist()))),
            test_losses=self._test_losses(hidden, shown),
            layers=tuple(layer.numpy() for layer in shown.layers),
            diverged=len(fits) - len(usable),
            networks=len(fits),
        )

    def _test_errors(self, fit: training.Fit) -> int | None:
        points = self._points
        if points.test_x is None or points.test_t is None:
            return None
        return int((np.asarray(fit.classify(points.test_x)) != points.test_t).sum())

    def _test_losses(self, hidden: int, fit: training.Fit) -> tuple[tuple[int, float], ...]:
        points, known = self._points, self._tests.setdefault((hidden, fit.spec.seed), [])
        if points.test_x is None or points.test_t is None:
            return ()
        scores, labels = fit.model.infer(points.test_x), torch.as_tensor(points.test_t)
        loss = float(training.mean_logistic_loss(scores, labels))
        if np.isfinite(loss) and (not known or known[-1][0] < fit.steps):
            known.append((fit.steps, loss))
        return _thinned(known)


def band_of(fits: training.Fits, window: float, resolution: int) -> training.BoundaryBand | None:
    """Return the boundaries of networks; ``None`` where no scores of any are finite."""
    try:
        return training.boundary_band(fits, window=window, resolution=resolution)
    except InputError:
        return None


def shown_of(fits: training.Fits) -> training.Fit:
    """Return the one of several networks of a size that is looked at closely."""
    return fits.usable[0] if fits.usable else fits[0]


def _thinned(curve: list[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """Return the curve with few enough points, the last one among them."""
    step = -(-len(curve) // _MOST_LOSSES) or 1
    return tuple(curve[:-1][::step]) + tuple(curve[-1:])


def work(connection: Connection) -> None:
    """Answer the requests of one page until it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server tells when it is time to end
    torch.set_num_threads(1)
    job: Job | None = None
    while True:
        try:
            request = connection.recv()
        except (EOFError, OSError):
            return
        try:
            if isinstance(request, Settings):
                job = Job(request)
                answer: Any = job.frame()
            elif job is None:
                answer = "there is no training to go on with: reset starts one"
            else:
                answer = job.fits() if request is FITS else job.advance(request)
        except BackproofError as error:
            answer = str(error)
        except Exception as error:
            answer = f"unexpected {type(error).__name__}: {error}"
        try:
            # Not `send`, which would share the memory of tensors, a file descriptor for each.
            connection.send_bytes(pickle.dumps(answer))
        except OSError:
            return
