"""Predictions of two models in two tables, paired by the keys of the examples."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof._core.errors import InputError
from backproof._core.numbers import counted
from backproof.risk.compare import compare
from backproof.risk.compare_counts import compare_counts
from backproof.risk.comparison import Comparison
from backproof.risk.statements import CLUSTERS_COUNT_ONCE
from backproof.risk.tables.columns import Columns
from backproof.risk.tables.counts import union
from backproof.risk.tables.expression import MOST_CELLS
from backproof.risk.tables.scan import Scan
from backproof.risk.tables.values import MISSING, positions

Fetched = dict[str, list[Any]]
_Codes = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Examples that two models saw, by which of them is wrong; C cells."""

    clusters: _Codes | None
    """Position of the cluster, shape (C,); ``None`` where examples are independent."""
    wrong: NDArray[np.bool_]
    """Whether a, and b, is wrong, shape (2, C)."""
    examples: _Codes
    """Number of examples, shape (C,)."""

    def comparison(self, confidence: float, seed: int) -> Comparison:
        """Return the comparison of both models, the errors of a minus those of b."""
        m = int(self.examples.sum())
        if self.clusters is None:
            a, b = self.wrong
            only_a, only_b = (int(self.examples[one].sum()) for one in (a & ~b, b & ~a))
            found = compare_counts(only_a, only_b, m, confidence=confidence)
            errors = [int(self.examples[one].sum()) / m for one in (a, b)]
            return replace(found, error_a=errors[0], error_b=errors[1])
        _, place = np.unique(self.clusters, return_inverse=True)
        sizes = np.bincount(place, weights=self.examples)
        a, b = (np.bincount(place, weights=self.examples * one) / sizes for one in self.wrong)
        # A cluster is one draw, and its errors a mean loss; flags of errors would be examples.
        found = compare(a, b, clusters=np.arange(len(sizes)), confidence=confidence, seed=seed)
        assumed = f"{CLUSTERS_COUNT_ONCE}; seen by both models"
        return replace(found, examples=m, examples_b=m, assumptions=assumed)


def pairs_of(fetched: Fetched, columns: Columns, scans: list[Scan], *, drop_missing: bool) -> Pairs:
    """Return the pairs that a fetched result stands for.

    Parameters
    ----------
    fetched
        What the query gave.
    columns
        The columns that it was about.
    scans
        The predictions and the baseline.
    drop_missing
        Whether examples with a missing value in either are left out.

    Raises
    ------
    InputError
        If keys are missing, not unique or not the same in both; if true labels differ; or if a
        value is missing.
    """
    keys = np.array(fetched["keys"], dtype=np.int64)
    if len(keys) > MOST_CELLS:
        raise InputError(
            f"the two tables differ in more than {MOST_CELLS} combinations of labels: expected "
            "classes, not measured numbers"
        )
    _check_keys(fetched, keys, str(columns.key))
    true, predicted, clusters = _codes(fetched, columns, scans)
    known = np.logical_and.reduce([one != MISSING for one in (*true, *predicted)])
    if clusters is not None:
        known &= clusters != MISSING
    missing = int(keys[~known].sum())
    if missing and not drop_missing:
        raise InputError(
            f"{counted(missing, 'example')} of {keys.sum()} have a missing value in one of the "
            "tables: fill them in, or leave them out with drop_missing=True (--drop-missing)"
        )
    if not known.any():
        raise InputError("no example is complete in both tables: expected at least one")
    true, predicted, keys = (one[..., known] for one in (true, predicted, keys))
    differing = int(keys[true[0] != true[1]].sum())
    if differing:
        raise InputError(
            f"the true labels of {counted(differing, 'example')} with the same key differ in the "
            "two tables: a comparison needs the same examples with the same labels"
        )
    return Pairs(
        clusters=None if clusters is None else clusters[known],
        wrong=predicted != true,
        examples=keys,
    )


def _check_keys(fetched: Fetched, keys: _Codes, name: str) -> None:
    in_a, in_b, unkeyed = (np.array(fetched[part]) for part in ("in_a", "in_b", "unkeyed"))
    if unkeyed.any():
        raise InputError(
            f"the key {name!r} is missing in some rows: every row needs one, to be paired"
        )
    for where, times in (("the table", in_a), ("the baseline", in_b)):
        if (times > 1).any():
            raise InputError(
                f"{keys[times > 1].sum()} keys in {name!r} occur in several rows of {where}: name "
                "a column that tells the examples apart"
            )
    alone = [int(keys[times == 0].sum()) for times in (in_b, in_a)]
    if any(alone):
        raise InputError(
            f"the tables hold different examples: {alone[0]} keys in {name!r} are in the table "
            f"alone and {alone[1]} in the baseline alone; compare the same examples, or only those "
            "in both"
        )


def _codes(
    fetched: Fetched, columns: Columns, scans: list[Scan]
) -> tuple[_Codes, _Codes, _Codes | None]:
    """Return the true labels and the predicted ones, shape (2, C) each, and the clusters."""
    names = {part: str(getattr(columns, part)) for part in ("label", "prediction")}
    found = [
        positions(
            {
                f"{names[part]} of the {table}": fetched[f"{side}_{part}"]
                for part in ("label", "prediction")
            },
            scan.wording,
            are_labels=True,
        )
        for side, table, scan in zip("ab", ("table", "baseline"), scans, strict=True)
    ]
    every = union("labels", found[0].labels, found[1].labels)
    place = {label: at for at, label in enumerate(every)}
    moved = []
    for values in found:
        move = np.array([*(place[label] for label in values.labels), MISSING], dtype=np.int64)
        moved.append([move[codes] for codes in values.codes])  # MISSING is the last place
    clusters = None
    if columns.cluster is not None:
        given = {columns.cluster: fetched["a_cluster"]}
        clusters = positions(given, scans[0].wording, are_labels=False).codes[0]
    both = np.array(moved)
    return both[:, 0], both[:, 1], clusters
