"""What kind of mistake a wrong gradient looks like."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod

import numpy as np
from numpy.typing import NDArray

from backproof._core.numbers import counted
from backproof.gradcheck.localise import Entry

Array = NDArray[np.float64]
Places = NDArray[np.intp]

_UNNAMED = "missing term, or a wrong one: numeric − claimed follows no simple pattern"
_FEWEST = 3
"""Entries behind a pattern; chance makes two agree."""


@dataclass(frozen=True)
class Wrong:
    """What is known about the gradient of one tensor.

    Legend: e entry that was measured.
    """

    shape: tuple[int, ...]
    entries: Sequence[Entry]
    """Measured entries, wrong and right."""
    flat: Places
    """(e,) Places of the measured entries in the tensor, row by row."""
    claimed_all: Array
    """The claimed derivative of every entry, row by row."""
    point: Array
    """The tensor itself, row by row."""
    listed: bool
    """Whether the wrong entries are all among the measured."""
    sizes: dict[int, str]
    """Sizes that occur in the problem, each with where."""

    @property
    def numeric(self) -> Array:
        """(e,) Numeric derivatives."""
        return np.array([entry.numeric for entry in self.entries])

    @property
    def claimed(self) -> Array:
        """(e,) Claimed derivatives."""
        return np.array([entry.claimed for entry in self.entries])

    @property
    def tolerance(self) -> Array:
        """(e,) By how much numeric values may be off."""
        sigma = np.array([entry.sigma for entry in self.entries])
        return 20 * sigma + 1e-6 * np.abs(self.numeric)

    @property
    def is_wrong(self) -> NDArray[np.bool_]:
        """(e,) Which are wrong."""
        return np.array([entry.wrong for entry in self.entries])

    def only(self, chosen: NDArray[np.bool_]) -> "Wrong":
        """Return the same with fewer of the measured entries."""
        return Wrong(
            shape=self.shape,
            entries=[entry for entry, one in zip(self.entries, chosen, strict=True) if one],
            flat=self.flat[chosen],
            claimed_all=self.claimed_all,
            point=self.point,
            listed=self.listed,
            sizes=self.sizes,
        )


def diagnose(wrong: Wrong) -> str:
    """Return the mistake in words: its usual name, then what was seen."""
    if not wrong.is_wrong.any():
        return ""
    if not wrong.claimed_all.any():
        return "detached: the claimed gradient is zero everywhere"
    # Where entries are right by chance (zero, or on a diagonal) the pattern has to hold as well.
    whole = _factor(wrong) or _permuted(wrong) or _oversummed(wrong)
    if whole:
        return whole
    part = wrong.only(wrong.is_wrong)
    place = _place(wrong)
    return _joined(place, _factor(part) or _term(part, sparse=bool(place)))


def _joined(place: str, what: str) -> str:
    return f"{place}; there {what}" if place and what else place or what


def _factor(wrong: Wrong) -> str:
    numeric, claimed = wrong.numeric, wrong.claimed
    visible = np.abs(numeric) > wrong.tolerance
    if not visible.any() or (visible.sum() < _FEWEST and len(numeric) > visible.sum()):
        return ""
    if not np.abs(claimed[visible]).any():
        return "detached: the claimed gradient is zero" if visible.sum() >= _FEWEST else ""
    factor = float((claimed * numeric)[visible].sum() / (numeric[visible] ** 2).sum())
    if factor == 0 or abs(factor - 1) < 1e-9:
        return ""
    error = np.abs(claimed - factor * numeric)
    if not (error <= abs(factor) * wrong.tolerance + 1e-6 * np.abs(claimed)).all():
        return ""
    return _factor_name(factor, wrong.sizes)


def _factor_name(factor: float, sizes: dict[int, str]) -> str:
    if abs(factor + 1) < 1e-5:
        return "sign: claimed = −numeric, constant factor −1"
    for name, value, what in _named_factors(sizes):
        for sign, shown in ((1, ""), (-1, "−")):
            if abs(factor - sign * value) < 1e-5 * value:
                return f"constant factor {shown}{name}: claimed = {shown}{name} × numeric{what}"
    return f"constant factor {factor:.8g}: claimed = {factor:.8g} × numeric"


def _named_factors(sizes: dict[int, str]) -> Iterator[tuple[str, float, str]]:
    yield "2", 2.0, ""
    yield "1/2", 0.5, ""
    for size, where in sizes.items():
        if size > 2:
            yield f"{size}", float(size), f", where N = {size} is {where}"
            yield f"1/{size}", 1 / size, f", where N = {size} is {where}"
    for whole in range(3, 11):
        yield f"{whole}", float(whole), ""
        yield f"1/{whole}", 1 / whole, ""


def _permuted(wrong: Wrong) -> str:
    """Look for the right numbers in the wrong places."""
    if len(wrong.entries) < _FEWEST:
        return ""
    for name, places in _permutations(wrong.shape, wrong.flat):
        found = wrong.claimed_all[places]
        if (np.abs(found - wrong.numeric) <= wrong.tolerance).all() and np.ptp(found) > 0:
            return name
    return ""


def _permutations(shape: tuple[int, ...], flat: Places) -> Iterator[tuple[str, Places]]:
    index = np.unravel_index(flat, shape)
    for a, b in combinations(range(len(shape)), 2):
        swapped = list(range(len(shape)))
        swapped[a], swapped[b] = b, a
        there = np.ravel_multi_index(
            tuple(index[axis] for axis in swapped), tuple(shape[axis] for axis in swapped)
        )
        yield f"transpose: the gradient's axes {a} and {b} are exchanged", there
    for axis, size in enumerate(shape):
        if size < 2:
            continue
        for name, moved in (
            ("reversed", size - 1 - index[axis]),
            ("shifted by one", (index[axis] + 1) % size),
            ("shifted by one", (index[axis] - 1) % size),
        ):
            there = np.ravel_multi_index((*index[:axis], moved, *index[axis + 1 :]), shape)
            yield f"{name}: the gradient is {name} along axis {axis}", there


def _oversummed(wrong: Wrong) -> str:
    """Look for an axis along which all claimed entries are the same sum."""
    claimed = wrong.claimed_all.reshape(wrong.shape)
    for axis, size in enumerate(wrong.shape):
        if size < 2 or np.ptp(claimed, axis=axis).any():
            continue
        if np.ptp(wrong.numeric) > 100 * wrong.tolerance.max():
            return (
                f"broadcast: all claimed entries along axis {axis} are equal, as if summed or "
                "averaged over it"
            )
    return ""


def _place(wrong: Wrong) -> str:
    """Say where the wrong entries are, if they are not everywhere."""
    index = np.stack(np.unravel_index(wrong.flat, wrong.shape), axis=-1)
    bad, good = index[wrong.is_wrong], index[~wrong.is_wrong]
    everywhere = prod(wrong.shape)
    if len(bad) == everywhere or (not wrong.listed and len(good) == 0):
        return ""
    for axis, size in enumerate(wrong.shape):
        rows = sorted(set(bad[:, axis].tolist()))
        whole = len(bad) == len(rows) * everywhere // size
        apart = not set(rows) & set(good[:, axis].tolist())
        if (
            len(wrong.shape) > 1
            and len(rows) < size
            and (whole if wrong.listed else apart and len(good) >= _FEWEST)
        ):
            return f"wrong only at some rows: {_listed(rows)} of axis {axis}"
    if wrong.listed:
        return (
            f"wrong only at some entries: {counted(len(bad), 'entry').replace('entrys', 'entries')}"
            f" of {everywhere}"
        )
    return "wrong only at some entries"


def _listed(rows: list[int]) -> str:
    if len(rows) > 2 and rows == list(range(rows[0], rows[-1] + 1)):
        return f"{rows[0]} to {rows[-1]}"
    return ", ".join(map(str, rows[:8])) + (", …" if len(rows) > 8 else "")


def _term(wrong: Wrong, *, sparse: bool) -> str:
    """Say what is missing, where the claimed values are no simple change of the right ones."""
    missing = wrong.numeric - wrong.claimed
    if len(missing) >= _FEWEST:
        for name, base in (
            ("the same for all entries", np.ones_like(missing)),
            ("proportional to the tensor itself", wrong.point[wrong.flat]),
        ):
            scale = float((missing * base).sum() / max(float((base**2).sum()), 1e-300))
            if (np.abs(missing - scale * base) <= wrong.tolerance + 1e-6 * np.abs(missing)).all():
                return f"missing term: numeric − claimed is {name} ({scale:.6g})"
    if sparse:
        return ""
    return _UNNAMED


def is_unnamed(text: str) -> bool:
    """Say whether a diagnosis found no pattern."""
    return not text or text.endswith(_UNNAMED)
