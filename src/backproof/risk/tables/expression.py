"""The one query that every engine runs: rows counted by all that is to be told apart.

Every engine counts the same, to the row and to the bit. So scores are put into bins by comparisons,
products with powers of two and differences of numbers within a factor of two of each other, all of
which are exact. A bin is an octave of the distance to the nearer of 0 and 1 (beyond them of the
number itself), cut into 512 parts of one width, so that probabilities close to 0 or 1 are told
apart as well as others; and of each bin the query keeps the least and the greatest score.
"""

from typing import Any

import narwhals as nw

from backproof._core.errors import InputError
from backproof.risk.tables.columns import NUMBERS, Columns

FILE = "backproof file"
"""Name of the key that says which file a row is from."""

MOST_CELLS = 2**22
"""The largest number of different combinations of keys that is counted."""

_LARGEST = 2.0**20  # scores beyond it share their bins
_HALVINGS = (16, 8, 4, 2, 1)  # of the exponent, from 0 to 31
_PARTS = 2**10  # twice the bins of an octave

Frame = Any  # nw.DataFrame or nw.LazyFrame, whose common methods have no common type


def counted(frame: Frame, columns: Columns, *, by_file: bool = False) -> Frame:
    """Return a table with a row for each combination of keys.

    Parameters
    ----------
    frame
        A Narwhals frame.
    columns
        Which of its columns play which part.
    by_file
        Whether it has a column `FILE`, to be a key too.

    Returns
    -------
    Frame
        Columns ``by``, ``cluster``, ``label`` and ``prediction`` where they are in use, `FILE`
        likewise; with scores ``bin``, ``low`` and ``high``; with losses ``total`` and ``squares``
        about the middle of their range, ``low`` and ``high``; with numbers ``absent``, a bit for
        each of `NUMBERS` that is missing; with weights ``examples``, ``lightest`` and
        ``fraction``; and ``rows``. At most `MOST_CELLS` + 1 rows.

    Raises
    ------
    InputError
        If a column is missing or of a type that cannot play its part.
    """
    named = columns.named()
    check_types(frame, named)
    # Aliases first: a column that is called "rows" must not meet ours.
    frame = frame.select(
        *(nw.col(name).alias(part) for part, name in named.items()),
        *([nw.col(FILE)] if by_file else []),
    )
    keys = [*columns.keys(), *([FILE] if by_file else [])]
    sums: list[Any] = []
    numbers = [part for part in NUMBERS if part in named]
    if numbers:
        frame = _filled(frame, numbers)
        keys.append("absent")
    if "score" in named:
        frame = _binned(frame)
        keys.append("bin")
        sums += [nw.col("score").min().alias("low"), nw.col("score").max().alias("high")]
    if "loss" in named:
        frame, of_losses = _moments(frame, columns, weighted="weight" in named)
        sums += of_losses
    if "weight" in named:
        frame = frame.with_columns(fraction=nw.col("weight") - nw.col("weight").floor())
        sums += [
            nw.col("weight").sum().alias("examples"),
            nw.col("weight").min().alias("lightest"),
            nw.col("fraction").max(),
        ]
    frame, rows = _row_count(frame)
    return frame.group_by(keys).agg(*sums, rows).head(MOST_CELLS + 1)


def _row_count(frame: Frame) -> tuple[Frame, Any]:
    """Return the frame, and the expression of the number of rows in 64 bits."""
    if frame.implementation.is_polars():  # its len() has 32
        return frame.with_columns(rows=nw.lit(1, nw.Int64)), nw.col("rows").sum()
    return frame, nw.len().alias("rows")


def check_types(frame: Frame, named: dict[str, str]) -> None:
    """Refuse columns, from parts to names, that are missing or cannot play their part."""
    schema = frame.collect_schema()
    for part, name in named.items():
        if name not in schema:
            listed = ", ".join(map(repr, list(schema)[:12])) + (", …" if len(schema) > 12 else "")
            raise InputError(
                f"{part} is to be the column {name!r}, which the table has not; it has {listed}"
            )
        kind = schema[name]
        if part in NUMBERS and not (kind.is_numeric() or isinstance(kind, nw.Boolean)):
            raise InputError(
                f"the column {name!r} of the {part} must hold numbers, got the type {kind}: "
                "convert it in the table"
            )
        if kind.is_nested():
            raise InputError(
                f"the column {name!r} must hold single values to be the {part}, got the type {kind}"
            )


