"""The one query that every engine runs: rows counted by all that is to be told apart.

Every engine counts the same, to the row and to the bit. So scores are put into bins by comparisons,
products with powers of two and differences of numbers within a factor of two of each other, all of
which are exact. A bin is an octave of the distance to the nearer of 0 and 1 (beyond them of the
number itself), cut into 512 parts of one width, so that probabilities close to 0 or 1 are told
apart as well as others; and of each bin the query keeps the least and the greatest score.
"""

import warnings
from collections.abc import Callable
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

_CASELESS = (
    nw.Implementation.DUCKDB,
    nw.Implementation.IBIS,
    nw.Implementation.PYSPARK,
    nw.Implementation.PYSPARK_CONNECT,
)

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
    rows = by_partition(frame.select(*_chosen_columns(named, by_file=by_file)), _prepared, columns)
    keys = [*columns.keys(), *([FILE] if by_file else [])]
    keys += ["absent"] if any(part in named for part in NUMBERS) else []
    keys += ["bin"] if "score" in named else []
    return rows.group_by(keys).agg(*_sums(rows, named)).head(MOST_CELLS + 1)


def wrapped(native: Any) -> Frame:
    """Return a table as a Narwhals frame; `TypeError` where it is none."""
    with warnings.catch_warnings():
        # The support for Dask is to move to another package, which no user can act on here.
        warnings.filterwarnings("ignore", "Dask support is moving", FutureWarning)
        return nw.from_native(native)


def by_partition(frame: Frame, step: Callable[..., Frame], *arguments: Any) -> Frame:
    """Return a step without aggregation applied to a frame; by Dask, to each of its partitions.

    To Dask a literal is a column of another table, which is joined by the index; where this is not
    sorted or not unique (version 2026.8) rows get the values of others, and sums are wrong.
    """
    if not frame.implementation.is_dask():
        return step(frame, *arguments)
    return wrapped(frame.to_native().map_partitions(_on_pandas, step, arguments))


def _on_pandas(partition: Any, step: Callable[..., Frame], arguments: tuple[Any, ...]) -> Any:
    return step(nw.from_native(partition), *arguments).to_native()


def _chosen_columns(named: dict[str, str], *, by_file: bool) -> list[Any]:
    """Return the columns under the names of their parts; one called "rows" must not meet ours."""
    return [
        *(nw.col(name).alias(part) for part, name in named.items()),
        *([nw.col(FILE)] if by_file else []),
    ]


def _prepared(frame: Frame, columns: Columns) -> Frame:
    """Return the frame with all that is grouped by and summed."""
    named = columns.named()
    numbers = [part for part in NUMBERS if part in named]
    if numbers:
        frame = _filled(frame, numbers)
    if "score" in named:
        frame = _binned(frame)
    if "loss" in named:
        frame = _moments(frame, columns, weighted="weight" in named)
    if "weight" in named:
        weight = nw.col(_value("weight"))
        frame = frame.with_columns(fraction=weight - weight.floor())
    if frame.implementation.is_polars():
        frame = frame.with_columns(rows=nw.lit(1, nw.Int64))
    return frame


def _sums(frame: Frame, named: dict[str, str]) -> list[Any]:
    """Return the aggregations."""
    # The len() of Polars has 32 bits.
    ones = nw.col("rows").sum() if frame.implementation.is_polars() else nw.len().alias("rows")
    sums = [ones]
    for part in ("score", "loss"):
        if part in named:
            value = nw.col(_value(part))
            sums += [value.min().alias("low"), value.max().alias("high")]
    if "loss" in named:
        sums += [nw.col("total").sum(), nw.col("squares").sum()]
    if "weight" in named:
        weight = nw.col(_value("weight"))
        sums += [
            weight.sum().alias("examples"),
            weight.min().alias("lightest"),
            nw.col("fraction").max(),
        ]
    return sums


def check_types(frame: Frame, named: dict[str, str]) -> None:
    """Refuse columns, from parts to names, that are missing or cannot play their part."""
    schema = frame.collect_schema()
    for part, name in named.items():
        if name not in schema:
            listed = ", ".join(map(repr, list(schema)[:12])) + (", …" if len(schema) > 12 else "")
            raise InputError(
                f"{part} is to be the column {name!r}, which the table has not; it has {listed}"
            )
        same = [other for other in schema if other.casefold() == name.casefold()]
        if len(same) > 1 and frame.implementation in _CASELESS:
            raise InputError(
                f"the columns {' and '.join(map(repr, same))} differ by case alone, which the "
                "engine does not see: rename one"
            )
        if name.casefold() == FILE:
            raise InputError(f"a column {name!r} is made here: rename that of the table")
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


