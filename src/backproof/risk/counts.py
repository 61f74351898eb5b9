"""The pair of numbers behind most of this job: errors among examples."""

from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backproof._core.checks import whole_number
from backproof._core.errors import InputError

MOST_EXAMPLES = 2**53
"""The largest number of examples: whole numbers up to it are exact in a float64."""

Counts = NDArray[np.int64]


def checked_counts(errors: SupportsIndex, examples: SupportsIndex) -> tuple[int, int]:
    """Return errors k and examples m as ``int``, with 0 <= k <= m and m >= 1.

    Raises
    ------
    InputError
        If they are not.
    """
    m = checked_examples(examples)
    k = whole_number("errors", errors, at_least=0)
    if k > m:
        raise InputError(f"errors must be at most the number of examples {m}, got {k}")
    return k, m


def checked_examples(examples: SupportsIndex) -> int:
    """Return a number of examples as ``int``, from 1 to 2**53; `InputError` if it is none."""
    m = whole_number("examples", examples, at_least=1)
    if m > MOST_EXAMPLES:
        raise InputError(f"examples must be at most {MOST_EXAMPLES}, got a larger number")
    return m


def checked_count_arrays(
    errors: ArrayLike | SupportsIndex, examples: ArrayLike | SupportsIndex
) -> tuple[Counts, Counts]:
    """Return arrays of errors and of examples in their common shape, each pair as above.

    Raises
    ------
    InputError
        If a pair is not; the message says how many are not, and which is the first.
    """
    if np.ndim(errors) == 0 and np.ndim(examples) == 0:  # type: ignore[arg-type]
        pair = checked_counts(errors, examples)  # type: ignore[arg-type]
        return np.asarray(pair[0]), np.asarray(pair[1])
    k, m = whole_numbers("errors", errors), whole_numbers("examples", examples)
    try:
        k, m = np.broadcast_arrays(k, m)
    except ValueError:
        raise InputError(
            f"errors and examples must have one shape, got {k.shape} and {m.shape}"
        ) from None
    _refuse(m < 1, m, "examples must be at least 1")
    _refuse(m > MOST_EXAMPLES, m, f"examples must be at most {MOST_EXAMPLES}")
    _refuse(k < 0, k, "errors must be at least 0")
    _refuse(k > m, k, "errors must be at most the number of examples")
    return k, m


def whole_numbers(name: str, values: ArrayLike | SupportsIndex) -> Counts:
    """Return `values` as an array of ``int64``; `InputError` unless its type is a whole one."""
    array = np.asarray(values)
    if array.dtype.kind not in "iu" and not (array.dtype.kind == "f" and array.size == 0):
        raise InputError(
            f"{name} must be whole numbers, got an array of {array.dtype}: convert it with "
            "astype(int) if its values are whole"
        )
    return array.astype(np.int64)


def _refuse(wrong: NDArray[np.bool_], values: Counts, condition: str) -> None:
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise InputError(
            f"{condition}, got {int(wrong.sum())} that are not, the first at index {first}: "
            f"{values[first]}"
        )
