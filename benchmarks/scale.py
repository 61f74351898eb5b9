"""Certificates of large tables, against the engine alone and against peers: prints Markdown.

``python benchmarks/scale.py [counting|peers]``; without a name both. Makes its own data, seeded, in
a temporary folder of about 1 GB. Each job runs in a process of its own, so that its peak memory is
its own. A peer that is not installed is said to be missing (the extra ``bench`` has them).
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb

CLASSES, GROUPS = 10, 50


def main() -> None:
    parts = {"counting": counting, "peers": peers}
    for name in sys.argv[1:] or parts:
        parts[name]()
        print()


def counting() -> None:
    """Print the time and the memory of counting 1e8 rows, against a bare GROUP BY."""
    names = ("GROUP BY", "count_table", "certify_table", "certify_table, macro-F1",
             "count_table, Polars", "count_table, Spark")  # fmt: skip
    _compare(10**8, names)


def peers() -> None:
    """Print the same for 1e7 rows, against pandas, scikit-learn and confidenceinterval."""
    names = ("certify_table, macro-F1", "pandas and scikit-learn", "pandas and confidenceinterval")
    _compare(10**7, names)


def _compare(rows: int, names: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "predictions.parquet"
        write(file, rows)
        print(
            f"{rows:,} rows, {CLASSES} classes, {GROUPS} groups, one Parquet file of "
            f"{file.stat().st_size:,} bytes.\n"
        )
        print("| job | seconds | ratio | peak memory (MB) | ratio |")
        print("|---|---|---|---|---|")
        found = {name: _run(name, file) for name in names}
    first = found[names[0]]
    for name, one in found.items():
        if "missing" in one:
            print(f"| {name} | not installed | | | |")
            continue
        print(
            f"| {name} | {one['seconds']:.2f} | {one['seconds'] / first['seconds']:.2f} | "
            f"{one['megabytes']:.0f} | {one['megabytes'] / first['megabytes']:.1f} |"
        )


def write(file: Path, rows: int) -> None:
    """Write predictions that are right nine times in ten: pseudo-random by the row's number."""
    columns = f"""
        (hash(i, 1) % {CLASSES})::UTINYINT AS y,
        (CASE WHEN hash(i, 2) % 10 = 0 THEN (y + 1 + hash(i, 3) % {CLASSES - 1}) % {CLASSES}
            ELSE y END)::UTINYINT AS yhat,
        (hash(i, 4) % {GROUPS})::USMALLINT AS g,
        (hash(i, 5) % 1000003)::DOUBLE / 1000003 AS p
    """
    duckdb.sql(f"COPY (SELECT {columns} FROM range({rows}) AS t(i)) TO '{file}' (FORMAT parquet)")


def _run(name: str, file: Path) -> dict[str, Any]:
    script = Path(__file__).with_name("scale_jobs.py")
    done = subprocess.run(
        [sys.executable, script, name, str(file)], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