def _filled(frame: Frame, numbers: list[str]) -> Frame:
    """Return the frame with numbers as floats, 0 where they are missing, and the key ``absent``."""
    frame = frame.with_columns(*(nw.col(part).cast(nw.Float64) for part in numbers))
    # Two steps: of a missing value some engines do not know whether it is NaN.
    frame = frame.with_columns(
        *(_chosen(nw.col(part).is_null(), 0.0, nw.col(part), part) for part in numbers),
        *(_chosen(nw.col(part).is_null(), 1, nw.lit(0), f"no_{part}") for part in numbers),
    )
    frame = frame.with_columns(
        *(_chosen(nw.col(part).is_nan(), 0.0, nw.col(part), part) for part in numbers),
        *(
            _chosen(nw.col(part).is_nan(), 1, nw.col(f"no_{part}"), f"no_{part}")
            for part in numbers
        ),
    )
    bits = [nw.col(f"no_{part}") * absent_bit(part) for part in numbers]
    return frame.with_columns(absent=nw.sum_horizontal(*bits))


def absent_bit(part: str) -> int:
    """Return the bit of the key ``absent`` that says that this number is missing."""
    return int(2 ** NUMBERS.index(part))


def _chosen(condition: Any, value: float, otherwise: Any, name: str) -> Any:
    return nw.when(condition).then(nw.lit(value)).otherwise(otherwise).alias(name)


def _binned(frame: Frame) -> Frame:
    """Return the frame with the key ``bin``, a number that is not in the order of the scores."""
    score = nw.col("score")
    small, near_zero, near_one = score < 0, score < 0.5, score <= 1
    frame = frame.with_columns(
        far=nw.when(small)
        .then(score * (-1 / _LARGEST))
        .otherwise(
            nw.when(near_zero)
            .then(score)
            .otherwise(nw.when(near_one).then(1 - score).otherwise(score * (1 / _LARGEST)))
        ),
        octave=nw.when(small)
        .then(nw.lit(0))
        .otherwise(
            nw.when(near_zero)
            .then(nw.lit(32))
            .otherwise(nw.when(near_one).then(nw.lit(64)).otherwise(nw.lit(96)))
        ),
    )
    frame = frame.with_columns(_chosen(nw.col("far") > 1, 1.0, nw.col("far"), "far"))
    for halvings in _HALVINGS:
        tiny = nw.col("far") < 2.0**-halvings
        frame = frame.with_columns(
            far=nw.when(tiny).then(nw.col("far") * 2.0**halvings).otherwise(nw.col("far")),
            octave=nw.when(tiny).then(nw.col("octave") + halvings).otherwise(nw.col("octave")),
        )
    part = (nw.col("far") * _PARTS).floor().cast(nw.Int64)
    return frame.with_columns(bin=nw.col("octave").cast(nw.Int64) * (2 * _PARTS) + part)


def _moments(frame: Frame, columns: Columns, *, weighted: bool) -> tuple[Frame, list[Any]]:
    """Return the frame, and the sums of losses about the middle of their range."""
    middle = columns.low + (columns.high - columns.low) / 2
    frame = frame.with_columns(total=nw.col("loss") - middle)
    frame = frame.with_columns(squares=nw.col("total") * nw.col("total"))
    if weighted:
        frame = frame.with_columns(
            total=nw.col("total") * nw.col("weight"), squares=nw.col("squares") * nw.col("weight")
        )
    return frame, [
        nw.col("total").sum(),
        nw.col("squares").sum(),
        nw.col("loss").min().alias("low"),
        nw.col("loss").max().alias("high"),
    ]
