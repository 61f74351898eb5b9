"""A data set: points, their labels, and what both are called."""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backproof._core.numbers import counted
from backproof._core.results import ShownAsText

Labels = NDArray[np.int64] | NDArray[np.str_]

_MOST_CLASSES = 10  # that are counted one by one on a line


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset(ShownAsText):
    """Points to learn from, n of them with d features each."""

    name: str
    """What the data set is called."""
    x: NDArray[np.float64]
    """The points, shape (n, d); every number is finite."""
    t: Labels | None
    """The label of each point as it came, shape (n,), int64 or text; ``None`` without labels."""
    features: tuple[str, ...]
    """Name of each of the d features."""
    classes: tuple[int, ...] | tuple[str, ...]
    """The different labels, sorted; empty without labels."""
    bayes_score: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None
    """Where the law of the data is known, the log odds of the second class to the first at points
    of shape (n, d): its sign is the Bayes-optimal classifier."""

    def __str__(self) -> str:
        rows, features = counted(len(self.x), "row"), counted(len(self.features), "feature")
        return f"{self.name}: {rows}, {features}, {self._classes()}"

    def _classes(self) -> str:
        if self.t is None:
            return "no labels"
        counts = np.unique(self.t, return_counts=True)[1].tolist()
        number = f"{len(counts)} class{'' if len(counts) == 1 else 'es'}"
        if len(counts) > _MOST_CLASSES:
            return f"{number} of {min(counts)} to {counted(max(counts), 'row')}"
        # A class that is called by a number would run into its count.
        mark = "" if isinstance(self.classes[0], str) else ":"
        each = zip(self.classes, counts, strict=True)
        return f"{number} ({', '.join(f'{label}{mark} {count}' for label, count in each)})"


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return the remedy ``; did you mean 'label'?`` for a misspelt name, or nothing."""
    names = {name.casefold(): name for name in known}
    nearest = difflib.get_close_matches(word.casefold(), names, n=1)
    return f"; did you mean {names[nearest[0]]!r}?" if nearest else ""
