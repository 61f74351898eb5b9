"""What kind of mistake a wrong gradient looks like."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod

import numpy as np
from numpy.typing import NDArray

from backproof.gradcheck.localise import Localisation

Array = NDArray[np.float64]
Places = NDArray[np.intp]
Flags = NDArray[np.bool_]

_UNNAMED = "missing term, or a wrong one: numeric − claimed follows no simple pattern"
PARTS = ("real", "imaginary")
FEWEST = 3
"""Entries behind a pattern; chance makes two agree."""
_AGREE = 1e-6
"""Relative deviation up to which numbers follow a pattern: mistakes are not smaller than that."""


@dataclass(frozen=True)
class Wrong:
    """What is known about the gradient of one tensor.

    Legend: e entry that is known.
    """

    shape: tuple[int, ...]
    flat: Places
    """(e,) Places of the known entries in the tensor, row by row."""
    numeric: Array
    """(e,) Numeric derivatives; the claimed one where an entry is known to be right."""
    sigma: Array
    """(e,) Their standard errors."""
    is_wrong: Flags
    """(e,) Which are wrong."""
    claimed_all: Array
    """The claimed derivative of every entry, row by row."""
    point: Array
    """The tensor itself, row by row."""
    sizes: dict[int, str]
    """Sizes that occur in the problem, each with where."""
    rows: tuple[int, list[int]] | None
    """Where not every entry is known: an axis and indices along it that were found wrong alone."""
    parts: int
    """2 for a complex tensor, whose parts are the last axis; else 1."""

    @classmethod
    def of(
        cls,
        found: Localisation,
        start: int,
        shape: tuple[int, ...],
        claimed_all: Array,
        point: Array,
        sizes: dict[int, str],
        parts: int,
        rows: tuple[int, list[int]] | None = None,
    ) -> "Wrong":
        """Gather what a localisation found; where that is complete, the other entries are right."""
        flat = np.array([entry.coordinate - start for entry in found.entries], dtype=np.intp)
        numeric = np.array([entry.numeric for entry in found.entries])
        sigma = np.array([entry.sigma for entry in found.entries])
        is_wrong = np.array([entry.wrong for entry in found.entries], dtype=bool)
        if found.complete:
            everywhere = np.arange(len(claimed_all))
            numeric = _scattered(claimed_all.copy(), flat, numeric)
            sigma = _scattered(np.zeros(len(claimed_all)), flat, sigma)
            is_wrong = _scattered(np.zeros(len(claimed_all), dtype=bool), flat, is_wrong)
            flat = everywhere
        return cls(shape, flat, numeric, sigma, is_wrong, claimed_all, point, sizes, rows, parts)

    @property
    def claimed(self) -> Array:
        """(e,) Claimed derivatives."""
        return self.claimed_all[self.flat]

    @property
    def tolerance(self) -> Array:
        """(e,) By how much numeric values may deviate from a pattern."""
        return 20 * self.sigma + _AGREE * np.abs(self.numeric)

    @property
    def all_known(self) -> bool:
        """Whether every entry is known."""
        return len(self.flat) == len(self.claimed_all)

    def only(self, chosen: Flags) -> "Wrong":
        """Return the same with fewer of the known entries."""
        return Wrong(
            self.shape,
            self.flat[chosen],
            self.numeric[chosen],
            self.sigma[chosen],
            self.is_wrong[chosen],
            self.claimed_all,
            self.point,
            self.sizes,
            self.rows,
            self.parts,
        )


def diagnose(wrong: Wrong) -> str:
    """Return the mistake in words: its usual name, then what was seen."""
    if not wrong.is_wrong.any():
        return ""
    if not wrong.claimed_all.any():
        return "detached: the claimed gradient is zero everywhere"
    whole = _factor(wrong) or _permuted(wrong) or _oversummed(wrong)
    if whole:
        return whole
    part = wrong.only(wrong.is_wrong)
    place = _place(wrong)
    what = _factor(part) or _term(part, named_place=bool(place))
    return f"{place}; there {what}" if place and what else place or what


def is_unnamed(text: str) -> bool:
    """Say whether a diagnosis found no pattern."""
    return not text or text.endswith(_UNNAMED)


def _scattered(values: NDArray, flat: Places, entries: NDArray) -> NDArray:  # type: ignore[type-arg]
    values[flat] = entries
    return values


def _factor(wrong: Wrong) -> str:
    numeric, claimed = wrong.numeric, wrong.claimed
    visible = np.abs(numeric) > wrong.tolerance
    if not visible.any() or visible.sum() < min(FEWEST, len(numeric)):
        return ""
    if not claimed[visible].any():
        elsewhere = (np.abs(claimed) > wrong.tolerance)[~visible].any()
        if elsewhere:
            return "misplaced: the claimed gradient is at other entries than the numeric one"
        return "detached: the claimed gradient is zero" if visible.sum() >= FEWEST else ""
    factor = float((claimed * numeric)[visible].sum() / (numeric[visible] ** 2).sum())
    if factor == 0 or abs(factor - 1) < 1e-9:
        return ""
    error = np.abs(claimed - factor * numeric)
    if not (error <= abs(factor) * wrong.tolerance + _AGREE * np.abs(claimed)).all():
        return ""
    return _factor_name(factor, wrong.sizes)


def _factor_name(factor: float, sizes: dict[int, str]) -> str:
    if abs(factor + 1) < 1e-5:
        return "sign: claimed = −numeric, constant factor −1"
    for name, value, what in _named_factors(sizes):
        for sign, shown in ((1, ""), (-1, "−")):
            if abs(factor - sign * value) < 1e-5 * value:
                return f"constant factor {shown}{name}: claimed = {shown}{name} × numeric{what}"
    return f"constant factor {factor:.7g}: claimed = {factor:.7g} × numeric"


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
    if len(wrong.flat) < FEWEST:
        return ""
    for name, places in _permutations(wrong.shape, wrong.flat, wrong.parts):
        found = wrong.claimed_all[places]
        if (np.abs(found - wrong.numeric) <= wrong.tolerance).all() and np.ptp(found) > 0:
            return name
    return ""


def _permutations(shape: tuple[int, ...], flat: Places, parts: int) -> Iterator[tuple[str, Places]]:
    index = np.unravel_index(flat, shape)
    axes = len(shape) - (parts == 2)
    for a, b in combinations(range(axes), 2):
        swapped = list(range(len(shape)))
        swapped[a], swapped[b] = b, a
        there = np.ravel_multi_index(
            tuple(index[axis] for axis in swapped), tuple(shape[axis] for axis in swapped)
        )
        yield f"transpose: the gradient's axes {a} and {b} are exchanged", there
    for axis, size in enumerate(shape[:axes]):
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
    for axis, size in enumerate(wrong.shape[: len(wrong.shape) - (wrong.parts == 2)]):
        if size < 2 or np.ptp(claimed, axis=axis).any():
            continue
        if np.ptp(wrong.numeric) > 100 * wrong.tolerance.max():
            return (
                f"broadcast: all claimed entries along axis {axis} are equal, as if summed or "
                "averaged over it"
            )
    return ""


def rows_apart(wrong: Wrong) -> Iterator[tuple[int, list[int]]]:
    """Yield axes along which no index has both wrong and right entries, with the wrong ones."""
    index = np.stack(np.unravel_index(wrong.flat, wrong.shape), axis=-1)
    bad, good = index[wrong.is_wrong], index[~wrong.is_wrong]
    if len(wrong.shape) == 1 or len(good) < FEWEST:
        return
    for axis, size in enumerate(wrong.shape):
        rows = sorted(set(bad[:, axis].tolist()))
        if len(rows) < size and not set(rows) & set(good[:, axis].tolist()):
            yield axis, rows


def _place(wrong: Wrong) -> str:
    """Say where the wrong entries are, if they are not everywhere."""
    if wrong.is_wrong.all():
        return ""
    apart = next(rows_apart(wrong), None) if wrong.all_known else wrong.rows
    if apart is not None:
        axis, rows = apart
        if wrong.parts == 2 and axis == len(wrong.shape) - 1:
            return f"wrong only in the {PARTS[rows[0]]} part"
        some = "" if wrong.all_known or len(rows) == 1 else " and maybe others"
        return f"wrong only at some rows: index {_listed(rows)}{some} of axis {axis}"
    if wrong.all_known:
        return f"wrong only at some entries: {wrong.is_wrong.sum()} of {prod(wrong.shape)}"
    return "wrong only at some entries"


def _listed(rows: Sequence[int]) -> str:
    if len(rows) > 2 and list(rows) == list(range(rows[0], rows[-1] + 1)):
        return f"{rows[0]} to {rows[-1]}"
    return ", ".join(map(str, rows[:8])) + (", …" if len(rows) > 8 else "")


def _term(wrong: Wrong, *, named_place: bool) -> str:
    """Say what is missing, where the claimed values are no simple change of the right ones."""
    missing = wrong.numeric - wrong.claimed
    if len(missing) >= FEWEST:
        for name, base in (
            ("the same for all entries", np.ones_like(missing)),
            ("proportional to the tensor itself", wrong.point[wrong.flat]),
        ):
            scale = float((missing * base).sum() / max(float((base**2).sum()), 1e-300))
            allowed = wrong.tolerance + _AGREE * np.abs(missing)
            if (np.abs(missing - scale * base) <= allowed).all():
                return f"missing term: numeric − claimed is {name} ({scale:.6g})"
    return "" if named_place else _UNNAMED
