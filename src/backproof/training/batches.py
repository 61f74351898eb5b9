"""Which points a step learns from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backproof._core import seeds


class Batches:
    """Minibatches: each epoch a new random order of the points, cut into pieces.

    The order follows from the seed of a network and the number of the epoch, so any step can be
    taken up again without those before it.

    Parameters
    ----------
    points
        Number of points.
    size
        Points in a batch; ``None``: all. The last batch of an epoch may be smaller.
    """

    def __init__(self, points: int, size: int | None) -> None:
        self.points = points
        self.size = points if size is None else min(size, points)
        self.full = self.size == points
        self.per_epoch = -(-points // self.size)
        self._orders: dict[int, NDArray[np.int64]] = {}
        self._epoch = -1

    def indices(self, step: int, members: Sequence[int]) -> NDArray[np.int64]:
        """Return the indices of a step, counted from 0, for networks of these seeds: (b, m)."""
        epoch, number = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._orders, self._epoch = {}, epoch
        start = number * self.size
        return np.stack([self._order(seed)[start : start + self.size] for seed in members])

    def ends_epoch(self, steps: int) -> bool:
        """Whether an epoch ends after so many steps."""
        return steps % self.per_epoch == 0

    def _order(self, seed: int) -> NDArray[np.int64]:
        if seed not in self._orders:
            rng = seeds.generator(seed, "training.batches", self._epoch)
            self._orders[seed] = rng.permutation(self.points)
        return self._orders[seed]
