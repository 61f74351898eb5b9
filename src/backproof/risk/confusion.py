"""Confusion matrices: how often each class was taken for each other.

Legend: n example, K labels, G groups; rows are true labels, columns predicted ones.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backproof._core.errors import InputError
from backproof._core.results import ArrayResult
from backproof.risk.counts import Counts, whole_numbers
from backproof.risk.metrics.labels import (
    Label,
    checked_labels,
    coded,
    refuse_other_kind,
    same_length,
)

_MOST_CELLS = 2**26  # half a gigabyte


@dataclass(frozen=True, kw_only=True, eq=False)
class Confusion(ArrayResult):
    """Numbers of examples by true and by predicted label."""

    labels: tuple[Label, ...]
    """The K labels, in the order of rows and columns."""
    counts: NDArray[np.int64]
    """Examples with the true label of the row and the predicted label of the column, (K, K)."""

    def __post_init__(self) -> None:
        size = len(self.labels)
        _hold(self, _checked_counts(self.counts, (size, size)))

    @property
    def examples(self) -> int:
        """Number of examples."""
        return int(self.counts.sum())

    @property
    def errors(self) -> int:
        """Number of examples whose predicted label is not the true one."""
        return self.examples - int(self.counts.trace())

    def __add__(self, other: "Confusion") -> "Confusion":
        """Return the matrix of both sets of examples; `InputError` where the labels differ."""
        if not isinstance(other, Confusion):
            return NotImplemented
        if self.labels != other.labels:
            raise InputError(
                "only matrices of the same labels in the same order can be added, got "
                f"{_listed(self.labels)} and {_listed(other.labels)}: give both the same labels="
            )
        return Confusion(labels=self.labels, counts=self.counts + other.counts)

    def __str__(self) -> str:
        heads = [str(label) for label in self.labels]
        width = max(map(len, [*heads, str(self.counts.max()), "true"]))
        lines = [["true", *heads]] + [
            [head, *map(str, row)] for head, row in zip(heads, self.counts.tolist(), strict=True)
        ]
        return "\n".join("  ".join(cell.rjust(width) for cell in line) for line in lines)


@dataclass(frozen=True, kw_only=True, eq=False)
class Confusions(ArrayResult):
    """A confusion matrix for each of several groups of examples."""

    labels: tuple[Label, ...]
    """The K labels, in the order of rows and columns."""
    groups: tuple[Label, ...]
    """Keys of the G groups, sorted."""
    counts: NDArray[np.int64]
    """For each group, examples by true label (row) and predicted label (column), (G, K, K)."""

    def __post_init__(self) -> None:
        size = len(self.labels)
        _hold(self, _checked_counts(self.counts, (len(self.groups), size, size)))

    def __len__(self) -> int:
        return len(self.groups)

    def __getitem__(self, index: int) -> Confusion:
        """Return the matrix of the group ``groups[index]``."""
        return Confusion(labels=self.labels, counts=self.counts[index])

    @property
    def total(self) -> Confusion:
        """The matrix of all groups together."""
        return Confusion(labels=self.labels, counts=self.counts.sum(axis=0))

    def __str__(self) -> str:
        return f"{len(self)} groups, {int(self.counts.sum())} examples, {len(self.labels)} labels"


def confusion(
    y_true: ArrayLike, y_pred: ArrayLike, *, labels: Iterable[Label] | None = None
) -> Confusion:
    """Count the examples by true and by predicted label.

    Parameters
    ----------
    y_true, y_pred
        Labels, shape (n,): text, whole numbers, finite numbers, or booleans, which are 0 and 1.
    labels
        Every label that may occur, in the order wanted; ``None``: those that do, sorted. Where the
        truth has two labels or more, a prediction must be one of them unless `labels` is given.

    Raises
    ------
    InputError
        If lengths differ or are 0, labels are missing, or a label cannot be what it is.
    """
    names, true, predicted = _codes(y_true, y_pred, labels)
    cells = np.bincount(true * len(names) + predicted, minlength=len(names) ** 2)
    return Confusion(labels=names, counts=cells.reshape(len(names), len(names)))


def confusions_by(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    by: ArrayLike,
    *,
    labels: Iterable[Label] | None = None,
) -> Confusions:
    """Count the examples by true and by predicted label in every group.

    Parameters
    ----------
    y_true, y_pred, labels
        As for `confusion`.
    by
        Key of the group, or of the cluster, of each example, shape (n,).

    Raises
    ------
    InputError
        As for `confusion`; also if keys are missing, or there are too many groups for the memory.
    """
    names, true, predicted = _codes(y_true, y_pred, labels)
    keys = coded("by", by)
    same_length("y_true", len(true), "by", len(keys.codes))
    size, groups = len(names), len(keys.labels)
    refuse_too_many(groups * size * size, f"{groups} groups of {size} labels")
    cells = np.bincount((keys.codes * size + true) * size + predicted, minlength=groups * size**2)
    return Confusions(labels=names, groups=keys.labels, counts=cells.reshape(groups, size, size))


def _codes(
    y_true: ArrayLike, y_pred: ArrayLike, labels: Iterable[Label] | None
) -> tuple[tuple[Label, ...], NDArray[np.intp], NDArray[np.intp]]:
    """Return the labels, and the position among them of every true and predicted label."""
    true, predicted = coded("y_true", y_true), coded("y_pred", y_pred)
    same_length("y_true", len(true.codes), "y_pred", len(predicted.codes))
    refuse_other_kind("y_true", true.labels, "y_pred", predicted.labels)
    if labels is None:
        refuse_unknown_predictions(true.labels, predicted.labels)
        # Of equal labels (True, 1, 1.0) the dictionary keeps the first, the truth's.
        names = tuple(sorted(dict.fromkeys((*true.labels, *predicted.labels))))
    else:
        names = checked_labels(labels)
        refuse_other_kind("labels", names, "y_true", true.labels)
    refuse_too_many(len(names) ** 2, f"{len(names)} different labels")
    return names, true.among("y_true", names), predicted.among("y_pred", names)


def refuse_unknown_predictions(
    true: Sequence[Label], predicted: Sequence[Label], names: tuple[str, str] = ("y_true", "y_pred")
) -> None:
    """Raise `InputError` where the truth has two labels or more, and a prediction is none of them.

    `names` is what the truth and the predictions are called.
    """
    known = set(true)
    unknown = [label for label in predicted if label not in known]
    if len(true) > 1 and unknown:
        raise InputError(
            f"{names[1]} has labels that {names[0]} never has: {_listed(unknown)}, where "
            f"{names[0]} has {_listed(true)}; if they are right give every label as labels=, if "
            f"{names[1]} holds scores make labels of them first"
        )


def refuse_too_many(cells: int, what: str) -> None:
    """Raise `InputError` where matrices would need more cells than fit the memory."""
    if cells > _MOST_CELLS:
        raise InputError(
            f"{what} need {cells} counts, more than {_MOST_CELLS}: expected classes, not measured "
            "numbers; merge some"
        )


def _checked_counts(counts: Any, shape: tuple[int, ...]) -> Counts:
    array = whole_numbers("counts", counts)
    if array.shape != shape or array.size == 0:
        raise InputError(
            f"counts must have shape {shape}, a row and a column for each of at least one label, "
            f"got {array.shape}"
        )
    if array.min() < 0:
        raise InputError(f"counts must be at least 0, got {int(array.min())}")
    return array


def _hold(result: Any, counts: Counts) -> None:
    object.__setattr__(result, "counts", counts)  # lists become an array, once, on a frozen result


def _listed(labels: Sequence[Label]) -> str:
    return ", ".join(map(repr, labels[:5])) + (", …" if len(labels) > 5 else "")
