"""The query that pairs the rows of two tables by their keys, and counts the pairs.

The tables are stacked and grouped by key, not joined: a key that is not unique would make a join
grow without bound, and here is just counted.
"""

from collections.abc import Sequence
from typing import Any

import narwhals as nw

from backproof._core.errors import InputError
from backproof.risk.tables.columns import Columns
from backproof.risk.tables.expression import MOST_CELLS, Frame, by_partition, check_types
from backproof.risk.tables.values import is_missing

SIDES = ("a", "b")
"""The predictions, and the baseline."""

PAIRED = ("cluster", "label", "prediction")
"""Parts whose values are kept of each row."""


def paired(a: Frame, b: Frame, columns: tuple[Columns, Columns]) -> Frame:
    """Return a table with a row for each combination of what is known of a key.

    Parameters
    ----------
    a, b
        Narwhals frames of one engine.
    columns
        Which of the columns of each play which part, the key included.

    Returns
    -------
    Frame
        Columns ``a_label``, ``a_prediction``, with clusters ``a_cluster``, and those of b;
        ``in_a`` and ``in_b``, how often a key occurs in each, 2 for more than once; ``unkeyed``, 1
        where the key is missing; and ``keys``, the number of keys. At most `MOST_CELLS` + 1 rows.

    Raises
    ------
    InputError
        If the tables are of different engines, or a column is missing or of a wrong type.
    """
    if a.implementation != b.implementation or type(a) is not type(b):
        raise InputError(
            "a table and its baseline must be of one engine, so that they can be joined: give both "
            "as files, or both as tables of the same kind"
        )
    frames = _alike([_chosen(frame, of) for frame, of in zip((a, b), columns, strict=True)])
    kinds = {
        f"{side}_{part}": frame.collect_schema()[part]
        for side, frame in zip(SIDES, frames, strict=True)
        for part in frame.collect_schema().names()
        if part != "key"
    }
    stacked = nw.concat(
        [
            by_partition(frame, _placed, side, kinds)
            for side, frame in zip(SIDES, frames, strict=True)
        ],
        how="vertical",
    )
    one_each = stacked.group_by("key").agg(
        *(nw.col(f"in_{side}").sum() for side in SIDES), *(nw.col(name).max() for name in kinds)
    )
    told = by_partition(one_each, _told)
    return (
        told.group_by([*kinds, "in_a", "in_b", "unkeyed"])
        .agg(nw.col("keys").sum())
        .head(MOST_CELLS + 1)
    )


def _chosen(frame: Frame, columns: Columns) -> Frame:
    named = columns.named()
    check_types(frame, named)
    parts = [part for part in ("key", *PAIRED) if part in named]
    return frame.select(
        *(
            _plain(
                frame, named[part], written=part != "key" and are_written(frame, named[part])
            ).alias(part)
            for part in parts
        )
    )


def _plain(frame: Frame, name: str, *, written: bool) -> Any:
    """Return a column in a type of which every engine knows the greatest, and a missing value."""
    kind = frame.collect_schema()[name]
    column = nw.col(name)
    if isinstance(kind, nw.Boolean):
        column = column.cast(nw.Int64)
    several = isinstance(kind, nw.String) and frame.implementation.is_pyarrow()  # of one kind
    if written or isinstance(kind, nw.Categorical | nw.Enum) or several:
        text = column.cast(nw.String)
        # pandas 2 makes text of missing values, too.
        return nw.when(~column.is_null()).then(text) if _is_of_pandas(frame) else text
    return column


def are_written(frame: Frame, name: str) -> bool:
    """Return whether the query writes a column's numbers as text.

    pandas and Dask have no missing whole numbers, and would turn them into floats.
    """
    kind = frame.collect_schema()[name]
    whole = kind.is_integer() or isinstance(kind, nw.Boolean)
    return whole and _is_of_pandas(frame)


def _is_of_pandas(frame: Frame) -> bool:
    return bool(frame.implementation.is_pandas_like() or frame.implementation.is_dask())


def read_back(
    found: dict[str, list[Any]], frames: Sequence[Frame], columns: Sequence[Columns]
) -> dict[str, list[Any]]:
    """Return the result of the query with numbers as numbers."""
    out = dict(found)
    for side, frame, of in zip(SIDES, frames, columns, strict=True):
        for part, name in of.named().items():
            column = f"{side}_{part}"
            if column in found and are_written(frame, name):
                out[column] = [_number(one) for one in found[column]]
    return out


def _alike(frames: list[Frame]) -> list[Frame]:
    """Return the frames with keys of one type; text where they are text in one of them."""
    kinds = [frame.collect_schema()["key"] for frame in frames]
    if kinds[0] == kinds[1]:
        return frames
    one: Any = nw.String()
    if all(kind.is_numeric() for kind in kinds):  # pandas has floats where a key is missing
        one = nw.Int64() if all(kind.is_integer() for kind in kinds) else nw.Float64()
    return [frame.with_columns(nw.col("key").cast(one)) for frame in frames]


def _placed(frame: Frame, side: str, kinds: dict[str, Any]) -> Frame:
    """Return a frame with the columns of both sides, those of the other one missing."""
    placed = frame.select(
        "key",
        *(nw.lit(int(side == one), nw.Int64).alias(f"in_{one}") for one in SIDES),
        *(
            nw.col(name.removeprefix(f"{side}_")).alias(name)
            if name.startswith(f"{side}_")
            else _nothing(frame, kind).alias(name)
            for name, kind in kinds.items()
        ),
    )
    return _comparable(placed) if frame.implementation.is_pandas_like() else placed


def _comparable(frame: Frame) -> Frame:
    """Return a frame whose text has a type; as objects, pandas 2 compares it with missing ones."""
    texts = [name for name, kind in frame.collect_schema().items() if isinstance(kind, nw.String)]
    return nw.from_native(frame.to_native().astype(dict.fromkeys(texts, "string")))


def _nothing(frame: Frame, kind: Any) -> Any:
    """Return a missing value of a type; pandas 2 makes the text None of one that is cast."""
    if frame.implementation.is_pandas_like() and isinstance(kind, nw.String):
        return nw.when(nw.lit(value=False)).then(nw.lit(""))
    return nw.lit(None).cast(kind)


def _told(frame: Frame) -> Frame:
    """Return a row a key with what there is to say of it, and a number to be summed."""
    return frame.with_columns(
        *(_at_most_two(f"in_{side}") for side in SIDES),
        unkeyed=nw.when(nw.col("key").is_null()).then(nw.lit(1)).otherwise(nw.lit(0)),
        keys=nw.lit(1, nw.Int64),
    )


def _at_most_two(name: str) -> Any:
    return nw.when(nw.col(name) > 1).then(nw.lit(2)).otherwise(nw.col(name)).alias(name)


def _number(text: Any) -> int | None:
    return None if is_missing(text) else int(text)
