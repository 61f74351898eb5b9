"""The result of the query as counts; everything that is wrong with the rows is found here."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof._core.errors import EngineError, InputError
from backproof.risk.counts import MOST_EXAMPLES
from backproof.risk.tables.columns import NUMBERS, Columns
from backproof.risk.tables.counts import FORMAT, Counts, merged_cells
from backproof.risk.tables.expression import FILE, MOST_CELLS, absent_bit
from backproof.risk.tables.scan import Scan
from backproof.risk.tables.sources import Source, SourceFile
from backproof.risk.tables.values import MISSING, positions

Fetched = dict[str, list[Any]]
_Codes = NDArray[np.int64]


def assembled(fetched: Fetched, columns: Columns, scan: Scan, engine: tuple[str, str]) -> Counts:
    """Return the counts that a fetched result stands for.

    Parameters
    ----------
    fetched
        What the query gave.
    columns
        The columns that it was about.
    scan
        What was queried.
    engine
        The name and the version of the engine.

    Raises
    ------
    InputError
        If there are no rows, too many cells, or values that cannot be what they are.
    """
    rows = np.array(fetched["rows"], dtype=np.int64)
    if not rows.sum():
        raise InputError("the table has no rows: expected predictions")
    if len(rows) > MOST_CELLS:
        raise InputError(
            f"the rows differ in more than {MOST_CELLS} combinations of "
            f"{', '.join(map(repr, columns.named().values()))}: expected classes, groups and "
            "clusters, not measured numbers; name other columns, or count in shards"
        )
    coded, labels = _coded(fetched, columns, scan)
    gaps = {part: codes == MISSING for part, codes in coded.items()} | _absent(fetched, columns)
    named = columns.named()
    incomplete = np.logical_or.reduce([np.zeros(len(rows), bool), *gaps.values()])
    missing = {named[part]: int(rows[gap].sum()) for part, gap in gaps.items()}
    for name, number in missing.items():
        if number == rows.sum():
            raise InputError(
                f"the column {name!r} is missing in all {number} rows: name the column that holds "
                "values"
            )
    whole = ~incomplete
    examples = _examples(fetched, rows, whole, named)
    numbers = _numbers(fetched, columns, whole)
    zeros = np.zeros(len(rows), dtype=np.int64)
    cells = np.column_stack(
        [
            *(coded.get(part, zeros) for part in ("by", "cluster", "label", "prediction")),
            np.array(fetched.get("bin", zeros), dtype=np.int64),
            examples,
        ]
    )
    merged = merged_cells(cells[whole], numbers[whole])
    files = _files(fetched, rows, scan)
    name, version = engine
    return Counts(
        counts_format=FORMAT,
        columns=columns,
        labels=labels["label"],
        groups=labels["by"],
        clusters=labels["cluster"],
        cells=merged[0],
        numbers=merged[1],
        missing=missing,
        incomplete=int(rows[incomplete].sum()),
        sources=(Source(engine=name, version=version, rows=int(rows.sum()), files=files),),
    )


def _coded(
    fetched: Fetched, columns: Columns, scan: Scan
) -> tuple[dict[str, _Codes], dict[str, Any]]:
    """Return positions for each key, and what they are positions among."""
    named = columns.named()
    coded: dict[str, _Codes] = {}
    labels: dict[str, Any] = {"by": (), "cluster": (), "label": ()}
    for parts in (("by",), ("cluster",), ("label", "prediction")):
        used = [part for part in parts if part in columns.keys()]  # noqa: SIM118 - a method
        if used:
            found = positions(
                {named[part]: fetched[part] for part in used},
                scan.wording,
                are_labels=parts[0] == "label",
            )
            coded |= dict(zip(used, found.codes, strict=True))
            labels[parts[0]] = found.labels
    return coded, labels


def _absent(fetched: Fetched, columns: Columns) -> dict[str, NDArray[np.bool_]]:
    parts = [part for part in NUMBERS if part in columns.named()]
    if not parts:
        return {}
    bits = np.array(fetched["absent"], dtype=np.int64)
    return {part: (bits & absent_bit(part)) > 0 for part in parts}


def _examples(
    fetched: Fetched, rows: _Codes, whole: NDArray[np.bool_], named: dict[str, str]
) -> _Codes:
    if "weight" not in named:
        return rows
    fractions, least, sums = (
        np.array(fetched[name], dtype=float)[whole] for name in ("fraction", "lightest", "examples")
    )
    if not ((fractions == 0) & (least >= 0)).all():  # of an infinite one the fraction is NaN
        raise InputError(
            f"the column {named['weight']!r} must hold the number of examples that each row stands "
            "for, whole and at least 0, got others; to weigh errors by importance, give weight × "
            "error as loss= with its range"
        )
    if sums.sum() > MOST_EXAMPLES:
        raise InputError(
            f"the column {named['weight']!r} stands for more than {MOST_EXAMPLES} examples: take a "
            "larger unit"
        )
    examples = np.zeros(len(rows), dtype=np.int64)
    examples[whole] = sums.astype(np.int64)
    return examples


def _numbers(fetched: Fetched, columns: Columns, whole: NDArray[np.bool_]) -> NDArray[np.float64]:
    out = np.zeros((len(whole), 4))
    named = columns.named()
    if "low" not in fetched:
        return out
    for place, name in enumerate(("low", "high", "total", "squares")):
        if name in fetched:
            out[:, place] = np.array(fetched[name], dtype=float)
    least, greatest = out[whole, 0], out[whole, 1]
    if "score" in named and not np.isfinite([least, greatest]).all():
        raise InputError(
            f"the column {named['score']!r} of scores holds infinite numbers: write finite ones"
        )
    if "loss" in named and len(least):
        ends = float(least.min()), float(greatest.max())
        if not columns.low <= ends[0] <= ends[1] <= columns.high:
            raise InputError(
                f"losses must lie in [{columns.low:g}, {columns.high:g}], but the column "
                f"{named['loss']!r} holds {ends[0]:g} to {ends[1]:g}: give the range that holds "
                "every possible loss as low and high"
            )
    return out


def _files(fetched: Fetched, rows: _Codes, scan: Scan) -> tuple[SourceFile, ...]:
    """Return the files with their numbers of rows, which must add up to those counted."""
    if scan.by_file:
        found: dict[str, int] = {}
        for name, number in zip(fetched[FILE], rows.tolist(), strict=True):
            found[name] = found.get(name, 0) + number
    elif scan.rows_of_files is not None:
        found = scan.rows_of_files()
    else:
        return scan.files
    by_path = {scan.named_by_engine(name): number for name, number in found.items()}
    total = int(rows.sum())
    if sum(by_path.values()) != total:
        raise EngineError(
            f"the files hold {sum(by_path.values())} rows, but {total} were counted: they changed "
            "meanwhile, or the engine has a defect; nothing was certified"
        )
    known = scan.files or _elsewhere(list(by_path))
    return tuple(replace(file, rows=by_path.get(file.path, 0)) for file in known)


def _elsewhere(paths: Sequence[str]) -> tuple[SourceFile, ...]:
    return tuple(
        SourceFile(path=path, bytes=None, modified=None, rows=None) for path in sorted(paths)
    )