def _value(part: str) -> str:
    """Return the name of the column with a part's numbers, 0 where they are missing."""
    return f"{part}_value"


def _filled(frame: Frame, numbers: list[str]) -> Frame:
    """Return the frame with the numbers of parts as `_value`, and the key ``absent``."""
    # Two steps: of a missing value some engines do not know whether it is NaN.
    frame = frame.with_columns(*(_float(part).alias(f"{part}_float") for part in numbers))
    frame = frame.with_columns(
        *(
            _chosen(_float(part).is_null(), 0.0, nw.col(f"{part}_float"), f"{part}_known")
            for part in numbers
        ),
        *(_chosen(_float(part).is_null(), 1, nw.lit(0), f"{part}_null") for part in numbers),
    )
    frame = frame.with_columns(
        *(
            _chosen(nw.col(f"{part}_known").is_nan(), 0.0, nw.col(f"{part}_known"), _value(part))
            for part in numbers
        ),
        *(
            _chosen(nw.col(f"{part}_known").is_nan(), 1, nw.col(f"{part}_null"), f"{part}_absent")
            for part in numbers
        ),
    )
    bits = [nw.col(f"{part}_absent") * absent_bit(part) for part in numbers]
    return frame.with_columns(absent=nw.sum_horizontal(*bits))


def _float(part: str) -> Any:
    return nw.col(part).cast(nw.Float64)


def absent_bit(part: str) -> int:
    """Return the bit of the key ``absent`` that says that this number is missing."""
    return int(2 ** NUMBERS.index(part))


def _chosen(condition: Any, value: float, otherwise: Any, name: str) -> Any:
    return nw.when(condition).then(nw.lit(value)).otherwise(otherwise).alias(name)


def _binned(frame: Frame) -> Frame:
    """Return the frame with the key ``bin``, a number that is not in the order of the scores."""
    score = nw.col(_value("score"))
    small, near_zero, near_one = score < 0, score < 0.5, score <= 1
    frame = frame.with_columns(
        unbounded=nw.when(small)
        .then(score * (-1 / _LARGEST))
        .otherwise(
            nw.when(near_zero)
            .then(score)
            .otherwise(nw.when(near_one).then(1 - score).otherwise(score * (1 / _LARGEST)))
        ),
        octave_0=nw.when(small)
        .then(nw.lit(0))
        .otherwise(
            nw.when(near_zero)
            .then(nw.lit(32))
            .otherwise(nw.when(near_one).then(nw.lit(64)).otherwise(nw.lit(96)))
        ),
    )
    frame = frame.with_columns(
        _chosen(nw.col("unbounded") > 1, 1.0, nw.col("unbounded"), "far_0"),
    )
    for step, halvings in enumerate(_HALVINGS):
        far, octave = nw.col(f"far_{step}"), nw.col(f"octave_{step}")
        tiny = far < 2.0**-halvings
        frame = frame.with_columns(
            nw.when(tiny).then(far * 2.0**halvings).otherwise(far).alias(f"far_{step + 1}"),
            nw.when(tiny).then(octave + halvings).otherwise(octave).alias(f"octave_{step + 1}"),
        )
    last = len(_HALVINGS)
    part = (nw.col(f"far_{last}") * _PARTS).floor().cast(nw.Int64)
    return frame.with_columns(bin=nw.col(f"octave_{last}").cast(nw.Int64) * (2 * _PARTS) + part)


def _moments(frame: Frame, columns: Columns, *, weighted: bool) -> Frame:
    """Return the frame with losses and their squares about the middle of their range."""
    loss, offset = nw.col(_value("loss")), nw.col("offset")
    middle = columns.low + (columns.high - columns.low) / 2
    weight = nw.col(_value("weight")) if weighted else 1
    frame = frame.with_columns(offset=loss - middle)
    return frame.with_columns(total=offset * weight, squares=offset * offset * weight)
