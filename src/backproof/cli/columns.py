"""Files of one value a line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof._core.errors import InputError


def read_column(path: Path) -> NDArray[Any]:
    """Return the values of a file: one a line, or a NumPy array in a ``.npy`` file.

    Whole numbers where every line is one, else numbers, else text.

    Raises
    ------
    InputError
        If there is no such file, or it cannot be read as that.
    """
    try:
        if path.suffix.lower() == ".npy":
            return np.asarray(np.load(path, allow_pickle=False))
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise InputError(
            f"{path} holds no column of values ({error}): expected UTF-8 text with one value a "
            "line, or a .npy file"
        ) from None
    values = [line.strip() for line in lines]
    while values and not values[-1]:
        values.pop()
    _check_lines(path, values)
    for kind in (int, float):
        if all(_reads_as(kind, value) for value in values):
            return np.array([kind(value) for value in values])
    return np.array(values)


def _check_lines(path: Path, values: list[str]) -> None:
    if not values:
        raise InputError(f"{path} is empty: expected one value a line")
    if "" in values:
        raise InputError(
            f"{path} has an empty line, number {values.index('') + 1}: expected one value a line"
        )


def _reads_as(kind: Callable[[str], Any], value: str) -> bool:
    try:
        kind(value)
    except ValueError:
        return False
    return "_" not in value  # 1_000 is a number to Python alone
